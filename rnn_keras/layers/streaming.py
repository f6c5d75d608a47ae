"""Carried states: a recurrent model continues a sequence where the last piece ended."""

import contextlib
import contextvars
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from rnn_keras.layers.types import Tensor

_stream = contextvars.ContextVar("stream", default=None)


@dataclass(frozen=True)
class _Stream:
    given: dict
    final: dict


@contextlib.contextmanager
def carried_states(states: Mapping[str, Tensor] | None = None) -> Iterator[dict[str, Tensor]]:
    """Context in which every recurrent layer starts from the state given for its name.

    This includes layers that are called with an `initial_state`, or are `stateful`.

    Args:
        states: tensors `(batch, units)` by name; other layers start from the usual state, zeros by
            default.

    Yields:
        The final states by name, filled as the layers are called. The names are `LAYER_h`, and for
        a cell of two states (LSTM) also `LAYER_c`; `LAYER_2_h` and so on in further calls of layers
        of the same name.

    Example:
        >>> import keras
        >>> from rnn_keras.layers import GRU
        >>> layer, x = GRU(4, name="gru"), keras.random.normal((1, 6, 3))
        >>> with carried_states() as states:
        ...     _ = layer(x[:, :2])
        >>> with carried_states(states):
        ...     last = layer(x[:, 2:])
        >>> bool(keras.ops.all(keras.ops.isclose(last, layer(x), atol=1e-6)))
        True
    """
    stream = _Stream(given=states or {}, final={})
    token = _stream.set(stream)
    try:
        yield stream.final
    finally:
        _stream.reset(token)


def carry(layer, initial_state, loop):
    """Runs `loop(initial_state) -> (last_output, outputs, states)` with the carried states."""
    stream = _stream.get()
    if stream is None:
        return loop(initial_state)
    names = state_names(layer.name, len(initial_state), stream.final)
    initial_state = [stream.given.get(n, state) for n, state in zip(names, initial_state)]
    last_output, outputs, states = loop(initial_state)
    stream.final.update(zip(names, states))
    return last_output, outputs, states


def state_names(layer: str, count: int, taken: Container[str]) -> list[str]:
    """The names of the states of a call of a layer, as in `carried_states`.

    Args:
        layer: the layer's name.
        count: number of its states.
        taken: the names of the states of other calls.
    """
    kinds = ["h", "c"] if count == 2 else ["h", *(f"s{i}" for i in range(1, count))]
    call, prefix = 1, layer
    while f"{prefix}_h" in taken:
        call += 1
        prefix = f"{layer}_{call}"
    return [f"{prefix}_{kind}" for kind in kinds]
