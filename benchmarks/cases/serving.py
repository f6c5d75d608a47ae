"""The workload of the serving benchmark: a server process, and requests for its model."""

import contextlib
import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from apps.common.errors import InputError
from benchmarks.measure.load import Answers, post
from rnn_keras.serve.limits import Limits
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.signature import Signature
from rnn_keras.serve.sources import versions

SENTENCES = [
    "The plot is thin, but the actors carry it and the music is a delight from start to end.",
    "A tedious film with a silly ending.",
    "I would have left if my friends had not stayed; in the end all of us were sorry we had.",
    "Wonderful!",
]
# Settings of a request for text; the other inputs are text, or random numbers.
SETTINGS = {"length": 50, "temperature": 0.8, "top_k": 0, "top_p": 1.0}


def examples(signature: Signature) -> list[dict]:
    """Rows of a signature, JSON values by input name."""
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


class Workload:
    """Requests for a signature of a model, a row in each.

    Args:
        name: the name of the model.
        base: the folder of its versions.
        signature: name of the signature; None for `serving_default`, or else the first.

    Attributes:
        servable: the model itself, in this process.
        signature: the signature.
        rows: JSON values by input.
        requests: the same rows as HTTP requests.
        messages: the same rows as serialized requests of gRPC.
        streams: HTTP requests for streams of 200 characters.

    Raises:
        InputError: there is no such signature.
    """

    def __init__(self, name: str, base: Path, signature: str | None):
        found = versions(base)
        self.servable = Servable(max(found), found[max(found)], timeout=60.0)
        names = sorted(self.servable.signatures)
        wanted = signature or ("serving_default" if "serving_default" in names else names[0])
        if wanted not in names:
            raise InputError(f"{name} has no signature {wanted}, choose from {', '.join(names)}")
        self.signature = self.servable.signatures[wanted]
        self.rows = examples(self.signature)
        bodies = [{"signature_name": wanted, "instances": [row]} for row in self.rows]
        path = f"/v1/models/{name}:predict"
        self.requests = [post(path, json.dumps(body).encode()) for body in bodies]
        self.messages = [self._message(name, row) for row in self.rows]
        stream = {"prompt": SENTENCES[0][:20], "length": 200}
        self.streams = [
            post(f"/v1/models/{name}:stream", json.dumps({**stream, "seed": seed}).encode())
            for seed in range(len(self.rows))
        ]
        self._source = f"{name}={base}"

    def _message(self, name, row) -> bytes:
        request = PredictRequest()
        request.model_spec.name = name
        request.model_spec.signature_name = self.signature.name
        for key, array in self.signature.feeds({"instances": [row]}, Limits()).items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
        return request.SerializeToString()

    @contextlib.contextmanager
    def server(self, *flags: str) -> Iterator[tuple[int, int]]:
        """`python -m rnn_keras.serve` in a process: its process id, and its port.

        Raises:
            InputError: it ended early.
        """
        command = [sys.executable, "-m", "rnn_keras.serve", self._source, "--port", "0"]
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
                while not _is_ready(port):
                    time.sleep(0.05)
                yield process.pid, port
            finally:
                process.terminate()

    def call(self, batch: int, seconds: float) -> Answers:
        """Calls the model in this process, with `batch` rows in each call."""
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


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
