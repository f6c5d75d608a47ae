"""Several processes behind the same ports, and the one that starts and ends them."""

import logging
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from prometheus_client.multiprocess import mark_process_dead

from rnn_keras.serve.metrics import SHARED
from rnn_keras.serve.options import Options
from rnn_keras.serve.server import one_line_errors, run
from rnn_keras.serve.sockets import bind

logger = logging.getLogger(__name__)

PAUSE = 1.0  # seconds before a worker that ended is started again


def run_workers(options: Options) -> None:
    """Run `options.workers` processes until SIGINT or SIGTERM; a worker that ends is started again.

    The others start when the first has loaded its models, so that a user error is shown once.

    Raises:
        ValueError: an address cannot be used.
        SystemExit: the first worker ended before it listened; with its exit code.
    """
    with ExitStack() as stack:
        ports = {}
        for name in ("port", "grpc_port"):
            if (port := getattr(options, name)) is not None:
                with bind(options.host, port) as free:  # no other server listens on it
                    ports[name] = free.getsockname()[1]
                stack.enter_context(bind(options.host, ports[name], reuse_port=True))
        os.environ[SHARED] = stack.enter_context(tempfile.TemporaryDirectory())
        # By default an operation of each worker would take all cores.
        share = max(1, (os.cpu_count() or 1) // options.workers)
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(share))
        _Supervisor(replace(options, **ports)).run()


class _Supervisor:
    def __init__(self, options):
        self._options = options
        self._context = multiprocessing.get_context("spawn")  # TensorFlow's threads do not fork
        self._workers = []
        self._stopping = False

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        listens, listening = self._context.Pipe(duplex=False)
        first = self._start(listening)
        listening.close()
        try:
            print("\n".join(listens.recv()), flush=True)
        except EOFError:  # it ended
            first.join()
            raise SystemExit(0 if self._stopping else max(first.exitcode, 1)) from None
        while not self._stopping and len(self._workers) < self._options.workers:
            self._start()
        while self._workers:
            wait([worker.sentinel for worker in self._workers])
            self._replace_ended()

    def _start(self, listening=None):
        worker = self._context.Process(target=_work, args=(self._options, listening))
        worker.start()
        self._workers.append(worker)
        if self._stopping:  # since before it was in the list
            worker.terminate()
        return worker

    def _replace_ended(self):
        for worker in [worker for worker in self._workers if not worker.is_alive()]:
            self._workers.remove(worker)
            mark_process_dead(worker.pid)
            if not self._stopping:
                logger.error("worker %d ended with %d", worker.pid, worker.exitcode)
                time.sleep(PAUSE)
                if not self._stopping:
                    self._start()

    def _stop(self, *_):
        self._stopping = True
        for worker in self._workers:
            worker.terminate()


def _work(options: Options, listening: Connection | None) -> None:
    def end_with_parent():
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, daemon=True).start()
    with one_line_errors():
        run(options, started=listening.send if listening else lambda addresses: None)
