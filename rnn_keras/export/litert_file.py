"""Export to LiteRT (`.tflite`) with builtin operations only."""

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from rnn_keras.export import convert
from rnn_keras.export.exported import vocabularies
from rnn_keras.export.fixed_sizes import fix_sizes
from rnn_keras.export.litert_model import LiteRTModel, interpreter_class
from rnn_keras.export.metadata import (
    METADATA,
    Metadata,
    add_model_metadata,
    check_metadata,
    metadata_json,
)
from rnn_keras.export.micro_model import MicroModel, arena_bytes, micro_runtime
from rnn_keras.export.micro_sources import write_micro_sources
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
from rnn_keras.export.workspace import workspace
from rnn_keras.text import Vocabulary

# Allowed difference by quantization, relative to the largest value where that is above 1.
TOLERANCES = {"none": 1e-4, "dynamic": 0.1, "float16": 0.02, "int8": 0.1}


Target = Literal["mobile", "web", "micro"]
# Of int8 states a few values in a thousand differ much; what an application loses by it says more.
MICRO_TOLERANCES = {"none": 1e-4, "int8": 0.5, "int16": 0.1}


@dataclass(frozen=True)
class LiteRTReport:
    """The result of an export.

    Attributes:
        file: the file.
        bytes: its size.
        differences: the largest difference from the functions, by signature.
        arena_bytes: for the target "micro", the memory of TFLite Micro's tensor arena.
    """

    file: Path
    bytes: int
    differences: dict[str, float]
    arena_bytes: int | None = None


def write_litert(
    functions: Functions,
    trackables: Sequence[Any],
    file: str | os.PathLike,
    quantization: str = "none",
    vocabulary: Vocabulary | Mapping[str, Vocabulary] | None = None,
    *,
    target: Target = "mobile",
    batch: int = 1,
    times: Sequence[int] = (),
    examples: Examples | None = None,
    expected: Examples | None = None,
    tolerance: float | None = None,
    searches: Sequence[str] = (),
    metadata: Metadata | None = None,
) -> LiteRTReport:
    """Writes functions as the signatures of a LiteRT file, with shared weights.

    The file holds LiteRT builtins only, with dynamic batch and time where the signatures leave
    them open. It is run on examples and compared with the functions before it replaces an older
    one. Its inputs, outputs and largest differences are in `<file>.json`, next to it.

    Args:
        functions: `tf.function`s by signature name, each with an `input_signature` of named
            `TensorSpec`s, returning a dictionary of tensors; traced without AutoGraph.
        trackables: the Keras models and layers, variables and tables that they use.
        file: the file to create or replace.
        quantization: "none", "dynamic" (int8 weights), "float16" (float16 weights), or "int8"
            (int8 weights and activations; inputs and outputs stay floats), which takes its
            scales from `examples` and so needs real examples of real length; for "micro" also
            "int16" (int8 weights, int16 activations), in the same way.
        vocabulary: an `rnn_keras.text.Vocabulary` to put into the file as `vocab.txt`, where
            `LiteRTModel.vocabulary`, `zipfile` and `unzip` find it; or several, by file name.
        target: "mobile": open sizes, for LiteRT's Interpreter and CompiledModel. "web": fixed sizes
            and neither booleans nor long integers as inputs and outputs, for LiteRT.js. "micro": as
            "web" for one function, run by TFLite Micro; quantization applies to inputs and outputs
            as well. A header and a `main.cc` are written next to it.
        batch: for the other targets, the size of the first dimension where it is open.
        times: for the other targets, lengths: the sizes of the other open dimensions. With several,
            there is a signature `NAME_LENGTH` for each.
        examples: by function name, a list of inputs, dictionaries of arrays; random ones
            (`random_examples`) for the other functions.
        expected: by function name, a list of the right outputs for its examples, dictionaries of
            arrays; the outputs of the function itself for the other functions.
        tolerance: largest difference allowed, relative to the largest value where that is above
            1; None takes that of the quantization from `TOLERANCES`.
        searches: names of functions that choose one token after the other. With rounded weights a
            close choice may differ, and all tokens after it; so these functions are called but
            not compared in a quantized file.
        metadata: texts about the model by name (name, description, version, author, license), and
            the `labels` of its outputs; not for "micro". They are put into the file, as its
            `metadata.json` and as TFLite Model Metadata, with a line about each signature.

    Returns:
        A `LiteRTReport`.

    Raises:
        ValueError: for functions or a quantization that cannot be exported.
        ExportError: the conversion failed or crashed, or the values are wrong; an older file stays
            unchanged.
        ModuleNotFoundError: the extra `litert` is not installed.
    """
    interpreter_class()  # what a missing package stops, it stops before minutes of conversion
    check_functions(functions)
    check_no_strings([spec for function in functions.values() for spec in function.input_signature])
    check_quantization(quantization, functions, examples, target)
    check_metadata(metadata or {})
    if tolerance is None:
        tolerance = (MICRO_TOLERANCES if target == "micro" else TOLERANCES)[quantization]
    if target != "mobile":
        functions, examples = fix_sizes(functions, examples or {}, batch, times)
    if target == "micro":
        micro_runtime()
        if len(functions) != 1:
            raise ValueError(f"TFLite Micro runs one signature, got {', '.join(functions)}.")
    examples = with_random_examples(functions, examples)
    file = Path(file)
    with workspace(file) as folder:
        new = folder / file.name
        save_traced(functions, trackables, "litert", folder / "traced")
        save_examples(folder / "examples.npz", examples)
        run_script(
            "the conversion to LiteRT", convert,
            folder / "traced", new, target, quantization, folder / "examples.npz", *functions,
        )  # fmt: skip
        facts = {"target": target, "quantization": quantization, "tolerance": tolerance}
        if target == "micro":
            facts["arena_bytes"] = arena_bytes(new)
            model = MicroModel(new)
            sources = write_micro_sources(model, new.read_bytes(), facts["arena_bytes"], folder)
        else:
            if metadata:
                names = vocabularies(vocabulary)
                new.write_bytes(add_model_metadata(new.read_bytes(), metadata, names))
            model, sources = LiteRTModel(new), ()
        for name, each in vocabularies(vocabulary).items():
            each.save(folder / name)
            append_file(new, name, (folder / name).read_bytes())
        expected = expected_outputs(functions, examples, expected)
        if metadata and target != "micro":
            text = metadata_json(metadata, functions, expected, vocabularies(vocabulary))
            append_file(new, METADATA, text.encode())
        actual = _outputs(model, examples)
        if target == "micro":  # an int8 value is exact to a fraction of all values of its tensor
            expected, actual = _stacked(expected), _stacked(actual)
        compared = expected.keys() - (searches if quantization != "none" else ())
        differences = max_differences(
            {name: expected[name] for name in expected if name in compared},
            actual,
            tolerance,
        )
        (folder / NAME).write_text(record(functions, expected, differences, **facts), "utf-8")
        size = new.stat().st_size
        os.replace(new, file)
        os.replace(folder / NAME, file.with_name(f"{file.name}.json"))
        for source in sources:
            os.replace(source, file.with_name(source.name))
    return LiteRTReport(file, size, differences, facts.get("arena_bytes"))


def check_no_strings(inputs):
    """Refuses string inputs, which LiteRT does not support.

    Raises:
        ValueError: the message names the input.
    """
    for spec in inputs:
        if spec.dtype == "string":
            raise ValueError(
                f"`{spec.name}` is a string input, and LiteRT has no operations on strings: export "
                "a model that takes token ids, and give the vocabulary with it (`vocabulary=`, "
                "--vocabulary FILE)."
            )


def check_quantization(quantization, functions, examples, target):
    """Refuses an unknown quantization, or one that lacks examples.

    Args:
        quantization: the quantization.
        functions: the names of the functions that must have examples.
        examples: lists of inputs by function name, or None.
        target: the target.

    Raises:
        ValueError: the message names the valid choices.
    """
    if target not in get_args(Target):
        raise ValueError(f"`target` must be one of {', '.join(get_args(Target))}, got {target!r}.")
    valid = MICRO_TOLERANCES if target == "micro" else TOLERANCES
    if quantization not in valid:
        raise ValueError(
            f"`quantization` for {target} must be one of {', '.join(valid)}, got {quantization!r}."
        )
    missing = [name for name in functions if name not in (examples or {})]
    if quantization in ("int8", "int16") and missing:
        raise ValueError(
            f"`quantization` {quantization!r} takes its scales from `examples`: give real inputs "
            f"of {', '.join(missing)} (--examples FILE.npz)."
        )


def append_file(file, name, content):
    """Appends a zip archive that holds `content` under `name`; LiteRT ignores it."""
    with zipfile.ZipFile(file, "a") as archive:
        # ZipInfo's date is fixed, so that equal models are equal files.
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _outputs(model, examples):
    if model.signatures.keys() != examples.keys():
        raise ExportError(
            f"the converter kept the signatures {sorted(model.signatures)} instead of "
            f"{sorted(examples)}"
        )
    return {
        name: [_call_twice(model, name, example) for example in examples_of]
        for name, examples_of in examples.items()
    }


def _stacked(outputs):
    """The outputs of all examples, which have the same sizes, as those of one."""
    return {
        name: [{key: np.stack([one[key] for one in all_of]) for key in all_of[0]}]
        for name, all_of in outputs.items()
    }


def _call_twice(model, name, example):
    first, again = (model.run(name, **example) for _ in range(2))
    if not all(np.array_equal(first[key], again[key], equal_nan=True) for key in first):
        raise ExportError(
            f"signature {name!r} gives another result when called again with the same shapes: "
            "LiteRT needs them to be static (see docs/export.md)"
        )
    return again
