"""A model in two versions, and an application that serves it."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rnn_keras.serve import Limits, ModelStore, Runner, create_app
from tests.serve.toys import copy, write_toy

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """By scale, SavedModels to copy from."""
    folder = tmp_path_factory.mktemp("toys")
    return {scale: write_toy(folder / str(scale), scale) for scale in (1, 2)}


@pytest.fixture
def base(tmp_path, toys):
    """The base path of a model called `toy`, with version 1."""
    folder = tmp_path / "toy"
    folder.mkdir()
    copy(toys[1], folder / "1")
    return folder


@pytest.fixture(scope="module")
def client(toys, tmp_path_factory):
    """A client of a server of `toy`, version 1; for tests that change nothing."""
    folder = tmp_path_factory.mktemp("served") / "toy"
    folder.mkdir()
    copy(toys[1], folder / "1")
    limits = Limits(max_body=10_000, max_rows=50, max_length=300, timeout=20)
    with serving(ModelStore({"toy": folder}, timeout=20), limits) as client:
        yield client


def serving(store, limits=None, runner=None, **options):
    """A client of a server of its own; errors of the server come as answers, as over the wire."""
    app = create_app(store, runner or Runner(), limits or Limits(), **options)
    return TestClient(app, raise_server_exceptions=False)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def start(base, tmp_path):
    """Starts servers of `toy` and returns them once they answer; they are ended after the test."""
    with contextlib.ExitStack() as started:

        def start(port, *flags):
            command = [sys.executable, "-m", "rnn_keras.serve", base, "--port", port, *flags]
            process = started.enter_context(
                subprocess.Popen(
                    [*map(str, command), "--poll-seconds", "0.1"],
                    cwd=PROJECT,
                    stdout=subprocess.PIPE,
                    stderr=started.enter_context(open(tmp_path / "log", "a")),
                    text=True,
                )
            )
            started.callback(process.kill)
            line = process.stdout.readline()
            log = (tmp_path / "log").read_text("utf-8")
            assert line.startswith(f"http://127.0.0.1:{port}/v1/models/toy"), log
            return process

        yield start
