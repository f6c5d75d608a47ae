"""A separate script: converts a SavedModel to LiteRT with builtin operations only.

    python convert.py SAVED_MODEL FILE TARGET QUANTIZATION EXAMPLES.npz SIGNATURE...

It runs in a process of its own because the converter leaks memory and can crash. The reason of a
failure goes to stdout, in one line.
"""

import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import tensorflow as tf

# Quantizations of all values: the set of operations, and the type of the activations.
FULL = {
    "int8": (tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.int8),
    "int16": (
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.int16,
    ),
}
# TensorFlow's quantizer sometimes leaves a SPLIT with an unused output, as in an LSTM's step, in
# floats: in about one of five conversions of the same model, also within one process.
ATTEMPTS = 8
# "Flex ops: FlexA, FlexB", "Custom ops: C"; details in brackets may follow in lines of their own.
_UNSUPPORTED = re.compile(r"^(?:Flex|Custom) ops: (.+)$", re.MULTILINE)


def convert(saved_model, target, quantization, examples, signatures):
    """The bytes of the LiteRT model.

    Args:
        saved_model: folder of the SavedModel.
        target: "micro" for quantized inputs and outputs; else they are floats.
        quantization: "none", "dynamic" (int8 weights), "float16" (float16 weights), "int8"
            (weights and activations) or "int16" (int8 weights, int16 activations).
        examples: file of arrays `signature/example/argument`, for the scales of the activations.
        signatures: names of the signatures to convert.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=signatures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization in FULL:
        operations, dtype = FULL[quantization]
        converter.target_spec.supported_ops = [operations]
        converter.representative_dataset = lambda: read_examples(examples)
        if target == "micro":
            converter.inference_input_type = converter.inference_output_type = dtype
    return converter.convert()


def convert_to_integers(*arguments):
    """The same, converted again while some operations compute in floats, up to `ATTEMPTS` times."""
    interpreter = import_module("ai_edge_litert.interpreter")  # of the extra `litert`
    for _ in range(ATTEMPTS):
        content = convert(*arguments)
        operations = interpreter.Interpreter(model_content=content)._get_ops_details()
        if not any(operation["op_name"] == "DEQUANTIZE" for operation in operations):
            break
    return content


def read_examples(file):
    """Pairs of a signature and its arguments, a dictionary of arrays."""
    calls = {}
    with np.load(file) as saved:
        for key in saved.files:
            name, i, argument = key.split("/")
            calls.setdefault((name, i), {})[argument] = saved[key]
    for (name, _), arguments in calls.items():
        yield name, arguments


def explain(error):
    """The converter's message in one line, with the operations that cause it."""
    message = str(error)
    operations = sorted({op for ops in _UNSUPPORTED.findall(message) for op in ops.split(", ")})
    if operations:
        return f"no LiteRT builtin for {', '.join(op.removeprefix('Flex') for op in operations)}"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    named = [line for line in lines if "error:" in line]
    return " | ".join((named or lines)[:2]) or type(error).__name__


def main(saved_model, file, target, quantization, examples, *signatures):
    """Converts; exits with code 1 if the converter fails."""
    integers = target == "micro" and quantization in FULL
    try:
        content = (convert_to_integers if integers else convert)(
            saved_model, target, quantization, examples, list(signatures)
        )
    except Exception as error:  # the converter raises many types of errors
        print(explain(error))
        sys.exit(1)
    Path(file).write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
