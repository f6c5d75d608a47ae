"""A convolution over the characters of words."""

from typing import Any

import keras
from keras import ops

from rnn_keras.layers.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="rnn_keras")
class CharacterCNN(keras.layers.Layer):
    r"""Vectors of words from their characters: embedding, convolution, ReLU, maximum.

    $$C_{t,f} = \max_p \mathrm{ReLU}\Big(\sum_{k} E_{c_{t,p+k}} \cdot W_{k,f} + b_f\Big)$$

    over the positions p of the characters $c_{t,p}$ of word t; outside the word, vectors are 0.

    Args:
        characters: number of distinct characters, the id 0 of padding included.
        embedding: size of their vectors.
        filters: size of the outputs.
        width: odd number of characters under a filter.
        dropout: dropout rate of the characters' vectors.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        ids: int32 `(batch, time, length)`; 0 is padding.
        training: whether to drop out.

    Returns:
        `(batch, time, filters)`; 0 for a word without characters.

    Example:

    >>> CharacterCNN(10, 4, 6)(ops.ones((2, 3, 5), "int32")).shape
    TensorShape([2, 3, 6])

    Reference: Ma & Hovy, *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*, 2016.
    """

    def __init__(
        self,
        characters: int,
        embedding: int,
        filters: int,
        width: int = 3,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._config = {
            "characters": characters,
            "embedding": embedding,
            "filters": filters,
            "width": width,
            "dropout": dropout,
        }
        dtype = self.dtype_policy
        self.embed = keras.layers.Embedding(characters, embedding, dtype=dtype)
        self.drop = keras.layers.Dropout(dropout, dtype=dtype)
        # Two-dimensional, so that words of a batch need not be one axis.
        self.convolve = keras.layers.Conv2D(
            filters, (1, width), padding="same", activation="relu", dtype=dtype
        )

    def build(self, input_shape: Shape) -> None:
        self.embed.build(input_shape)
        self.convolve.build((*input_shape, self._config["embedding"]))
        self.built = True

    def call(self, ids: Tensor, training: bool | None = None) -> Tensor:
        C = self.drop(self.embed(ids), training=training)
        is_character = ops.cast(ops.expand_dims(ops.not_equal(ids, 0), -1), C.dtype)
        return ops.max(self.convolve(C * is_character) * is_character, axis=2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self._config["filters"])

    def get_config(self) -> Config:
        return {**super().get_config(), **self._config}
