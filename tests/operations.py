"""What a SavedModel needs of the program that serves it."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel


def foreign_operations(version: Path) -> set[str]:
    """The operations of a SavedModel that TensorFlow itself, and so TensorFlow Serving, lacks."""
    saved = SavedModel.FromString((version / "saved_model.pb").read_bytes())
    return foreign(operations(saved.meta_graphs[0].graph_def))


def operations(graph_def) -> set[str]:
    """The names of all operations of a graph and its functions."""
    functions = {function.signature.name for function in graph_def.library.function}
    nodes = [*graph_def.node, *(n for f in graph_def.library.function for n in f.node_def)]
    return {node.op for node in nodes} - functions


def foreign(names: set[str]) -> set[str]:
    """Those that TensorFlow itself does not have, whatever other packages are imported."""
    assert len(names) > 5
    return {name for name in names if not hasattr(tf.raw_ops, name)}
