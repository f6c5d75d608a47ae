"""Connections that do not ask: closed in time, and nobody else."""

import asyncio
import socket
import threading
import time
from functools import partial

import pytest
import uvicorn

from rnn_keras.serve.__main__ import listen
from rnn_keras.serve.protocol import MAX_HEAD, BoundedHeadProtocol

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = 0.5


SLOW = GET.replace(b"/ ", b"/slow ")


async def app(scope, receive, send):
    """Answers without reading the body; at once, or not."""
    if scope["path"] == "/slow":
        await asyncio.sleep(1.3 * LIMIT)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port():
    protocol = partial(BoundedHeadProtocol, timeout=LIMIT)
    config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture
def connection(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def answers(connection, count):
    """Reads so many answers."""
    received = b""
    while received.count(b"\r\n\r\nok") < count:
        received += (part := connection.recv(4096))
        assert part, "closed too early"


@pytest.mark.parametrize("data", [b"", b"GET / HT", GET[:-2], b"\r\n"])
def test_a_head_that_does_not_come(connection, data):
    connection.sendall(data)
    began = time.perf_counter()
    assert connection.recv(1) == b""
    assert time.perf_counter() - began > LIMIT / 2


@pytest.mark.parametrize("between", [b"GET / HT", b"\r\n"])
def test_nor_after_an_answer(connection, between):
    connection.sendall(GET)
    answers(connection, 1)
    connection.sendall(between)
    assert connection.recv(1) == b""


def test_a_head_that_is_too_long(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nX: ")
    with pytest.raises(ConnectionError):
        for _ in range(200):
            connection.sendall(b"a" * MAX_HEAD)


def test_a_long_body_is_no_head(connection):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (20 * MAX_HEAD)
    connection.sendall(head)
    for _ in range(20):
        connection.sendall(b"a" * MAX_HEAD)  # answered before it is there
    connection.sendall(GET)
    answers(connection, 2)


def test_answers_that_take_longer(connection):
    connection.sendall(2 * SLOW)
    answers(connection, 2)


def test_requests_in_one_piece_and_after_a_while(connection):
    connection.sendall(3 * GET)
    answers(connection, 3)
    for _ in range(3):
        time.sleep(0.6 * LIMIT)
        connection.sendall(GET)
        answers(connection, 1)
