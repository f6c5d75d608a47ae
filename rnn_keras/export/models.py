"""Keras models as files: `saved_model` and `litert`."""

import os
from collections.abc import Mapping, Sequence
from itertools import count, repeat

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.export.fixed_sizes import fix_sizes
from rnn_keras.export.inference import (
    MICRO_REPLACEMENTS,
    REPLACEMENTS,
    as_functional,
    for_inference,
)
from rnn_keras.export.litert_file import (
    LiteRTReport,
    Target,
    check_no_strings,
    check_quantization,
    write_litert,
)
from rnn_keras.export.metadata import Metadata
from rnn_keras.export.reference import original_outputs
from rnn_keras.export.saved_model_folder import SavedModelReport, write_saved_model
from rnn_keras.export.signatures import serving_default, state_inputs, step
from rnn_keras.export.streamable import check_streamable, stream
from rnn_keras.export.tracing import require_tensorflow
from rnn_keras.export.verify import (
    Examples,
    Inputs,
    by_signature,
    checked_examples,
    expected_outputs,
    max_differences,
    one_line,
    random_examples,
)
from rnn_keras.interop import from_keras
from rnn_keras.text import Vocabulary

SIGNATURES = ("serving_default", "step")
# Allowed difference between the given model and the one that is traced.
REBUILT_TOLERANCE = 1e-4


def saved_model(
    model: keras.Model,
    directory: str | os.PathLike,
    *,
    signatures: Sequence[str] = ("serving_default",),
    version: int = 1,
    examples: Examples | Inputs | None = None,
    tolerance: float = 1e-4,
    metadata: Metadata | None = None,
) -> SavedModelReport:
    """Writes a Keras model as the SavedModel `<directory>/<version>/`.

    Any batch size; core operations of TensorFlow, none that requires XLA. It is reloaded in a
    process without this package, and compared with the model, before it replaces an older one.

    Args:
        model: a functional or sequential model, of Keras's own recurrent layers or of ours.
        directory: the model's folder, which holds the versions.
        signatures: signatures to write: "serving_default", the model over the whole sequence, and
            "step", for streaming: see `Export`.
        version: positive integer; an existing one is replaced.
        examples: by signature, a list of inputs, dictionaries of arrays; random ones for other
            signatures, but `step` gets pieces of those of `serving_default`. Or one dictionary
            of arrays by input name, an example of `serving_default`.
        tolerance: largest difference allowed, relative to the largest value where that is above 1.
        metadata: texts about the model: see `write_saved_model`.

    Returns:
        A `SavedModelReport`.

    Raises:
        ValueError: the model, or an argument, cannot be exported.
        ExportError: the graph or its values are wrong; an older version stays unchanged.
    """
    export = Export(model, signatures, examples)
    return write_saved_model(
        export.functions, [export.model], directory, version=version, tolerance=tolerance,
        examples=export.examples, expected=export.expected, metadata=metadata,
    )  # fmt: skip


def litert(
    model: keras.Model,
    file: str | os.PathLike,
    quantization: str = "none",
    signatures: Sequence[str] | None = None,
    vocabulary: Vocabulary | Mapping[str, Vocabulary] | None = None,
    *,
    target: Target = "mobile",
    batch: int = 1,
    times: Sequence[int] = (),
    examples: Examples | Inputs | None = None,
    tolerance: float | None = None,
    metadata: Metadata | None = None,
) -> LiteRTReport:
    """Writes a Keras model as a LiteRT file.

    Builtin operations only. It is run and compared with the model before it replaces an older one.

    Args:
        model: a functional or sequential model, of Keras's own recurrent layers or of ours.
        file: the file to create or replace.
        quantization: "none", "dynamic" (int8 weights), "float16" (float16 weights), or "int8"
            (int8 weights and activations; inputs and outputs stay floats), which takes its
            scales from `examples` and so needs real examples of real length; for "micro" also
            "int16" (int8 weights, int16 activations), in the same way.
        signatures: signatures to write: "serving_default", the model over the whole sequence, and
            "step", for streaming: see `Export`. They share the weights. None is the first, and
            for microcontrollers the second.
        vocabulary: an `rnn_keras.text.Vocabulary` to put into the file.
        target: "mobile": any batch size, and any length where the model leaves it open. "web", for
            LiteRT.js: fixed sizes, and inputs and outputs of float32 and int32. "micro", for TFLite
            Micro: `step` for one time step, with a C++ header and a sketch of a program next to
            the file; quantization applies to inputs, outputs and states as well.
        batch: for the other targets, the batch size.
        times: for "web", the length of a sequence; with several, there is a signature
            `serving_default_LENGTH` for each. `step` takes one time step.
        examples: by signature, a list of inputs, dictionaries of arrays; random ones for other
            signatures, but `step` gets pieces of those of `serving_default`. Or one dictionary
            of arrays by input name, an example of `serving_default`.
        tolerance: largest difference allowed, relative to the largest value where that is above
            1; None takes that of the quantization.
        metadata: texts about the model: see `write_litert`.

    Returns:
        A `LiteRTReport`.

    Raises:
        ValueError: the model, or an argument, cannot be exported.
        ExportError: the conversion failed or crashed, or the values are wrong; an older file stays
            unchanged.
    """
    check_no_strings(as_functional(model).inputs)
    if signatures is None:
        signatures = ("step",) if target == "micro" else ("serving_default",)
    if target == "micro" and tuple(signatures) != ("step",):
        raise ValueError("TFLite Micro runs one time step: give the signature `step` only.")
    given = by_signature(examples)  # those of `step` are derived from those of `serving_default`
    needed = () if "serving_default" in given else signatures[:1]
    check_quantization(quantization, needed, given, target)
    export = Export(model, signatures, examples, target, batch, times)
    return write_litert(
        export.functions, [export.model], file, quantization, vocabulary, target=target,
        tolerance=tolerance, examples=export.examples, expected=export.expected,
    )  # fmt: skip


class Export:
    """A Keras model prepared for export: its signatures, examples and expected outputs.

    Args:
        model: a functional or sequential model.
        signatures: names from `SIGNATURES`.
        examples: as in `litert`.
        target, batch, times: as in `litert`.

    Attributes:
        model: the model that is traced: on layers of this package, without `stateful`, for any
            batch size, in float32.
        functions: by signature, the `tf.function`. `serving_default` takes the inputs of the
            model and returns its outputs, under the keys of dictionaries or the names of the input
            and output layers. `step` takes the next time steps, one or more, and the state of
            every recurrent layer, `(batch, units)`, named `LAYER_h` and for an LSTM also
            `LAYER_c`; it returns the outputs and, under the same names, the new states. The
            states before the first step are zeros.
        examples: by signature, lists of inputs.
        expected: the original model's outputs for those of `serving_default`, if it computes in
            float32.

    Raises:
        ValueError: the model cannot be exported, or cannot stream; the message names the layer.
        ExportError: on these layers the model gives other results than before.
    """

    def __init__(
        self,
        model,
        signatures=("serving_default",),
        examples=None,
        target="mobile",
        batch=1,
        times=(),
    ):
        if not signatures or set(signatures) - set(SIGNATURES):
            raise ValueError(
                f"`signatures` must be some of {', '.join(SIGNATURES)}, got {signatures!r}."
            )
        require_tensorflow()
        original = as_functional(model)
        replacements = MICRO_REPLACEMENTS if target == "micro" else REPLACEMENTS
        self.model = for_inference(from_keras(original), "step" in signatures, replacements)
        below = _id_bound(self.model)
        functions = {"serving_default": serving_default(self.model, original)}
        examples = by_signature(examples)
        if unknown := set(examples) - set(SIGNATURES):
            raise ValueError(f"`examples` are for signatures there are not: {', '.join(unknown)}.")
        examples = checked_examples(examples, functions)
        if "step" in signatures:
            check_streamable(self.model, below)
            functions["step"] = step(self.model, original)
            examples = checked_examples(examples, {"step": functions["step"]})
            if "serving_default" in examples and "step" not in examples:
                sizes = count(1) if target == "mobile" else repeat(1)
                examples["step"] = _split_steps(
                    self.model, functions, examples["serving_default"], sizes
                )
        self.functions = {name: functions[name] for name in signatures}
        if target != "mobile":
            self.functions, fitted = _fix(self.functions, examples, batch, times)
            examples |= fitted
        whole = {name: function for name, function in self.functions.items() if name != "step"}
        whole = whole or {"serving_default": functions["serving_default"]}
        for name, function in (self.functions | whole).items():
            if name not in examples:
                examples[name] = random_examples(function, below=below)
        expected = _reference(original, whole, examples)
        self.examples = {name: examples[name] for name in self.functions}
        self.expected = {name: expected[name] for name in self.functions if name in expected}


def _fix(functions, examples, batch, times):
    """The functions, and what examples they have, in fixed sizes; `step` for one time step."""
    fixed, fitted = {}, {}
    for name, function in functions.items():
        given = {name: examples[name]} if name in examples else {}
        lengths = (1,) if name == "step" else times
        both = fix_sizes({name: function}, given, batch, lengths)
        for target, new in zip((fixed, fitted), both):
            target |= new
    return fixed, fitted


def _split_steps(model, functions, examples, sizes):
    """Pieces of the examples of the whole sequence, with the model's states before each piece."""
    names = [spec.name for spec in functions["serving_default"].input_signature]
    renamed = state_inputs(model, names)
    return [
        dict(zip(names, piece))
        | {renamed.get(name, name): np.asarray(state) for name, state in states.items()}
        for example in examples
        for piece, states, _ in stream(model, [example[name] for name in names], sizes)
    ]


def _reference(original, functions, examples):
    """The original model's outputs by function, if float32; the functions must give the same."""
    dtypes = {layer.compute_dtype for layer in original._flatten_layers()}
    if dtypes & {"float16", "bfloat16", "float64"}:
        return {}
    names = [spec.name for spec in next(iter(functions.values())).input_signature]
    try:
        expected = {
            name: [
                original_outputs(original, [example[name] for name in names])
                for example in examples[name]
            ]
            for name in functions
        }
    except (ValueError, tf.errors.OpError) as error:
        raise ValueError(f"the model does not run on `examples`: {one_line(error)}") from error
    actual = expected_outputs(functions, examples)
    max_differences(expected, actual, REBUILT_TOLERANCE)
    return expected


def _id_bound(model):
    """The upper bound of ids: the size of the smallest vocabulary that may look them up."""
    sizes = [x.input_dim for x in model._flatten_layers() if isinstance(x, keras.layers.Embedding)]
    return min(sizes, default=2)
