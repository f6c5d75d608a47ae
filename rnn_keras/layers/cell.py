"""The base of all cells: from weights and options to a call of the textbook step.

Weights, initialisation and options come from Keras's own cells, which the cells here subclass;
so names, packing and order are Keras's, and `set_weights` works in both directions. Only the
computation is replaced, by the textbook step.
"""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.dropout import draw_zoneout, masked_step, split_by_gate, zoneout_step
from rnn_keras.layers.types import Affine, Config, States, Tensor, Tensors

# Activations that work elementwise, so one call serves several gates; softmax does not.
ELEMENTWISE = [
    keras.activations.get(name) for name in ("sigmoid", "hard_sigmoid", "tanh", "relu", "linear")
]


def affine(addend: Tensor, operand: Tensor, W: Tensor) -> Tensor:
    """`addend + operand @ W`."""
    return addend + ops.matmul(operand, W)


class TextbookCell:
    """Mix-in over a Keras cell: `call` is the projection followed by `step`.

    A cell defines `step` (its equation), and, if that does not take the whole projection or the
    whole recurrent kernel at once, `split_projection` and `split_weights`.

    Args:
        units: positive integer.
        weight_drop: rate of DropConnect on the recurrent weight matrices: in training each weight
            is zero with this probability, one mask for the whole batch and all time steps
            (Merity et al. 2018).
        zoneout: probability that a unit keeps its old state in a training step, drawn for each time
            step; a number, or one for each state (Krueger et al. 2017). In inference the new state
            is the expected value.
        **options: those of the Keras cell.

    Attributes:
        gate_names, candidate_names: the symbols of the results of σ and φ in `step`, in order, with
            `_` for none; `record_gates` uses them as keys.
        state_names: the symbols of the states, in order.
    """

    gate_names: tuple[str, ...] = ()
    candidate_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ("H",)

    @positional_as_in_keras
    def __init__(
        self,
        units: int,
        *,
        weight_drop: float = 0.0,
        zoneout: float | Sequence[float] = 0.0,
        **options: Any,
    ) -> None:
        _check_units(units)
        check_rate("weight_drop", weight_drop)
        for name in ("dropout", "recurrent_dropout"):
            check_rate(name, options.get(name, 0.0))
        super().__init__(int(units), **options)
        self.weight_drop = weight_drop
        self._weight_masks = None
        several = isinstance(zoneout, (list, tuple))
        rates = zoneout if several else [zoneout] * len(self.state_names)
        for rate in rates:
            check_rate("zoneout", rate)
        if len(rates) != len(self.state_names):
            raise ValueError(
                f"`zoneout` must be a number, or one for each of {self.state_names}, got {zoneout}."
            )
        self.zoneout = zoneout
        self.zoneout_rates = tuple(rates) if any(rates) else ()

    def step(self, x: Tensors, state: Tensors, weights: Tensors, affine: Affine) -> Tensors:
        """The equation: `(x, state, weights, affine) -> new_state`, tuples of tensors."""
        raise NotImplementedError

    def split_projection(self, x: Tensor) -> Tensors:
        """The projected input, or its weights in the same way, as the tuple that `step` takes.

        Args:
            x: `(..., gates * units)`.
        """
        return (x,)

    def split_weights(self) -> Tensors:
        """The recurrent weights as the tuple that `step` takes."""
        return (ops.convert_to_tensor(self.recurrent_kernel),)

    def loop_step(self, counts: tuple[int, ...] | None = None, training: bool = False) -> Callable:
        """The step that a loop runs: `step` with what changes it.

        Args:
            counts: result of `split_by_gate` with recurrent dropout, else None.
            training: whether zoneout is drawn, for `x` with `zoneout_masks`.
        """
        step = self.step if counts is None else masked_step(self.step, counts)
        rates = self.zoneout_rates
        return zoneout_step(step, rates, bool(training)) if rates else step

    def zoneout_masks(self, X: Tensor, training: bool | Tensor) -> Tensors:
        """What `loop_step` takes at the end of `x`; nothing without zoneout or in inference.

        Args:
            X: inputs `(..., inputs)`.
            training: whether zoneout is drawn.
        """
        if not (training and self.zoneout_rates):
            return ()
        sizes = keras.tree.flatten(self.state_size)
        return draw_zoneout(X, sizes, self.zoneout_rates, self.seed_generator)

    def loop_weights(self, training: bool | Tensor) -> Tensors:
        """`split_weights`, in training with `weight_drop`.

        Args:
            training: whether weights are dropped.
        """
        weights = self.split_weights()
        if not (training and self.weight_drop):
            return weights
        if self._weight_masks is None:
            self._draw_weight_masks()
        return tuple(W * mask for W, mask in zip(weights, self._weight_masks))

    def _draw_weight_masks(self):
        def draw(W):
            mask = keras.random.dropout(
                ops.ones_like(W), self.weight_drop, seed=self.seed_generator
            )
            return ops.stop_gradient(mask)

        self._weight_masks = [draw(W) if len(W.shape) == 2 else 1.0 for W in self.split_weights()]

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Tensor | list[Tensor] | None:
        """Keras's hook before a loop; draws the masks of the weights as well."""
        if self.weight_drop and self._weight_masks is None:
            self._draw_weight_masks()
        return super().get_recurrent_dropout_mask(step_input)

    def reset_recurrent_dropout_mask(self) -> None:
        """Keras's hook after a loop."""
        super().reset_recurrent_dropout_mask()
        self._weight_masks = None

    def get_config(self) -> Config:
        own = {"weight_drop": self.weight_drop, "zoneout": self.zoneout}
        return {**super().get_config(), **own}

    @property
    def sigma(self) -> Callable[[Tensor], Tensor]:
        """σ of the gates, for several of them concatenated along the last axis."""
        activation = self.recurrent_activation
        if activation in ELEMENTWISE:
            return activation
        return lambda gates: ops.concatenate(
            [activation(a) for a in ops.split(gates, gates.shape[-1] // self.units, axis=-1)],
            axis=-1,
        )

    @property
    def input_bias(self) -> Tensor | None:
        """The bias that goes with the input, `(gates * units,)`, or None."""
        return self.bias

    def input_dropout_masks(
        self, X_t: Tensor, training: bool | Tensor
    ) -> Tensor | list[Tensor] | None:
        """The dropout masks of the inputs, the same at all time steps.

        Args:
            X_t: inputs of one time step, `(batch, inputs)`.
            training: whether the input dropout applies.

        Returns:
            A mask `(batch, inputs)`, a list of one per gate with `implementation=1`, or None.
        """
        return self.get_dropout_mask(X_t) if training and self.dropout else None

    def recurrent_dropout_masks(self, H: Tensor, training: bool | Tensor) -> list[Tensor] | None:
        """The dropout masks of the hidden state, one per gate, the same at all time steps.

        Args:
            H: the hidden state, `(batch, units)`.
            training: whether dropout applies.

        Returns:
            Masks `(batch, units)`, or None.
        """
        if not (training and self.recurrent_dropout):
            return None
        masks = self.get_recurrent_dropout_mask(H)
        return masks if isinstance(masks, list) else [masks]

    def project(self, X: Tensor, masks: Tensor | list[Tensor] | None = None) -> Tensors:
        """The input projection `X W_x + b` of one or of all time steps.

        Args:
            X: inputs `(batch, inputs)` or `(time, batch, inputs)`.
            masks: the result of `input_dropout_masks`.

        Returns:
            The tuple of projected inputs that `step` takes, each `(..., features)`.
        """
        kernel = ops.convert_to_tensor(self.kernel)
        if isinstance(masks, list):
            kernels = ops.split(kernel, len(masks), axis=-1)
            products = [_product(X * m, W) for m, W in zip(masks, kernels)]
            x = self.split_projection(ops.concatenate(products, axis=-1))
        else:
            # One product per part: to split a single product would copy it.
            X = X if masks is None else X * masks
            x = tuple(_product(X, W) for W in self.split_projection(kernel))
        return self.finish_projection(x)

    def finish_projection(self, x: Tensors) -> Tensors:
        """The products `X W_x` with the bias added."""
        if (bias := self.input_bias) is None:
            return x
        biases = self.split_projection(ops.convert_to_tensor(bias))
        return tuple(piece + ops.cast(b, piece.dtype) for piece, b in zip(x, biases))

    def call(
        self, inputs: Tensor, states: States | Tensor, training: bool = False
    ) -> tuple[Tensor, list[Tensor] | Tensor]:
        """One time step.

        Args:
            inputs: `(batch, inputs)`.
            states: list of states, each `(batch, units)`; a bare tensor for one state.
            training: whether dropout applies.

        Returns:
            `(H, new_states)`, the states nested as in the arguments.
        """
        nested = isinstance(states, (list, tuple))
        state = tuple(states) if nested else (states,)
        x = self.project(inputs, self.input_dropout_masks(inputs, training))
        x += self.zoneout_masks(inputs, training)
        weights, counts = self.loop_weights(training), None
        if (masks := self.recurrent_dropout_masks(state[0], training)) is not None:
            pieces, counts = split_by_gate(weights, self.units)
            weights = (*pieces, *masks)
        new_state = self.loop_step(counts, training)(x, state, weights, affine)
        return new_state[0], list(new_state) if nested else new_state[0]


def own_computation(cell):
    """Why a loop over the cell's `step` would differ from the cell's own call, or None."""
    own = [
        name
        for name, function, ours in [
            ("call", getattr(cell.call, "__func__", None), TextbookCell.call),
            ("__call__", type(cell).__call__, keras.layers.Layer.__call__),
        ]
        if function is not ours
    ]
    return f"{type(cell).__name__} has its own `{own[0]}`" if own else None


def _check_units(units):
    if isinstance(units, bool) or not hasattr(units, "__index__") or units <= 0:
        raise ValueError(f"`units` must be a positive integer, got {units!r}.")


def check_rate(name, rate):
    """Refuses a dropout rate that is not in [0, 1); the message names the argument."""
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real) or not 0 <= rate < 1:
        raise ValueError(
            f"`{name}` must be a number from 0 up to but not including 1, got {rate!r}."
        )


def _product(X, W):
    """`X W` over the last axis of X."""
    if len(X.shape) == 2 or list(X.shape[:-1]).count(None) > 1:
        return ops.tensordot(X, W, axes=1)
    # All shapes of a streaming step are then static, which LiteRT needs.
    rows = ops.matmul(ops.reshape(X, (-1, X.shape[-1])), W)
    shape = [-1 if size is None else size for size in X.shape[:-1]]
    return ops.reshape(rows, [*shape, W.shape[-1]])
