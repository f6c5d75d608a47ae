"""What docs/export.md says of the conversions that Keras and TensorFlow have themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.flatbuffer import operators

PROGRAM = """
import sys, keras, tensorflow as tf
how, file, batch, length = sys.argv[1:]
sizes = [None if n == "None" else int(n) for n in (batch, length)]
layer = keras.layers.LSTM(4, return_sequences=True)
model = keras.Sequential([keras.Input(batch_shape=(*sizes, 3)), layer])
if how == "export":
    model.export(file, format="litert", verbose=False)
else:
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    open(file, "wb").write(content)
"""


def convert(how, file, batch, length):
    command = [sys.executable, "-c", PROGRAM, how, str(file), str(batch), str(length)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("batch, length", [(None, None), (1, None), (None, 8), (1, 8)])
def test_keras_exports_flex_operations(batch, length, tmp_path):
    run = convert("export", tmp_path / "model.tflite", batch, length)
    assert run.returncode == 0, run.stderr
    assert "CUSTOM" in operators(Path(tmp_path / "model.tflite"))


@pytest.mark.slow
@pytest.mark.parametrize("batch, length, works", [(None, 8, False), (1, 8, True)])
def test_the_converter_needs_a_fixed_batch(batch, length, works, tmp_path):
    run = convert("converter", tmp_path / "model.tflite", batch, length)
    assert (run.returncode == 0) == works
    if works:
        assert "CUSTOM" not in operators(Path(tmp_path / "model.tflite"))
    else:
        assert "Lowering tensor list ops is failed" in run.stderr
