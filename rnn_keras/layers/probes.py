"""Probes: zeros added to the states of a layer, whose gradients are those of the states."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import keras
from keras import ops

from rnn_keras.layers.types import Tensor

_probing = contextvars.ContextVar("probing", default=None)


@dataclass(frozen=True)
class LayerCall:
    """One call of a recurrent layer inside `probe_states`.

    Attributes:
        layer: the layer.
        sequences: its input, `(batch, time, inputs)`.
        initial_state: one tensor `(batch, units)` per state.
        mask: boolean `(batch, time, 1)`, or None.
        probes: by symbol of the state (`H`; `H` and `C` of an LSTM), zeros `(batch, time, units)`.
            The time is that of the input, also for a layer that runs backwards.
    """

    layer: keras.Layer
    sequences: Tensor
    initial_state: tuple[Tensor, ...]
    mask: Tensor | None
    probes: dict[str, Tensor]


@dataclass(frozen=True)
class _Probing:
    watch: Callable[[Tensor], None]
    calls: dict[str, LayerCall] = field(default_factory=dict)


@contextlib.contextmanager
def probe_states(watch: Callable[[Tensor], None]) -> Iterator[dict[str, LayerCall]]:
    """Context in which every recurrent layer adds a probe, zeros, to its states at each time step.

    The gradient with respect to a probe is the gradient with respect to the state, through the
    output of that step and through all later steps. It is 0 where the mask is False. The loop of
    the layer computes it with its other gradients.

    Args:
        watch: called with each probe before it is used, such as `tape.watch` of a gradient tape.

    Yields:
        The calls by the name of the layer (`LAYER_2`, ... in further calls of layers of the same
        name), filled as the layers are called.

    Raises:
        ValueError: a layer runs the reference plan, which has no place for probes.

    Example:
        >>> import keras, tensorflow as tf
        >>> from rnn_keras.layers import GRU
        >>> layer, x = GRU(4, name="gru"), keras.random.normal((1, 6, 3))
        >>> with tf.GradientTape() as tape, probe_states(tape.watch) as calls:
        ...     loss = tf.reduce_sum(layer(x))
        >>> tape.gradient(loss, calls["gru"].probes["H"]).shape
        TensorShape([1, 6, 4])
    """
    probing = _Probing(watch)
    token = _probing.set(probing)
    try:
        yield probing.calls
    finally:
        _probing.reset(token)


def make_probes(layer, sequences, initial_state, mask, plan):
    """The probes of this call of `layer`, a tuple; empty outside of `probe_states`."""
    probing = _probing.get()
    if probing is None:
        return ()
    if plan == "reference":
        raise ValueError(
            f"the states of {layer.name} cannot be probed in the reference plan; see "
            "rnn_keras.explain."
        )
    batch, time = ops.shape(sequences)[:2]
    probes = {
        symbol: ops.zeros(
            (batch, time, state.shape[-1]), keras.backend.standardize_dtype(state.dtype)
        )
        for symbol, state in zip(layer.cell.state_names, initial_state, strict=True)
    }
    for probe in probes.values():
        probing.watch(probe)
    name, count = layer.name, 1
    while name in probing.calls:
        count += 1
        name = f"{layer.name}_{count}"
    call = LayerCall(layer, sequences, tuple(initial_state), mask, probes)
    probing.calls[name] = call
    return tuple(probes.values())


def probed_step(step, count):
    """`step` that adds the last `count` entries of `x` to the new states; `step` if it is 0."""
    if not count:
        return step

    def probed(x, state, weights, affine):
        new_state = step(x[:-count], state, weights, affine)
        return tuple(new + probe for new, probe in zip(new_state, x[-count:], strict=True))

    return probed
