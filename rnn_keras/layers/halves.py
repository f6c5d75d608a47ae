"""Splits a batch in two halves that run in parallel, on one core each.

XLA runs the small product of a time step on one core, and two loops of one compiled function one
after the other. Two compiled functions within a plain graph run at the same time.
"""

import contextlib
import contextvars
import math
import os

import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # the only access to the XLA context

from rnn_keras.layers.unrolled import is_short

# With fewer multiply-adds in the product of a step, two loops cost more than they gain.
WORTHWHILE = 2**18
ASSUMED_BATCH = 32

_no_split = contextvars.ContextVar("no_split", default=False)


@contextlib.contextmanager
def no_split():
    """Context of layers that run in parallel anyway, so splitting their batches gains nothing."""
    token = _no_split.set(True)
    try:
        yield
    finally:
        _no_split.reset(token)


def should_split(sequences, weights):
    """Whether two halves make a loop over `sequences` `(batch, time, inputs)` faster here.

    Args:
        sequences: the input of the layer.
        weights: its recurrent weights.
    """
    batch, time, _ = sequences.shape
    batch = ASSUMED_BATCH if batch is None else batch
    return (
        batch > 1
        and not is_short(time)
        and batch * sum(math.prod(W.shape) for W in weights) >= WORTHWHILE
        and _cores() > 1
        and not _no_split.get()
        and not tf.executing_eagerly()
        and not control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
        and not tf.config.list_physical_devices("GPU")
    )


def run_split(function, arguments):
    """`function(*arguments)`, computed on the two halves of the batch.

    Args:
        function: takes and returns nests of tensors `(batch, ...)` and None.
        arguments: tuple of such nests.
    """
    batch = arguments[0].shape[0]
    batch = tf.shape(arguments[0])[0] if batch is None else batch
    sizes = [batch // 2, batch - batch // 2]
    # Not by slices: the gradient of each would be a whole array.
    pairs = [a if a is None else tf.split(a, sizes) for a in tf.nest.flatten(arguments)]
    results = [
        function(*tf.nest.pack_sequence_as(arguments, [p if p is None else p[half] for p in pairs]))
        for half in (0, 1)
    ]
    return tf.nest.map_structure(lambda a, b: None if a is None else tf.concat((a, b), 0), *results)


def _cores():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores, tf.config.threading.get_inter_op_parallelism_threads() or cores)
