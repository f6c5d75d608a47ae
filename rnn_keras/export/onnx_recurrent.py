"""Recurrent layers as ONNX's operators RNN, GRU and LSTM.

They read `(time, batch, inputs)` and return H `(time, directions, batch, units)`. They take
lengths, not masks, so padding must be at the end of a sequence.
"""

import keras
import numpy as np

from rnn_keras import layers
from rnn_keras.export.onnx_graph import TensorProto, Value

# The operator, and the positions of its gates among those of the layer's weights.
OPERATORS = {
    layers.VanillaRNN: ("RNN", (0,)),
    layers.GRU: ("GRU", (0, 1, 2)),
    layers.LSTM: ("LSTM", (0, 3, 1, 2)),  # I, O, F, C
}
# ONNX's name of an activation, with its α and β.
ACTIVATIONS = {
    "tanh": ("Tanh",),
    "sigmoid": ("Sigmoid",),
    "relu": ("Relu",),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "softsign": ("Softsign",),
    "softplus": ("Softplus",),
    "elu": ("Elu", 1.0),
}


def convert_recurrent(graph, layer, x, initial_state=None, lengths=None):
    """A recurrent layer of one direction.

    Args:
        graph: a `Graph`.
        layer: one of `OPERATORS`, or a subclass's instance.
        x: a `Value` `(batch, time, inputs)`.
        initial_state: names of its states `(batch, units)`; None for zeros.
        lengths: name of the lengths of the sequences, `(batch,)` int32; None for no mask.

    Returns:
        `(Y, states)`: a `Value`, as Keras returns it, and the names of the final states.

    Raises:
        ValueError: ONNX has no such layer or activation.
    """
    kinds = 2 if isinstance(layer, layers.LSTM) else 1
    names = layers.state_names(layer.name, kinds, graph.final_states)
    carried = [graph.initial_states[name] for name in names if name in graph.initial_states]
    H, (last,), states = _run(
        graph, [layer], x, carried or initial_state, lengths, layer.go_backwards
    )
    graph.final_states.update(zip(names, states))
    units = layer.cell.units
    if not layer.return_sequences:
        return Value(last, (x.shape[0], units)), states
    H = _merge_directions(graph, H)
    if layer.go_backwards:
        # In the order of computation; padding, at the beginning then, has zeros as with Keras.
        H = graph.add("Slice", H, *(np.array([n]) for n in (-1, -(2**31), 1, -1)))
    elif lengths and not layer.zero_output_for_mask:
        H = graph.add(
            "Where", _valid(graph, x, lengths), H, graph.add("Unsqueeze", last, np.array([1]))
        )
    return Value(H, (*x.shape[:2], units)), states


def convert_bidirectional(graph, layer, x, initial_state=None, lengths=None):
    """Both directions by one operator; arguments and result as in `convert_recurrent`.

    Raises:
        ValueError: ONNX has no such layer, activation or way to join the directions.
    """
    if layer.merge_mode is None:
        raise ValueError(f"`{layer.name}` has merge_mode=None, which the ONNX export lacks.")
    both = [layer.forward_layer, layer.backward_layer]
    H, last, states = _run(graph, both, x, initial_state, lengths)
    units = both[0].cell.units
    if layer.return_sequences:
        parts = [
            _merge_directions(graph, part)
            for part in graph.add("Split", H, np.array([1, 1]), outputs=2, axis=1)
        ]
    else:
        parts = last
    join = {"sum": "Add", "ave": "Add", "mul": "Mul"}.get(layer.merge_mode)
    Y = graph.add(join, *parts) if join else graph.add("Concat", *parts, axis=-1)
    if layer.merge_mode == "ave":
        Y = graph.add("Mul", Y, np.float32(0.5))
    width = units if join else 2 * units
    if not layer.return_sequences:
        return Value(Y, (x.shape[0], width)), states
    return Value(Y, (*x.shape[:2], width)), states


def convert_deep(graph, stack, x, initial_state=None, lengths=None):
    """A `DeepRNN`; arguments and result as in `convert_recurrent`."""
    states, given = [], list(initial_state or [])
    if stack.go_backwards:
        raise ValueError(f"`{stack.name}` has go_backwards=True, which the ONNX export lacks.")
    for layer in stack.layers:
        two = isinstance(layer, keras.layers.Bidirectional)
        convert = convert_bidirectional if two else convert_recurrent
        count = (2 if two else 1) * len((layer.forward_layer if two else layer).cell.state_names)
        x, new = convert(graph, layer, x, given[len(states) :][:count] or None, lengths)
        states += new
    return x, states


def _run(graph, directions, x, initial_state, lengths, reverse=False):
    """H `(time, directions, batch, units)`, the last H and all final states of each direction."""
    operator, gates = _operator(directions[0])
    if len({type(layer) for layer in directions}) > 1:
        raise ValueError(f"`{directions[1].name}` is of another class than its forward direction.")
    weights = [_weights(layer, gates) for layer in directions]
    W, R, B = (np.stack(arrays) for arrays in zip(*weights, strict=True))
    X = graph.add("Transpose", x.name, perm=[1, 0, 2])
    kinds = 2 if operator == "LSTM" else 1
    initial = [None] * kinds
    if initial_state:
        initial = [
            graph.add(
                "Concat",
                *(graph.add("Unsqueeze", s, np.array([0])) for s in initial_state[kind::kinds]),
                axis=0,
            )
            for kind in range(kinds)
        ]
    names = [a for layer in directions for a in _activations(layer, operator)]
    cell = directions[0].cell
    options = {"linear_before_reset": int(cell.reset_after)} if operator == "GRU" else {}
    direction = "reverse" if reverse else "forward"
    H, *finals = graph.add(
        operator, X, W, R, B, lengths, *initial,
        outputs=1 + kinds,
        hidden_size=cell.units,
        direction="bidirectional" if len(directions) == 2 else direction,
        activations=[name for name, *_ in names],
        activation_alpha=[more[0] for _, *more in names if more],
        activation_beta=[more[1] for _, *more in names if len(more) > 1],
        **options,
    )  # fmt: skip
    split = [
        graph.add("Split", final, np.ones(len(directions), int), outputs=len(directions), axis=0)
        if len(directions) > 1
        else [final]
        for final in finals
    ]
    states = [
        graph.add("Squeeze", split[kind][i], np.array([0]))
        for i in range(len(directions))
        for kind in range(kinds)
    ]
    last = states[::kinds]
    if lengths and initial_state:  # zeros for a sequence of length 0, where Keras keeps the state
        any_step = graph.add("Greater", graph.add("Unsqueeze", lengths, np.array([1])), np.int32(0))
        states = [
            graph.add("Where", any_step, *both) for both in zip(states, initial_state, strict=True)
        ]
    return H, last, states


def _operator(layer):
    for kind, found in OPERATORS.items():
        if type(layer) is kind:
            if layer.cell.zoneout_rates:
                raise ValueError(f"`{layer.name}` has zoneout, which ONNX's operators lack.")
            return found
    supported = ", ".join(kind.__name__ for kind in OPERATORS)
    raise ValueError(
        f"`{layer.name}` ({type(layer).__name__}) has no ONNX operator; those that do are "
        f"{supported}."
    )


def _weights(layer, gates):
    """W `(gates * units, inputs)`, R `(gates * units, units)` and B of both in ONNX's order."""
    units = layer.cell.units
    kernel, recurrent, *bias = (np.asarray(w) for w in layer.cell.weights[:3])
    columns = np.concatenate([np.arange(units) + gate * units for gate in gates])
    zeros = np.zeros(len(columns), "float32")
    bias = bias[0] if layer.cell.use_bias else zeros
    both = bias if bias.ndim == 2 else [bias, zeros]
    B = np.concatenate([b[columns] for b in both])
    return kernel[:, columns].T, recurrent[:, columns].T, B


def _activations(layer, operator):
    cell = layer.cell
    used = {
        "RNN": [cell.activation],
        "GRU": [getattr(cell, "recurrent_activation", None), cell.activation],
        "LSTM": [getattr(cell, "recurrent_activation", None), cell.activation, cell.activation],
    }[operator]
    names = [keras.activations.serialize(each) for each in used]
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(
                f"`{layer.name}` has the activation {name}; ONNX's operators have "
                f"{', '.join(ACTIVATIONS)}."
            )
    return [ACTIVATIONS[name] for name in names]


def _merge_directions(graph, H):
    """`(time, 1, batch, units)` as `(batch, time, units)`."""
    return graph.add("Transpose", graph.add("Squeeze", H, np.array([1])), perm=[1, 0, 2])


def _valid(graph, x, lengths):
    """Which steps are before the end of their sequence: bool `(batch, time, 1)`."""
    time = graph.add("Squeeze", graph.add("Shape", x.name, start=1, end=2), np.array([0]))
    steps = graph.add("Range", np.int64(0), time, np.int64(1))
    lengths = graph.add("Cast", lengths, to=TensorProto.INT64)
    before = graph.add("Less", steps, graph.add("Unsqueeze", lengths, np.array([1])))
    return graph.add("Unsqueeze", before, np.array([2]))
