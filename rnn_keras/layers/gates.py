"""Records the gates of a layer over time, from the step itself."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

from keras import ops

from rnn_keras.layers.cell import affine, own_computation

_recording = contextvars.ContextVar("recording", default=None)


@contextlib.contextmanager
def record_gates() -> Iterator[dict[str, dict[str, Any]]]:
    """Context in which every eager call of a recurrent layer records its gates at each time step.

    Layers inside models are recorded as well, at any depth. Each layer runs a second time for this,
    step by step, so this is for inspecting some sequences, not for training.

    Yields:
        By the name of the layer (`LAYER_2`, ... in further calls of layers of the same name) a
        dictionary of arrays `(batch, time, units)`, filled as the layers are called. Its keys are
        the symbols of the step: `Z`, `R`, `H_tilde`, `H` of a GRU; `I`, `F`, `O`, `C_tilde`, `H`,
        `C` of an LSTM; `H` of a vanilla RNN. The time is that of the input, also for a layer that
        runs backwards; where the mask is False the states are kept, and the gates have no effect.

    Raises:
        ValueError: a layer is called in a graph (`Model.predict`, `tf.function`), which has no
            values to record.

    Example:
        >>> import keras
        >>> from rnn_keras.layers import GRU
        >>> layer = GRU(4, name="gru")
        >>> with record_gates() as seen:
        ...     _ = layer(keras.random.normal((1, 6, 3)))
        >>> list(seen["gru"]), seen["gru"]["Z"].shape
        (['Z', 'R', 'H_tilde', 'H'], (1, 6, 4))
    """
    seen = {}
    token = _recording.set(seen)
    try:
        yield seen
    finally:
        _recording.reset(token)


def is_recording():
    """Whether gates are being recorded."""
    return _recording.get() is not None


def record(layer, sequences, state, mask):
    """Records the gates of `layer` over time.

    Args:
        layer: the layer.
        sequences: `(batch, time, inputs)`.
        state: the initial states, each `(batch, units)`.
        mask: bool `(batch, time, 1)`, or None.
    """
    if not any(hasattr(sequences, name) for name in ("numpy", "addressable_shards")):
        raise ValueError(
            f"record_gates records eager calls, but {layer.name} is called in a graph; "
            "call the model itself, model(x)."
        )
    seen, name, call = _recording.get(), layer.name, 1
    while name in seen:
        call += 1
        name = f"{layer.name}_{call}"
    seen[name] = _over_time(layer, sequences, tuple(state), mask)


def _over_time(layer, sequences, state, mask):
    cell = layer.cell
    if (reason := own_computation(cell)) is not None:
        raise ValueError(f"record_gates reads the gates from a cell's `step`, but {reason}.")
    # A second cell with the same options, whose activations are replaced by ones that store their
    # results: these are the gates, in the order in which Keras packs their weights.
    probe, gates, candidates = type(cell).from_config(cell.get_config()), [], []
    if probe.gate_names:
        probe.recurrent_activation = _store_results(probe.recurrent_activation, gates)
    probe.activation = _store_results(probe.activation, candidates)

    probe.step = vars(cell).get("step", probe.step)  # a step set on the cell itself
    step = probe.loop_step()
    x, weights = cell.project(ops.transpose(sequences, (1, 0, 2))), cell.split_weights()
    times = range(sequences.shape[1])
    steps = {}
    for t in reversed(times) if layer.go_backwards else times:
        gates.clear(), candidates.clear()
        new_state = step(tuple(piece[t] for piece in x), state, weights, affine)
        if mask is not None:
            new_state = [ops.where(mask[:, t], new, old) for new, old in zip(new_state, state)]
        state = tuple(new_state)
        steps[t] = {
            **dict(zip(probe.gate_names, gates)),
            **dict(zip(probe.candidate_names, candidates)),
            **dict(zip(probe.state_names, state)),
        }
    return {
        symbol: ops.convert_to_numpy(ops.stack([steps[t][symbol] for t in times], axis=1))
        for symbol in steps[0]
        if symbol != "_"
    }


def _store_results(function, values):
    def store(a):
        values.append(function(a))
        return values[-1]

    return store
