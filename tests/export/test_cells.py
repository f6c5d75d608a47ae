"""The cells that Keras does not have, as LiteRT files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.export import LiteRTModel, write_litert
from tests.export.flatbuffer import operators
from tests.layers.cases import CELLS, normal, randomise

INPUTS, UNITS = 3, 5


def signature(layer):
    spec = tf.TensorSpec([None, None, INPUTS], tf.float32, "x")
    return tf.function(lambda x: {"y": layer(x)}, input_signature=[spec], autograph=False)


@pytest.mark.slow
def test_every_cell_converts_to_builtin_operations(tmp_path):
    layers = {
        case.name: randomise(case.layer(UNITS, return_sequences=True), INPUTS) for case in CELLS
    }
    models = [keras.Sequential([keras.Input((None, INPUTS)), layer]) for layer in layers.values()]
    functions = {name: signature(layer) for name, layer in layers.items()}
    write_litert(functions, models, tmp_path / "model.tflite")
    assert "CUSTOM" not in operators(tmp_path / "model.tflite")
    litert = LiteRTModel(tmp_path / "model.tflite")
    for batch, time in ((1, 6), (3, 2)):
        x = normal(1, batch, time, INPUTS).astype("float32")
        for name, layer in layers.items():
            np.testing.assert_allclose(litert.run(name, x=x)["y"], layer(x), atol=1e-5)
