"""`python -m rnn_keras.serve saved_models/...`: trained models over HTTP."""

import asyncio
import gc
import logging
import os
import socket
import sys
from dataclasses import dataclass, fields
from functools import partial

import tyro

from rnn_keras.serve.limits import Limits
from rnn_keras.serve.sources import locate

DEFAULTS = Limits()


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serve SavedModels with the REST API of TensorFlow Serving.

    Try it with
    curl -d '{"inputs": ["A fine film."]}' localhost:8501/v1/models/sentiment:predict
    The page /docs describes the API, /monitoring/prometheus/metrics measures it.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]
    """What to serve: a run directory (saved_models/char_lm/RUN), the folder of an application or of
    all (the newest run of each), or a folder of versions (NAME/1/saved_model.pb). A model is called
    after its application; NAME=PATH calls it NAME."""

    host: str = "127.0.0.1"
    """Address to listen on; the default can be reached from this machine only."""

    port: int = 8501
    """Port to listen on; 0 takes a free one."""

    batch_rows: int = 32
    """Rows that requests may share a call of the model with; 1 runs every request alone."""

    threads: int = 2
    """Calls of models at the same time."""

    poll_seconds: float = 2.0
    """How often to look for new versions."""

    max_body: int = DEFAULTS.max_body
    """Largest request, in bytes."""

    max_rows: int = DEFAULTS.max_rows
    """Most rows in a request."""

    max_length: int = DEFAULTS.max_length
    """Longest string, in bytes, and largest size of a dimension that the model leaves open."""

    max_values: int = DEFAULTS.max_values
    """Most values in an answer."""

    max_pending: int = DEFAULTS.max_pending
    """Requests that may wait or run at the same time; one more is answered 503, Retry-After."""

    max_connections: int = 1024
    """Open connections; the request on one more is answered 503."""

    timeout: float = DEFAULTS.timeout
    """Seconds until a request must have arrived, and again until it must be answered; a call of a
    model is stopped then."""

    access_log: bool = True
    """Write a line to stderr for every request."""

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            ValueError: naming the flag.
        """
        # Not in __post_init__, where tyro makes a page of it.
        if not self.sources:
            raise ValueError("nothing to serve: give a run directory, or a folder of runs")
        for field in ("batch_rows", "threads", "poll_seconds", "max_connections"):
            if not getattr(self, field) > 0:
                flag = "--" + field.replace("_", "-")
                raise ValueError(f"{flag} must be positive, got {getattr(self, field)}")
        if not 0 <= self.port < 2**16:
            raise ValueError(f"--port must be from 0 to 65535, got {self.port}")

    @property
    def limits(self) -> Limits:
        """Those of the requests."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ValueError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ValueError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    # asyncio does so only for sockets that it made; else every answer takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket) -> str:
    """The start of the URLs that lead to a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(options: Options) -> None:
    """Load the models, and answer until SIGINT or SIGTERM; then finish what is in flight.

    Raises:
        ValueError: a model cannot be loaded, or the address cannot be used.
    """
    import uvicorn

    from rnn_keras.serve import ModelStore, Runner, create_app
    from rnn_keras.serve.protocol import BoundedHeadProtocol

    limits = options.limits
    bases = locate(options.sources)
    # TensorFlow's modules are hundreds of thousands of objects: to look through them for garbage
    # would hold requests up for a good part of a second.
    gc.collect()
    gc.freeze()
    with listen(options.host, options.port) as server_socket:
        store = ModelStore(bases, limits.timeout)
        await store.refresh()
        for name, why in store.missing.items():
            raise ValueError(f"cannot load {name}: {why}")
        app = create_app(
            store,
            Runner(options.threads, options.batch_rows),
            limits,
            poll_seconds=options.poll_seconds,
            access_log=options.access_log,
        )
        config = uvicorn.Config(
            app,
            http=partial(BoundedHeadProtocol, timeout=limits.timeout),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=options.max_connections,
            timeout_graceful_shutdown=int(limits.timeout) + 1,
        )
        for name, base in bases.items():
            print(f"{address(server_socket)}/v1/models/{name}  {base}", flush=True)
        await uvicorn.Server(config).serve([server_socket])


def main(argv: list[str] | None = None) -> None:
    """The command; what the user can mend is one line on stderr and exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        options = tyro.cli(Options, args=argv, prog="python -m rnn_keras.serve")
        options.check()
        logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
        for chatty in ("tensorflow", "uvicorn.error"):
            logging.getLogger(chatty).setLevel("ERROR")
        asyncio.run(serve(options))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
