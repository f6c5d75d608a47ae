"""One file in the runtimes that people have: the Interpreter and the CompiledModel of LiteRT."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tensor_buffer import TensorBuffer

from rnn_keras.export import LiteRTModel, litert
from rnn_keras.layers import use_plan
from rnn_keras.text import Vocabulary

UNITS, VOCABULARY = 16, Vocabulary.from_tokens("abcd")


@pytest.fixture(scope="module")
def model():
    """A classifier of every character, from Keras's own layers."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    H = keras.layers.Embedding(len(VOCABULARY), 8)(ids)
    H = keras.layers.LSTM(UNITS, return_sequences=True, name="lstm")(H)
    built = keras.Model(ids, keras.layers.Dense(len(VOCABULARY), name="logits")(H))
    rng = np.random.default_rng(0)
    built.set_weights([rng.normal(size=w.shape) for w in built.weights])
    return built


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("runtimes") / "model.tflite"
    litert(model, path, signatures=("serving_default", "step"), vocabulary=VOCABULARY)
    return path


def random_ids(batch, length):
    return np.random.default_rng(length).integers(0, len(VOCABULARY), (batch, length), np.int32)


def test_interpreter(model, file):
    interpreter = Interpreter(str(file))
    (position,) = (one["index"] for one in interpreter.get_input_details())
    for batch, length in ((1, 5), (3, 5), (3, 2)):
        ids = random_ids(batch, length)
        interpreter.resize_tensor_input(position, ids.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(position, ids)
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(found, model(ids), atol=1e-5)


def test_ids_outside_of_the_vocabulary(model, file):
    """Negative ones count from the end, as in Keras; the others are errors."""
    size, lite = len(VOCABULARY), LiteRTModel(file)
    found = lite.run("serving_default", ids=[[-1, -size]])["logits"]
    np.testing.assert_allclose(found, model(np.array([[size - 1, 0]])), atol=1e-5)
    for outside in (-size - 1, size):
        with pytest.raises(RuntimeError, match="gather index out of bounds"):
            lite.run("serving_default", ids=[[outside]])
        with use_plan("reference"), pytest.raises(tf.errors.InvalidArgumentError):
            model(np.array([[outside]]))


@pytest.mark.parametrize("batch, length", [(1, 1), (1, 6), (3, 4)])
def test_compiled_model_of_whole_sequences(model, file, batch, length):
    """As docs/export.md says: a model per size, and output buffers of one's own size."""
    compiled, ids = CompiledModel.from_file(str(file)), random_ids(batch, length)
    compiled.resize_input_tensor_by_name("serving_default", "ids", ids.shape)
    given = compiled.create_input_buffer_by_name("serving_default", "ids")
    given.write(ids)
    expected = np.asarray(model(ids))
    found = TensorBuffer.create_from_host_memory(np.empty_like(expected))
    compiled.run_by_name("serving_default", {"ids": given}, {"logits": found})
    values = found.read(expected.size, np.float32).reshape(expected.shape)
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_compiled_model_streams(model, file):
    """Without resizing; what came out as states goes in again without a copy."""
    compiled, names = CompiledModel.from_file(str(file)), ("lstm_h", "lstm_c")
    given = compiled.create_input_buffer_by_name("step", "ids")
    logits = compiled.create_output_buffer_by_name("step", "logits")
    states = {name: compiled.create_input_buffer_by_name("step", name) for name in names}
    following = {name: compiled.create_output_buffer_by_name("step", name) for name in names}
    for state in states.values():
        state.write(np.zeros((1, UNITS), np.float32))
    ids = random_ids(1, 6)
    expected = np.asarray(model(ids))
    for t in range(ids.shape[1]):
        given.write(ids[:, t : t + 1])
        compiled.run_by_name("step", {"ids": given, **states}, {"logits": logits, **following})
        states, following = following, states
        np.testing.assert_allclose(
            logits.read(len(VOCABULARY), np.float32), expected[0, t], atol=1e-5
        )


def test_beside_the_file_is_what_it_takes_and_gives(file):
    record = json.loads(file.with_name("model.tflite.json").read_text("utf-8"))
    assert record["quantization"] == "none"
    step = record["signatures"]["step"]
    assert step["inputs"] == {
        "ids": {"shape": [None, None], "dtype": "int32"},
        "lstm_h": {"shape": [None, UNITS], "dtype": "float32"},
        "lstm_c": {"shape": [None, UNITS], "dtype": "float32"},
    }
    assert step["outputs"] == dict.fromkeys(["logits", "lstm_h", "lstm_c"], "float32")
    assert 0 < step["max_difference"] < 1e-5
    assert LiteRTModel(file).vocabulary() == VOCABULARY


@pytest.mark.slow
def test_full_int8_is_judged_by_its_examples(model, tmp_path):
    examples = {"serving_default": [{"ids": random_ids(2, n)} for n in (4, 9, 20)]}
    options = {"examples": examples, "signatures": ("serving_default", "step")}
    report = litert(model, tmp_path / "model.tflite", "int8", tolerance=0.3, **options)
    worst = max(report.differences.values())
    assert 1e-3 < worst
    found = LiteRTModel(report.file).run("serving_default", ids=random_ids(2, 20))["logits"]
    expected = np.asarray(model(random_ids(2, 20)))
    assert np.abs(found - expected).max() <= worst + 1e-6
