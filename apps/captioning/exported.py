"""The exported captioner: from files of images to captions, by a SavedModel or a LiteRT file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from apps.captioning.config import CaptioningConfig
from apps.captioning.data import JOINER, make_tokenizer
from apps.captioning.images import read_image
from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from rnn_keras.text import Tokenizer


class Caption(NamedTuple):
    """A caption.

    Attributes:
        text, score: the caption, and its log-probability / length^alpha.
        pixels: the image as it was read, `(size, size, 3)`.
        words: its words and marks.
        attention: of each of them, `(words, rows, columns)`.
    """

    text: str
    score: float
    pixels: np.ndarray
    words: Sequence[str]
    attention: np.ndarray


def captions(tokenizer: Tokenizer, pixels: np.ndarray, found: dict) -> list[Caption]:
    """The captions that the signature `search` found for images."""
    records = []
    for i, length in enumerate(np.array(found["lengths"])):
        ids, weights = np.array(found["ids"][i]), np.array(found["attention"][i])
        words = [t.replace(JOINER, "") for t in tokenizer.vocabulary.decode(ids[:length])]
        words = words[: -1 if words[-1] == "<eos>" else None]
        side = round(weights.shape[1] ** 0.5)  # the feature map is as square as the image
        maps = weights[: len(words)].reshape(-1, side, side)
        text = tokenizer.decode(tf.constant(ids)).numpy().decode()
        records.append(Caption(text, float(found["scores"][i]), pixels[i], words, maps))
    return records


class Describer:
    """Captions by the exported signature `search`.

    Args:
        model: the exported model, with its vocabulary.
        config: the configuration of the run.
    """

    def __init__(self, model, config: CaptioningConfig):
        self._model, self._config = model, config
        self.tokenizer = make_tokenizer(model.vocabulary(), config)

    def caption(self, path: Path) -> Caption:
        """The caption of a JPEG or PNG file.

        Raises:
            InputError: it cannot be read.
        """
        pixels = read_image(path, self._config.size)[None]
        return captions(self.tokenizer, pixels, self._model.run("search", pixels=pixels))[0]


def load(run: Run, source: str) -> Describer:
    """The captioner of a run, from its export and `config.json` alone.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    model = load_export(run, source, "search")
    with one_line_export_errors(run, model.path):
        return Describer(model, run.read_config(CaptioningConfig))
