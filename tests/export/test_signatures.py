"""The functions that a Keras model becomes: names, shapes, streaming, and what is refused."""

import keras
import numpy as np
import pytest

from rnn_keras import layers as own
from rnn_keras.export import litert, saved_model
from rnn_keras.export.models import Export
from rnn_keras.export.verify import expected_outputs
from rnn_keras.layers import use_plan
from tests.variants import variants

L = keras.layers


def specs(function):
    return {spec.name: tuple(spec.shape) for spec in function.input_signature}


def call(function, **inputs):
    with use_plan("reference"):
        return function.python_function(*(inputs[s.name] for s in function.input_signature))


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_names_are_those_of_the_model():
    """Keys of dictionaries, names of layers; twice the same name is numbered."""
    x, y = keras.Input((None, 3), name="x y"), keras.Input((4,), name="y")
    H, *states = L.LSTM(4, return_state=True, name="lstm")(x)
    listed = Export(keras.Model([x, y], [H, *states])).functions["serving_default"]
    assert specs(listed) == {"x_y": (None, None, 3), "y": (None, 4)}
    assert list(call(listed, x_y=normal(2, 5, 3), y=normal(2, 4))) == ["lstm", "lstm_2", "lstm_3"]

    keyed = Export(keras.Model({"y": y, "x y": x}, {"b": states[0], "a": H}))
    found = call(keyed.functions["serving_default"], x_y=normal(2, 5, 3), y=normal(2, 4))
    assert found.keys() == {"a", "b"}


def test_whole_and_step_of_a_model_with_fixed_sizes():
    """Batch and states are freed; the length is freed for `step` alone."""
    x = keras.Input((6, 3), batch_size=2, name="x")
    H = L.GRU(4, stateful=True, return_sequences=True, name="gru")(x)
    model = keras.Model(x, L.Dense(2, name="y")(H))
    model.predict(normal(2, 6, 3), batch_size=2, verbose=0)  # leaves a state behind
    carried = model.get_layer("gru").states[0].numpy()
    export = Export(model, ("serving_default", "step"))
    assert specs(export.functions["serving_default"]) == {"x": (None, 6, 3)}
    assert specs(export.functions["step"]) == {"x": (None, None, 3), "gru_h": (None, 4)}
    np.testing.assert_array_equal(model.get_layer("gru").states[0].numpy(), carried)
    assert carried.any()

    found = expected_outputs({"f": export.functions["serving_default"]},
                             {"f": export.examples["serving_default"]})["f"]  # fmt: skip
    for one, expected in zip(found, export.expected["serving_default"], strict=True):
        np.testing.assert_allclose(one["y"], expected["y"], atol=1e-6)


def test_exports_compute_in_float32():
    with_policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, L.LSTM(4, dtype=with_policy, name="y")(x))
    export = Export(model, ("serving_default", "step"))
    assert {spec.dtype.name for spec in export.functions["step"].input_signature} == {"float32"}
    y = call(export.functions["serving_default"], x=normal(2, 5, 3))["y"]
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, model(normal(2, 5, 3)), atol=5e-3)


def nested():
    x = keras.Input((None, 4))
    inner = keras.Model(x, L.GRU(5, return_sequences=True, name="r")(x))
    return [L.SimpleRNN(4, return_sequences=True, name="r"), inner]


def hierarchical():
    """A sequence of sequences: the inner one starts anew at each outer step."""
    return [L.Reshape((-1, 3, 1)), L.TimeDistributed(L.LSTM(4)), L.LSTM(5, return_sequences=True)]


def shared():
    layer = L.GRU(3, return_sequences=True, name="r")
    return [layer, layer]


STREAMS = {
    "nested": (nested, ["r_h", "r_2_h"]),
    "hierarchical": (hierarchical, None),
    "shared": (shared, ["r_h", "r_2_h"]),
    "stack of cells": (
        lambda: [L.RNN([L.LSTMCell(3), L.GRUCell(4)], return_sequences=True)], None,
    ),
    "own stack": (
        lambda: [own.DeepRNN([own.LSTM(3, name="a"), own.GRU(4, name="b")], return_sequences=True)],
        ["a_h", "a_c", "b_h"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "build, names",
    variants(STREAMS, ["own stack"]),
)
def test_pieces_are_the_whole(build, names):
    x = keras.Input((None, 3), name="x")
    y = x
    for layer in build():
        y = layer(y)
    model = keras.Model(x, L.Dense(2, name="y")(y))
    step = Export(model, ("step",)).functions["step"]
    sizes = {name: shape[1] for name, shape in specs(step).items() if name != "x"}
    assert names is None or list(sizes) == names
    X, states, pieces = (
        normal(3, 7, 3),
        {n: np.zeros((3, s), "float32") for n, s in sizes.items()},
        [],
    )
    for piece in (X[:, :1], X[:, 1:5], X[:, 5:]):
        outputs = call(step, x=piece, **states)
        pieces.append(outputs.pop("y"))
        states = outputs
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model(X), atol=1e-5)


NO_STREAMS = {
    "Bidirectional": lambda: [L.Bidirectional(L.LSTM(3))],
    "GlobalMaxPooling1D": lambda: [L.LSTM(3, return_sequences=True), L.GlobalMaxPooling1D()],
    "Conv1D": lambda: [L.Conv1D(3, 3, padding="causal"), L.LSTM(3)],
    "GRU": lambda: [L.GRU(3, go_backwards=True)],
    "Flatten": lambda: [L.LSTM(3, return_sequences=True), L.Flatten()],
}


@pytest.mark.parametrize("kind", NO_STREAMS)
def test_what_needs_the_whole_sequence_is_named(kind, tmp_path):
    layers = NO_STREAMS[kind]()
    model = keras.Sequential([keras.Input((6, 3)), *layers])
    name = next(layer.name for layer in layers if type(layer).__name__ == kind)
    with pytest.raises(ValueError, match=rf"because the layer `{name}` \({kind}\) needs the whole"):
        litert(model, tmp_path / "model.tflite", signatures=("step",))
    assert not any(tmp_path.iterdir())


def test_a_decoder_that_reads_the_encoder_does_not_stream():
    x, y = keras.Input((None, 3)), keras.Input((None, 2))
    _, state = L.GRU(4, return_state=True)(x)
    decoded = L.GRU(4, return_sequences=True, name="decoder")(y, initial_state=state)
    model = keras.Model([x, y], decoded)
    with pytest.raises(ValueError, match="because the layer `decoder`"):
        Export(model, ("step",))


def decoder():
    x, h, c = (keras.Input(s, name=n) for n, s in (("x", (None, 3)), ("h", (4,)), ("c", (4,))))
    H, *states = L.LSTM(4, return_sequences=True, return_state=True, name="decoder")(
        x, initial_state=[h, c]
    )
    return keras.Model([x, h, c], {"y": H, "new_h": states[0], "c": states[1]})


def test_inputs_that_are_states_are_the_states_of_step():
    model, start = decoder(), {"h": normal(2, 4), "c": normal(2, 4) / 2}
    whole = {"x": normal(2, 7, 3), **start}
    export = Export(model, ("serving_default", "step"), whole)
    step, states, pieces = export.functions["step"], start, []
    assert specs(step) == {"x": (None, None, 3), "h": (None, 4), "c": (None, 4)}
    for piece in (slice(0, 1), slice(1, 5), slice(5, 7)):
        outputs = call(step, x=whole["x"][:, piece], **states)
        assert outputs.keys() == {"y", "new_h", "c", "h"}
        pieces.append(outputs["y"])
        states = {name: np.asarray(outputs[name]) for name in start}
    expected = model(whole)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected["y"], atol=1e-5)
    np.testing.assert_allclose(states["h"], expected["new_h"], atol=1e-5)
    first, second = export.examples["step"][:2]
    np.testing.assert_array_equal(first["h"], start["h"])
    np.testing.assert_allclose(second["h"], model({**whole, "x": whole["x"][:, :1]})["new_h"],
                               atol=1e-5)  # fmt: skip


def test_an_input_that_is_more_than_one_state():
    """One that other layers read stays as it is; for two states it has no new value."""
    with pytest.raises(ValueError, match="same name, c: rename"):
        x, c = keras.Input((None, 3), name="x"), keras.Input((4,), name="c")
        H, h = L.GRU(4, return_sequences=True, return_state=True)(x, initial_state=c)
        Export(keras.Model([x, c], {"y": H, "c": -h}), ("step",))
    streamed = Export(keras.Model(*_read_elsewhere()), ("step",)).functions["step"]
    assert list(specs(streamed)) == ["x", "h", "gru_h"]
    x, h = keras.Input((None, 3), name="x"), keras.Input((4,), name="h")
    both = keras.Model([x, h], L.LSTM(4, name="lstm")(x, initial_state=[h, h]))
    with pytest.raises(ValueError, match="input `h` is the initial state of lstm_h, lstm_c,"):
        Export(both, ("step",))


def _read_elsewhere():
    x, h = keras.Input((None, 3), name="x"), keras.Input((4,), name="h")
    H = L.GRU(4, return_sequences=True, name="gru")(x, initial_state=h)
    return [x, h], L.Add(name="y")([H, L.Reshape((1, 4))(h)])


def test_random_examples_are_as_long_as_the_model_needs():
    layers = [L.Conv1D(4, 5, strides=2), L.MaxPooling1D(4), L.LSTM(3, name="y")]
    model = keras.Sequential([keras.Input((None, 3), name="x"), *layers])
    examples = Export(model).examples["serving_default"]
    assert [example["x"].shape for example in examples] == [(1, 20, 3), (3, 32, 3)]
    with pytest.raises(ValueError, match=r"cannot stream, because the layer .*Conv1D"):
        Export(model, ("step",))
    endless = keras.Sequential([keras.Input((None, 1)), L.Conv1D(1, 9000), L.LSTM(1)])
    with pytest.raises(ValueError, match="of up to 8192 steps: give `examples`") as caught:
        Export(endless)
    assert "\n" not in str(caught.value)


def test_examples_that_do_not_fit(tmp_path):
    x, ids = keras.Input((None, 3), name="x"), keras.Input((4,), dtype="int32", name="ids")
    model = keras.Model(
        [x, ids], L.Add()([L.LSTM(2)(x), L.Flatten()(L.Embedding(9, 2)(ids))[:, :2]])
    )
    right = {"x": normal(2, 5, 3), "ids": np.ones((2, 4), "int64")}
    (example,) = Export(model, examples=right).examples["serving_default"]
    assert {name: array.dtype for name, array in example.items()} == {
        "x": "float32",
        "ids": "int32",
    }
    for change, words in [
        ({"z": normal(2)}, "must have the inputs x, ids, got x, ids, z"),
        ({"x": normal(2, 5)}, r"x must be of shape \(2, None, 3\).*got \(2, 5\)"),
        ({"ids": np.ones((3, 4), int)}, r"ids must be of shape \(2, 4\).*got \(3, 4\)"),
        ({"x": normal(0, 5, 3), "ids": np.ones((0, 4), int)}, "at least one row"),
        ({"ids": normal(2, 4)}, "ids must be of type int32, got float32"),
    ]:
        with pytest.raises(ValueError, match=words):
            litert(model, tmp_path / "model.tflite", examples={**right, **change})
    text = keras.Input((), dtype="string", name="text")
    words = L.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)(text)
    with pytest.raises(ValueError, match="`text` is a string input, and LiteRT has no .*token ids"):
        litert(keras.Model(text, L.LSTM(2)(L.Embedding(4, 2)(words))), tmp_path / "model.tflite")
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_exported_is_said_before_anything_is_written(tmp_path):
    class Custom(keras.layers.RNN):
        pass

    x = keras.Input((None, 3))
    custom = keras.Model(x, Custom(L.GRUCell(3), name="mine")(x))
    plain = keras.Model(x, L.Dense(3)(x))
    for model, options, words in [
        (custom, {}, r"`mine` \(Custom\) cannot be converted"),
        (keras.Sequential([L.LSTM(3)], name="open"), {}, r"`open` \(Sequential\).*keras.Input"),
        (plain, {"signatures": ("step",)}, "has no recurrent layer"),
        (plain, {"signatures": ("serve",)}, "some of serving_default, step, got"),
        (plain, {"signatures": ()}, "some of serving_default, step, got"),
    ]:
        for export, target in ((litert, "model.tflite"), (saved_model, "saved_model")):
            with pytest.raises(ValueError, match=words) as caught:
                export(model, tmp_path / target, **options)
            assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="none, dynamic, float16, int8, got 'int4'"):
        litert(plain, tmp_path / "model.tflite", "int4")
    with pytest.raises(ValueError, match="give real inputs of serving_default"):
        litert(plain, tmp_path / "model.tflite", "int8")
    assert not any(tmp_path.iterdir())
