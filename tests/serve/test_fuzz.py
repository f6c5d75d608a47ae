"""Whatever its own description allows, and what it does not, never makes the server fail."""

import threading

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from rnn_keras.serve import Limits, ModelStore, Runner, create_app
from rnn_keras.serve.sockets import listen
from tests.serve.toys import write_speller

OPERATIONS = [
    ("POST", "/v1/models/{name}:predict"),
    ("POST", "/v1/models/{name}/versions/{version}:predict"),
    ("POST", "/v1/models/{name}:stream"),
    ("POST", "/v1/models/{name}/versions/{version}:stream"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{name}"),
    ("GET", "/v1/models/{name}/versions/{version}"),
    ("GET", "/v1/models/{name}/metadata"),
    ("GET", "/v1/models/{name}/versions/{version}/metadata"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/monitoring/prometheus/metrics"),
]


@pytest.fixture(scope="module")
def described(toys, tmp_path_factory):
    """The description of a server of three models, which listens on the loopback address."""
    limits = Limits(max_body=5_000, max_rows=20, max_length=100, timeout=5)
    speller = tmp_path_factory.mktemp("speller")
    write_speller(speller / "1")
    store = ModelStore({"toy": toys[1].parent, "other": toys[2].parent, "speller": speller})
    app = create_app(store, Runner(), limits)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
        server.should_exit = True
        thread.join()


def test_every_operation_is_fuzzed(described):
    found = {(o.ok().method.upper(), o.ok().path) for o in described.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_makes_it_fail(described, method, path, data):
    operation = described[path][method]
    modes = list(GenerationMode) if operation.path_parameters else [GenerationMode.POSITIVE]
    mode = data.draw(st.sampled_from(modes))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    answer = case.call()
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    if answer.status_code >= 400 and path.startswith("/v1/"):
        assert isinstance(answer.json()["error"], str)
