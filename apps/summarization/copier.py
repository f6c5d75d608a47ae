"""An encoder and a decoder that can copy: from the ids of a source to those of another text."""

from collections.abc import Sequence

import keras
from keras import ops

from apps.common.recurrent import LAYERS
from rnn_keras import decoding
from rnn_keras.layers import Bidirectional
from rnn_keras.seq2seq import AdditiveAttention, AttentionDecoder, TokenDecoder, coverage_loss
from rnn_keras.text import known_ids


@keras.saving.register_keras_serializable(package="rnn_keras")
class Copier(keras.Model):
    """The ids of a source, with those of copies, and the tokens before to the next one's logits.

    Args:
        tokens: size of the vocabulary, which source and target share; 0 is padding.
        units: size of each hidden state, and of the attention.
        copies: as in `TokenDecoder`; None copies nothing.
        embedding: size of the word vectors; None for `units`.
        cell: `vanilla`, `gru` or `lstm`.
        unknown_id: the id of an unknown word.
        coverage: weight of the coverage loss; 0 for an attention without coverage.
        input_feeding: option of `AttentionDecoder`.
        dropout: rate for the word vectors, the encoder's outputs and the decoder's.
        **options: those of `keras.Model`.

    Call arguments:
        inputs: `(source, tokens)`, int32 `(batch, positions)` and `(batch, time)`.
        training: whether dropout applies.

    Returns:
        Logits `(batch, time, tokens + copies)`, float32.

    Reference: See, Liu & Manning 2017 (arXiv:1704.04368).
    """

    def __init__(
        self, tokens, units, copies, *, embedding=None, cell="gru", unknown_id=1, coverage=0.0,
        input_feeding=False, dropout=0.0, **options,
    ):  # fmt: skip
        super().__init__(**options)
        self.options = dict(
            tokens=tokens, units=units, copies=copies, embedding=embedding, cell=cell,
            unknown_id=unknown_id, coverage=coverage, input_feeding=input_feeding, dropout=dropout,
        )  # fmt: skip
        dtype, embedding = self.dtype_policy, embedding or units
        self.embed = keras.layers.Embedding(tokens, embedding, dtype=dtype)
        self.drop = keras.layers.Dropout(dropout, dtype=dtype)
        one = LAYERS[cell](units, return_sequences=True, return_state=True, dtype=dtype)
        self.encoder = Bidirectional(one, dtype=dtype)
        self.decoder = TokenDecoder(
            tokens,
            embedding,
            AttentionDecoder(
                [LAYERS[cell](units, dtype=dtype) for _ in range(2)],
                AdditiveAttention(units, coverage > 0, dtype=dtype),
                units,
                input_feeding=input_feeding,
                dropout=dropout,
                dtype=dtype,
            ),
            copies=copies,
            unknown_id=unknown_id,
            dropout=dropout,
            dtype=dtype,
        )
        self.embed.build((None, None))
        self.encoder.build((None, None, embedding))
        count = 4 if cell == "lstm" else 2  # states of both directions
        self.decoder.build((None, None), (None, None, 2 * units), [(None, units)] * count)
        self.built = True

    def encode(self, source, training=False):
        """The memory and the states of the decoder."""
        known = known_ids(source, self.options["tokens"], self.options["unknown_id"])
        mask = ops.not_equal(source, 0)
        X = self.drop(self.embed(known), training=training)
        H, *states = self.encoder(X, mask=mask, training=training)
        copied = None if self.options["copies"] is None else source
        return self.decoder.start(H, states, mask, copied, training=training)

    def call(self, inputs, training=False):
        source, tokens = inputs
        memory, states = self.encode(source, training)
        logits, _, weights = self.decoder.decode(tokens, states, memory, training)
        if self.options["coverage"]:
            penalty = coverage_loss(weights, ops.not_equal(tokens, 0))
            self.add_loss(self.options["coverage"] * penalty)
        return logits

    def search(
        self, source, start_id: int, end_id: int, excluded: Sequence[int], max_length: int,
        **options,
    ) -> decoding.Hypotheses:  # fmt: skip
        """The best hypotheses of a beam search.

        Args:
            source: int32 `(batch, positions)`.
            start_id, end_id: of the decoder's first input, and of the end.
            excluded: ids that are never chosen.
            max_length: tokens of a target, the end counted.
            **options: of `decoding.beam_search`.
        """
        memory, states = self.encode(source)
        step = self.decoder.step(memory, excluded)
        start = ops.full_like(source[:, 0], start_id)
        return decoding.beam_search(step, start, states, max_length, end_id, **options)

    def get_config(self):
        return {**super().get_config(), **self.options}
