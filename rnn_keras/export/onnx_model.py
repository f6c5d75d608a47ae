"""Runs an ONNX file with NumPy arrays."""

import os
import tempfile
from pathlib import Path

import numpy as np

from rnn_keras.export.exported import VOCABULARY, ExportedModel
from rnn_keras.extras import needs_extra
from rnn_keras.text import Vocabulary

SIGNATURE = "signature"  # the key of its name in the metadata
NEXT = "next_"  # before the name of a state that is an output
TYPES = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class ONNXModel(ExportedModel):
    """An ONNX file of `rnn_keras.export.onnx` by onnxruntime, on the CPU; see `ExportedModel`.

    Args:
        file: the file.
        threads: threads of one call.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: onnxruntime cannot load it.
        ModuleNotFoundError: the extra `onnx` is not installed.
    """

    def __init__(self, file: str | os.PathLike, threads: int = 1) -> None:
        with needs_extra("onnx"):
            import onnxruntime
        if not Path(file).is_file():
            raise FileNotFoundError(f"{file} not found")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has its own types of errors, without a common base
            raise ValueError(f"onnxruntime cannot load {file}: {error}") from error
        self._metadata = self._session.get_modelmeta().custom_metadata_map
        inputs = {
            each.name: (
                tuple(n if isinstance(n, int) else None for n in each.shape),
                np.dtype(TYPES[each.type]),
            )
            for each in self._session.get_inputs()
        }
        super().__init__(file, {self._metadata.get(SIGNATURE, "serving_default"): inputs})

    def vocabulary(self, name: str = VOCABULARY) -> Vocabulary:
        """The `rnn_keras.text.Vocabulary` in the file's metadata.

        Args:
            name: its key.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self._metadata:
            raise ValueError(f"{self.path} holds no {name}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, VOCABULARY)
            file.write_text(self._metadata[name], "utf-8")
            return Vocabulary.load(file)

    def _call(self, signature, inputs):
        names = [each.name for each in self._session.get_outputs()]
        outputs = self._session.run(names, inputs)
        states = {NEXT + name: name for name in inputs}
        return {states.get(name, name): value for name, value in zip(names, outputs)}
