"""The ONNX nodes of Keras layers: `convert(layer, graph, x, ...)` for each class of layers."""

import functools
import math

import keras
import numpy as np

from rnn_keras.export.onnx_graph import TYPES, Value, same
from rnn_keras.export.onnx_recurrent import (
    convert_bidirectional,
    convert_deep,
    convert_recurrent,
)
from rnn_keras.layers import DeepRNN, RecurrentLayer

ACTIVATIONS = {
    "elu": "Elu",
    "exponential": "Exp",
    "relu": "Relu",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
MERGES = {
    keras.layers.Add: "Sum",
    keras.layers.Average: "Mean",
    keras.layers.Maximum: "Max",
    keras.layers.Minimum: "Min",
}
RECURRENT = {
    keras.layers.Bidirectional: convert_bidirectional,
    DeepRNN: convert_deep,
    RecurrentLayer: convert_recurrent,
}
# Layers that do nothing in inference.
TRAINING_ONLY = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.SpatialDropout1D,
)


@functools.singledispatch
def convert(layer, graph, *args, **kwargs):
    """The result of a layer.

    Args:
        layer: a Keras layer, or one of the operations in `OPERATIONS`.
        graph: a `Graph`.
        *args, **kwargs: its call arguments, with a `Value` for each tensor.

    Returns:
        A `Value`, or a list of them as the layer returns a list.

    Raises:
        ValueError: the layer, or an option of it, cannot be converted.
    """
    if type(layer).__name__ in OPERATIONS:
        return OPERATIONS[type(layer).__name__](layer, graph, *args, **kwargs)
    raise ValueError(
        f"`{layer.name}` ({type(layer).__name__}) has no conversion to ONNX; docs/export.md lists "
        "the layers that have one."
    )


@convert.register
def _embedding(layer: keras.layers.Embedding, graph, ids):
    found = graph.add("Gather", np.asarray(layer.embeddings), ids.name, axis=0)
    return Value(found, (*ids.shape, layer.output_dim))


@convert.register
def _masking(layer: keras.layers.Masking, graph, x):
    real = graph.add("Not", graph.add("Equal", x.name, np.float32(layer.mask_value)))
    real = graph.add("ReduceMax", _cast(graph, real, "float32"), axes=[-1])
    return same(x, graph.add("Mul", x.name, real))


@convert.register
def _dense(layer: keras.layers.Dense, graph, x):
    y = graph.add("MatMul", x.name, np.asarray(layer.kernel))
    if layer.use_bias:
        y = graph.add("Add", y, np.asarray(layer.bias))
    return Value(_activate(graph, y, layer), (*x.shape[:-1], layer.units))


@convert.register
def _convolution(layer: keras.layers.Conv1D, graph, x):
    if layer.data_format != "channels_last" or layer.padding not in ("valid", "same", "causal"):
        raise ValueError(f"`{layer.name}` has a padding or data format that ONNX lacks.")
    (size,), (stride,), (dilation,) = layer.kernel_size, layer.strides, layer.dilation_rate
    if layer.padding == "same" and stride > 1:
        raise ValueError(f"`{layer.name}`: padding 'same' with strides is not converted to ONNX.")
    extra = (size - 1) * dilation
    before = {"valid": 0, "same": extra // 2, "causal": extra}[layer.padding]
    after = extra - before if layer.padding == "same" else 0
    bias = [np.asarray(layer.bias)] if layer.use_bias else []
    y = graph.add(
        "Conv", graph.add("Transpose", x.name, perm=[0, 2, 1]),
        np.asarray(layer.kernel).transpose(2, 1, 0), *bias,
        strides=[stride], dilations=[dilation], pads=[before, after], group=layer.groups,
    )  # fmt: skip
    y = graph.add("Transpose", y, perm=[0, 2, 1])
    return Value(_activate(graph, y, layer), (x.shape[0], None, layer.filters))


@convert.register
def _layer_norm(layer: keras.layers.LayerNormalization, graph, x):
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if [axis % len(x.shape) for axis in axes] != [len(x.shape) - 1]:
        raise ValueError(f"`{layer.name}` normalizes another axis than the last.")
    size = x.shape[-1]
    scale = np.asarray(layer.gamma) if layer.scale else np.ones(size, "float32")
    shift = [np.asarray(layer.beta)] if layer.center else []
    y = graph.add("LayerNormalization", x.name, scale, *shift, axis=-1, epsilon=layer.epsilon)
    return same(x, y)


@convert.register
def _batch_norm(layer: keras.layers.BatchNormalization, graph, x, mask=None):
    scale = np.asarray(layer.gamma) if layer.scale else np.float32(1)
    scale = scale / np.sqrt(np.asarray(layer.moving_variance) + np.float32(layer.epsilon))
    shift = (np.asarray(layer.beta) if layer.center else 0) - scale * layer.moving_mean.numpy()
    y = graph.add("Mul", x.name, scale.astype("float32"))
    return same(x, graph.add("Add", y, shift.astype("float32")))


@convert.register
def _activation(layer: keras.layers.Activation, graph, x):
    return same(x, _activate(graph, x.name, layer))


@convert.register
def _softmax(layer: keras.layers.Softmax, graph, x):
    return same(x, graph.add("Softmax", x.name, axis=layer.axis))


@convert.register
def _relu(layer: keras.layers.ReLU, graph, x):
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise ValueError(f"`{layer.name}`: only a plain ReLU is converted to ONNX.")
    return same(x, graph.add("Relu", x.name))


@convert.register
def _time_distributed(layer: keras.layers.TimeDistributed, graph, x, mask=None):
    if not isinstance(layer.layer, (keras.layers.Dense, *TRAINING_ONLY)):
        raise ValueError(f"`{layer.name}`: only a Dense layer per time step is converted to ONNX.")
    return convert(layer.layer, graph, x)


@convert.register
def _concatenate(layer: keras.layers.Concatenate, graph, xs):
    y = graph.add("Concat", *(x.name for x in xs), axis=layer.axis)
    shape = list(xs[0].shape)
    sizes = [x.shape[layer.axis] for x in xs]
    shape[layer.axis] = None if None in sizes else sum(sizes)
    return Value(y, tuple(shape))


@convert.register
def _max_pool(layer: keras.layers.GlobalMaxPooling1D, graph, x):
    return Value(graph.add("ReduceMax", x.name, axes=[1], keepdims=0), (x.shape[0], x.shape[2]))


@convert.register
def _mean_pool(layer: keras.layers.GlobalAveragePooling1D, graph, x, mask=None):
    if mask is not None:
        raise ValueError(f"`{layer.name}`: an average over a mask is not converted to ONNX.")
    return Value(graph.add("ReduceMean", x.name, axes=[1], keepdims=0), (x.shape[0], x.shape[2]))


@convert.register
def _flatten(layer: keras.layers.Flatten, graph, x):
    sizes = x.shape[1:]
    width = None if None in sizes else math.prod(sizes)
    return Value(graph.add("Reshape", x.name, np.array([0, -1])), (x.shape[0], width))


@convert.register
def _repeat(layer: keras.layers.RepeatVector, graph, x):
    y = graph.add("Tile", graph.add("Unsqueeze", x.name, np.array([1])), np.array([1, layer.n, 1]))
    return Value(y, (x.shape[0], layer.n, x.shape[1]))


def _convert_merge(layer, graph, xs):
    operator = next(name for kind, name in MERGES.items() if isinstance(layer, kind))
    return same(xs[0], graph.add(operator, *(x.name for x in xs)))


def _convert_nothing(layer, graph, x):
    return x


def _convert_recurrent(layer, graph, x, initial_state=None, mask=None):
    lengths = None
    if mask is not None:
        real = _cast(graph, mask.name, "int32")
        lengths = graph.add("ReduceSum", real, np.array([1]), keepdims=0)
    given = [state.name for state in keras.tree.flatten(initial_state) if state is not None]
    one_of = next(kind for kind in RECURRENT if isinstance(layer, kind))
    y, states = RECURRENT[one_of](graph, layer, x, given, lengths)
    return [y, *map(Value, states)] if layer.return_state else y


for _kind in RECURRENT:
    convert.register(_kind, _convert_recurrent)
for _kind in MERGES:
    convert.register(_kind, _convert_merge)
for _kind in TRAINING_ONLY:
    convert.register(_kind, _convert_nothing)


def _not_equal(_, graph, x1, x2):
    equal = graph.add("Equal", x1.name, np.array(x2, x1.dtype))
    return Value(graph.add("Not", equal), x1.shape, "bool")


def _any(operation, graph, x):
    (axis,) = np.atleast_1d(operation.axis)
    largest = graph.add(
        "ReduceMax", _cast(graph, x.name, "int32"), axes=[int(axis)], keepdims=operation.keepdims
    )
    return Value(_cast(graph, largest, "bool"), x.shape[:-1], "bool")


# Keras's operations by name: those of masks.
OPERATIONS = {"Any": _any, "NotEqual": _not_equal}


def _cast(graph, x, dtype):
    return graph.add("Cast", x, to=TYPES[dtype])


def _activate(graph, x, layer):
    name = keras.activations.serialize(layer.activation)
    if name == "linear":
        return x
    if name == "softmax":
        return graph.add("Softmax", x, axis=-1)
    if name not in ACTIVATIONS:
        raise ValueError(
            f"`{layer.name}` has the activation {name}; to ONNX are converted "
            f"{', '.join(['linear', 'softmax', *ACTIVATIONS])}."
        )
    return graph.add(ACTIVATIONS[name], x)
