"""The functions of the classifier that are exported."""

import keras
import tensorflow as tf

from apps.sentiment.text import PAD_ID, pad_rows
from rnn_keras.text import Tokenizer


class SentimentGraph:
    """A trained model with its text pipeline, as graph functions.

    Args:
        model: what `apps.sentiment.model.load` returned.
        tokenizer: of its vocabulary.

    Attributes:
        functions: all functions by name, `tf.function`s that return dictionaries; see the
            methods. A batch has at least one row.
        litert: the functions of the LiteRT file, which takes no text.
        trackables: objects that an export must track.
    """

    def __init__(self, model: keras.Model, tokenizer: Tokenizer):
        self._model, self._tokenizer = model, tokenizer
        text = [tf.TensorSpec([None], tf.string, "text")]
        ids = [tf.TensorSpec([None, None], tf.int32, "ids")]
        self.functions = {
            name: tf.function(function, input_signature=signature, autograph=False)
            for name, function, signature in [
                ("classify", self.classify, text),
                ("tokenize", self.tokenize, text),
                ("score", self.score, ids),
            ]
        }
        self.litert = {"score": self.functions["score"]}
        self.trackables = [model, tokenizer.table]

    def classify(self, text):
        """The probability that each text is positive.

        Args:
            text: `(batch,)` strings, UTF-8; other bytes count as blanks.

        Returns:
            `probability` and its `logit`, both `(batch,)` float32.
        """
        return self.score(pad_rows(self._tokenizer.read(text), PAD_ID))

    def tokenize(self, text):
        """The tokens of each text that the model reads.

        Returns:
            `tokens` `(batch, time)` strings, empty after the end of a row; their `ids` int32,
            `PAD_ID` there; and `length` `(batch,)` int32, the number of tokens of the whole text.
        """
        whole = self._tokenizer.split(text)
        tokens = self._tokenizer.truncate(whole)
        return {
            "tokens": pad_rows(tokens, ""),
            "ids": pad_rows(self._tokenizer.ids(tokens), PAD_ID),
            "length": tf.cast(whole.row_lengths(), tf.int32),
        }

    def score(self, ids):
        """As `classify`, for ids `(batch, time)` int32; a `PAD_ID` is skipped at any position.

        Ids outside the vocabulary are read as `<unk>`.
        """
        logit = tf.squeeze(self._model(ids, training=False), 1)
        return {"probability": tf.sigmoid(logit), "logit": logit}
