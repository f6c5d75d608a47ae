"""Exported models as functions of NumPy arrays, in any format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rnn_keras.text import Vocabulary

if TYPE_CHECKING:
    from rnn_keras.export.litert_model import LiteRTModel
    from rnn_keras.export.loaded_saved_model import SavedModel
    from rnn_keras.export.onnx_model import ONNXModel

Inputs = Mapping[str, tuple[tuple[int | None, ...], np.dtype]]
"""The shape and type of each input of a signature; an open dimension is None."""

VOCABULARY = "vocab.txt"
EXTRA = "assets.extra"  # TensorFlow's folder in a SavedModel for files that it does not load


class ExportedModel:
    """The common interface of a SavedModel, a LiteRT file and an ONNX file.

    Attributes:
        path: the folder or the file.
        signatures: the `Inputs` by signature name.
    """

    def __init__(self, path: str | os.PathLike, signatures: Mapping[str, Inputs]) -> None:
        self.path, self.signatures = Path(path), signatures

    def run(self, signature: str, **arrays: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Runs a signature; open dimensions of its inputs may have any size.

        Args:
            signature: its name.
            **arrays: all its inputs by name; texts are `str` or UTF-8 `bytes`.

        Returns:
            The outputs, arrays by name; texts are UTF-8 `bytes`.

        Raises:
            ValueError: there is no such signature, or its inputs have other names.
            TypeError: an array cannot be cast to the input's type without loss of kind.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"{self.path} has no signature {signature!r}, "
                f"it has {', '.join(sorted(self.signatures))}"
            )
        inputs = self.signatures[signature]
        if arrays.keys() != inputs.keys():
            raise ValueError(
                f"{signature} takes {', '.join(sorted(inputs))}, got {', '.join(sorted(arrays))}"
            )
        inputs = {
            name: np.asarray(arrays[name]).astype(dtype, casting="same_kind", copy=False)
            for name, (_, dtype) in inputs.items()
        }
        return self._call(signature, inputs)

    def vocabulary(self, name: str = VOCABULARY) -> Vocabulary:
        """The `rnn_keras.text.Vocabulary` that was exported with the model.

        Args:
            name: its file name, if there are several.

        Raises:
            ValueError: there is none of that name.
        """
        raise NotImplementedError

    @property
    def metadata(self) -> dict[str, Any]:
        """The `metadata` it was exported with, its `vocabularies` and `signatures`; or nothing.

        `vocabularies` are their file names, `signatures` a line about each, by name.
        """
        return {}

    def _call(self, signature, inputs):
        raise NotImplementedError


def vocabularies(vocabulary):
    """Vocabularies by file name, of a single one, of several by file name, or of None."""
    if vocabulary is None or isinstance(vocabulary, Mapping):
        return vocabulary or {}
    return {VOCABULARY: vocabulary}


def load(path: str | os.PathLike) -> SavedModel | LiteRTModel | ONNXModel:
    """Opens an exported model.

    Args:
        path: a `.tflite` or `.onnx` file, a SavedModel, or a folder of versions as in TensorFlow
            Serving, of which the highest is opened.

    Returns:
        A `LiteRTModel`, `ONNXModel` or `SavedModel`; all have `signatures`, `run`, `vocabulary`.

    Raises:
        FileNotFoundError: there is no such file or folder, or no SavedModel in it.
        ValueError: the file is not a LiteRT or ONNX model.

    Example:
        >>> from rnn_keras import export
        >>> model = export.load("saved_models/char_lm/mine/saved_model")  # doctest: +SKIP
        >>> model.run("score", text=["Once upon"])["nats_per_character"]  # doctest: +SKIP
    """
    path = Path(path)
    if path.is_file() and path.suffix == ".onnx":
        from rnn_keras.export.onnx_model import ONNXModel

        return ONNXModel(path)
    if path.is_file():
        from rnn_keras.export.litert_model import LiteRTModel

        return LiteRTModel(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} not found")
    from rnn_keras.export.loaded_saved_model import SavedModel

    versions = [each for each in path.iterdir() if each.name.isdecimal()]
    if not (path / "saved_model.pb").exists() and versions:
        path = max(versions, key=lambda each: int(each.name))
    return SavedModel(path)
