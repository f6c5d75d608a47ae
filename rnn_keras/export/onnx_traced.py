"""Layers without recurrence in an ONNX graph: TensorFlow traces them, tf2onnx converts them."""

import contextlib
import logging

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.export.onnx_graph import OPSET, Value
from rnn_keras.extras import needs_extra

with needs_extra("onnx"):
    import tf2onnx
    from onnx import defs, numpy_helper


def convert_traced(layer, graph, *args, **kwargs):
    """The result of a Keras layer or operation.

    Args:
        layer: it must not hold a loop.
        graph: a `Graph`, to which its nodes are added.
        *args, **kwargs: its call arguments, with a `Value` for each tensor.

    Returns:
        A `Value`, or a structure of them as the layer returns it.

    Raises:
        ValueError: tf2onnx cannot convert it.
    """
    given = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Value)]

    def call(*tensors):
        filled_args, filled_kwargs = fill_in((args, kwargs), tensors)
        return layer(*filled_args, **filled_kwargs)

    specs = [tf.TensorSpec(x.shape, x.dtype, f"x{i}") for i, x in enumerate(given)]
    function = tf.function(call, input_signature=specs, autograph=False)
    with _quiet("tensorflow", "tf2onnx"):  # what is not converted is raised below
        converted, _ = tf2onnx.convert.from_function(function, specs, opset=OPSET)
    ours = dict(zip([x.name.partition(":")[0] for x in specs], [x.name for x in given]))
    results = function.get_concrete_function().structured_outputs
    names = iter(_inline(layer, graph, converted.graph, ours))
    return keras.tree.map_structure(
        lambda x: Value(next(names), tuple(x.shape), x.dtype.name), results
    )


@contextlib.contextmanager
def _quiet(*names):
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def fill_in(structure, tensors):
    """A structure with tensors in place of its `Value`s, in order, and arrays for weights."""
    tensors = iter(tensors)

    def fill(x):
        if isinstance(x, Value):
            return next(tensors)
        return np.asarray(x) if isinstance(x, (tf.Tensor, keras.Variable)) else x

    return keras.tree.map_structure(fill, structure)


def _inline(layer, graph, converted, ours):
    """Adds the nodes of an ONNX graph whose inputs `ours` names; the names of its outputs."""
    constants = {x.name: numpy_helper.to_array(x) for x in converted.initializer}
    names = {x.name: ours[x.name.partition(":")[0]] for x in converted.input}
    for node in converted.node:
        subgraph = any(attribute.HasField("g") for attribute in node.attribute)
        if subgraph or not defs.has(node.op_type, node.domain):
            raise ValueError(
                f"`{layer.name}` ({type(layer).__name__}) needs {node.op_type}, which is not "
                "converted to ONNX."
            )
        inputs = [constants.get(x, names.get(x)) if x else None for x in node.input]
        names |= zip(node.output, graph.add_node(node, inputs))
    return [names[x.name] for x in converted.output]
