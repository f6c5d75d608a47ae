"""A hierarchical network that chooses the sentences of a summary (SummaRuNNer)."""

import keras
from keras import ops

from apps.common.pooling import MaskedPooling
from apps.common.recurrent import recurrent_stack
from rnn_keras.seq2seq import scan
from rnn_keras.text import known_ids

PARTS = 10  # of a text, for relative positions


@keras.saving.register_keras_serializable(package="rnn_keras")
class SentenceScorer(keras.layers.Layer):
    r"""The log-odds that a summary has a sentence, SummaRuNNer's output layer.

    $$z_j = w^\top H_j + H_j^\top W_s d - H_j^\top W_r \tanh(s_j) + a_j + r_{\lfloor 10 j / n
      \rfloor} + b, \qquad d = \tanh(\bar H W_d + b_d), \qquad s_j = \sum_{i<j} \sigma(z_i) H_i$$

    for the content, the salience in the document d, the novelty with respect to the summary so far,
    and the absolute and the relative position in a text of n sentences.

    Args:
        positions: number of absolute positions.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        H: `(batch, sentences, units)`.
        mask: bool `(batch, sentences)`.

    Returns:
        `(batch, sentences)`, float32.

    Reference: Nallapati, Zhai & Zhou 2017 (arXiv:1611.04230), equations 5 and 6. The weights of
    positions are scalars, not vectors times a vector, which gives the same sums.
    """

    def __init__(self, positions, **options):
        super().__init__(**options)
        self.positions, self.supports_masking = positions, True

    def build(self, shape):
        units, dtype = shape[-1], self.dtype_policy
        self.mean = MaskedPooling("mean", dtype=dtype)
        self.document = keras.layers.Dense(units, "tanh", dtype=dtype)
        self.salience = keras.layers.Dense(units, use_bias=False, dtype=dtype)
        self.content = keras.layers.Dense(1, dtype=dtype)
        self.mean.build(shape)
        for layer in (self.document, self.salience, self.content):
            layer.build((None, units))
        self.novelty = self.add_weight((units, units), "glorot_uniform", name="novelty")
        self.absolute = self.add_weight((self.positions,), "zeros", name="absolute")
        self.relative = self.add_weight((PARTS,), "zeros", name="relative")

    def call(self, H, mask=None):
        D = ops.expand_dims(self.salience(self.document(self.mean(H, mask=mask))), 1)
        place = ops.cumsum(ops.ones_like(mask, "int32"), axis=1) - 1
        count = ops.maximum(ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True), 1)
        absolute = ops.minimum(place, self.positions - 1)
        relative = ops.minimum(place * PARTS // count, PARTS - 1)
        Z = ops.squeeze(self.content(H), -1) + ops.sum(H * D, -1)
        Z += ops.cast(
            ops.take(self.absolute, absolute) + ops.take(self.relative, relative), Z.dtype
        )
        valid = ops.cast(mask, Z.dtype)
        X = ops.concatenate([H, ops.stack([Z, valid], -1)], -1)
        novelty = ops.cast(self.novelty, H.dtype)

        def step(x, states):
            h, z, valid = x[:, :-2], x[:, -2:-1], x[:, -1:]
            (summary,) = states
            z -= ops.sum(h * ops.matmul(ops.tanh(summary), novelty), -1, keepdims=True)
            return (z,), [summary + ops.sigmoid(z) * valid * h]

        (logits,), _ = scan(step, X, [ops.zeros_like(H[:, 0])], (1,))
        return ops.cast(ops.squeeze(logits, -1), "float32")

    def get_config(self):
        return {**super().get_config(), "positions": self.positions}


@keras.saving.register_keras_serializable(package="rnn_keras")
class Extractor(keras.Model):
    """Ids to the log-odds that a summary has a sentence.

    The vector of a sentence is the mean, over its words, of the word vectors and of the outputs of
    a bidirectional layer. A second bidirectional layer runs over the vectors of the sentences;
    `SentenceScorer` reads its outputs and these vectors.

    Args:
        tokens: size of the vocabulary; 0 is padding.
        max_sentences: number of absolute positions.
        cell: `vanilla`, `gru` or `lstm`.
        units: size of the hidden state of each layer and direction.
        embedding: size of the word vectors.
        unknown_id: the id of an unknown word.
        dropout: rate for the word vectors, and for the inputs and outputs of the second layer.
        **options: those of `keras.Model`.

    Call arguments:
        ids: int32 `(batch, sentences, words)`, 0 is padding; ids outside the vocabulary are unknown
            words.
        training: whether dropout applies.

    Returns:
        `(batch, sentences)`, float32.
    """

    def __init__(
        self, tokens, *, max_sentences=64, cell="gru", units=128, embedding=128,
        unknown_id=1, dropout=0.0, **options,
    ):  # fmt: skip
        super().__init__(**options)
        self.options = dict(
            tokens=tokens, max_sentences=max_sentences, cell=cell, units=units,
            embedding=embedding, unknown_id=unknown_id, dropout=dropout,
        )  # fmt: skip
        dtype = self.dtype_policy
        self.embed = keras.layers.Embedding(tokens, embedding, dtype=dtype)
        self.drop = keras.layers.Dropout(dropout, dtype=dtype)
        self.mean = MaskedPooling("mean", dtype=dtype)
        both = dict(bidirectional=True, return_sequences=True, dtype=dtype)
        self.words = recurrent_stack(cell, 1, units, **both)
        self.sentences = recurrent_stack(cell, 1, units, **both)
        self.score = SentenceScorer(max_sentences, dtype=dtype)
        size = 2 * units + embedding
        self.embed.build((None, None))
        self.words.build((None, None, embedding))
        self.mean.build((None, None, size))
        self.sentences.build((None, None, size))
        self.score.build((None, None, size + 2 * units))
        self.built = True

    def call(self, ids, training=False):
        batch, sentences, words = (ops.shape(ids)[i] for i in range(3))
        is_word = ops.not_equal(ids, 0)
        mask = ops.any(is_word, axis=-1)
        is_word = ops.reshape(is_word, (-1, words))
        known = known_ids(ids, self.options["tokens"], self.options["unknown_id"])
        X = self.drop(self.embed(ops.reshape(known, (-1, words))), training=training)
        H = ops.concatenate([self.words(X, mask=is_word, training=training), X], -1)
        S = self.mean(H, mask=is_word)
        S = self.drop(ops.reshape(S, (batch, sentences, S.shape[-1])), training=training)
        H = ops.concatenate([self.sentences(S, mask=mask, training=training), S], -1)
        return self.score(self.drop(H, training=training), mask=mask)

    def get_config(self):
        return {**super().get_config(), **self.options}


def selection_loss(labels, logits):
    """The mean cross-entropy of sentences; for the labels see `summary_batches.CHOSEN`."""
    y = ops.cast(labels > 1, logits.dtype)
    loss = ops.binary_crossentropy(y, logits, from_logits=True)
    counts = ops.cast(labels > 0, logits.dtype)
    return ops.sum(loss * counts) / ops.maximum(ops.sum(counts), 1)
