"""Running a LiteRT file with NumPy arrays."""

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnn_keras.data import Vocabulary
from rnn_keras.extras import needs_extra

VOCABULARY = "vocab.txt"


def interpreter_class() -> type:
    """LiteRT's interpreter, imported on first use: SavedModels are written without it.

    Raises:
        ModuleNotFoundError: the extra `litert` is not installed.
    """
    with needs_extra("litert"):
        from ai_edge_litert.interpreter import Interpreter
    return Interpreter


class LiteRTModel:
    """The signatures of a `.tflite` file as functions of NumPy arrays.

    Args:
        file: the file.
        threads: threads of one call.

    Attributes:
        signatures: by signature name, the inputs as `{name: (shape, dtype)}`, an open dimension
            being None.

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
        self._file = Path(file)
        self._interpreter = interpreter_class()(model_path=str(file), num_threads=threads)
        self._runners = {
            name: self._interpreter.get_signature_runner(name)
            for name in self._interpreter.get_signature_list()
        }
        self.signatures = {
            name: {
                argument: (
                    tuple(None if n < 0 else int(n) for n in details["shape_signature"]),
                    np.dtype(details["dtype"]),
                )
                for argument, details in runner.get_input_details().items()
            }
            for name, runner in self._runners.items()
        }

    def run(self, signature: str, **arrays: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Runs a signature; its inputs take any size where their shape is open.

        Args:
            signature: its name.
            **arrays: all its inputs by name.

        Returns:
            The outputs, arrays by name.

        Raises:
            ValueError: no such signature, or not its inputs.
            TypeError: an array cannot be cast to the input's type without loss of kind.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"{self._file} has no signature {signature!r}, "
                f"it has {', '.join(sorted(self.signatures))}"
            )
        inputs = self.signatures[signature]
        if arrays.keys() != inputs.keys():
            raise ValueError(
                f"{signature} takes {', '.join(sorted(inputs))}, got {', '.join(sorted(arrays))}"
            )
        return self._runners[signature](
            **{name: _as(dtype, arrays[name]) for name, (_, dtype) in inputs.items()}
        )

    def vocabulary(self, name: str = VOCABULARY) -> Vocabulary:
        """The `rnn_keras.data.Vocabulary` in the file.

        Args:
            name: its file name, where there are several.

        Raises:
            ValueError: there is none in it.
        """
        try:
            with zipfile.ZipFile(self._file) as archive, tempfile.TemporaryDirectory() as folder:
                return Vocabulary.load(archive.extract(name, folder))
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{self._file} holds no {name}") from error


def _as(dtype, value):
    return np.asarray(value).astype(dtype, casting="same_kind", copy=False)
