"""A separate script: TensorFlow's converter on an unchanged Keras model.

    python -m benchmarks.stock_litert MODEL.keras FILE.tflite QUANTIZATION [FILE QUANTIZATION ...]

It runs in a process of its own because the converter leaks memory and can crash.
"""

import sys
from pathlib import Path


def convert(model, quantization):
    """The bytes of the LiteRT model of a Keras model of a fixed batch and length."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantization == "dynamic":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def main(model, *files):
    """Converts to each file."""
    import keras

    model = keras.saving.load_model(model, compile=False)
    for file, quantization in zip(files[::2], files[1::2], strict=True):
        Path(file).write_bytes(convert(model, quantization))


if __name__ == "__main__":
    main(*sys.argv[1:])
