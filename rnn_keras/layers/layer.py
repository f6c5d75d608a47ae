"""The recurrent layer: Keras's `RNN` with the time loop of `recurrence.py`."""

import functools
from typing import Any, Literal, Self

import keras
from keras import ops

from rnn_keras.layers import gates, loops, plans, probes, shared
from rnn_keras.layers.arguments import parameters, positional_as_in_keras, refuse_unknown
from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.dropout import split_by_gate
from rnn_keras.layers.streaming import carry
from rnn_keras.layers.types import Activation, Config, States, Tensor


class RecurrentLayer(keras.layers.RNN):
    """A `keras.layers.RNN` over one textbook cell.

    Masks, `initial_state`, `stateful`, `go_backwards` and serialization are Keras's; only the
    hook `inner_loop` is replaced. Subclasses set their `cell_class`.

    Positional arguments are in the order of the Keras layer of the same cell.

    Args:
        units: positive integer, the size of the hidden state.
        activation: φ of the equations; Keras's default "tanh".
        return_sequences: whether to return `H` of every step, or of the last one only.
        return_state: whether to return the final states as well.
        go_backwards: whether to run over the reversed sequence; the output is in the order in
            which it was computed.
        stateful: whether the final state of a batch is the initial state of the next one.
        unroll: whether Keras unrolls the loop where the reference plan runs; needs a static number
            of steps. The fused plan ignores it, as unrolling gains nothing there.
        zero_output_for_mask: whether the output at a masked step is zero rather than the one
            of the step before.
        activity_regularizer: regularizer of the output.
        use_cudnn: "auto" or False, accepted so that code written for Keras's layers runs; there is
            no cuDNN here.
        **options: `name`, `dtype`, `trainable`, and every option of the cell.

    Call arguments:
        sequences: `(batch, time, inputs)`.
        initial_state: list of tensors `(batch, units)`, one per state; default zeros.
        mask: boolean `(batch, time)`; a False step keeps the state.
        training: whether dropout applies.

    Returns:
        `(batch, time, units)` if `return_sequences` else `(batch, units)`; with `return_state`
        followed by the final states, each `(batch, units)`.

    Raises:
        ValueError: for an argument out of its range, or one that the cell does not have.
    """

    cell_class: type[TextbookCell] | None = None

    @positional_as_in_keras
    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        activity_regularizer: str | keras.Regularizer | None = None,
        name: str | None = None,
        dtype: str | keras.DTypePolicy | None = None,
        trainable: bool = True,
        use_cudnn: Literal["auto", False] = "auto",
        **options: Any,
    ) -> None:
        if use_cudnn not in ("auto", False):
            raise ValueError(
                f"`use_cudnn` must be 'auto' or False, got {use_cudnn!r}: these layers compile "
                "their own loop, on a GPU too."
            )
        batch_options = {k: options.pop(k) for k in ("input_shape", "batch_size") if k in options}
        try:
            cell = self.cell_class(
                units, activation=activation, dtype=dtype, trainable=trainable, **options
            )
        except (TypeError, ValueError):
            refuse_unknown(type(self), options)
            raise
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            activity_regularizer=activity_regularizer,
            name=name,
            dtype=dtype,
            trainable=trainable,
            **batch_options,
        )
        self.supports_masking = True  # which Keras 3.16 leaves to the layers
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self._recurrences = {}

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: States,
        mask: Tensor | None,
        training: bool = False,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Keras's hook. Returns `(last_output, outputs, states)`, batch first."""
        return carry(
            self, initial_state, lambda state: self._loop(sequences, state, mask, training)
        )

    def _loop(self, sequences, initial_state, mask, training):
        _check_states(initial_state, self.state_size, sequences)
        boolean_mask = _boolean_mask(mask, sequences)
        if gates.is_recording():
            gates.record(self, sequences, initial_state, boolean_mask)
        plan, _ = plans.choose(self)
        probed = probes.make_probes(self, sequences, initial_state, boolean_mask, plan)
        if plan == "reference":
            return super().inner_loop(sequences, initial_state, mask, training=training)

        weights = self.cell.loop_weights(training)
        run = functools.partial(self._run, plan, training, weights)
        drops = self.cell.input_dropout_masks(sequences[:, 0], training)
        recurrent_drops = self.cell.recurrent_dropout_masks(initial_state[0], training)
        zoneout, states = self.cell.zoneout_masks(sequences, training), list(initial_state)
        arguments = (sequences, states, boolean_mask, drops, recurrent_drops, zoneout, probed)
        if plan == "fused" and loops.should_split(sequences, weights):
            return loops.run_split(run, arguments)
        return run(*arguments)

    def _run(
        self, plan, training, weights,
        sequences, initial_state, mask, drops, recurrent_drops, zoneout, probed,
    ):  # fmt: skip
        added = (*zoneout, *probed)  # what each step reads besides its input
        X, *added = (ops.transpose(a, (1, 0, 2)) for a in (sequences, *added))
        if self.go_backwards:
            X, *added = (ops.flip(a, axis=0) for a in (X, *added))
            mask = None if mask is None else ops.flip(mask, axis=1)
        x, state = self.cell.project(X, drops), tuple(initial_state)
        counts = None
        if recurrent_drops is not None:
            pieces, counts = split_by_gate(weights, self.cell.units)
            weights = (*pieces, *recurrent_drops)
        x = (*x, *added)
        recurrence = self._recurrence(x, counts, bool(zoneout), len(probed))
        arguments = (x, state, weights, mask)
        if plan in loops.EXPORTABLE:
            H, state = recurrence.exportable(
                *arguments, sequences=self.return_sequences, buffers=loops.EXPORTABLE[plan]
            )
        else:
            record = plans.may_train(training) or bool(probed)
            H, state = recurrence(*arguments, sequences=self.return_sequences, record=record)

        last_output = state[0]
        outputs = ops.expand_dims(last_output, 1) if H is None else ops.transpose(H, (1, 0, 2))
        if mask is not None:
            shown = self._shown(mask)
            last_output = ops.where(shown[:, -1], last_output, ops.zeros_like(last_output))
            if self.return_sequences:
                outputs = ops.where(shown, outputs, ops.zeros_like(outputs))
        return last_output, outputs, list(state)

    def _recurrence(self, x, *changes):
        """The loop over the cell's step, one for each way to change it."""
        key = (self.cell.step, *changes)  # the step may have been replaced
        if key not in self._recurrences:
            self._recurrences[key] = shared.recurrence(self.cell, x, *changes)
        return self._recurrences[key]

    def _shown(self, mask):
        """As in Keras, a masked step repeats the output before it, zeros at the start."""
        if self.zero_output_for_mask or mask.shape[1] == 1:
            return mask
        return ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0

    def __getattr__(self, name):
        # `layer.units`, `layer.dropout`, ...: a cell's options are readable on its layer.
        cell = self.__dict__.get("cell")
        if cell is not None and name in parameters(type(cell)):
            return getattr(cell, name)
        return self.__getattribute__(name)  # raises the original error, as of a property

    def get_config(self) -> Config:
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        for name in ("name", "dtype", "trainable"):
            cell_config.pop(name, None)
        regularizer = keras.regularizers.serialize(self.activity_regularizer)
        return {**cell_config, **config, "activity_regularizer": regularizer}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def _check_states(states, sizes, sequences):
    """Refuses initial states of another shape than `(batch, units)`."""
    if len(states) != len(sizes):
        raise ValueError(f"`initial_state` must hold {len(sizes)} tensors, got {len(states)}.")
    for state, size in zip(states, sizes):
        wanted = (sequences.shape[0], size)
        known = [(w, g) for w, g in zip(wanted, state.shape) if None not in (w, g)]
        if len(state.shape) != 2 or any(w != g for w, g in known):
            raise ValueError(
                f"`initial_state` must hold tensors of shape (batch, units) = {wanted}, "
                f"got {tuple(state.shape)}."
            )


def _boolean_mask(mask, sequences):
    """`(batch, time)` or `(batch, time, 1)` to boolean `(batch, time, 1)`; also a list of one."""
    if isinstance(mask, (list, tuple)):
        mask = mask[0]
    if mask is None:
        return None
    for got, wanted in zip(mask.shape[:2], sequences.shape[:2]):
        if None not in (got, wanted) and got != wanted:
            raise ValueError(
                f"`mask` must have shape (batch, time) = {tuple(sequences.shape[:2])}, "
                f"got {tuple(mask.shape)}."
            )
    mask = ops.cast(mask, "bool")
    return mask if len(mask.shape) == 3 else ops.expand_dims(mask, -1)
