"""Addresses and bodies that are refused: the status, and one line that names what is wrong."""

import pytest

from tests.serve.test_api import PREDICT, instances

REFUSALS = {
    # TensorFlow Serving's own tests (http_rest_api_handler_test.cc) give the status and words.
    "GET /v1/foo": (b"", 400, "Malformed request: GET /v1/foo"),
    "POST /v1/foo": (b"", 400, "Malformed request: POST /v1/foo"),
    "POST /v1/models": (b"", 400, "Malformed request"),
    "GET /v1/models/foo:predict": (b"", 400, "Malformed request"),
    "GET /v1/models/foo/version/50:predict": (b"", 400, "Malformed request"),
    "POST /v1/models/foo/versions/HELLO:predict": (b"", 400, "HELLO"),
    f"POST /v1/models/toy/versions/{2**64}:predict": (b"", 400, "Failed to convert version"),
    "GET /v1/models/foo": (b"", 404, "Could not find any versions of model foo"),
    "GET /v1/models/toy/versions/9": (b"", 404, "Could not find version 9 of model toy"),
    "GET /v1/models/toy/versions/9/metadata": (b"", 404, "request: Specific(toy, 9)"),
    "GET /v1/models/foo/metadata": (b"", 404, "request: Latest(foo)"),
    "POST /v1/models/foo:predict": (instances(1), 404, "request: Latest(foo)"),
    "POST /v1/models/foo/versions/50:predict": (instances(1), 404, "Specific(foo, 50)"),
    "POST /v1/models/toy/versions/9:predict": (instances(1), 404, "Specific(toy, 9)"),
    "GET /v1/models/..%2f..%2fetc%2fpasswd": (b"", 400, "Malformed request"),
    "POST /v1/models/%2e%2e:predict": (instances(1), 404, "Latest(..)"),
    "POST /v1/models/toy%00:predict": (instances(1), 404, "Latest"),
    f"GET /v1/models/{'m' * 3000}": (b"", 404, "Could not find any versions of model mmm"),
    "GET /nothing": (b"", 404, "Not Found"),
    "POST /healthz": (b"", 405, "Method Not Allowed"),
    "GET /redoc": (b"", 404, "Not Found"),
}


@pytest.mark.parametrize("request_line", REFUSALS)
def test_addresses_that_lead_nowhere(client, request_line):
    body, status, words = REFUSALS[request_line]
    method, path = request_line.split()
    answer = client.request(method, path, content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"] and words in answer.json()["error"]
    assert len(answer.text) < 300


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", "JSON Parse error"),
        (b'{"instances": [[1, 2]]', "JSON Parse error"),
        (b'{"instances": [[1, ' + b"9" * 5000 + b"]]}", "JSON Parse error"),
        (b"[" * 5000, "JSON Parse error"),
        (b'{"instances": "\xff"}', "JSON Parse error"),
        (b"[1]", "must be a JSON object"),
        (b'{"instances": [[1, 2]], "instances": [[3, 4]]}', "the key instances is repeated"),
        (b'{"instances": [{"x": [1, 2], "x": [3, 4]}]}', "the key x is repeated"),
        (instances([1, float("inf")]), "instances[0][1] must be a finite number"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": [1], "inputs": [1]}', "only one of 'inputs' or 'instances'"),
        (instances(), "'instances' must be a list with at least one row"),
        (b'{"instances": 3}', "'instances' must be a list"),
        (instances([1, 2], signature_name=3), "'signature_name' key must be a string"),
        (instances([1, 2], signature_name="no"), 'signature name: "no" not found'),
        (instances([1, 2], signature_name="no" * 2000), 'signature name: "nono'),
        (instances([1, 2], signature_name="\ud800"), r'signature name: "\ud800" not found'),
        (instances({"\ud800": [1, 2]}), r"must be an object with the keys x, got \ud800"),
        (instances([1, float("nan")]), "instances[0][1] must be a finite number"),
        (instances([1, 2], [1, "a"]), "instances[1][1] must be a finite number"),
        (instances([1, 2], [1]), "instances[1] must be a list of 2"),
        (instances({"x": [1, 1e60]}), "instances[0].x[1] must be a finite number"),
        (instances({"y": [1, 2]}), "instances[0] must be an object with the keys x, got y"),
        (instances({"x": [1, 2]}, 5), "instances[1] must be an object with the keys x"),
        (instances(*[[1, 2]] * 51), "instances must have at most 50 values along axis 0"),
        (instances(1, signature_name="repeat"), "instances[0] must be an object with the keys"),
        (b'{"inputs": {"x": [[1, true]]}}', "inputs.x[0][1] must be a finite number"),
        (b'{"inputs": {"y": [[1, 2]]}}', "Missing named input: x in 'inputs' object."),
        (b'{"inputs": [1], "signature_name": "repeat"}', "inputs must be an object"),
        (instances("a" * 301, signature_name="letters"), "instances[0] must be a string of at"),
        (instances([1, -2]), "the model cannot answer: x must not be negative"),
        (instances(-1, signature_name="rows"), "indices[0] = -1 is not in [0, 3)"),
        (
            b'{"inputs": {"text": ["a", "b"], "n": [1]}, "signature_name": "repeat"}',
            "the model cannot answer",
        ),
    ],
)
def test_bodies_that_are_refused(client, body, words):
    answer = client.post(PREDICT, content=body)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"] and len(answer.text) < 400
    assert "\n" not in answer.json()["error"]
    assert "Traceback" not in answer.text and ".py" not in answer.text
