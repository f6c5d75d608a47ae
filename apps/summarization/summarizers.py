"""Summarizers of texts: what stands before and behind a network that chooses or writes."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from rnn_keras.seq2seq import copied_words, copy_ids
from rnn_keras.text import UNKNOWN, Tokenizer, Vocabulary, WordSplitter, find_sentences

SPECIALS = ("<pad>", UNKNOWN, "<bos>", "<eos>")
PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID = range(4)
JOINER = "￭"  # of words and marks that were attached
WORDS = WordSplitter(lowercase=True, joiner=JOINER)


class _Summarizer:
    """Reads texts and makes summaries, in a graph or eagerly.

    Args:
        config: a configuration with `max_length`, and `max_sentences` and `ratio` or `copies`.
        vocabulary: of the words.
        run: function of ids, see `read`, that returns a dictionary of tensors: a model, or one that
            was exported. None for reading alone.
    """

    def __init__(self, config: Any, vocabulary: Vocabulary, run: Callable | None = None):
        self._config, self._run = config, run
        self.tokenizer = Tokenizer(
            vocabulary, WORDS, specials=SPECIALS, max_length=config.max_length
        )

    def summary(self, text: str, sentences: int | None = None) -> str:
        """The summary of a text; `sentences` as in `Extraction.summarize`."""
        return self.summarize(tf.constant([text]), sentences)["summary"][0].numpy().decode()


class Extraction(_Summarizer):
    """Chooses sentences; the function returns their `probability`, `(batch, sentences)`."""

    signature = "score"

    def read(self, text) -> tuple[tf.Tensor, tf.RaggedTensor]:
        """Ids and sentences of strings `(batch,)`.

        Returns:
            Ids of words, int32 `(batch, sentences, words)`, at least one sentence of one word; and
            the sentences, strings `(batch, sentences)`.
        """
        found = find_sentences(text)[:, : self._config.max_sentences]
        words = self.tokenizer.read(found.flat_values)
        return _at_least(found.with_flat_values(words).to_tensor(PAD_ID), [0, 1, 1]), found

    def summarize(self, text, sentences: int | None = None) -> dict[str, tf.Tensor]:
        """The summaries of texts.

        Args:
            text: strings `(batch,)`.
            sentences: number of sentences to choose; None for `config.ratio` of the words.

        Returns:
            `summary (batch,)`; the `sentences`, their `probability` and whether each one
            `is_chosen`, `(batch, sentences)`.
        """
        ids, found = self.read(text)
        shape = tf.shape(ids, tf.int64)[:2]
        lengths = tf.reduce_sum(tf.cast(tf.not_equal(ids, PAD_ID), tf.float32), -1)
        exists = found.with_flat_values(tf.ones_like(found.flat_values, tf.bool))
        exists = exists.to_tensor(False, shape=shape)
        probability = tf.where(exists, self._run(ids)["probability"], 0.0)
        # For each sentence, the ones that are better, or as good and before it.
        a, b = tf.expand_dims(probability, 1), tf.expand_dims(probability, 2)
        place = tf.range(tf.shape(ids)[1])
        is_before = tf.expand_dims(place, 0) < tf.expand_dims(place, 1)
        better = tf.cast((a > b) | ((a == b) & is_before), tf.float32)
        if sentences is None:
            limit = self._config.ratio * tf.reduce_sum(lengths, 1, keepdims=True)
            is_chosen = tf.linalg.matvec(better, lengths) < limit
        else:
            is_chosen = tf.reduce_sum(better, 2) < sentences
        is_chosen &= exists
        texts = found.to_tensor("", shape=shape)
        summary = tf.strings.reduce_join(
            tf.where(is_chosen, tf.strings.join([" ", texts]), ""), axis=1
        )
        return {
            "summary": tf.strings.strip(summary),
            "sentences": texts,
            "probability": probability,
            "is_chosen": is_chosen,
        }


class Abstraction(_Summarizer):
    """Writes summaries; the function returns their `ids`, `(batch, time)`."""

    signature = "search"

    def read(self, text) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids and words, `(batch, time)`, of strings `(batch,)`; each text ends with `<eos>`.

        Unknown words have the ids of copies, see `rnn_keras.seq2seq.copy_ids`.
        """
        words = self.tokenizer.truncate(self.tokenizer.split(text))
        end = tf.fill(tf.stack([words.nrows(), 1]), "<eos>")
        words = tf.concat([words, end], axis=1).to_tensor("<pad>")
        words = _at_least(words, [0, 2], "<pad>")  # Keras warns of attention over one step
        ids = tf.cast(self.tokenizer.table.lookup(words), tf.int32)
        size = len(self.tokenizer.vocabulary)
        return copy_ids(words, ids, size, self._config.copies, UNKNOWN_ID), words

    def summarize(self, text, sentences: None = None) -> dict[str, tf.Tensor]:
        """The `summary (batch,)` of strings `(batch,)`, and what the network returns.

        A text without words has an empty one.
        """
        source, words = self.read(text)
        found = self._run(source)
        is_copy = found["ids"] >= len(self.tokenizer.vocabulary)
        known = tf.where(is_copy, UNKNOWN_ID, found["ids"])
        summary = self.tokenizer.decode(known, copied_words(found["ids"], words, source))
        return {"summary": tf.where(words[:, 0] == "<eos>", "", summary), **found}


KINDS = {"extractive": Extraction, "abstractive": Abstraction}


def _at_least(tensor, sizes, padding=PAD_ID):
    """The tensor, padded to at least these sizes."""
    missing = tf.maximum(tf.constant(sizes) - tf.shape(tensor), 0)
    return tf.pad(tensor, tf.stack([tf.zeros_like(missing), missing], 1), constant_values=padding)
