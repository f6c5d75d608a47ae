"""Runs a LiteRT file with NumPy arrays."""

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from rnn_keras.export.exported import VOCABULARY, ExportedModel
from rnn_keras.export.metadata import METADATA
from rnn_keras.extras import needs_extra
from rnn_keras.text import Vocabulary


def interpreter_class() -> type:
    """LiteRT's interpreter, imported on first use: SavedModels are written without it.

    Raises:
        ModuleNotFoundError: the extra `litert` is not installed.
    """
    with needs_extra("litert"):
        from ai_edge_litert.interpreter import Interpreter
    return Interpreter


class LiteRTModel(ExportedModel):
    """The signatures of a `.tflite` file as functions of NumPy arrays; see `ExportedModel`.

    Args:
        file: the file.
        threads: threads of one call.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no LiteRT model.
        ModuleNotFoundError: the extra `litert` is not installed.

    Example:
        >>> model = LiteRTModel("model.tflite")  # doctest: +SKIP
        >>> model.run("step", ids=[3], h_0=np.zeros((1, 128)))["logits"].shape  # doctest: +SKIP
        (1, 96)
    """

    def __init__(self, file: str | os.PathLike, threads: int = 1) -> None:
        if not Path(file).is_file():
            raise FileNotFoundError(f"{file} not found")
        self._file, self._threads = str(file), threads
        self._open()
        signatures = {
            name: {
                argument: (
                    tuple(None if n < 0 else int(n) for n in details["shape_signature"]),
                    np.dtype(details["dtype"]),
                )
                for argument, details in runner.get_input_details().items()
            }
            for name, runner in self._runners.items()
        }
        super().__init__(file, signatures)

    def _open(self):
        self._interpreter = interpreter_class()(model_path=self._file, num_threads=self._threads)
        self._runners = {
            name: self._interpreter.get_signature_runner(name)
            for name in self._interpreter.get_signature_list()
        }
        self._largest = {}  # sizes of each signature's inputs so far

    def vocabulary(self, name: str = VOCABULARY) -> Vocabulary:
        """The `rnn_keras.text.Vocabulary` in the file.

        Args:
            name: its file name, if there are several.

        Raises:
            ValueError: there is none of that name in the file.
        """
        try:
            with zipfile.ZipFile(self.path) as archive, tempfile.TemporaryDirectory() as folder:
                return Vocabulary.load(archive.extract(name, folder))
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{self.path} holds no {name}") from error

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata in the file."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return json.loads(archive.read(METADATA))
        except (zipfile.BadZipFile, KeyError):
            return {}

    def _call(self, signature, inputs):
        sizes = np.array([n for x in inputs.values() for n in x.shape], int)
        largest = self._largest.get(signature, sizes)
        if np.any(sizes > largest):
            # An interpreter that grows has a rare fault, see "Larger inputs" in docs/export.md.
            self._open()
            largest = sizes
        self._largest[signature] = np.maximum(sizes, largest)
        return self._runners[signature](**inputs)
