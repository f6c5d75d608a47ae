"""Runs a SavedModel with NumPy arrays."""

import json
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from rnn_keras.export.exported import EXTRA, VOCABULARY, ExportedModel
from rnn_keras.export.metadata import METADATA
from rnn_keras.text import Vocabulary


class SavedModel(ExportedModel):
    """The signatures of a SavedModel as functions of NumPy arrays; see `ExportedModel`.

    Args:
        folder: the folder that holds `saved_model.pb`.

    Raises:
        FileNotFoundError: there is no SavedModel.
        OSError, tf.errors.OpError: it is damaged.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        if not (Path(folder) / "saved_model.pb").is_file():
            raise FileNotFoundError(f"{folder} holds no saved_model.pb")
        self._model = tf.saved_model.load(str(folder))
        signatures = {
            name: {
                argument: (tuple(spec.shape), spec.dtype.as_numpy_dtype)
                for argument, spec in function.structured_input_signature[1].items()
            }
            for name, function in self._model.signatures.items()
        }
        super().__init__(folder, signatures)

    def vocabulary(self, name: str = VOCABULARY) -> Vocabulary:
        """The `rnn_keras.text.Vocabulary` in `assets.extra`.

        Args:
            name: its file name, if there are several.

        Raises:
            ValueError: there is none of that name.
        """
        file = self.path / EXTRA / name
        if not file.is_file():
            raise ValueError(f"{self.path} holds no {name}")
        return Vocabulary.load(file)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata in `assets.extra`."""
        file = self.path / EXTRA / METADATA
        return json.loads(file.read_text("utf-8")) if file.is_file() else {}

    def _call(self, signature, inputs):
        outputs = self._model.signatures[signature](
            **{k: tf.constant(v) for k, v in inputs.items()}
        )
        return {name: value.numpy() for name, value in outputs.items()}
