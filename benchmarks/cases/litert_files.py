"""The files that `benchmarks.litert` compares: ours, stock, and the streaming ones."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.char_lm.config import CharLMConfig
from apps.char_lm.graph import CharLMGraph
from apps.char_lm.model import build as build_char_lm
from apps.common.environment import import_tensorflow
from benchmarks.cases.litert import INPUTS, LAYERS, OUTPUTS, QUANTIZATIONS, TIME
from benchmarks.measure.runtime import new_process
from rnn_keras import export
from rnn_keras.text import Vocabulary


def build(layer: str, units: int, output: str, batch: int | None, time: int | None) -> keras.Model:
    """A model of one recurrent layer of Keras; None leaves batch or time open."""
    name, options = LAYERS[layer]
    options = {"return_sequences": output == "sequences", "name": "y", **options}
    inputs = keras.Input(batch_shape=(batch, time, INPUTS), name="x")
    return keras.Sequential([inputs, getattr(keras.layers, name)(units, **options)])


def whole_sequence(layer: str, units: int, output: str, folder: Path) -> tuple:
    """Files of both sides in their quantizations.

    Args:
        layer: one of `LAYERS`.
        units: its size.
        output: one of `OUTPUTS`.
        folder: where to write the files.

    Returns:
        The files by name, "ours none", ..., an input, and the Keras model's output for it.
    """
    keras.utils.set_random_seed(0)
    model = build(layer, units, output, None, None)
    stock = build(layer, units, output, 1, TIME)  # the only form that stock conversion takes
    stock.set_weights(model.get_weights())
    stock.save(folder / "stock.keras")
    rng = np.random.default_rng(0)
    examples = [{"x": rng.standard_normal((2, t, INPUTS), np.float32)} for t in (TIME, TIME // 2)]
    files = {f"ours {q}": folder / f"ours_{q}.tflite" for q in OUTPUTS[output]}
    files |= {f"stock {q}": folder / f"stock_{q}.tflite" for q in QUANTIZATIONS}
    for quantization in OUTPUTS[output]:
        export.litert(
            model, files[f"ours {quantization}"], quantization,
            examples={"serving_default": examples}, tolerance=1,
        )  # fmt: skip
    # In a process of its own, because the converter leaks memory and can crash.
    with new_process(import_tensorflow) as process:
        stock_files = {q: files[f"stock {q}"] for q in QUANTIZATIONS}
        process.submit(convert_stock, folder / "stock.keras", stock_files).result()
    x = rng.standard_normal((1, TIME, INPUTS), np.float32)
    return files, x, model(x).numpy()


def convert_stock(file: Path, targets: dict[str, Path]) -> None:
    """Converts the Keras model in `file` by TensorFlow's converter alone.

    Args:
        file: a model of a fixed batch and length.
        targets: by quantization, the file to write.
    """
    keras.config.disable_interactive_logging()  # of the export, on stdout
    model = keras.saving.load_model(file, compile=False)
    for quantization, target in targets.items():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if quantization == "dynamic":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        target.write_bytes(converter.convert())


def caller(file: Path, threads: int, **inputs: np.ndarray) -> Callable:
    """A function that runs the only signature of a file on the same inputs again.

    Its other inputs are states: zeros at first, then what the last call returned.
    """
    model = export.LiteRTModel(file, threads)
    ((name, shapes),) = model.signatures.items()
    states = {
        state: np.zeros((1, shape[1]), np.float32)
        for state, (shape, _) in shapes.items()
        if state not in inputs
    }

    def run():
        outputs = model.run(name, **inputs, **states)
        states.update({state: outputs[state] for state in states})
        return next(iter(outputs.values()))

    return run


def streaming(units: int, vocabulary: int, folder: Path, threads: int) -> dict[str, Callable]:
    """One character of a char LM at a time: the `step` of the application, for one character, and
    the `step` of `export.litert`, for any number.

    Returns:
        By name, functions that read the same character again, from the states of the last call.
    """
    keras.utils.set_random_seed(0)
    tokens = Vocabulary.from_tokens([chr(33 + i) for i in range(vocabulary - 1)])
    config = CharLMConfig(cell="lstm", units=units, layers=1)
    graph = CharLMGraph(config, build_char_lm(config, vocabulary), tokens)
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(vocabulary, config.embedding)(ids)
    hidden = keras.layers.LSTM(units, return_sequences=True)(hidden)
    model = keras.Model(ids, keras.layers.Dense(vocabulary, name="logits")(hidden))
    one = np.zeros(1, np.int32)
    calls = {}
    for quantization in QUANTIZATIONS:
        file = folder / "model.tflite"
        export.write_litert(
            {"step": graph.litert["step"]}, [graph.streaming], file, quantization,
            examples={"step": graph.examples()["step"]},
        )  # fmt: skip
        calls[f"char LM {quantization}"] = caller(file, threads, ids=one)
        export.litert(model, file, quantization, ["step"])
        calls[f"any length {quantization}"] = caller(file, threads, ids=one[None])
    return calls
