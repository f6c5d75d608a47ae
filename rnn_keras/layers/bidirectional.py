"""Both directions over a sequence."""

from typing import Any

import keras

from rnn_keras.layers import loops
from rnn_keras.layers.types import States, Tensor


@keras.saving.register_keras_serializable(package="rnn_keras")
class Bidirectional(keras.layers.Bidirectional):
    r"""A forward and a backward pass over the sequence, joined.

    $$\overrightarrow H_t = \mathrm{step}(X_t, \overrightarrow H_{t-1}) \qquad
      \overleftarrow H_t = \mathrm{step}(X_t, \overleftarrow H_{t+1}) \qquad
      H_t = [\overrightarrow H_t, \overleftarrow H_t]$$

    It is Keras's wrapper, which runs the layers of this package unchanged, with its arguments,
    masks (masked steps give zeros when sequences are returned) and serialization.

    Args:
        layer: the recurrent layer of the forward direction; the backward one is made from it.
        merge_mode: "concat" (as in textbooks), "sum", "mul", "ave", or None for both.
        **options: those of `keras.layers.Bidirectional`.

    Example:

    >>> from rnn_keras.layers import GRU
    >>> Bidirectional(GRU(4))(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 8])

    Reference: Schuster & Paliwal, *Bidirectional Recurrent Neural Networks*, 1997.
    """

    def __init__(
        self,
        layer: keras.Layer,
        merge_mode: str | None = "concat",
        weights: list[Any] | None = None,
        backward_layer: keras.Layer | None = None,
        **options: Any,
    ) -> None:
        super().__init__(layer, merge_mode, weights, backward_layer, **options)
        self.supports_masking = True  # which Keras 3.16 leaves to the layers

    def call(
        self,
        sequences: Tensor,
        initial_state: States | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        with loops.no_split():
            return super().call(sequences, initial_state, mask, training)
