"""Recurrent layers with the weights of PyTorch's `nn.RNN`, `nn.GRU` and `nn.LSTM`.

PyTorch itself is not needed: only `state_dict()` of a module and the values of tensors are used.
"""

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from rnn_keras.layers import GRU, LSTM, Bidirectional, DeepRNN, ProjectedLSTM, VanillaRNN

FIRST = "weight_ih_l0"
WEIGHT = re.compile(r"(?:weight|bias)_(?:ih|hh|hr)_l(\d+)(_reverse)?")
# By the number of gates: the layer, its options, and the positions of its gates in PyTorch.
KINDS = {
    1: (VanillaRNN, {}, (0,)),
    3: (GRU, {"reset_after": True}, (1, 0, 2)),  # Keras has z r h, PyTorch r z n
    4: (LSTM, {}, (0, 1, 2, 3)),  # Keras has i f c o, PyTorch i f g o
}


def from_torch(
    source: Any,
    *,
    prefix: str | None = None,
    nonlinearity: str | None = None,
    return_sequences: bool = True,
    return_state: bool = False,
    name: str | None = None,
    dtype: str | keras.DTypePolicy | None = None,
) -> keras.Layer:
    r"""A built recurrent layer with the weights, and so the outputs, of one of PyTorch's layers.

    PyTorch's equations are those of `VanillaRNN`, `LSTM`, with `proj_size` `ProjectedLSTM`, and
    `GRU(reset_after=True)`:

    $$n_t = \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \qquad
      h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}$$

    with column vectors, and a bias for each of the two products. The GRU keeps both biases;
    elsewhere only their sum matters. Source: the documentation of `torch.nn.GRU`.

    Args:
        source: an `nn.RNN`, `nn.GRU` or `nn.LSTM` with any `num_layers`, `bias` and
            `bidirectional`, or its `state_dict`, of tensors or arrays; or a module or
            `state_dict` that holds it among other things.
        prefix: prefix of `weight_ih_l0` in the names, such as "encoder.rnn."; needed if there are
            several, or other weights as well, which are then ignored.
        nonlinearity: "tanh" or "relu", for an `nn.RNN` that is not given as a module.
        return_sequences: whether the layer returns `H` of every step, as PyTorch does.
        return_state: whether it returns the final states too.
        name: name of the layer.
        dtype: dtype or dtype policy of the layer.

    Returns:
        A layer, in `Bidirectional` if `bidirectional`, several in `DeepRNN`, with the module's
        dropout between them. It reads `(batch, time, inputs)`, for any `batch_first`. The
        final states are a flat list in PyTorch's order: `h_n[k]`, for `nn.LSTM` `h_n[k], c_n[k]`,
        for each k.

    Raises:
        ValueError: if there is no such layer in `source`; if there are several, or other weights,
            and no `prefix`; if `nonlinearity` is missing or contradicts `source`; if a weight is
            missing or its shape does not match the others.

    Example:

    >>> weights = {"rnn.weight_ih_l0": np.ones((12, 3)), "rnn.weight_hh_l0": np.ones((12, 4))}
    >>> layer = from_torch(weights)
    >>> type(layer).__name__, layer.units, layer.use_bias
    ('GRU', 4, False)
    """
    state = source.state_dict() if hasattr(source, "state_dict") else source
    if not isinstance(state, Mapping):
        raise ValueError(f"`source` must be a module or a state_dict, got {type(source).__name__}.")
    prefix = _prefix(state, prefix)
    weights = {
        key.removeprefix(prefix): to_array(value)
        for key, value in state.items()
        if key.startswith(prefix) and WEIGHT.fullmatch(key.removeprefix(prefix))
    }
    gates, units, inputs, places = _layout(weights, prefix)
    module = source if prefix == "" else None  # a containing module has no such attributes
    layer_class, options, order = KINDS[gates]
    if "weight_hr_l0" in weights:
        layer_class, options = ProjectedLSTM, {"size": len(weights["weight_hr_l0"])}
    if gates == 1:
        options = {"activation": _phi(module, nonlinearity)}
    elif nonlinearity is not None:
        raise ValueError(
            f"`nonlinearity` is for an nn.RNN, but `source` is an nn.{layer_class.__name__}."
        )
    options = {**options, "use_bias": "bias_ih_l0" in weights, "dtype": dtype}
    returned = {"return_sequences": return_sequences, "return_state": return_state}

    def one_layer(directions, name=None, **changes):
        if len(directions) == 1:
            return layer_class(units, name=name, **options | changes)
        return Bidirectional(layer_class(units, **options | changes), name=name, dtype=dtype)

    if len(places) == 1:
        layer = one_layer(places[0], name, **returned)
    else:
        layers, dropout = map(one_layer, places), getattr(module, "dropout", 0.0)
        layer = DeepRNN([*layers], dropout=dropout, name=name, dtype=dtype, **returned)
    layer.build((None, None, inputs))
    layer.set_weights(
        [w for directions in places for place in directions for w in _packed(weights, place, order)]
    )
    return layer


def _prefix(state, prefix):
    """The one before `weight_ih_l0`, or the given one if it is there."""
    found = [key.removesuffix(FIRST) for key in state if key.endswith(FIRST)]
    if prefix in found:
        return prefix
    if prefix is None and len(found) == 1:
        _check_nothing_else(state, found[0])
        return found[0]
    if not found:
        raise ValueError(
            f"`source` holds no nn.RNN, nn.GRU or nn.LSTM: no name in it ends with {FIRST}."
        )
    raise ValueError(f"`prefix` must be one of {', '.join(map(repr, found))}, got {prefix!r}.")


def _check_nothing_else(state, prefix):
    """Refuses weights that would be ignored silently."""
    others = [
        key
        for key in state
        if not (key.startswith(prefix) and WEIGHT.fullmatch(key.removeprefix(prefix)))
    ]
    if others:
        more = f" and {len(others) - 4} more" if len(others) > 4 else ""
        raise ValueError(
            f"`source` holds weights that are not of the recurrent layer, {', '.join(others[:4])}"
            f"{more}: give `prefix={prefix!r}` to take the recurrent layer alone."
        )


def to_array(value):
    """A tensor or an array in float64, the NumPy type for every type of PyTorch."""
    is_tensor = hasattr(value, "detach")
    return np.asarray(value.detach().cpu().double().numpy() if is_tensor else value, float)


def _layout(weights, prefix):
    """`(gates, units, inputs, places)`, the places by layer, like `["l0", "l0_reverse"]`.

    Raises:
        ValueError: if the weights are not those of one RNN, GRU or LSTM.
    """
    found = [WEIGHT.fullmatch(key).groups() for key in weights]
    ways = ["", "_reverse"] if any(way for _, way in found) else [""]
    depth = 1 + max(int(number) for number, _ in found)
    places = [[f"l{i}{way}" for way in ways] for i in range(depth)]
    rows, inputs = weights[FIRST].shape
    size = weights["weight_hh_l0"].shape[-1] if "weight_hh_l0" in weights else rows
    projected = "weight_hr_l0" in weights
    units = weights["weight_hr_l0"].shape[-1] if projected else size  # of the cell state
    gates = rows // units
    if gates not in KINDS or gates * units != rows:
        raise ValueError(
            f"`{prefix}{FIRST}` has {rows} rows, which with {units} units are not the 1, 3 or 4 "
            "gates of an nn.RNN, nn.GRU or nn.LSTM."
        )
    shapes = {}
    for i, place in ((i, place) for i, directions in enumerate(places) for place in directions):
        shapes[f"weight_ih_{place}"] = (rows, len(ways) * size if i else inputs)
        shapes[f"weight_hh_{place}"] = (rows, size)
        if projected:
            shapes[f"weight_hr_{place}"] = (size, units)
        if any(key.startswith("bias") for key in weights):
            shapes |= {f"bias_ih_{place}": (rows,), f"bias_hh_{place}": (rows,)}
    for key, shape in shapes.items():
        got = weights[key].shape if key in weights else "none"
        if got != shape:
            raise ValueError(f"`{prefix}{key}` must be of shape {shape}; there is {got}.")
    return gates, units, inputs, places


def _phi(module, nonlinearity):
    phi = getattr(module, "nonlinearity", nonlinearity)
    if phi not in ("tanh", "relu") or nonlinearity not in (None, phi):
        raise ValueError(
            "`nonlinearity` of an nn.RNN must be 'tanh' or 'relu', and that of the module if one "
            f"is given, got {nonlinearity!r}."
        )
    return phi


def _packed(weights, place, order):
    """`[kernel, recurrent_kernel, bias]` of one layer and direction, and its projection."""

    def packed(name):
        gates = np.split(weights[f"{name}_{place}"], len(order))
        return np.concatenate([gates[k] for k in order]).T

    kernels = [packed("weight_ih"), packed("weight_hh")]
    if f"bias_ih_{place}" in weights:
        biases = [packed("bias_ih"), packed("bias_hh")]
        kernels.append(np.stack(biases) if len(order) == 3 else sum(biases))
    projection = [weights[f"weight_hr_{place}"].T] if f"weight_hr_{place}" in weights else []
    return kernels + projection
