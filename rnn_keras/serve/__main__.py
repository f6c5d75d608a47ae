"""`python -m rnn_keras.serve saved_models/...`: trained models over HTTP."""

import asyncio
import gc
import itertools
import logging
import os
import re
import socket
import sys
from dataclasses import dataclass, fields
from functools import partial

from rnn_keras.extras import needs_extra
from rnn_keras.serve.limits import Limits
from rnn_keras.serve.sources import locate

with needs_extra("serve", command=__name__ == "__main__"):
    import tyro
    import uvicorn

DEFAULTS = Limits()
BACKLOG = 1024  # connections waiting to be accepted
OWN_FILES = 256
RESERVED = 16  # least number of connections beyond --max-pending, for health and metrics
_HOST = re.compile(r"\*|(\*\.)?[\w.-]+|\[?[0-9a-f:.]+\]?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serve SavedModels with the REST API of TensorFlow Serving.

    Try it with
    curl -d '{"inputs": ["A fine film."]}' localhost:8501/v1/models/sentiment:predict
    The page /docs describes the API; /monitoring/prometheus/metrics has its metrics.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]
    """What to serve: a run directory (saved_models/char_lm/RUN), the folder of an application or of
    all (the newest run of each), or a folder of versions (NAME/1/saved_model.pb). A model has the
    name of its application; NAME=PATH sets another one."""

    host: str = "127.0.0.1"
    """Address to listen on; the default can be reached from this machine only."""

    port: int = 8501
    """Port to listen on; 0 takes a free one."""

    batch_rows: int = 32
    """Maximum rows of a model call that serves several requests; 1 turns batching off."""

    threads: int = 2
    """Number of parallel calls of models."""

    poll_seconds: float = 2.0
    """Seconds between two searches for new versions."""

    max_body: int = DEFAULTS.max_body
    """Maximum size of a request in bytes."""

    max_rows: int = DEFAULTS.max_rows
    """Maximum number of rows in a request."""

    max_length: int = DEFAULTS.max_length
    """Maximum length of a string in bytes, and of a dimension that the model leaves open."""

    max_values: int = DEFAULTS.max_values
    """Maximum number of values in a response."""

    max_pending: int = DEFAULTS.max_pending
    """Maximum number of waiting and running requests; further ones get 503 with Retry-After."""

    max_connections: int = 1024
    """Maximum number of open connections; a further one closes the one idle for longest."""

    allowed_hosts: tuple[str, ...] = ()
    """Accepted names in the Host header besides localhost, 127.0.0.1, [::1] and --host: names
    without a port, *.example.com for all subdomains, * for any."""

    timeout: float = DEFAULTS.timeout
    """Seconds in which a request must arrive, and again in which its response must be ready; then
    the model call is stopped."""

    access_log: bool = True
    """Write a line to stderr for every request."""

    def check(self) -> None:
        """Raises an error for values out of range.

        Raises:
            ValueError: naming the flag.
        """
        # Not in __post_init__, where tyro would print a usage page.
        if not self.sources:
            raise ValueError("nothing to serve: give a run directory, or a folder of runs")
        for field in ("batch_rows", "threads", "poll_seconds", "max_connections"):
            if not getattr(self, field) > 0:
                flag = "--" + field.replace("_", "-")
                raise ValueError(f"{flag} must be positive, got {getattr(self, field)}")
        if self.max_connections < self.max_pending + RESERVED:
            raise ValueError(
                f"--max-connections must be at least --max-pending + {RESERVED} = "
                f"{self.max_pending + RESERVED}, got {self.max_connections}"
            )
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(
                    "--allowed-hosts must be names without a scheme or port, *.example.com or *, "
                    f"got {host!r}"
                )
        if not 0 <= self.port < 2**16:
            raise ValueError(f"--port must be from 0 to 65535, got {self.port}")

    @property
    def limits(self) -> Limits:
        """The limits of requests."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; connections to it are refused until it listens.

    Raises:
        ValueError: the address cannot be used.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, error) from error
    # asyncio sets it only for its own sockets; without it every response takes 40 ms.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ValueError: the address cannot be used.
    """
    listener = bind(host, port)
    listener.listen(BACKLOG)
    return listener


def _cannot_listen(host, port, error):
    return ValueError(f"cannot listen on {host}:{port}: {error.strerror or error}")


def address(listener: socket.socket) -> str:
    """The start of the URLs that lead to a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_open_files(connections: int) -> None:
    """Raise the process's limit of open files to the need of `connections`.

    Raises:
        ValueError: the system does not allow that.
    """
    if os.name != "posix":
        return
    import resource

    # asyncio accepts a whole backlog before the server can close anything.
    needed = connections + BACKLOG + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ValueError(
            f"--max-connections {connections} needs {needed} open files, and this process may have "
            f"{hard}: raise ulimit -Hn"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def serve(options: Options) -> None:
    """Load the models, and serve until SIGINT or SIGTERM; then finish running requests.

    Raises:
        ValueError: a model cannot be loaded, or the address cannot be used.
    """
    limits = options.limits
    bases = locate(options.sources)
    allow_open_files(options.max_connections)
    with bind(options.host, options.port) as server_socket:
        print(f"loading {', '.join(bases)}", file=sys.stderr, flush=True)
        await _serve(options, limits, bases, server_socket)


async def _serve(options, limits, bases, server_socket):
    from rnn_keras.serve import ModelStore, Runner, create_app
    from rnn_keras.serve.hosts import LOOPBACK
    from rnn_keras.serve.protocol import BoundedProtocol, Connections

    # TensorFlow's modules are hundreds of thousands of objects: a garbage collection over them
    # would delay requests by a good part of a second.
    gc.collect()
    gc.freeze()
    store = ModelStore(bases, limits.timeout)
    counter = itertools.count(1)

    def print_progress(servable, name, seconds):
        print(
            f"loaded {next(counter)} of {len(bases)}: {name} version {servable.version} "
            f"in {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )

    await store.load(print_progress)
    for name, why in store.missing.items():
        raise ValueError(f"cannot load {name}: {why}")
    bound = server_socket.getsockname()[0]
    app = create_app(
        store,
        Runner(options.threads, options.batch_rows),
        limits,
        poll_seconds=options.poll_seconds,
        access_log=options.access_log,
        allowed_hosts=(*LOOPBACK, options.host, bound, *options.allowed_hosts),
        any_address=bound in ("0.0.0.0", "::"),
    )
    config = uvicorn.Config(
        app,
        http=partial(
            BoundedProtocol,
            timeout=limits.timeout,
            open_connections=Connections(options.max_connections),
        ),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(limits.timeout) + 1,
    )
    try:
        server_socket.listen(BACKLOG)
    except OSError as error:  # another bound process listened first
        raise _cannot_listen(options.host, options.port, error) from error
    for name, base in bases.items():
        print(f"{address(server_socket)}/v1/models/{name}  {base}", flush=True)
    await uvicorn.Server(config).serve([server_socket])


def main(argv: list[str] | None = None) -> None:
    """The command; a user error is one line on stderr and exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        options = tyro.cli(Options, args=argv, prog="python -m rnn_keras.serve")
        options.check()
        logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
        for chatty in ("tensorflow", "uvicorn.error"):
            logging.getLogger(chatty).setLevel("ERROR")
        asyncio.run(serve(options))
    except (ValueError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
