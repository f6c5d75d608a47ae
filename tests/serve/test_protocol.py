"""Connections that do not ask: closed in time, and nobody else."""

import asyncio
import contextlib
import socket
import threading
import time
from functools import partial

import pytest
import uvicorn

from rnn_keras.serve.protocol import MAX_HEAD, BoundedProtocol, Connections
from rnn_keras.serve.sockets import listen

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = 0.5
MOST = 20
LARGE = 2**25


SLOW = GET.replace(b"/ ", b"/slow ")


async def app(scope, receive, send):
    """Answers without reading the body; at once, or not."""
    if scope["path"] == "/slow":
        await asyncio.sleep(1.3 * LIMIT)
    if scope["path"] == "/large":
        headers = [(b"content-length", b"%d" % LARGE)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(LARGE)})
        return
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port():
    protocol = partial(BoundedProtocol, timeout=LIMIT, open_connections=Connections(MOST))
    config = uvicorn.Config(app, http=protocol, ws="none", log_config=None, lifespan="off")
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


def connect(port, stack, count=1):
    return [
        stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        for _ in range(count)
    ]


def is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_one_too_many_closes_the_oldest_that_never_asked(port):
    with contextlib.ExitStack() as stack:
        busy, kept = connect(port, stack, 2)
        busy.sendall(SLOW)
        kept.sendall(GET)
        answers(kept, 1)
        idle = connect(port, stack, MOST)
        (last,) = connect(port, stack)
        last.sendall(GET)
        answers(last, 1)
        assert [is_closed(one) for one in idle] == [True] * 3 + [False] * (MOST - 3)
        kept.sendall(GET)
        answers(kept, 1)
        answers(busy, 1)


def test_then_the_oldest_kept_alive_and_then_who_sends_slowly(port):
    with contextlib.ExitStack() as stack:
        slow = connect(port, stack, 2)
        for one in slow:
            one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
            answers(one, 1)
        busy = connect(port, stack, MOST - 3)
        for one in busy:
            one.sendall(SLOW)
        (kept,) = connect(port, stack)
        kept.sendall(GET)
        answers(kept, 1)
        for expected in ([True, False, False], [True, True, False]):
            (one,) = connect(port, stack)
            one.sendall(SLOW)
            end = time.monotonic() + LIMIT / 2
            while [is_closed(other) for other in (kept, *slow)] != expected:
                assert time.monotonic() < end, expected
                time.sleep(0.01)
        for one in busy:
            answers(one, 1)


@pytest.mark.slow
def test_an_answer_that_nobody_reads(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(2 * GET.replace(b"/ ", b"/large "))
    time.sleep(3 * LIMIT)
    received = 0
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(2**20):
            received += len(part)
    assert received < LARGE


def test_an_answer_that_is_read_slowly(connection):
    connection.sendall(GET.replace(b"/ ", b"/large "))
    received, began = 0, time.perf_counter()
    while received < LARGE:
        received += (size := len(connection.recv(2**20)))
        assert size, "closed too early"
        time.sleep(2.5 * LIMIT * size / LARGE)
    assert time.perf_counter() - began > 2 * LIMIT


def test_an_upgrade_is_answered_as_if_not_asked_for(connection):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    connection.sendall(GET[:-2] + upgrade)
    answers(connection, 1)


def test_a_head_that_comes_byte_by_byte(connection):
    """Each byte is no new beginning."""
    began = time.perf_counter()
    connection.sendall(b"GET / HTTP/1.1\r\nX: ")
    with pytest.raises(ConnectionError):
        for _ in range(100):
            connection.sendall(b"a")
            time.sleep(LIMIT / 10)
    assert time.perf_counter() - began < 3 * LIMIT
