"""The exported language model: continues texts, from a SavedModel or a LiteRT file."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import tensorflow as tf

from apps.char_lm.config import MAX_LENGTH
from apps.char_lm.graph import start_token, without_unknown
from apps.char_lm.sampling import Sampling
from apps.char_lm.text import unix_line_ends
from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from rnn_keras.decoding import sample_token
from rnn_keras.export import LiteRTModel, SavedModel
from rnn_keras.text import Vocabulary


class Generator:
    """Continues texts.

    Args:
        model: a SavedModel with the signature `generate`, or a LiteRT file with `prefill` and
            `step`, which generates one character at a time.
        vocabulary: of the LiteRT file; None for a SavedModel, which takes and returns text.
    """

    def __init__(self, model: SavedModel | LiteRTModel, vocabulary: Vocabulary | None = None):
        self._model, self._vocabulary = model, vocabulary

    def generate(self, prompt: str = "", **sampling: Any) -> str:
        """The continuation of a prompt.

        Args:
            prompt: the text to continue; empty starts at the beginning of a line.
            **sampling: fields of `Sampling`, such as `length=200, temperature=0.8`.

        Raises:
            InputError: a value is out of range.
        """
        return "".join(self.stream(prompt, Sampling(**sampling)))

    def stream(self, prompt: str, sampling: Sampling) -> Iterator[str]:
        """The continuation of a prompt, in pieces as they are generated.

        Raises:
            InputError: a SavedModel generates at most `MAX_LENGTH` characters.
        """
        if self._vocabulary is not None:
            return self._characters(prompt, sampling)
        wanted = f"at most {MAX_LENGTH}, unless --from litert"
        sampling.check(sampling.length <= MAX_LENGTH, "length", wanted)
        request = {each.name: [getattr(sampling, each.name)] for each in fields(Sampling)}
        text = self._model.run("generate", prompt=[prompt], **request)["text"][0]
        return iter([text.decode("utf-8")])

    def _characters(self, prompt, sampling):
        vocabulary, run = self._vocabulary, self._model.run

        @tf.function(autograph=False)
        def draw(logits, t):
            logits = without_unknown(logits, vocabulary.unk_id)
            seeds = tf.stack([[sampling.seed, t]])
            options = sampling.temperature, sampling.top_k, sampling.top_p
            return sample_token(logits, seeds, *options)

        states = {
            name: np.zeros((1, shape[1]), dtype)
            for name, (shape, dtype) in self._model.signatures["step"].items()
            if name != "ids"
        }
        ids = vocabulary.encode(unix_line_ends(prompt) or start_token(vocabulary))
        states = run("prefill", ids=[ids], lengths=[len(ids)], **states)
        for t in range(sampling.length):
            token = draw(states.pop("logits"), tf.constant(t)).numpy()
            yield vocabulary.tokens[token[0]]
            if t + 1 < sampling.length:
                states = run("step", ids=token, **states)


def load(run: Run, source: str) -> Generator:
    """The generator of a run; neither `best.keras` nor `vocab.txt` is read.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    if source == "saved_model":
        return Generator(load_export(run, source, "generate"))
    model = load_export(run, source, "prefill", "step")
    with one_line_export_errors(run, run.tflite):
        return Generator(model, model.vocabulary())
