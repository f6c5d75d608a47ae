"""From tokens to the logits of the next one: embedding, decoder, output layer, copying."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from rnn_keras.seq2seq.copying import CopyMechanism
from rnn_keras.seq2seq.rows import dense, over_rows, sentence_dropout
from rnn_keras.text import known_ids


@keras.saving.register_keras_serializable(package="rnn_keras")
class TokenDecoder(keras.layers.Layer):
    """Maps the previous tokens to the logits of the next ones, by any decoder of vectors.

    Args:
        tokens: size V of the vocabulary.
        embedding: size of the token vectors.
        decoder: an `AttentionDecoder` or `ContextDecoder`.
        tied: whether the output layer has the weights of the token vectors (Press & Wolf 2017);
            `decoder.output_size` must then be `embedding`.
        copies: number K of further ids, from V on, for unknown words that are copied from the
            source (see `CopyMechanism`); None for no copying. 0 copies known words only.
        unknown_id: the id that replaces ids outside the vocabulary, such as those of copies.
        dropout: dropout rate of the token vectors, with one mask for a whole sequence.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        tokens: int32 `(batch, time)`, the tokens that precede those to predict.
        values, states, values_mask: see `AttentionDecoder`.
        copy_ids: int32 `(batch, positions)`, with `copies`: see `rnn_keras.seq2seq.copy_ids`.
        training: whether dropout applies.

    Returns:
        Logits `(batch, time, V + K)`, float32; with `copies` they are log-probabilities.

    Raises:
        ValueError: the sizes do not fit, or there is nothing to copy from.
    """

    def __init__(
        self,
        tokens: int,
        embedding: int,
        decoder: keras.Layer,
        *,
        tied: bool = False,
        copies: int | None = None,
        unknown_id: int = 1,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if tied and decoder.output_size != embedding:
            raise ValueError(
                f"with `tied`, `output_size` of the decoder must be `embedding` {embedding}, "
                f"got {decoder.output_size}."
            )
        if copies is not None and not hasattr(decoder, "attention"):
            raise ValueError("`copies` need a decoder with attention, which says what to copy.")
        dtype = self.dtype_policy
        self._config = {
            "tokens": tokens,
            "embedding": embedding,
            "tied": tied,
            "copies": copies,
            "unknown_id": unknown_id,
            "dropout": dropout,
        }
        self.decoder = decoder
        self.embed = keras.layers.ReversibleEmbedding(
            tokens, embedding, reverse_dtype="float32", dtype=dtype
        )
        self.drop = sentence_dropout(dropout, dtype)
        self.copy = None if copies is None else CopyMechanism(tokens, copies, dtype="float32")

    def build(
        self,
        tokens_shape: Any,
        values_shape: Any,
        states_shape: Any,
        values_mask_shape: Any = None,
        copy_ids_shape: Any = None,
    ) -> None:
        size, tokens = self._config["embedding"], self._config["tokens"]
        self.embed.build()
        if not self.decoder.built:  # it is, when it comes from a file
            self.decoder.build((None, None, size), values_shape, states_shape)
        if self._config["tied"]:
            self.output_bias = self.add_weight((tokens,), "zeros", name="output_bias")
        else:
            self.output_layer = dense(tokens, self.decoder.output_size, "float32")
        if self.copy is not None:
            self.copy.build((None, None, self.decoder.feature_size))
        self.built = True

    def start(
        self,
        values: Any,
        states: Sequence[Any],
        values_mask: Any = None,
        copy_ids: Any = None,
        training: bool = False,
    ) -> tuple[dict[str, Any], list[Any]]:
        """The memory, which no step changes, and the initial states: see `AttentionDecoder.start`.

        Args: as those of a call.
        """
        memory, states = self.decoder.start(values, states, values_mask, training)
        if (copy_ids is None) != (self.copy is None):
            raise ValueError("`copy_ids` are needed with `copies`, and only then.")
        return (memory if copy_ids is None else {**memory, "copy_ids": copy_ids}), states

    def decode(
        self, tokens: Any, states: Sequence[Any], memory: dict[str, Any], training: bool = False
    ) -> tuple[Any, list[Any], Any]:
        """Some time steps: one in a search, all in training.

        Args:
            tokens: int32 `(rows, time)`; k consecutive rows of each sentence.
            states: the states before, each `(rows, n)`.
            memory: the memory of the `batch = rows / k` sentences.
            training: whether dropout applies.

        Returns:
            `(logits, states, weights)`: `(rows, time, V + K)`, the states after, and the attention
            `(rows, time, positions)`, or None without attention.
        """
        known = known_ids(tokens, self._config["tokens"], self._config["unknown_id"])
        vectors = self.drop(self.embed(known), training=training)
        output, states, weights, features = self.decoder.decode(vectors, states, memory, training)
        logits = over_rows(self._logits, output)
        if self.copy is not None:
            logits = self.copy(features, logits, weights, memory["copy_ids"])
        return logits, states, weights

    def step(self, memory: dict[str, Any], excluded: Sequence[int] = ()) -> Callable:
        """The step callable of `rnn_keras.decoding`: `logits, states = step(tokens, states)`.

        Args:
            memory: of `start`.
            excluded: ids that are never chosen, such as those of `<pad>` and `<bos>`.
        """

        def step(tokens, states):
            logits, states, _ = self.decode(ops.expand_dims(tokens, 1), states, memory)
            return exclude(ops.squeeze(logits, 1), excluded), states

        return step

    def _logits(self, output):
        if self._config["tied"]:
            logits = self.embed(output, reverse=True)
            return logits + ops.cast(self.output_bias, logits.dtype)  # which Keras may have cast
        return self.output_layer(output)

    def call(
        self,
        tokens: Any,
        values: Any,
        states: Sequence[Any],
        values_mask: Any = None,
        copy_ids: Any = None,
        training: bool = False,
    ) -> Any:
        memory, states = self.start(values, states, values_mask, copy_ids, training)
        return self.decode(tokens, states, memory, training)[0]

    def get_config(self) -> dict[str, Any]:
        decoder = keras.saving.serialize_keras_object(self.decoder)
        return {**super().get_config(), **self._config, "decoder": decoder}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TokenDecoder":
        decoder = keras.saving.deserialize_keras_object(config["decoder"])
        return cls(**{**config, "decoder": decoder})


def exclude(logits: Any, ids: Sequence[int]) -> Any:
    """Logits in which some tokens are impossible.

    Args:
        logits: `(rows, tokens)`, float32.
        ids: their ids; may be none.
    """
    if not ids:
        return logits
    token = tf.expand_dims(tf.range(logits.shape[1]), 1)
    return tf.where(tf.reduce_any(token == list(ids), axis=1), tf.float32.min, logits)
