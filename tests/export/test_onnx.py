"""Keras models as ONNX files, run by onnxruntime and OpenVINO."""

import keras
import numpy as np
import pytest

from rnn_keras import export
from rnn_keras import layers as own
from rnn_keras.export.__main__ import main
from rnn_keras.text import Vocabulary
from tests.export import cases

pytest.importorskip("onnxruntime")
INPUTS, UNITS = 3, 4
QUICK = {("gru_reset_after", "bidirectional"), ("own_gru", "stacked")}


def products():
    for kind in cases.KINDS:
        for form in cases.FORMS:
            marks = [] if (kind, form) in QUICK else pytest.mark.slow
            yield pytest.param(kind, form, marks=marks)


@pytest.mark.parametrize("kind, form", list(products()))
def test_every_form_of_a_layer(kind, form, tmp_path):
    """The export itself compares every value; here a batch and a length that it had not seen."""
    model = cases.build(kind, form)
    for signature in cases.signatures(form):
        report = export.onnx(model, tmp_path / f"{signature}.onnx", signature)
        assert 0 <= report.differences[signature] < 1e-5
    x = cases.inputs(form, 4, 7)
    if form == "masked":
        x = -np.sort(-x, axis=1)  # zeros, which are padding, last
    whole = export.load(tmp_path / "serving_default.onnx")
    expected = np.asarray(cases.build(kind, form, stateful=False)(x))
    np.testing.assert_allclose(whole.run("serving_default", x=x)["y"], expected, atol=1e-5)
    if "step" not in cases.signatures(form) or form == "masked":
        return
    step = export.load(tmp_path / "step.onnx")
    inputs = step.signatures["step"]
    states = {n: np.zeros((4, shape[1]), "float32") for n, (shape, _) in inputs.items() if n != "x"}
    outputs = []
    for piece in np.split(x, [1, 4], axis=1):
        results = step.run("step", x=piece, **states)
        states = {name: results[name] for name in states}
        outputs.append(results["y"])
    streamed = np.concatenate(outputs, axis=1) if outputs[0].ndim == 3 else outputs[-1]
    np.testing.assert_allclose(streamed, expected, atol=1e-5)


class Doubling(keras.layers.Layer):
    """A layer with a loop of its own."""

    def call(self, x):
        return keras.ops.fori_loop(0, 2, lambda _, y: 2 * y, x)


class Encoder(keras.layers.Layer):
    """A layer that holds a recurrent one, and reads its final states."""

    def __init__(self, **options):
        super().__init__(**options)
        self.rnn = own.LSTM(UNITS, return_state=True)
        self.cell = own.GRUCell(UNITS)

    def build(self, shape):
        self.rnn.build(shape)
        self.cell.build((None, UNITS))

    def call(self, x, mask=None):
        h, _, c = self.rnn(x, mask=mask)
        return self.cell(h, [keras.ops.tanh(c)])[0]

    def get_config(self):
        return super().get_config()


def masked_model():
    """A mask through both directions, a state from outside, a layer that runs backwards."""
    x = keras.Input((None, INPUTS), name="x")
    start = keras.Input((UNITS,), name="start")
    H = keras.layers.Masking(mask_value=0.5)(x)
    H = own.Bidirectional(own.LSTM(UNITS, return_sequences=True), merge_mode="ave")(H)
    options = {"activation": "relu", "recurrent_activation": "hard_sigmoid"}
    H, state = own.GRU(UNITS, return_sequences=True, return_state=True, **options)(
        keras.layers.LayerNormalization()(H), initial_state=start
    )
    back = own.VanillaRNN(UNITS, activation="softsign", go_backwards=True, return_sequences=True)
    return random_weights(keras.Model([x, start], {"H": H, "state": state, "back": back(H)}))


def feedforward_model():
    x = keras.Input((None, INPUTS), name="x")
    inner = [
        keras.Input((None, INPUTS)),
        keras.layers.Dense(5, "softplus"),
        keras.layers.Dropout(0.5),
    ]
    H = own.VanillaRNN(UNITS, return_sequences=True)(keras.Sequential(inner)(x))
    H = keras.layers.BatchNormalization()(keras.layers.Conv1D(6, 3, padding="causal")(H))
    pooled = [keras.layers.GlobalMaxPooling1D()(H), keras.layers.GlobalAveragePooling1D()(H)]
    merges = keras.layers.Add, keras.layers.Average, keras.layers.Maximum, keras.layers.Minimum
    repeated = keras.layers.RepeatVector(2)(keras.layers.ReLU()(pooled[0]))
    joined = [keras.layers.Softmax()(pooled[1]), keras.layers.Flatten()(repeated)]
    joined = keras.layers.Concatenate()([*joined, *(merge()(pooled) for merge in merges)])
    return random_weights(keras.Model(x, keras.layers.Dense(2, "softmax", name="y")(joined)))


def random_weights(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) ** 2 / w.shape[0] ** 0.5 for w in model.weights])
    return model


def test_masks_and_states_from_outside(tmp_path):
    rng = np.random.default_rng(0)
    x, start = (rng.normal(size=n).astype("float32") for n in ((3, 6, INPUTS), (3, UNITS)))
    x[1, 4:] = x[2] = 0.5
    report = export.onnx(masked_model(), tmp_path / "a.onnx", examples={"x": x, "start": start})
    assert report.differences["serving_default"] < 1e-5


def test_other_layers_and_a_vocabulary(tmp_path):
    vocabulary = Vocabulary.from_tokens("ab\n\\é😀")
    file = tmp_path / "model.onnx"
    report = export.onnx(feedforward_model(), file, vocabulary=vocabulary)
    assert report.differences["serving_default"] < 1e-5
    assert export.load(file).vocabulary().tokens == vocabulary.tokens


@pytest.mark.slow
def test_attention_and_layers_that_hold_others(tmp_path):
    x = keras.Input((None, INPUTS), name="x")
    H = keras.layers.MultiHeadAttention(2, 4)(H := own.LSTM(6, return_sequences=True)(x), H)
    model = random_weights(keras.Model(x, Encoder(name="y")(H)))
    report = export.onnx(model, tmp_path / "model.onnx")
    assert report.differences["serving_default"] < 1e-5


def test_openvino_reads_the_file(tmp_path):
    openvino = pytest.importorskip("openvino")
    model, file = cases.build("own_gru", "sequences"), tmp_path / "model.onnx"
    export.onnx(model, file)
    x = cases.inputs("sequences", 2, 6)
    (y,) = openvino.compile_model(str(file), "CPU")({"x": x}).values()
    np.testing.assert_allclose(y, model(x), atol=1e-4)


@pytest.mark.parametrize(
    "layer, words",
    [
        (own.LayerNormLSTM(UNITS, name="r"), "`r` .LayerNormLSTM. has no ONNX operator"),
        (own.GRU(UNITS, zoneout=0.1, name="r"), "`r` has zoneout"),
        (own.LSTM(UNITS, activation="mish", name="r"), "`r` has the activation mish"),
        (Doubling(name="r"), "`r` .Doubling. needs"),
    ],
)
def test_what_onnx_lacks_is_named(layer, words, tmp_path):
    model = keras.Sequential([keras.Input((None, INPUTS)), layer])
    with pytest.raises(ValueError, match=words):
        export.onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, capsys):
    x = keras.Input((None, INPUTS), name="x")
    model = keras.Model(x, keras.layers.LSTM(UNITS, name="r")(x))
    model.save(tmp_path / "model.keras")
    main(
        [str(tmp_path / "model.keras"), "--onnx", str(tmp_path / "a.onnx"), "--signatures", "step"]
    )
    assert "largest difference from the Keras model: step" in capsys.readouterr().out
    assert {*export.load(tmp_path / "a.onnx").signatures["step"]} == {"x", "r_h", "r_c"}
    with pytest.raises(SystemExit):
        main(
            [
                str(tmp_path / "model.keras"),
                "--onnx",
                "b",
                "--signatures",
                "step",
                "serving_default",
            ]
        )
    assert "one signature" in capsys.readouterr().err
