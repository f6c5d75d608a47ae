"""The exported functions of the tagger."""

import keras
import numpy as np
import tensorflow as tf

from apps.common.examples import read_examples
from apps.common.tokenized import pad_rows
from apps.ner.text import PAD_ID, Assets, find_tokens
from apps.task import Signatures, Trained
from rnn_keras.layers import marginals, viterbi

UNUSUAL = ["", " \x00 ", "qzxv wkjq", "ＡＢＣ 😀 e\u0301", "X" * 100]


class NERGraph:
    """A trained model with its text pipeline, as graph functions; see the methods.

    Attributes:
        functions: all of them by name.
    """

    def __init__(self, model: keras.Model, assets: Assets):
        self._model, self._assets = model, assets
        words = tf.TensorSpec([None, None], tf.int32, "words")
        characters = tf.TensorSpec([None, None, None], tf.int32, "characters")
        text = tf.TensorSpec([None], tf.string, "text")
        self.functions = {
            each.__name__: tf.function(each, input_signature=signature, autograph=False)
            for each, signature in ((self.tag, [text]), (self.score, [words, characters]))
        }

    def tag(self, text):
        """The tokens of strings `(batch,)`, their positions and tags, all `(batch, time)`.

        Returns:
            `tokens` and `tags` (IOBES), strings, empty behind the end of a row; `start` and `end`,
            int32 in characters, there 0; `probability` of the tag, float32.
        """
        tokens, start, end = find_tokens(text)
        words, characters = self._assets.ids(tokens.flat_values)
        characters = pad_rows(tokens.with_flat_values(characters))
        words = pad_rows(tokens.with_flat_values(words))
        found = self.score(words, characters)
        is_token = tf.not_equal(words, PAD_ID)
        return {
            "tokens": pad_rows(tokens),
            "start": pad_rows(start),
            "end": pad_rows(end),
            "tags": tf.where(
                is_token, tf.gather(tf.constant(self._assets.tags), found["tags"]), ""
            ),
            "probability": tf.where(is_token, found["probability"], 0.0),
        }

    def score(self, words, characters):
        """The ids of the tags, int32, and their probabilities, `(batch, time)`, for ids.

        Args:
            words: int32 `(batch, time)`; at `PAD_ID` the outputs mean nothing.
            characters: int32 `(batch, time, length)`.
        """
        scores = self._model([words, characters], training=False)
        tags, _ = viterbi(scores)
        chosen = tf.one_hot(tags, len(self._assets.tags))
        return {"tags": tags, "probability": tf.reduce_sum(marginals(scores) * chosen, -1)}


def signatures(trained: Trained) -> Signatures:
    """Text to tags in the SavedModel; ids in the LiteRT file, with the vocabularies.

    Both are compared with the Keras model on validation sentences and on `UNUSUAL` texts.
    """
    assets = trained.assets
    graph = NERGraph(trained.model, assets)
    texts = read_examples(trained.run) + UNUSUAL
    as_text = [{"text": np.array([t.encode() for t in b])} for b in [*([t] for t in texts), texts]]
    ids = []
    for text in texts:
        words, characters = assets.ids(find_tokens(tf.constant([text]))[0].flat_values)
        if len(words):
            ids.append({"words": words.numpy()[None], "characters": characters.numpy()[None]})
    return Signatures(
        saved_model={
            "functions": graph.functions,
            "trackables": [trained.model, *assets.tables],
            "vocabulary": assets.vocabularies,
            "examples": {"tag": as_text, "score": ids},
        },
        litert={
            "functions": {"score": graph.functions["score"]},
            "trackables": [trained.model],
            "vocabulary": assets.vocabularies,
            "examples": {"score": ids},
        },
        facts={"sentences": len(texts)},
        lengths=[trained.config.bucket * 8],
    )
