"""Keras models as ONNX files, with recurrent layers as ONNX's own operators."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from rnn_keras.export.exported import vocabularies
from rnn_keras.export.models import Export
from rnn_keras.export.onnx_graph import Graph
from rnn_keras.export.onnx_layers import convert_model
from rnn_keras.export.onnx_model import NEXT, SIGNATURE, ONNXModel
from rnn_keras.export.record import NAME, record
from rnn_keras.export.signatures import tensor_names
from rnn_keras.export.verify import (
    Examples,
    Inputs,
    by_signature,
    expected_outputs,
    max_differences,
)
from rnn_keras.export.workspace import workspace
from rnn_keras.text import Vocabulary

TOLERANCE = 1e-4


@dataclass(frozen=True)
class ONNXReport:
    """What was written.

    Attributes:
        file: the file.
        bytes: its size.
        differences: the largest difference from the model, by signature.
    """

    file: Path
    bytes: int
    differences: Mapping[str, float]


def onnx(
    model: keras.Model,
    file: str | os.PathLike,
    signature: str = "serving_default",
    vocabulary: Vocabulary | Mapping[str, Vocabulary] | None = None,
    *,
    examples: Examples | Inputs | None = None,
    tolerance: float = TOLERANCE,
) -> ONNXReport:
    """Writes a Keras model as an ONNX file, for any batch size, and length if it is open.

    VanillaRNN, GRU (both variants) and LSTM, also bidirectional and stacked, become ONNX's
    operators RNN, GRU and LSTM. They take lengths in place of a mask, so padding must be at the end
    of a sequence. onnxruntime runs the file, and it is compared with the model, before it
    replaces an older one.

    Args:
        model: a functional or sequential model, of Keras's own recurrent layers or of ours.
        file: the file to create or replace.
        signature: "serving_default", the model over the whole sequence, or "step", for streaming;
            see `Export`. A file holds one. The new states of `step` are called `next_LAYER_h`, as
            ONNX has no output with the name of an input; `ONNXModel` gives them as `LAYER_h`.
        vocabulary: an `rnn_keras.text.Vocabulary` to put into the file, as metadata `vocab.txt`;
            or several, by name.
        examples: as in `litert`; padded at the end.
        tolerance: largest difference allowed, relative to the largest value where that is above 1.

    Returns:
        An `ONNXReport`.

    Raises:
        ValueError: a layer has no conversion, or an argument is wrong; the message names it.
        ExportError: the values are wrong; an older file stays unchanged.
        ModuleNotFoundError: the extra `onnx` is not installed.
    """
    export = Export(model, (signature,), examples)
    if not examples and any(getattr(x, "mask_zero", False) for x in export.model._flatten_layers()):
        whole = Export(model, ("serving_default",)).examples["serving_default"]
        padded = {"serving_default": [_pad_at_the_end(example) for example in whole]}
        export = Export(model, (signature,), by_signature(padded))
    expected = expected_outputs(export.functions, export.examples, export.expected)
    file = Path(file)
    with workspace(file) as folder:
        new, texts = folder / file.name, {}
        for name, each in vocabularies(vocabulary).items():
            each.save(folder / name)
            texts[name] = (folder / name).read_text("utf-8")
        new.write_bytes(_content(export, signature, texts))
        found = ONNXModel(new)
        actual = {
            name: [found.run(name, **example) for example in examples_of]
            for name, examples_of in export.examples.items()
        }
        differences = max_differences(expected, actual, tolerance)
        (folder / NAME).write_text(
            record(export.functions, expected, differences, target="onnx", tolerance=tolerance),
            "utf-8",
        )
        size = new.stat().st_size
        os.replace(new, file)
        os.replace(folder / NAME, file.with_name(f"{file.name}.json"))
    return ONNXReport(file, size, differences)


def _content(export, signature, texts):
    """The bytes of the file; `texts` are metadata by name."""
    graph, function = Graph(), export.functions[signature]
    values = [graph.add_input(spec) for spec in function.input_signature]
    inputs, states = values[: len(export.model.inputs)], values[len(export.model.inputs) :]
    graph.initial_states = {value.name: value.name for value in states}
    outputs = convert_model(export.model, graph, inputs)
    names = {name: y.name for name, y in zip(tensor_names(export.model.output), outputs)}
    for name, tensor in function.get_concrete_function().structured_outputs.items():
        value, output = names.get(name), name
        if value is None:
            value, output = graph.final_states[name], NEXT + name
        graph.add_output(output, value, tensor.dtype.name, tensor.shape)
    metadata = {SIGNATURE: signature, **texts}
    return graph.model(export.model.name, metadata).SerializeToString()


def _pad_at_the_end(example):
    """Ids without padding but at the end, at which half of the rows have some."""
    padded = {}
    for name, x in example.items():
        if x.dtype.kind == "i" and x.ndim == 2:
            x = np.where(x == 0, 1, x).astype(x.dtype)
            x[::2, (x.shape[1] + 1) // 2 :] = 0
        padded[name] = x
    return padded
