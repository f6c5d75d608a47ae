"""Export to TensorFlow's SavedModel, in the layout of TensorFlow Serving."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from rnn_keras.export import replay
from rnn_keras.export.exported import EXTRA, vocabularies
from rnn_keras.export.metadata import METADATA, Metadata, check_metadata, metadata_json
from rnn_keras.export.record import NAME, record
from rnn_keras.export.subprocess_runner import run_script
from rnn_keras.export.tracing import check_functions, save_traced
from rnn_keras.export.verify import (
    Examples,
    ExportError,
    Functions,
    expected_outputs,
    max_differences,
    save_examples,
    with_random_examples,
)
from rnn_keras.export.workspace import replace_folder, workspace
from rnn_keras.text import Vocabulary


@dataclass(frozen=True)
class SavedModelReport:
    """The result of an export: folder, size, and largest difference by signature."""

    directory: Path
    bytes: int
    differences: dict[str, float]


def write_saved_model(
    functions: Functions,
    trackables: Sequence[Any],
    directory: str | os.PathLike,
    *,
    version: int = 1,
    vocabulary: Vocabulary | Mapping[str, Vocabulary] | None = None,
    examples: Examples | None = None,
    expected: Examples | None = None,
    tolerance: float = 1e-4,
    metadata: Metadata | None = None,
) -> SavedModelReport:
    """Writes functions as the signatures of `<directory>/<version>/`.

    The graph holds operations of core TensorFlow only and nothing that requires XLA. It is
    reloaded in a fresh process without this package, run on examples, and compared with the
    functions, before it replaces an older one. Its inputs, outputs and largest differences are in
    `assets.extra/export.json`.

    Args:
        functions: `tf.function`s by signature name, each with an `input_signature` of named
            `TensorSpec`s, returning a dictionary of tensors; traced without AutoGraph. The first
            one is `serving_default` too.
        trackables: the Keras models and layers, variables and tables that they use.
        directory: the model's folder, which holds the versions.
        version: positive integer; an existing one is replaced.
        vocabulary: an `rnn_keras.text.Vocabulary` to put into `assets.extra` as `vocab.txt`, where
            `load(directory).vocabulary()` finds it; or several, by file name.
        examples: by function name, a list of inputs, dictionaries of arrays; random ones
            (`random_examples`) for the other functions.
        expected: by function name, a list of the right outputs for its examples, dictionaries of
            arrays; the outputs of the function itself for the other functions.
        tolerance: largest difference allowed, relative to the largest value where that is above 1.
        metadata: texts about the model by name (name, description, version, author, license), and
            the `labels` of its outputs; for `assets.extra/metadata.json`, with a line about each
            signature.

    Returns:
        A `SavedModelReport`.

    Raises:
        ValueError: for functions or a version that cannot be exported.
        ExportError: the graph or its values are wrong; an older version stays unchanged.
    """
    check_functions(functions)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ValueError(f"`version` must be a positive integer, got {version!r}.")
    check_metadata(metadata or {})
    examples = with_random_examples(functions, examples)
    target = Path(directory) / str(version)
    with workspace(target) as folder:
        new = folder / "new"
        save_traced(functions, trackables, "graph", new, default=next(iter(functions)))
        check_graph(new)
        actual = replay_outputs(new, examples, folder)
        expected = expected_outputs(functions, examples, expected)
        differences = max_differences(expected, actual, tolerance)
        (new / EXTRA).mkdir()
        for name, each in vocabularies(vocabulary).items():
            each.save(new / EXTRA / name)
        if metadata:
            text = metadata_json(metadata, functions, expected, vocabularies(vocabulary))
            (new / EXTRA / METADATA).write_text(text, "utf-8")
        facts = record(functions, expected, differences, tolerance=tolerance)
        (new / EXTRA / NAME).write_text(facts, "utf-8")
        replace_folder(new, target, folder)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    return SavedModelReport(target, size, differences)


def check_graph(directory):
    """Refuses a SavedModel that stock TensorFlow Serving may be unable to run.

    Raises:
        ExportError: it holds an operation that is not of core TensorFlow, or a function that
            must be compiled by XLA; the message names them.
    """
    saved = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    core = {name for name in dir(tf.raw_ops) if not name.startswith("Xla")}
    foreign, compiled = set(), set()
    for meta_graph in saved.meta_graphs:
        functions = meta_graph.graph_def.library.function
        nodes = list(meta_graph.graph_def.node)
        known = core | {function.signature.name for function in functions}
        for function in functions:
            nodes += function.node_def
            if function.attr["_XlaMustCompile"].b:
                compiled.add(function.signature.name)
        foreign |= {node.op for node in nodes} - known
        compiled |= {node.name for node in nodes if node.attr["_XlaMustCompile"].b}
    if foreign:
        raise ExportError(
            f"the graph holds operations outside core TensorFlow: {', '.join(sorted(foreign))}"
        )
    if compiled:
        raise ExportError(
            f"the graph holds functions that demand XLA (jit_compile=True): "
            f"{', '.join(sorted(compiled))}"
        )


def replay_outputs(directory, examples, folder):
    """The outputs of a SavedModel's signatures in a fresh process without this package.

    Args:
        directory: the SavedModel.
        examples: lists of dictionaries of arrays by signature name.
        folder: folder for temporary files.

    Returns:
        Lists of dictionaries of arrays by signature name.

    Raises:
        ExportError: it does not load or run.
    """
    inputs, outputs = folder / "inputs.npz", folder / "outputs.npz"
    save_examples(inputs, examples)
    run_script("reloading the SavedModel", replay, directory, inputs, outputs)
    results = {name: [{} for _ in inputs_of] for name, inputs_of in examples.items()}
    with np.load(outputs) as saved:
        for key in saved.files:
            name, i, output = key.split("/")
            results[name][int(i)][output] = saved[key]
    return results
