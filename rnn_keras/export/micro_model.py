"""Runs a LiteRT file of one signature by TFLite Micro, with NumPy arrays."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from rnn_keras.export.exported import ExportedModel
from rnn_keras.export.subprocess_runner import run_script
from rnn_keras.extras import needs_extra


def micro_runtime() -> ModuleType:
    """TFLite Micro's interpreter, imported on first use.

    Raises:
        ModuleNotFoundError: the extra `micro` is not installed.
    """
    with needs_extra("micro"):
        from tflite_micro.python.tflite_micro import runtime
    return runtime


def arena_bytes(file: Path) -> int:
    """The smallest tensor arena with which TFLite Micro runs a file, on this machine.

    Raises:
        ExportError: it cannot run the file; the message has its reason.
    """
    with needs_extra("micro"):
        from rnn_keras.export import micro_arena
    return int(run_script("loading the file by TFLite Micro", micro_arena, file))


@dataclass(frozen=True)
class MicroTensor:
    """An input or output of a file, which TFLite Micro knows by its index.

    Attributes:
        index: its position among the inputs or outputs.
        shape: its shape.
        dtype: its type in the file.
        scale, zero_point: a float is `(value - zero_point) * scale`; scale 0 if not quantized.
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """Floats in the type of the tensor; others unchanged."""
        if not self.scale:
            return np.ascontiguousarray(values, self.dtype)
        limits = np.iinfo(self.dtype)
        rounded = np.round(values / np.float32(self.scale)) + self.zero_point
        return np.clip(rounded, limits.min, limits.max).astype(self.dtype)

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `quantize`."""
        if not self.scale:
            return values
        return (values.astype("float32") - self.zero_point) * np.float32(self.scale)


class MicroModel(ExportedModel):
    """Runs the one signature of a `.tflite` file by TFLite Micro; see `ExportedModel`.

    If inputs and outputs are quantized in the file, `run` takes and returns floats.

    Args:
        file: the file.

    Attributes:
        inputs, outputs: `MicroTensor`s by name.
        operators: the names of the operators in the file, such as "FULLY_CONNECTED".

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: TFLite Micro cannot run it; it prints the reason to stderr.
        ModuleNotFoundError: the extra `micro` is not installed.
    """

    def __init__(self, file: str | os.PathLike) -> None:
        content, runtime = Path(file).read_bytes(), micro_runtime()
        self._interpreter = runtime.Interpreter.from_bytes(content)
        model = runtime.convert_bytearray_to_object(content)
        signature, graph = model.signatureDefs[0], model.subgraphs[0]
        self.inputs, self.outputs = (
            {
                each.name.decode(): _tensor(details, list(indices).index(each.tensorIndex))
                for each in maps
            }
            for maps, indices, details in [
                (signature.inputs, graph.inputs, self._interpreter.get_input_details),
                (signature.outputs, graph.outputs, self._interpreter.get_output_details),
            ]
        )
        names = {v: k for k, v in vars(runtime.schema_fb.BuiltinOperator).items() if k[0] != "_"}
        codes = list(map(runtime.get_builtin_code_from_operator_code, model.operatorCodes))
        self.operators = sorted({names[codes[each.opcodeIndex]] for each in graph.operators})
        inputs = {
            name: (tensor.shape, np.dtype("float32") if tensor.scale else tensor.dtype)
            for name, tensor in self.inputs.items()
        }
        super().__init__(file, {signature.signatureKey.decode(): inputs})

    def _call(self, signature, inputs):
        for name, tensor in self.inputs.items():
            self._interpreter.set_input(tensor.quantize(inputs[name]), tensor.index)
        self._interpreter.invoke()
        return {
            name: tensor.dequantize(self._interpreter.get_output(tensor.index))
            for name, tensor in self.outputs.items()
        }


def _tensor(details: Callable, index: int) -> MicroTensor:
    found = details(index)
    scale, zero_point = (
        [*found["quantization_parameters"][key], 0][0] for key in ("scales", "zero_points")
    )
    shape = tuple(map(int, found["shape"]))
    return MicroTensor(index, shape, np.dtype(found["dtype"]), float(scale), int(zero_point))
