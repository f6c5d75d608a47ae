"""The server of the command: loads the models, and answers until a signal."""

import asyncio
import gc
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec

import uvicorn

from rnn_keras.serve.options import Options
from rnn_keras.serve.sockets import BACKLOG, address, allow_open_files, bind, cannot_listen
from rnn_keras.serve.sources import locate


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the process after a user error, with one line on stderr and exit code 2."""
    try:
        yield
    except (ValueError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _print_lines(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)


def run(options: Options, started: Callable[[list[str]], None] = _print_lines) -> None:
    """Load the models, and serve until SIGINT or SIGTERM; then finish running requests.

    Args:
        options: the options. With several workers, other processes may listen on the same ports.
        started: called when the ports listen, with the addresses of the models.

    Raises:
        ValueError: a model cannot be loaded, or an address cannot be used.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("tensorflow", "uvicorn.error"):
        logging.getLogger(chatty).setLevel("ERROR")
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") and not find_spec("opentelemetry.sdk"):
        raise ValueError("OTEL_EXPORTER_OTLP_ENDPOINT is set: pip install 'rnn-keras[trace]'")
    limits = options.limits
    bases = locate(options.sources)
    allow_open_files(options.max_connections)
    with bind(options.host, options.port, options.workers > 1) as http_socket:
        if options.grpc_port is not None:
            # Fails now, and not after the models are loaded.
            bind(options.host, options.grpc_port, options.workers > 1).close()
        print(f"loading {', '.join(bases)}", file=sys.stderr, flush=True)
        asyncio.run(_serve(options, limits, bases, http_socket, started))


async def _serve(options, limits, bases, http_socket, started):
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
    bound = http_socket.getsockname()[0]
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
        http_socket.listen(BACKLOG)
    except OSError as error:  # another bound process listened first
        raise cannot_listen(options.host, options.port, error) from error
    grpc_server = _grpc_server(options, app) if options.grpc_port is not None else None
    start = address(http_socket)
    started([f"{start}/v1/models/{name}  {base}" for name, base in bases.items()])
    await _Server(config, grpc_server).serve([http_socket])


def _grpc_server(options: Options, app):
    from rnn_keras.serve.grpc_api import create_server

    host = f"[{options.host}]" if ":" in options.host else options.host
    try:
        server, port = create_server(
            app.state.predict,
            f"{host}:{options.grpc_port}",
            max_requests=options.max_connections,
            access_log=options.access_log,
            reuse_port=options.workers > 1,
        )
    except RuntimeError as error:
        raise ValueError(f"cannot listen on {host}:{options.grpc_port}: {error}") from error
    print(f"gRPC on {host}:{port}", file=sys.stderr, flush=True)
    return server


class _Server(uvicorn.Server):
    """uvicorn's server, and a gRPC server that starts and ends with it."""

    def __init__(self, config, grpc_server=None):
        super().__init__(config)
        self._grpc = grpc_server

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self._grpc:
            await self._grpc.start()

    async def shutdown(self, sockets=None):
        if self._grpc:
            # uvicorn waits for these tasks, so both finish their requests at the same time.
            stopping = asyncio.create_task(self._grpc.stop(self.config.timeout_graceful_shutdown))
            self.server_state.tasks.add(stopping)
            stopping.add_done_callback(self.server_state.tasks.discard)
        await super().shutdown(sockets)
