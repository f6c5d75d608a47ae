"""The REST API: TensorFlow Serving's answers, states and refusals."""

import asyncio
import importlib.util
import json
import re

import numpy as np
import pytest
from google.protobuf.json_format import Parse, ParseDict
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from rnn_keras.serve import Limits, ModelStore, Runner
from rnn_keras.serve.errors import ServingError
from rnn_keras.serve.limits import read_body
from rnn_keras.serve.predict import Predict
from tests.serve.conftest import serving

PREDICT = "/v1/models/toy:predict"


def predict(client, path=PREDICT, **body):
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_rows_and_columns(client):
    assert predict(client, instances=[[1, 2], [3, 4.5]]) == {"predictions": [3.0, 7.5]}
    assert predict(client, instances=[{"x": [1, 2]}]) == {"predictions": [3.0]}
    assert predict(client, inputs=[[1, 2], [3, 4.5]]) == {"outputs": [3.0, 7.5]}
    assert predict(client, inputs={"x": [[1, 2]], "ignored": 1}) == {"outputs": [3.0]}
    for version in (0, 1):  # 0 is the latest
        found = predict(
            client,
            f"/v1/models/toy/versions/{version}:predict",
            instances=[[1, 2]],
            signature_name="serving_default",
        )
        assert found == {"predictions": [3.0]}


def test_several_inputs_and_outputs(client):
    rows = [{"text": "good", "n": 1}, {"text": {"b64": "/w=="}, "n": 2}]
    first, second = predict(client, signature_name="repeat", instances=rows)["predictions"]
    assert first == {"raw_bytes": {"b64": "Z29vZA=="}, "text": "good1", "word": 1}
    assert second == {"raw_bytes": {"b64": "/w=="}, "text": "�2", "word": 0}
    columns = {"text": ["good"], "n": [1]}
    assert predict(client, signature_name="repeat", inputs=columns)["outputs"] == {
        "raw_bytes": [{"b64": "Z29vZA=="}],
        "text": ["good1"],
        "word": [1],
    }


def test_an_answer_without_rows_needs_columns(client):
    assert predict(client, signature_name="scalar", inputs=2.5) == {"outputs": 3.5}
    answer = client.post(PREDICT, json={"signature_name": "scalar", "instances": [2.5]})
    assert answer.status_code == 400


def test_state_is_a_tensorflow_serving_message(client):
    for path in ("/v1/models/toy", "/v1/models/toy/versions/1"):
        found = Parse(client.get(path).text, get_model_status_pb2.GetModelStatusResponse())
        (state,) = found.model_version_status
        assert (state.version, state.state) == (1, state.AVAILABLE)
        assert (state.status.error_code, state.status.error_message) == (0, "")


def test_all_models_are_listed(client):
    (model,) = client.get("/v1/models").json()["models"]
    assert model == {"name": "toy", **client.get("/v1/models/toy").json()}


def test_metadata_is_a_tensorflow_serving_message(client, toys):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((toys[1] / "saved_model.pb").read_bytes())
    expected = saved.meta_graphs[0].signature_def
    for path in ("/v1/models/toy/metadata", "/v1/models/toy/versions/1/metadata"):
        found = client.get(path).json()
        assert found["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
        message = ParseDict(
            found["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap()
        )
        assert len(message.signature_def) == 6
        for name, signature in message.signature_def.items():
            assert signature == expected[name]


def instances(*rows, **more):
    return json.dumps({"instances": list(rows), **more}).encode()


def test_a_body_too_large_or_compressed(client):
    assert client.post(PREDICT, content=b" " * 10_001).status_code == 413
    assert client.post(PREDICT, content=iter([b" " * 6000] * 2)).status_code == 413
    answer = client.post(PREDICT, content=b"{}", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415
    answer = client.post(PREDICT, content=b"{}", headers={"content-encoding": "Identity"})
    assert answer.status_code == 400


def test_a_form_as_curl_sends_it_is_json(client):
    """`curl -d` without a content type."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post(PREDICT, content=b'{"instances": [[1, 2]]}', headers=form)
    assert answer.json() == {"predictions": [3.0]}


def test_a_host_that_is_none_does_not_matter(client):
    answer = client.get("/v1/foo", headers={"host": "["})
    assert answer.json() == {"error": "Malformed request: GET /v1/foo"}


def test_an_answer_with_too_many_values(base):
    with serving(ModelStore({"toy": base}), Limits(max_values=6)) as client:
        letters = {"signature_name": "letters", "instances": ["abc", "d"]}
        assert client.post(PREDICT, json=letters).status_code == 200
        letters["instances"][0] = "abcd"
        answer = client.post(PREDICT, json=letters)
        assert answer.status_code == 400
        assert "would have 8 values, and may have at most 6" in answer.json()["error"]


def test_a_large_answer_is_the_same(client):
    letters = {"signature_name": "letters", "inputs": ["ab" * 100] * 25}
    assert predict(client, **letters) == {"outputs": [["a", "b"] * 100] * 25}


def receiver(body, then):
    """ASGI's `receive` of a client that sends its request, and then waits for `then`."""
    messages = [{"type": "http.request", "body": body}] if body else []

    async def receive():
        if messages:
            return messages.pop()
        await then
        return {"type": "http.disconnect"}

    return receive


async def statuses(base, *receives, **limits):
    """What `Predict` answers to clients, each a tenth of a second after the one before."""
    store = ModelStore({"toy": base}, timeout=1.0)
    await store.refresh()
    app = Predict(store, Runner(), Limits(**limits))
    scope = {"type": "http", "method": "POST", "headers": [], "path_params": {"name": "toy"}}

    async def status(receive):
        sent = []

        async def send(message):
            sent.append(message)

        try:
            await app(scope, receive, send)
        except ServingError as error:
            return error.status
        return sent[0]["status"]

    tasks = []
    for receive in receives:
        tasks.append(asyncio.create_task(status(receive)))
        await asyncio.sleep(0.1)
    return [await task for task in tasks], app.gate.inside


def test_a_body_that_does_not_come_takes_no_place(base):
    async def two():
        return await statuses(
            base,
            receiver(None, asyncio.sleep(0.3)),
            receiver(instances([1, 2]), asyncio.sleep(9)),
            max_pending=1,
        )

    assert asyncio.run(two()) == ([499, 200], 0)


def test_who_has_gone_is_not_waited_for(base):
    spin = instances(2**31 - 1, signature_name="spin")

    # Waited for, it would be stopped after a second: 504.
    assert asyncio.run(statuses(base, receiver(spin, asyncio.sleep(0.1)))) == ([499], 0)


def test_a_body_that_comes_too_slowly_or_not_at_all():
    async def drip():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def leave():
        return {"type": "http.disconnect"}

    for receive, status in ((drip, 408), (leave, 499)):
        with pytest.raises(ServingError) as refusal:
            asyncio.run(read_body(receive, None, Limits(timeout=0.1)))
        assert refusal.value.status == status


def test_a_call_that_takes_too_long_is_stopped(base):
    limits = Limits(timeout=1.0)
    with serving(ModelStore({"toy": base}, timeout=1.0), limits) as client:
        answer = client.post(PREDICT, json={"signature_name": "spin", "instances": [2**31 - 1]})
        assert answer.status_code == 504 and "error" in answer.json()
        # Both threads are free again, so the loop was stopped and not only given up.
        for _ in range(3):
            assert predict(client, signature_name="spin", instances=[5]) == {"predictions": [5]}


def test_metrics_health_and_description(client):
    predict(client, instances=[[1, 2]])
    text = client.get("/monitoring/prometheus/metrics").text
    assert ':tensorflow:serving:request_count{model_name="toy",status="OK"}' in text
    assert ':tensorflow:serving:request_latency_bucket{API="Predict",entrypoint="REST"' in text
    assert 'model_name="foo"' not in text, "a client could fill the memory with names"
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    assert re.search(r'^process_resident_memory_bytes{pid="\d+"} \d', text, re.M)
    assert client.head("/healthz").status_code == client.head("/readyz").status_code == 200
    described = client.get("/openapi.json").json()["paths"]["/v1/models/{name}:predict"]["post"]
    examples = described["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) == 6
    for example in examples.values():
        predict(client, **example["value"])
    page = client.get("/docs").text
    assert all(name in page for name in [*examples, "/readyz", "Too many requests wait."])
    assert "script" not in page and "://" not in page, "it works offline, and runs no code"


def test_a_request_keeps_its_id_or_gets_one(client, caplog):
    caplog.set_level("INFO", "rnn_keras.serve.access")
    given = client.get("/healthz", headers={"x-request-id": "a-1.b"}).headers["x-request-id"]
    assert given == "a-1.b" and re.search(
        r'"GET /healthz" 200 [\d.]+ ms a-1\.b$', caplog.text, re.M
    )
    for forged in ("a b", "a" * 200, "ä".encode(), ""):
        made = client.get("/nothing", headers={"x-request-id": forged}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", made) and made in caplog.text


def test_a_large_answer_is_compressed_when_asked(client):
    letters = {"signature_name": "letters", "inputs": ["ab" * 100] * 25}
    plain = client.post(PREDICT, json=letters, headers={"accept-encoding": "identity"})
    packed = client.post(PREDICT, json=letters, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < 1000 < int(plain.headers["content-length"])
    assert "content-encoding" not in plain.headers
    small = client.post(PREDICT, json={"inputs": [[1, 2]]})
    assert "content-encoding" not in small.headers and small.headers["vary"] == "Accept-Encoding"


def test_a_request_is_a_span_of_its_trace(client):
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        pytest.skip("opentelemetry-sdk is not installed")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    parent = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    client.post(PREDICT, json={"instances": [[1, 2]]}, headers=parent)
    (span,) = spans.get_finished_spans()
    assert f"{span.context.trace_id:x}" == "1" * 32
    assert span.attributes["http.response.status_code"] == 200


def test_the_same_request_gives_the_same_answer_with_others_in_the_batch(client):
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 9, (40, 2)).astype("float32")

    def ask(row):
        return client.post(PREDICT, json={"instances": [row.tolist()]})

    bad = np.float32([1, -1])
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, [*rows[:20], bad, *rows[20:]]))
    assert answers.pop(20).status_code == 400
    found = [answer.json()["predictions"][0] for answer in answers]
    np.testing.assert_allclose(found, rows.sum(1), rtol=1e-6)
