"""gRPC: TensorFlow Serving's services by the official stubs, and what is refused."""

import asyncio
import contextlib
import importlib.util
import subprocess
import sys
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from rnn_keras.serve import Limits, ModelStore, Runner
from rnn_keras.serve.grpc_api import create_server
from rnn_keras.serve.metrics import REGISTRY
from rnn_keras.serve.predict import Predict
from tests.serve.toys import copy

LIMITS = Limits(max_body=10_000, max_rows=50, max_length=300, max_pending=2, timeout=2)


@contextlib.contextmanager
def serving(base, limits):
    """A server in a thread; yields its address, and a channel to it."""
    started, port, loop = threading.Event(), None, asyncio.new_event_loop()
    ending = asyncio.Event()

    async def run():
        nonlocal port
        store, runner = ModelStore({"toy": base}, limits.timeout), Runner()
        await store.refresh()
        server, port = create_server(Predict(store, runner, limits), "127.0.0.1:0")
        await server.start()
        started.set()
        await ending.wait()
        await server.stop(limits.timeout)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})  # stopped calls
        runner.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert started.wait(60)
    target = f"127.0.0.1:{port}"
    with grpc.insecure_channel(target) as channel:
        yield target, channel
    loop.call_soon_threadsafe(ending.set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def served(toys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "toy"
    folder.mkdir()
    copy(toys[1], folder / "1")
    with serving(folder, LIMITS) as served:
        yield served


@pytest.fixture
def channel(served):
    return served[1]


def request(name="toy", signature="", version=None, label="", only=(), **inputs):
    found = predict_pb2.PredictRequest(output_filter=only)
    found.model_spec.name, found.model_spec.signature_name = name, signature
    if version is not None:
        found.model_spec.version.value = version
    if label:
        found.model_spec.version_label = label
    for key, value in inputs.items():
        is_message = isinstance(value, TensorProto)
        found.inputs[key].CopyFrom(value if is_message else tf.make_tensor_proto(value))
    return found


def predict(channel, *args, **kwargs):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(request(*args, **kwargs), timeout=30)


def outputs(response):
    return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}


@pytest.mark.parametrize("version", [None, 0, 1])
def test_predict(channel, version):
    response = predict(channel, version=version, x=np.float32([[1, 2], [3, 4.5]]))
    assert outputs(response)["y"].tolist() == [3.0, 7.5]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("toy", 1, "serving_default")


def test_a_request_keeps_its_id_or_gets_one(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    for metadata in ((("x-request-id", "a-1"),), ()):
        _, call = stub.Predict.with_call(request(x=np.float32([[1, 2]])), metadata=metadata)
        found = dict(call.trailing_metadata())["x-request-id"]
        assert found == "a-1" if metadata else len(found) == 32


def test_several_inputs_and_some_of_the_outputs(channel):
    rows = {"text": [b"good", b"\xff"], "n": np.int32([1, 2])}
    found = outputs(predict(channel, signature="repeat", **rows))
    assert {name: array.tolist() for name, array in found.items()} == {
        "raw_bytes": [b"good", b"\xff"],
        "text": [b"good1", b"\xff2"],
        "word": [1, 0],
    }
    assert outputs(predict(channel, signature="repeat", only=["word"], **rows)).keys() == {"word"}
    assert outputs(predict(channel, signature="scalar", x=2.5))["y"] == 3.5


def test_status_and_metadata(channel, toys):
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "toy"
    response = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, timeout=30)
    (state,) = response.model_version_status
    assert (state.version, state.state, state.status.error_code) == (1, state.AVAILABLE, 0)

    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "toy"
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    response = stub.GetModelMetadata(metadata, timeout=30)
    assert (response.model_spec.name, response.model_spec.version.value) == ("toy", 1)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    saved = SavedModel.FromString((toys[1] / "saved_model.pb").read_bytes())
    assert len(signatures.signature_def) == 6
    for name, signature in signatures.signature_def.items():
        assert signature == saved.meta_graphs[0].signature_def[name]


def tensor(dtype, shape, **values):
    message = TensorProto(dtype=dtype, **values)
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    return message


ROW = np.float32([[1, 2]])
REFUSALS = [
    ({"name": ""}, "INVALID_ARGUMENT", "Missing ModelSpec.name"),
    ({"name": "foo", "x": ROW}, "NOT_FOUND", "Servable not found for request: Latest(foo)"),
    ({"version": 9, "x": ROW}, "NOT_FOUND", "Servable not found for request: Specific(toy, 9)"),
    ({"version": -1, "x": ROW}, "NOT_FOUND", "Specific(toy, -1)"),
    ({"label": "stable", "x": ROW}, "INVALID_ARGUMENT", "version_label is not supported"),
    ({"signature": "no", "x": ROW}, "INVALID_ARGUMENT", 'signature name: "no" not found'),
    ({}, "INVALID_ARGUMENT", "inputs must have the keys x, got none"),
    ({"x": ROW, "y": ROW}, "INVALID_ARGUMENT", "inputs must have the keys x, got x, y"),
    ({"x": ROW, "only": ["z"]}, "INVALID_ARGUMENT", "alias not found in signature: z"),
    ({"x": np.float64([[1, 2]])}, "INVALID_ARGUMENT", "type DT_FLOAT, got DT_DOUBLE"),
    ({"x": tensor(7777, [1, 2])}, "INVALID_ARGUMENT", "type DT_FLOAT, got 7777"),
    ({"x": tensor(0, [1, 2])}, "INVALID_ARGUMENT", "type DT_FLOAT, got DT_INVALID"),
    ({"x": np.float32([1, 2])}, "INVALID_ARGUMENT", "inputs.x must have the shape [?,2], got [2]"),
    ({"x": np.ones((1, 3), "f4")}, "INVALID_ARGUMENT", "the shape [?,2], got [1,3]"),
    ({"x": np.ones((0, 2), "f4")}, "INVALID_ARGUMENT", "inputs.x is empty: its shape is [0,2]"),
    ({"x": np.ones((51, 2), "f4")}, "INVALID_ARGUMENT", "at most 50 values along axis 0"),
    ({"x": tensor(1, [-1, 2], float_val=[1])}, "INVALID_ARGUMENT", "must have a known shape"),
    ({"x": tensor(1, [1, 2], tensor_content=b"123")}, "INVALID_ARGUMENT", "not have the 2 values"),
    ({"x": tensor(1, [1, 2], float_val=[1] * 3)}, "INVALID_ARGUMENT", "not have the 2 values"),
    ({"x": np.float32([[1, np.nan]])}, "INVALID_ARGUMENT", "inputs.x[0][1] must be a finite"),
    ({"x": np.float32([[1, -2]])}, "INVALID_ARGUMENT", "cannot answer: x must not be negative"),
    (
        {"signature": "letters", "text": [b"a", b"a" * 301]},
        "INVALID_ARGUMENT",
        "inputs.text[1] must be a string of at most 300 bytes",
    ),
    ({"x": np.ones((2600, 2), "f4")}, "RESOURCE_EXHAUSTED", "larger than max"),
    ({"signature": "spin", "steps": np.int32([2**31 - 1])}, "DEADLINE_EXCEEDED", "answer"),
]


@pytest.mark.parametrize(("bad", "code", "words"), REFUSALS)
def test_what_is_refused(channel, bad, code, words):
    with pytest.raises(grpc.RpcError) as refusal:
        predict(channel, **bad)
    assert refusal.value.code().name == code and words in refusal.value.details()
    assert "\n" not in refusal.value.details() and len(refusal.value.details()) < 300
    assert outputs(predict(channel, x=ROW))["y"] == [3]


def test_a_value_that_stands_for_a_large_tensor(base):
    """Ten bytes could fill the memory."""
    limits = Limits(max_body=1000)
    with serving(base, limits) as (_, channel), pytest.raises(grpc.RpcError) as refusal:
        predict(channel, x=tensor(1, [500, 2], float_val=[1]))
    assert refusal.value.details() == "inputs.x must have at most 1000 bytes, got 4000"


CLIENT = """
import sys, numpy, ovmsclient
client = ovmsclient.make_grpc_client(sys.argv[1])
assert client.get_model_status("toy")[1]["state"] == "AVAILABLE"
assert client.get_model_metadata("toy")["inputs"] == {"x": {"shape": [-1, 2], "dtype": "DT_FLOAT"}}
assert client.predict({"x": numpy.float32([[1, 2]])}, "toy").tolist() == [3]
try:
    client.predict({"x": [[1.0, 2.0]]}, "toy", 9)
except ovmsclient.tfs_compat.base.errors.ModelNotFoundError as error:
    print(error)
"""


def test_the_client_of_openvino(served):
    if importlib.util.find_spec("ovmsclient") is None:
        pytest.skip("ovmsclient is not installed")
    # In a process without TensorFlow, whose messages it has under the same names.
    command = [sys.executable, "-c", CLIENT, served[0]]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "Specific(toy, 9)" in result.stdout, result.stderr


METHODS = ["PredictionService/Predict", "PredictionService/GetModelMetadata"]
METHODS += ["ModelService/GetModelStatus"]


@pytest.mark.parametrize("method", METHODS)
def test_random_bytes_and_random_bits(channel, method):
    call = channel.unary_unary(f"/tensorflow.serving.{method}")
    rng = np.random.default_rng(0)
    valid = np.frombuffer(request(x=ROW).SerializeToString(), "u1")
    for i in range(100):
        data = rng.integers(0, 256, rng.integers(1, 99)).astype("u1") if i % 2 else valid.copy()
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            call(data.tobytes(), timeout=30)
        except grpc.RpcError as error:
            assert error.code().name in ("INVALID_ARGUMENT", "NOT_FOUND"), error.details()


def test_other_methods_are_unimplemented(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    with pytest.raises(grpc.RpcError) as refusal:
        stub.HandleReloadConfigRequest(stub_request(), timeout=30)
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


def stub_request():
    from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

    return ReloadConfigRequest()


def count(code):
    labels = {"model_name": "toy", "status": code}
    return REGISTRY.get_sample_value(":tensorflow:serving:request_count", labels) or 0


def test_a_full_queue_refuses_and_who_goes_frees_its_place(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    spin = request(signature="spin", steps=np.int32([2**31 - 1]))
    before = count("UNAVAILABLE")
    waiting = [stub.Predict.future(spin, timeout=30) for _ in range(2)]
    while True:
        try:
            stub.Predict(request(x=ROW), timeout=30)
        except grpc.RpcError as refusal:
            assert refusal.code() is grpc.StatusCode.UNAVAILABLE
            assert refusal.details() == "2 requests are waiting, try again"
            assert dict(refusal.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
            break
    assert count("UNAVAILABLE") == before + 1
    for call in waiting:
        call.cancel()
    until = threading.Event()
    for _ in range(100):
        with contextlib.suppress(grpc.RpcError):
            assert outputs(predict(channel, x=ROW))["y"] == [3]
            break
        until.wait(0.02)
    else:
        raise AssertionError("their places are not free")
