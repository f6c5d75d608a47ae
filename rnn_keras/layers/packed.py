"""The base of cells that Keras does not have: weights and options, without an equation."""

from typing import Any

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.types import Activation, Config, Shape, Tensor, Tensors


class PackedCell(TextbookCell, keras.layers.SimpleRNNCell):
    """Base of a cell; a subclass sets `blocks` and `state_names`, and defines `step`.

    The weights are `kernel` `(inputs, n * units)`, `recurrent_kernel` `(units, n * units)` and
    `bias` `(n * units,)`, n being the sum of `blocks`. A subclass with further weights overrides
    `build` and `split_weights`.

    Attributes:
        blocks: for each product with the state, the number of gates that it computes side by side:
            `(4,)` for an LSTM, `(2, 1)` for a GRU. `step` takes one projected input and one
            recurrent weight for each product.
        state_names: symbols of the states, the hidden state first.

    Args:
        units: positive integer, the size of each state.
        activation: φ of the equations.
        recurrent_activation: σ of the gates.
        **options: those of `keras.layers.SimpleRNNCell`.
    """

    blocks: tuple[int, ...] = (1,)

    @positional_as_in_keras
    def __init__(
        self, units: int, *, recurrent_activation: Activation = "sigmoid", **options: Any
    ) -> None:
        super().__init__(units, **options)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.state_size = [self.units] * len(self.state_names)
        if self.recurrent_dropout and sum(self.blocks) > 1:  # a mask for each gate, as in Keras
            self.dropout_mask_count = sum(self.blocks)

    def build(self, input_shape: Shape) -> None:
        columns = sum(self.blocks) * self.units
        self.kernel = self._add_weight("kernel", (input_shape[-1], columns))
        self.recurrent_kernel = self._add_weight("recurrent_kernel", (self.output_size, columns))
        self.bias = self._add_weight("bias", (columns,)) if self.use_bias else None
        self.built = True

    def _add_weight(self, name, shape):
        options = name.removesuffix("_kernel")
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=getattr(self, f"{options}_initializer"),
            regularizer=getattr(self, f"{options}_regularizer"),
            constraint=getattr(self, f"{options}_constraint"),
        )

    def split_projection(self, x: Tensor) -> Tensors:
        """The projected input of each product."""
        return self._by_product(x)

    def split_weights(self) -> Tensors:
        """The recurrent weight of each product."""
        return self._by_product(ops.convert_to_tensor(self.recurrent_kernel))

    def _by_product(self, columns):
        ends = [sum(self.blocks[:i]) * self.units for i in range(1, len(self.blocks))]
        return tuple(ops.split(columns, ends, axis=-1)) if ends else (columns,)

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros, a tensor for each state."""
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    def get_config(self) -> Config:
        activation = keras.activations.serialize(self.recurrent_activation)
        return {**super().get_config(), "recurrent_activation": activation}
