"""Stacked recurrent layers."""

from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from rnn_keras.layers.cell import check_rate
from rnn_keras.layers.types import Config, Shape, States, Tensor


@keras.saving.register_keras_serializable(package="rnn_keras")
class DeepRNN(keras.layers.Layer):
    r"""A deep recurrent network: each layer reads the hidden states of the layer below.

    $$H_t^{(l)} = \phi_l(H_t^{(l-1)} W_{xh}^{(l)} + H_{t-1}^{(l)} W_{hh}^{(l)} + b_h^{(l)}),
      \qquad H_t^{(0)} = X_t$$

    written here for vanilla layers; any recurrent layer works. Source: Dive into Deep Learning,
    section 10.3. The dropout between the layers has one mask for all time steps (Gal & Ghahramani
    2016), like the `dropout` of a cell.

    Args:
        layers: list of recurrent layers, the one that reads the input first. Only their classes and
            options are used; the outputs that they return are set here.
        dropout: rate of the dropout between the layers, from 0 up to but not including 1.
        return_sequences: whether to return the top layer's `H` of every step.
        return_state: whether to return the final states of *every* layer, from the bottom up.
        go_backwards: whether to run over the reversed sequence; the output is in the order in
            which it was computed. So `Bidirectional` takes a stack too.
        stateful: whether all layers carry their states from batch to batch.
        seed: seed of the dropout.
        **options: `name`, `trainable`, and `dtype`, which if given applies to all layers.

    Call arguments:
        sequences: `(batch, time, inputs)`.
        initial_state: flat list of the initial states of every layer, in the order of
            `return_state`; default zeros.
        mask: boolean `(batch, time)`.
        training: whether dropout applies.

    Raises:
        ValueError: if `layers` is empty or holds anything but recurrent layers, if `dropout` is out
            of range, or if `initial_state` has the wrong number of tensors.

    Example:

    >>> from rnn_keras.layers import LSTM
    >>> deep = DeepRNN([LSTM(4), LSTM(4)], dropout=0.2, return_state=True)
    >>> output, *states = deep(keras.ops.ones((2, 3, 5)))
    >>> len(states)
    4
    """

    def __init__(
        self,
        layers: Sequence[keras.Layer],
        dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        stateful: bool = False,
        seed: int | None = None,
        go_backwards: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not isinstance(layers, (list, tuple)) or not layers:
            raise ValueError(
                f"`layers` must be a non-empty list of recurrent layers, got {layers!r}."
            )
        for layer in layers:
            if not isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
                raise ValueError(f"`layers` must hold recurrent layers, got {layer!r}.")
            if getattr(layer, "go_backwards", False):
                raise ValueError(
                    f"`layers` run in one direction, got {layer.name} with go_backwards=True; "
                    "wrap it in Bidirectional, or give the DeepRNN go_backwards=True."
                )
        check_rate("dropout", dropout)
        last = len(layers) - 1
        self.layers = [
            _rebuild(
                layer,
                return_sequences=return_sequences if i == last else True,
                return_state=True,
                stateful=stateful,
                **({"dtype": options["dtype"]} if options.get("dtype") is not None else {}),
            )
            for i, layer in enumerate(layers)
        ]
        self.dropout, self.seed = dropout, seed
        self.dropouts = [
            keras.layers.Dropout(
                dropout,
                noise_shape=(None, 1, None),
                seed=None if seed is None else seed + i,
                dtype=self.dtype_policy,
            )
            for i in range(last)
        ]
        self.return_sequences, self.return_state = return_sequences, return_state
        self.stateful, self.go_backwards = stateful, go_backwards
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        shape = tuple(sequences_shape)
        for layer in self.layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)[0]

    def call(
        self,
        sequences: Tensor,
        initial_state: States | Tensor | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        counts = [_count_states(layer) for layer in self.layers]
        if initial_state is not None and not isinstance(initial_state, (list, tuple)):
            initial_state = [initial_state]
        if initial_state is not None and len(initial_state) != sum(counts):
            raise ValueError(
                f"`initial_state` must hold {sum(counts)} tensors, the states of "
                f"{len(self.layers)} layers from the bottom up, got {len(initial_state)}."
            )
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        X, states = sequences, []
        for i, (layer, count) in enumerate(zip(self.layers, counts)):
            given = None if initial_state is None else list(initial_state[len(states) :][:count])
            if i > 0:
                X = self.dropouts[i - 1](X, training=training)
            X, *new_states = layer(X, initial_state=given, mask=mask, training=training)
            states += new_states
        X = ops.cast(X, self.compute_dtype)
        return (X, *states) if self.return_state else X

    def compute_output_shape(
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> Shape | tuple[Shape, ...]:
        shape, states = tuple(sequences_shape), []
        for layer in self.layers:
            shape, *state_shapes = layer.compute_output_shape(shape)
            states += state_shapes
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        output_mask = mask if self.return_sequences else None
        if not self.return_state:
            return output_mask
        return [output_mask] + [None] * sum(_count_states(layer) for layer in self.layers)

    @property
    def states(self) -> list[Tensor] | None:
        """The carried states of all layers, from the bottom up; None before there are any."""
        states = [layer.states for layer in self.layers]
        return None if None in states else [state for of_layer in states for state in of_layer]

    @property
    def zero_output_for_mask(self) -> bool | None:
        """That of the top layer; `Bidirectional` sets it."""
        return getattr(self.layers[-1], "zero_output_for_mask", None)

    @zero_output_for_mask.setter
    def zero_output_for_mask(self, value: bool) -> None:
        self.layers[-1].zero_output_for_mask = value

    def reset_state(self) -> None:
        """Sets the carried states of all layers to zero."""
        for layer in self.layers:
            layer.reset_state()

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "layers": [keras.saving.serialize_keras_object(layer) for layer in self.layers],
            "dropout": self.dropout,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "stateful": self.stateful,
            "seed": self.seed,
            "go_backwards": self.go_backwards,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> Self:
        layers = [
            keras.saving.deserialize_keras_object(layer, custom_objects=custom_objects)
            for layer in config["layers"]
        ]
        return cls(**{**config, "layers": layers})


def _rebuild(layer, **changes):
    """A new layer with the options of the given one, except for `changes`."""
    config = keras.saving.serialize_keras_object(layer)
    inner = config["config"]
    parts = (
        [inner["layer"]["config"], inner["backward_layer"]["config"]]
        if isinstance(layer, keras.layers.Bidirectional)
        else [inner]
    )
    for part in parts:
        part.update(changes)
    return keras.saving.deserialize_keras_object(config)


def _count_states(layer):
    if isinstance(layer, keras.layers.Bidirectional):
        return len(layer.forward_layer.state_size) + len(layer.backward_layer.state_size)
    return len(layer.state_size)
