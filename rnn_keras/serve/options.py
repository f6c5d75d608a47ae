"""The options of the command."""

import re
import sys
from dataclasses import dataclass, fields

import tyro

from rnn_keras.serve.limits import Limits

DEFAULTS = Limits()
RESERVED = 16  # least number of connections beyond --max-pending, for health and metrics
_HOST = re.compile(r"\*|(\*\.)?[\w.-]+|\[?[0-9a-f:.]+\]?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serve SavedModels with the REST API of TensorFlow Serving, and with its gRPC API.

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

    grpc_port: int | None = None
    """Port for gRPC, such as TensorFlow Serving's 8500; 0 takes a free one; none by default."""

    batch_rows: int = 32
    """Maximum rows of a model call that serves several requests; 1 turns batching off."""

    threads: int = 2
    """Number of parallel calls of models."""

    workers: int = 1
    """Number of processes that share the ports (Linux); each loads all models and has its own
    threads, batches and limits."""

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
        for field in ("batch_rows", "threads", "workers", "poll_seconds", "max_connections"):
            if not getattr(self, field) > 0:
                flag = "--" + field.replace("_", "-")
                raise ValueError(f"{flag} must be positive, got {getattr(self, field)}")
        if self.workers > 1 and sys.platform != "linux":
            raise ValueError("--workers above 1 needs Linux, which divides connections among them")
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
        for flag, port in (("--port", self.port), ("--grpc-port", self.grpc_port or 0)):
            if not 0 <= port < 2**16:
                raise ValueError(f"{flag} must be from 0 to 65535, got {port}")

    @property
    def limits(self) -> Limits:
        """The limits of requests."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})
