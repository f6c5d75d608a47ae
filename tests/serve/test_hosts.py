"""Names in the Host header, against DNS rebinding."""

import pytest
from fastapi.testclient import TestClient

from rnn_keras.serve import Limits, ModelStore, Runner, create_app
from rnn_keras.serve.hosts import LOOPBACK


@pytest.mark.parametrize(
    ("host", "allowed", "any_address", "answered"),
    [
        *[(host, LOOPBACK, False, True) for host in ("localhost:8501", "LOCALHOST", "[::1]:80")],
        *[
            (host, LOOPBACK, False, False)
            for host in ("evil.example", "evil.example:8501", "localhost.evil.example", "", "[")
        ],
        ("192.0.2.1:8501", LOOPBACK, False, False),
        ("192.0.2.1:8501", LOOPBACK, True, True),
        ("evil.example", LOOPBACK, True, False),
        ("a.example.com", ["*.example.com"], False, True),
        ("example.com.evil", ["*.example.com"], False, False),
        ("[", ["*"], False, True),
    ],
)
def test_only_allowed_hosts_are_answered(base, host, allowed, any_address, answered):
    app = create_app(
        ModelStore({"toy": base}),
        Runner(),
        Limits(),
        allowed_hosts=allowed,
        any_address=any_address,
    )
    answer = TestClient(app).get("/healthz", headers={"host": host})  # no lifespan: no model
    assert answer.status_code == (200 if answered else 403)
    if not answered:
        assert list(answer.json()) == ["error"] and "--allowed-hosts" in answer.json()["error"]
