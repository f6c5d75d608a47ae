"""The files that `benchmarks.litert` compares: ours, stock, and the streaming ones."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from apps.char_lm.config import CharLMConfig
from apps.char_lm.graph import CharLMGraph
from apps.char_lm.model import build as build_char_lm
from benchmarks.litert_cases import INPUTS, LAYERS, OUTPUTS, QUANTIZATIONS, TIME
from rnn_keras import export
from rnn_keras.text import Vocabulary


def build(layer: str, units: int, output: str, *, fixed: bool) -> keras.Model:
    """A model of one recurrent layer of Keras.

    Args:
        layer: one of `LAYERS`.
        units: its size.
        output: "sequences" or "last".
        fixed: whether batch and length are fixed to 1 and `TIME`, as stock conversion requires, or
            open.
    """
    name, options = LAYERS[layer]
    recurrent = getattr(keras.layers, name)(
        units, return_sequences=output == "sequences", name="y", **options
    )
    shape = (1, TIME, INPUTS) if fixed else (None, None, INPUTS)
    return keras.Sequential([keras.Input(batch_shape=shape, name="x"), recurrent])


def whole_sequence(layer: str, units: int, output: str, folder: Path) -> tuple:
    """Both sides in their quantizations.

    Returns:
        The files by name, "ours none", ..., an input, and the Keras model's output for it.

    Raises:
        RuntimeError: the stock conversion failed; with the end of its output.
    """
    keras.utils.set_random_seed(0)
    model = build(layer, units, output, fixed=False)
    stock = build(layer, units, output, fixed=True)
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
    theirs = [part for q in QUANTIZATIONS for part in (files[f"stock {q}"], q)]
    command = [sys.executable, "-m", "benchmarks.stock_litert", folder / "stock.keras", *theirs]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"stock conversion failed: {run.stderr[-500:]}")
    x = rng.standard_normal((1, TIME, INPUTS), np.float32)
    return files, x, model(x).numpy()


def caller(file: Path, x, threads: int) -> Callable:
    """A function that runs the only signature of a file on its only input."""
    model = export.LiteRTModel(file, threads)
    ((name, inputs),) = model.signatures.items()
    (argument,) = inputs
    return lambda: next(iter(model.run(name, **{argument: x}).values()))


def streaming(units: int, vocabulary_size: int, folder: Path, threads: int) -> dict[str, Callable]:
    """One character of a char LM at a time: the `step` of the application, for one character, and
    the `step` of `export.litert`, for any number.

    Returns:
        By name, functions that read the same character again, from the states of the last call.
    """
    keras.utils.set_random_seed(0)
    vocabulary = Vocabulary.from_tokens([chr(33 + i) for i in range(vocabulary_size - 1)])
    config = CharLMConfig(cell="lstm", units=units, layers=1)
    graph = CharLMGraph(config, build_char_lm(config, len(vocabulary)), vocabulary)
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(len(vocabulary), config.embedding)(ids)
    hidden = keras.layers.LSTM(units, return_sequences=True)(hidden)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary), name="logits")(hidden))
    one = np.zeros(1, np.int32)
    calls = {}
    for quantization in QUANTIZATIONS:
        file = folder / "model.tflite"
        export.write_litert(
            {"step": graph.litert["step"]}, [graph.streaming], file, quantization,
            examples={"step": graph.examples()["step"]},
        )  # fmt: skip
        calls[f"char LM {quantization}"] = streaming_caller(file, one, threads)
        export.litert(model, file, quantization, ["step"])
        calls[f"any length {quantization}"] = streaming_caller(file, one[None], threads)
    return calls


def streaming_caller(file: Path, ids, threads: int) -> Callable:
    """A function that runs `step` on the same ids again, from the states of the last call."""
    model = export.LiteRTModel(file, threads)
    states = {
        name: np.zeros((1, shape[1]), np.float32)
        for name, (shape, _) in model.signatures["step"].items()
        if name != "ids"
    }

    def run():
        outputs = model.run("step", ids=ids, **states)
        states.update({name: outputs[name] for name in states})

    return run
