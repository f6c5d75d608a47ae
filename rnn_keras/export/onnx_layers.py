"""The ONNX nodes of Keras layers: `convert(layer, graph, x, ...)` for each class of layers."""

import functools

import keras
import numpy as np

from rnn_keras.export.inference import as_functional
from rnn_keras.export.onnx_graph import TYPES, Value
from rnn_keras.export.onnx_recurrent import (
    convert_bidirectional,
    convert_deep,
    convert_recurrent,
)
from rnn_keras.export.onnx_traced import convert_traced, fill_in
from rnn_keras.layers import DeepRNN, RecurrentLayer

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
        layer: a Keras layer or operation.
        graph: a `Graph`.
        *args, **kwargs: its call arguments, with a `Value` for each tensor.

    Returns:
        A `Value`, or a list of them as the layer returns a list.

    Raises:
        ValueError: the layer, or an option of it, cannot be converted.
    """
    loops = keras.layers.RNN, keras.layers.Bidirectional
    parts = layer._flatten_layers() if isinstance(layer, keras.Layer) else ()
    if any(isinstance(part, loops) for part in parts):
        return _convert_by_parts(layer, graph, args, kwargs)
    return convert_traced(layer, graph, *args, **kwargs)


def convert_model(model, graph, inputs):
    """The outputs of a functional model, in a list, for its inputs."""
    values = {id(x): value for x, value in zip(model.inputs, inputs)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            args, kwargs = node.arguments.fill_in(values)
            kwargs = {k: x for k, x in kwargs.items() if k != "training" and x is not None}
            layer = node.operation
            if isinstance(layer, keras.Model):
                results = convert_model(as_functional(layer), graph, keras.tree.flatten(args))
            else:
                results = convert(layer, graph, *args, **kwargs)
            results = keras.tree.flatten(results)
            values |= {id(x): value for x, value in zip(node.outputs, results)}
    return [values[id(x)] for x in model.outputs]


def _convert_by_parts(layer, graph, args, kwargs):
    """A layer that holds recurrent layers, by the layers and operations of its `call`."""
    if type(layer).call is keras.Layer.call or isinstance(layer, keras.layers.RNN):
        raise ValueError(f"`{layer.name}` ({type(layer).__name__}) has no conversion to ONNX.")
    given = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Value)]
    symbols = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in given]
    args, kwargs = fill_in((args, kwargs), symbols)
    opened = keras.Model(symbols, layer.call(*args, **kwargs), name=layer.name)
    return convert_model(opened, graph, given)


@convert.register
def _embedding(layer: keras.layers.Embedding, graph, ids):
    found = graph.add("Gather", np.asarray(layer.embeddings), ids.name, axis=0)
    return Value(found, (*ids.shape, layer.output_dim))


@convert.register
def _dense(layer: keras.layers.Dense, graph, x):
    y = graph.add("MatMul", x.name, np.asarray(layer.kernel))
    if layer.use_bias:
        y = graph.add("Add", y, np.asarray(layer.bias))
    y = Value(y, (*x.shape[:-1], layer.units))
    if layer.activation is keras.activations.linear:
        return y
    return convert_traced(keras.layers.Activation(layer.activation), graph, y)


def _convert_nothing(layer, graph, x):
    return x


def _convert_recurrent(layer, graph, x, initial_state=None, mask=None):
    lengths = None
    if mask is not None:
        real = graph.add("Cast", mask.name, to=TYPES["int32"])
        lengths = graph.add("ReduceSum", real, np.array([1]), keepdims=0)
    given = [state.name for state in keras.tree.flatten(initial_state) if state is not None]
    one_of = next(kind for kind in RECURRENT if isinstance(layer, kind))
    y, states = RECURRENT[one_of](graph, layer, x, given, lengths)
    if not layer.return_state:
        return y
    return [y, *map(Value, states, layer.compute_output_shape(x.shape)[1:])]


for _kind in RECURRENT:
    convert.register(_kind, _convert_recurrent)
for _kind in TRAINING_ONLY:
    convert.register(_kind, _convert_nothing)
