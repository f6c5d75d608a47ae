"""The workload of the serving benchmark: a server process, and requests for its model."""

import contextlib
import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apps.common.errors import InputError
from benchmarks.load import Answers, post
from rnn_keras.serve.sources import versions

if TYPE_CHECKING:
    from rnn_keras.serve.servable import Servable
    from rnn_keras.serve.signature import Signature

SENTENCES = [
    "The plot is thin, but the actors carry it and the music is a delight from start to end.",
    "A tedious film with a silly ending.",
    "I would have left if my friends had not stayed; in the end all of us were sorry we had.",
    "Wonderful!",
]
# Settings of a request for text; the other inputs are text, or random numbers.
SETTINGS = {"length": 50, "temperature": 0.8, "top_k": 0, "top_p": 1.0}


@contextlib.contextmanager
def server(source: str, *flags: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """`python -m rnn_keras.serve` in a process, and its port.

    Raises:
        InputError: it ended early.
    """
    command = [sys.executable, "-m", "rnn_keras.serve", source, "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-access-log", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            first = process.stdout.readline()
            if not first:
                raise InputError(f"the server did not start: try {' '.join(command[1:])}")
            port = int(first.split("/")[2].rpartition(":")[2])
            while not _answers(port):
                time.sleep(0.05)
            yield process, port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def examples(signature) -> list[dict]:
    """Rows of a signature, JSON values by input name."""
    import numpy as np

    rng = np.random.default_rng(0)

    def value(name, spec, row):
        shape = [size or 8 for size in spec.shape[1:]]
        if spec.dtype.name == "string":
            text = SENTENCES[row % len(SENTENCES)]
            return text[:20] if name == "prompt" else text
        if name in SETTINGS:
            return SETTINGS[name]
        if spec.dtype.is_integer:
            return rng.integers(1, 20, shape).tolist() if shape else row
        return rng.normal(size=shape).astype("float32").tolist()

    return [
        {name: value(name, spec, row) for name, spec in signature.inputs.items()}
        for row in range(32)
    ]


@dataclass(frozen=True)
class Workload:
    """Requests for a signature of a model, a row in each.

    Attributes:
        name, base: the model and the folder of its versions.
        servable: the model itself, in this process.
        signature: the signature.
        rows: JSON values by input.
        requests: the same rows as HTTP requests.
    """

    name: str
    base: Path
    servable: "Servable"
    signature: "Signature"
    rows: list[dict]
    requests: list[bytes]

    @classmethod
    def of(cls, name: str, base: Path, wanted: str | None) -> "Workload":
        """The workload of a signature; None means `serving_default`, or the first.

        Raises:
            InputError: there is no such signature.
        """
        from rnn_keras.serve.servable import Servable

        found = versions(base)
        servable = Servable(max(found), found[max(found)], timeout=60.0)
        names = sorted(servable.signatures)
        wanted = wanted or ("serving_default" if "serving_default" in names else names[0])
        if wanted not in names:
            raise InputError(f"{name} has no signature {wanted}, choose from {', '.join(names)}")
        signature = servable.signatures[wanted]
        rows = examples(signature)
        requests = [
            post(
                f"/v1/models/{name}:predict",
                json.dumps({"signature_name": wanted, "instances": [row]}).encode(),
            )
            for row in rows
        ]
        return cls(name, base, servable, signature, rows, requests)

    def call(self, batch: int, seconds: float) -> Answers:
        """Calls the model in this process, with `batch` rows in each call."""
        from rnn_keras.serve.limits import Limits

        feeds = [
            self.signature.feeds({"instances": self.rows[start : start + batch]}, Limits())
            for start in range(0, len(self.rows), batch)
        ]
        answers, turns = Answers(), itertools.cycle(feeds)
        self.servable.run(self.signature, feeds[0])
        while answers.wall < seconds:
            start = time.perf_counter()
            self.servable.run(self.signature, next(turns))
            answers.seconds.append(time.perf_counter() - start)
            answers.wall += answers.seconds[-1]
            answers.statuses[200] += batch
        return answers
