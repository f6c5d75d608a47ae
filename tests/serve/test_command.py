"""The command as a process: how it starts, ends, and comes back."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from benchmarks.measure.load import LOST, generate, post
from benchmarks.measure.load_protocols import generate_grpc
from rnn_keras.serve.metrics import PATH as METRICS
from rnn_keras.serve.sockets import address, allow_open_files, bind, listen
from tests.serve.conftest import PROJECT, free_port
from tests.serve.test_grpc import request
from tests.serve.test_models import copy, damaged

BODY = json.dumps({"instances": [[1, 0]]}).encode()
REQUEST = post("/v1/models/toy:predict", BODY)
MESSAGE = request(x=np.float32([[1, 0]])).SerializeToString()


def get(port, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def ask(port, body=BODY):
    return json.loads(get(port, "/v1/models/toy:predict", body))


def test_help_is_instant_and_imports_no_tensorflow():
    script = (
        "import sys; from rnn_keras.serve.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'tensorflow', 'keras', 'fastapi'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True)
    assert result.returncode == 0, result.stderr
    assert b"--max-pending" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to serve"),
        (["no/such"], "no/such holds no SavedModel"),
        (["x", "--batch-rows", "0"], "--batch-rows must be positive"),
        (["x", "--workers", "0"], "--workers must be positive"),
        (["x", "--timeout", "nan"], "timeout must be positive"),
        (
            ["x", "--max-connections", "256"],
            "--max-connections must be at least --max-pending + 16",
        ),
        (["x", "--allowed-hosts", "http://a.example"], "--allowed-hosts must be names without"),
        (["x", "--port", "70000"], "--port must be from 0 to 65535"),
        (["x", "--grpc-port", "-1"], "--grpc-port must be from 0 to 65535"),
    ],
)
def test_bad_arguments_are_one_line(capsys, arguments, words):
    from rnn_keras.serve.__main__ import main

    with pytest.raises(SystemExit) as end:
        main(arguments)
    error = capsys.readouterr().err
    assert end.value.code == 2 and words in error and error.count("\n") == 1


def test_an_error_of_several_workers_is_one_line():
    command = [sys.executable, "-m", "rnn_keras.serve", "no/such", "--port", "0", "--workers", "3"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: no/such holds no SavedModel")


def test_an_address_in_use_is_one_line(capsys, base):
    from rnn_keras.serve.__main__ import main

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for ports in (["--port", port], ["--port", "0", "--grpc-port", port]):
            with pytest.raises(SystemExit) as end:
                main([str(base), *ports])
            error = capsys.readouterr().err
            assert end.value.code == 2 and f"cannot listen on 127.0.0.1:{port}" in error


def test_the_address_of_a_socket():
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        with listen(host, 0) as listener:
            assert address(listener) == f"http://{shown}:{listener.getsockname()[1]}"


def test_while_models_load_a_connection_is_refused():
    with bind("127.0.0.1", 0) as bound:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(bound.getsockname(), timeout=5)
        bound.listen()
        socket.create_connection(bound.getsockname(), timeout=5).close()


def test_more_files_than_a_process_may_have_are_one_line(monkeypatch):
    resource = pytest.importorskip("resource")
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update(now=wanted))
    allow_open_files(1024)
    assert limits["now"][0] >= 1024 + 256
    with pytest.raises(ValueError, match="--max-connections 5000 needs .* may have 4096"):
        allow_open_files(5000)


@pytest.mark.slow
def test_idle_connections_hold_up_nobody_and_end_with_the_server(start, tmp_path):
    """1,200 of them, as in the outage that this is for."""
    port, grpc_port = free_port(), free_port()
    process = start(port, "--grpc-port", grpc_port)
    log = (tmp_path / "log").read_text("utf-8")
    assert re.search(r"^loaded 1 of 1: toy version 1 in \d+\.\d s$", log, re.M)
    with contextlib.ExitStack() as stack:
        allow_open_files(2400)  # of this process
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        stack.callback(kept.close)

        def status(path, body=None, headers=None):
            kept.request("POST" if body else "GET", path, body, headers or {})
            answer = kept.getresponse()
            answer.read()
            return answer.status

        assert status("/v1/models/toy:predict", BODY) == 200
        connected = kept.sock
        for at in 1200 * [port] + 1200 * [grpc_port]:
            stack.enter_context(socket.create_connection(("127.0.0.1", at), timeout=30))
        assert ask(port) == {"predictions": [1.0]}
        assert json.loads(get(port, "/healthz")) == {"status": "ok"} and get(port, METRICS)
        assert status("/v1/models/toy:predict", BODY) == 200 and kept.sock is connected
        assert status("/healthz", headers={"Host": "evil.example"}) == 403
        for statuses in asyncio.run(load_both(port, grpc_port, 32, seconds=3)):
            assert set(statuses) == {200} and statuses[200] > 50
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_sigterm_finishes_what_is_in_flight(start):
    port, grpc_port = free_port(), free_port()
    process = start(port, "--timeout", 300, "--grpc-port", grpc_port)
    body = json.dumps({"signature_name": "spin", "instances": [50_000]}).encode()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(port, body)))
    asking.start()
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        stub = PredictionServiceStub(channel)
        over_grpc = stub.Predict.future(request(signature="spin", steps=np.int32([50_000])))
        while ":rnn_keras:serve:pending_requests 2.0" not in get(port, METRICS):
            assert not answers and not over_grpc.done(), "too quick to be in flight"
        process.send_signal(signal.SIGTERM)
        assert over_grpc.result().outputs["count"].int_val == [50_000]
    asking.join()
    assert answers == [{"predictions": [50_000]}]
    assert process.wait(30) in (0, -signal.SIGTERM)
    with pytest.raises(OSError):
        ask(port)


async def load_both(port, grpc_port, clients, seconds):
    """The numbers of responses by status, of REST and of gRPC."""
    loads = (generate, port, REQUEST), (generate_grpc, grpc_port, MESSAGE)
    return [
        answers.statuses
        for answers in await asyncio.gather(
            *(load(at, [request], clients, seconds=seconds) for load, at, request in loads)
        )
    ]


@pytest.mark.slow
def test_killed_and_restarted_under_load(start):
    """Every request of the load is answered or known to be lost, and then all are answered."""
    ports = port, grpc_port = free_port(), free_port()
    process = start(port, "--grpc-port", grpc_port)

    async def fault():
        load = asyncio.create_task(load_both(*ports, 8, seconds=30))
        await asyncio.sleep(2)
        process.kill()
        await asyncio.to_thread(start, port, "--grpc-port", grpc_port)
        return await load

    for statuses, lost in zip(asyncio.run(fault()), (LOST, "UNAVAILABLE")):
        assert statuses[200] > 100
        assert set(statuses) <= {200, lost} and statuses[lost] <= 2 * 8
    assert ask(port) == {"predictions": [1.0]}


@pytest.mark.slow
def test_versions_good_and_damaged_under_load(start, base, toys):
    ports = port, grpc_port = free_port(), free_port()
    start(port, "--grpc-port", grpc_port)

    async def faults():
        load = asyncio.create_task(load_both(*ports, 8, seconds=12))
        for version in range(2, 6):
            await asyncio.sleep(1)
            if version % 2:
                await asyncio.to_thread(damaged, toys, base / str(version), "graph cut short")
            else:
                await asyncio.to_thread(copy, toys[2], base / str(version))
        return await load

    for statuses in asyncio.run(faults()):
        assert set(statuses) == {200} and statuses[200] > 200
    assert ask(port) == {"predictions": [2.0]}
    found = json.loads(get(port, "/v1/models/toy"))
    assert {state["version"]: state["state"] for state in found["model_version_status"]} == {
        "1": "END",
        "2": "END",
        "3": "END",
        "4": "AVAILABLE",
        "5": "END",
    }


@pytest.mark.slow
def test_more_than_it_can_hold_under_load(start):
    port, grpc_port = free_port(), free_port()
    start(port, "--max-pending", 4, "--grpc-port", grpc_port)
    rest, over_grpc = asyncio.run(load_both(port, grpc_port, 32, seconds=5))
    assert set(rest) == {200, 503} and set(over_grpc) == {200, "UNAVAILABLE"}
    assert rest[200] > 50 and over_grpc[200] > 50
    text = get(port, METRICS)
    for code, status in (("OK", 200), ("UNAVAILABLE", 503)):
        line = f':tensorflow:serving:request_count{{model_name="toy",status="{code}"}} '
        count = rest[status] + over_grpc[200 if code == "OK" else code]
        assert float(text.partition(line)[2].split()[0]) == count


@pytest.mark.slow
def test_workers_share_ports_and_metrics_and_one_that_dies_is_replaced(start):
    port, grpc_port = free_port(), free_port()
    process = start(port, "--workers", 2, "--grpc-port", grpc_port)
    cpu = re.compile(r'process_cpu_seconds_total\{pid="(\d+)"\}')

    def pids(ended=frozenset()):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError):  # a connection of the worker that ended
                found = {int(pid) for pid in cpu.findall(get(port, METRICS))} - ended
                if len(found) == 2:
                    return found
            time.sleep(0.1)
        raise AssertionError("there are not two workers")

    def served():
        line = ':tensorflow:serving:request_count{model_name="toy",status="OK"} '
        return float(get(port, METRICS).partition(line)[2].split()[0])

    before = pids()
    for _ in range(20):
        assert ask(port) == {"predictions": [1.0]}
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            PredictionServiceStub(channel).Predict(request(x=np.float32([[1, 0]])))
    assert served() == 40
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    assert pids({victim}) > before - {victim}
    assert ask(port) == {"predictions": [1.0]} and served() == 41
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    with pytest.raises(OSError):
        ask(port)
