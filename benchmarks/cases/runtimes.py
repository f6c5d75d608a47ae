"""Runs exported files in the runtimes that `benchmarks.targets` compares, and measures a call."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.tensor_buffer import TensorBuffer

from rnn_keras import export
from rnn_keras.export.onnx_model import NEXT

REPEATS = 30


def stream(micro: export.MicroModel, sequence: dict) -> tuple[dict, float]:
    """The outputs after the last step from zero states, and the median milliseconds of a step."""
    states = {
        name: np.zeros(shape, "float32")
        for name, (shape, _) in micro.signatures["step"].items()
        if name not in sequence
    }
    (length,) = {x.shape[1] for x in sequence.values()}
    seconds = []
    for t in range(length):
        piece = {name: x[:, t : t + 1] for name, x in sequence.items()}
        began = time.perf_counter()
        outputs = micro.run("step", **piece, **states)
        seconds.append(time.perf_counter() - began)
        states = {name: outputs[name] for name in states}
    return outputs, 1e3 * statistics.median(seconds)


def compiled_model(file: Path, signature: str, inputs: dict, expected: dict) -> tuple[dict, float]:
    """The outputs of LiteRT's CompiledModel, resized to the inputs, and the milliseconds."""
    compiled = CompiledModel.from_file(str(file))
    for name, x in inputs.items():
        compiled.resize_input_tensor_by_name(signature, name, x.shape)
    given = {name: compiled.create_input_buffer_by_name(signature, name) for name in inputs}
    for name, x in inputs.items():
        given[name].write(x)
    arrays = {name: np.empty_like(np.asarray(y)) for name, y in expected.items()}
    taken = {name: TensorBuffer.create_from_host_memory(y) for name, y in arrays.items()}
    _, ms = timed(partial(compiled.run_by_name, signature, given, taken))
    found = {
        name: buffer.read(arrays[name].size, arrays[name].dtype.type).reshape(arrays[name].shape)
        for name, buffer in taken.items()
    }
    return found, ms


def onnxruntime(file: Path, inputs: dict) -> tuple[dict, float]:
    """The outputs of an ONNX file by onnxruntime, and the milliseconds."""
    model = export.load(file)
    (signature,) = model.signatures
    return timed(partial(model.run, signature, **inputs))


def openvino(file: Path, inputs: dict) -> tuple[dict, float]:
    """The outputs of an ONNX file by OpenVINO, and the milliseconds."""
    import openvino

    model = openvino.compile_model(str(file), "CPU")
    found, ms = timed(lambda: model(inputs))
    by_name = {name: found[each] for each in model.outputs for name in each.get_names()}
    return {name.removeprefix(NEXT): value for name, value in by_name.items()}, ms


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The result, and the median milliseconds of a call."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - began)
    return result, 1e3 * statistics.median(seconds)
