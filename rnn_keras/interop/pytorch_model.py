"""A whole network of PyTorch as a Keras model: Embedding, a recurrent layer, Linear."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from rnn_keras.interop.pytorch import FIRST, WEIGHT, from_torch, to_array


def model_from_torch(
    source: Any, *, nonlinearity: str | None = None, final_state: bool = False
) -> keras.Model:
    r"""A Keras model with the weights of a PyTorch network.

    The network is $y = W\,\mathrm{RNN}(E[\mathrm{ids}]) + b$: an `nn.Embedding`, if there is one,
    an `nn.RNN`, `nn.GRU` or `nn.LSTM` as `from_torch` takes it, and an `nn.Linear`, if there is
    one. A `state_dict` does not record what else happens in `forward`: activations, or masks.

    Args:
        source: the module that holds these layers, or its `state_dict`, of tensors or arrays.
        nonlinearity: "tanh" or "relu", for an `nn.RNN`.
        final_state: whether the Linear layer reads the final state of the last recurrent layer, of
            both directions if there are two (`h_n`), and not its output at each time step.

    Returns:
        A functional model of `ids` `(batch, time)`, int32, or without an Embedding of `x`
        `(batch, time, inputs)`. Its output has the shape `(batch, time, size)`, with `final_state`
        `(batch, size)`. The layers have the names of the modules.

    Raises:
        ValueError: `source` holds no recurrent layer or several, weights of another layer, or what
            `from_torch` refuses.

    Example:

    >>> weights = {"rnn.weight_ih_l0": np.ones((16, 3)), "rnn.weight_hh_l0": np.ones((16, 4)),
    ...            "fc.weight": np.ones((2, 4)), "fc.bias": np.ones(2)}
    >>> model_from_torch(weights).output_shape
    (None, None, 2)
    """
    state = source.state_dict() if hasattr(source, "state_dict") else source
    if not isinstance(state, Mapping):
        raise ValueError(f"`source` must be a module or a state_dict, got {type(source).__name__}.")
    prefixes = [key.removesuffix(FIRST) for key in state if key.endswith(FIRST)]
    if len(prefixes) > 1:
        raise ValueError(
            f"`source` holds several recurrent layers, {', '.join(prefixes)}; from_torch converts "
            "each, and only your `forward` says how they are connected."
        )
    prefix = prefixes[0] if prefixes else None
    recurrent = from_torch(
        state,
        prefix=prefix,
        nonlinearity=nonlinearity,
        return_sequences=not final_state,
        name=_layer_name(prefix),
    )
    inputs = state[f"{prefix}{FIRST}"].shape[1]
    outputs = recurrent.compute_output_shape((1, 1, inputs))[-1]
    embedding, linear = _around(state, prefix, inputs, outputs)
    if embedding is None:
        x = H = keras.Input((None, inputs), name="x")
    else:
        x = keras.Input((None,), dtype="int32", name="ids")
        name, weight = embedding
        layer = keras.layers.Embedding(*weight.shape, name=name)
        H = layer(x)
        layer.set_weights([weight])
    H = recurrent(H)
    if linear is not None:
        name, weight, *bias = linear
        layer = keras.layers.Dense(len(weight), use_bias=bool(bias), name=name)
        H = layer(H)
        layer.set_weights([weight.T, *bias])
    return keras.Model(x, H)


def _layer_name(prefix):
    return (prefix or "").rstrip(".").replace(".", "_") or None


def _around(state, prefix, inputs, outputs):
    """The Embedding before the recurrent layer and the Linear after it: `(name, weight, ...)`.

    Raises:
        ValueError: there are weights of anything else.
    """
    modules, after = {}, False
    for key, value in state.items():
        if key.startswith(prefix) and WEIGHT.fullmatch(key.removeprefix(prefix)):
            after = True
        else:
            module, _, kind = key.rpartition(".")
            modules.setdefault((module, after), {})[kind] = to_array(value)
    found = {False: None, True: None}
    for (module, after), weights in modules.items():
        columns, kinds = (outputs, ["bias"]) if after else (inputs, [])
        weight = weights.pop("weight", np.zeros(()))
        if found[after] or weight.shape[1:] != (columns,) or not set(weights) <= set(kinds):
            what = module or ", ".join(weights) or "weight"
            raise ValueError(
                f"`{what}` cannot be converted: in the order of the state_dict, there may be an "
                f"nn.Embedding of {inputs} columns before the recurrent layer, and an nn.Linear of "
                f"{outputs} inputs after it."
            )
        found[after] = _layer_name(module), weight, *weights.values()
    return found[False], found[True]
