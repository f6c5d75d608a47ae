"""Conversion of models between Keras's recurrent layers and those of this package."""

import functools
import inspect

import keras

from rnn_keras.interop.rebuild import rebuild, refusal
from rnn_keras.layers import (
    GRU,
    LSTM,
    Bidirectional,
    DeepRNN,
    GRUCell,
    LSTMCell,
    RecurrentLayer,
    TextbookCell,
    VanillaRNN,
    VanillaRNNCell,
)

# Our layer and cell, Keras's layer and cell: the same options, weights and states.
FAMILIES = [
    (VanillaRNN, VanillaRNNCell, keras.layers.SimpleRNN, keras.layers.SimpleRNNCell),
    (GRU, GRUCell, keras.layers.GRU, keras.layers.GRUCell),
    (LSTM, LSTMCell, keras.layers.LSTM, keras.layers.LSTMCell),
]
# The class to build for a cell of each side.
OUR_LAYERS = {cell: ours for ours, a, _, b in FAMILIES for cell in (a, b)}
KERAS_LAYERS = {cell: builtin for _, a, builtin, b in FAMILIES for cell in (a, b)}
KERAS_CELLS = {cell: b for _, a, _, b in FAMILIES for cell in (a, b)}
LAYERS = {keras.layers.RNN, *OUR_LAYERS.values(), *KERAS_LAYERS.values()}


def from_keras(model: keras.Layer) -> keras.Layer:
    """Converts a model to the layers of this package.

    `LSTM`, `GRU` (both `reset_after`), `SimpleRNN`, and `RNN` over their cells become `LSTM`,
    `GRU` and `VanillaRNN`; `RNN` over `StackedRNNCells` becomes `DeepRNN`, and Keras's
    `Bidirectional` ours; also in nested models and in wrappers such as `TimeDistributed`. All other
    layers, those of this package included, are copied.

    Args:
        model: a Sequential or functional Keras model, or a single layer. It is not changed.

    Returns:
        A model or layer with weights of its own: the same values, layer names, dtype policies,
        shared layers, `trainable` flags and carried states, so the same outputs. It is not
        compiled, and it is built only if the model was.

    Raises:
        ValueError: for a layer that cannot be converted, such as a recurrent layer or a cell of
            your own, `ConvLSTM2D`, or a subclassed model that holds recurrent layers; before
            anything is built.

    Example:

    >>> layer = from_keras(keras.layers.GRU(4, name="encoder"))
    >>> type(layer).__module__, layer.name, layer.reset_after
    ('rnn_keras.layers.gru', 'encoder', True)
    """
    return rebuild(model, _to_ours, _call)


def to_keras(model: keras.Layer) -> keras.Layer:
    """Converts a model to Keras's own layers, the inverse of `from_keras`.

    `DeepRNN` becomes `RNN` over `StackedRNNCells`, the only layer of Keras that takes and returns
    the states of a stack; its dropout between the layers becomes that of the cells' inputs,
    which has the same distribution. A `DeepRNN` that holds `Bidirectional` layers becomes a
    `Sequential` model of them.

    Args:
        model: a Sequential or functional Keras model, or a single layer. It is not changed.

    Returns:
        A model or layer, as in `from_keras`.

    Raises:
        ValueError: for a layer without a counterpart in Keras, such as one over a cell of your own,
            or a `DeepRNN` of `Bidirectional` layers that takes or returns states.

    Example:

    >>> type(to_keras(DeepRNN([LSTM(4), GRU(4)])).cell).__name__
    'StackedRNNCells'
    """
    return rebuild(model, _to_builtin, _call)


def _to_ours(layer):
    """Our layer to replace `layer`, or None if it may stay."""
    if type(layer) in (keras.layers.Bidirectional, Bidirectional):
        return _both_directions(layer, Bidirectional, _to_ours)
    if type(layer) is DeepRNN:
        inner = [_to_ours(part) for part in layer.layers]
        if inner == [None] * len(inner):
            return None
        layers = [new or _unbuilt_copy(old) for old, new in zip(layer.layers, inner)]
        return DeepRNN(**{**layer.get_config(), "layers": layers})
    if isinstance(layer, RecurrentLayer) or not isinstance(layer, keras.layers.RNN):
        return None
    if type(layer) not in LAYERS:
        raise refusal(
            layer,
            "only SimpleRNN, GRU, LSTM and RNN over their cells have a counterpart here; use one "
            "of these, or write its equation as the cell of a RecurrentLayer.",
        )
    if type(layer.cell) is not keras.layers.StackedRNNCells:
        return _make(layer, OUR_LAYERS, layer.cell, **_options(layer))
    options = _options(layer)
    inside = {name: options.pop(name) for name in ("unroll", "zero_output_for_mask")}
    return DeepRNN(
        [_make(layer, OUR_LAYERS, cell, name=cell.name, **inside) for cell in layer.cell.cells],
        dtype=layer.dtype_policy,
        **options,
    )


def _to_builtin(layer):
    """Keras's layer to replace `layer`, or None if it may stay."""
    if type(layer) in (keras.layers.Bidirectional, Bidirectional):
        return _both_directions(layer, keras.layers.Bidirectional, _to_builtin)
    if type(layer) is DeepRNN:
        return _stack(layer)
    if not isinstance(layer, keras.layers.RNN):
        return None
    stacked = type(layer.cell) is keras.layers.StackedRNNCells
    cells = layer.cell.cells if stacked else [layer.cell]
    if not any(isinstance(cell, TextbookCell) for cell in cells):
        return None
    if type(layer) not in LAYERS:
        raise refusal(layer, "Keras has no layer of this equation.")
    if stacked:
        cells = [_cell(layer, cell) for cell in cells]
        return keras.layers.RNN(cells, dtype=layer.dtype_policy, **_options(layer))
    return _make(layer, KERAS_LAYERS, layer.cell, **_options(layer))


def _stack(deep):
    """Keras's counterpart of a `DeepRNN`."""
    if any(isinstance(layer, keras.layers.Bidirectional) for layer in deep.layers):
        return _sequential(deep)
    top = deep.layers[-1]
    return keras.layers.RNN(
        [
            _cell(layer, layer.cell, dropout=deep.dropout if i else 0.0)
            for i, layer in enumerate(deep.layers)
        ],
        return_sequences=deep.return_sequences,
        return_state=deep.return_state,
        go_backwards=deep.go_backwards,
        stateful=deep.stateful,
        unroll=top.unroll,
        zero_output_for_mask=top.zero_output_for_mask,
        activity_regularizer=deep.activity_regularizer,
        name=deep.name,
        dtype=deep.dtype_policy,
    )


def _sequential(deep):
    if deep.return_state or any(len(node.input_tensors) > 1 for node in deep._inbound_nodes):
        raise refusal(
            deep, "no layer of Keras takes or gives the states of a stack of Bidirectional layers."
        )
    model = keras.Sequential(name=deep.name)
    for layer, dropout in zip(deep.layers, [*deep.dropouts, None]):
        new = _to_builtin(layer) or _unbuilt_copy(layer)
        for part in new._flatten_layers():
            if hasattr(part, "return_state"):  # always set in a DeepRNN
                part.return_state = False
        model.add(new)
        if deep.dropout and dropout is not None:
            model.add(_unbuilt_copy(dropout))
    return model


def _both_directions(layer, wrapper, exchange):
    """`layer` as a `wrapper` over exchanged layers, or None if it is one already."""
    old = (layer.forward_layer, layer.backward_layer)
    new = [exchange(part) for part in old]
    if new == [None, None] and type(layer) is wrapper:
        return None
    forward, backward = (b or _unbuilt_copy(a) for a, b in zip(old, new))
    return wrapper(
        forward,
        merge_mode=layer.merge_mode,
        backward_layer=backward,
        name=layer.name,
        dtype=layer.dtype_policy,
    )


def _cell(layer, cell, dropout=0.0):
    """Keras's cell for `cell`, whose input is dropped at a further rate."""
    dropout = 1 - (1 - getattr(cell, "dropout", 0.0)) * (1 - dropout)
    return _make(layer, KERAS_CELLS, cell, name=cell.name, dropout=dropout)


def _make(layer, classes, cell, **options):
    """The layer or cell of `classes` for `cell`, with its options; `layer` contains it."""
    if type(cell) not in classes:
        raise refusal(
            layer,
            f"its cell is a {type(cell).__name__}; only those of SimpleRNN, GRU and LSTM have a "
            "counterpart.",
        )
    if cell.dtype_policy != layer.dtype_policy:
        raise refusal(
            layer,
            f"its dtype is {layer.dtype_policy.name} and that of its cell "
            f"{cell.dtype_policy.name}; give both the same.",
        )
    for name in ("weight_drop", "zoneout"):
        if value := getattr(cell, name, 0.0):
            if not issubclass(classes[type(cell)], RecurrentLayer):
                raise refusal(layer, f"Keras has no `{name}`; make it without.")
            options[name] = value
    # As objects rather than by a configuration, so that any function works.
    names = [*inspect.signature(KERAS_CELLS[type(cell)]).parameters, "trainable"]
    of_cell = {name: getattr(cell, name) for name in names if name != "kwargs"}
    try:
        return classes[type(cell)](dtype=layer.dtype_policy, **of_cell | options)
    except ValueError as error:
        raise refusal(layer, str(error)) from error


def _options(layer):
    """The options of a recurrent layer without those of its cell."""
    names = (
        "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
        "zero_output_for_mask", "activity_regularizer", "name", "trainable",
    )  # fmt: skip
    return {name: getattr(layer, name) for name in names}


def _unbuilt_copy(layer):
    """An unbuilt copy."""
    return type(layer).from_config(layer.get_config())


def _call(layer, *args, **kwargs):
    """Calls `layer`; its states may be nested in another way."""
    directions = 2 if isinstance(layer, keras.layers.Bidirectional) else 1
    one = layer.forward_layer if directions == 2 else layer
    if isinstance(one, DeepRNN):
        nested = keras.tree.flatten
    elif isinstance(getattr(one, "cell", None), keras.layers.StackedRNNCells):
        nested = functools.partial(keras.tree.pack_sequence_as, one.cell.state_size * directions)
    else:
        return layer(*args, **kwargs)
    arguments = inspect.signature(layer.call).bind(*args, **kwargs).arguments
    if (states := arguments.get("initial_state")) is not None:
        arguments["initial_state"] = nested(keras.tree.flatten(states))
    return layer(arguments.pop("sequences"), **arguments)
