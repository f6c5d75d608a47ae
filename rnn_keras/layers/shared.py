"""One loop for all layers that compute the same, as tracing and compiling it takes seconds."""

import functools
from collections.abc import Hashable
from typing import Any

from rnn_keras.layers import probes
from rnn_keras.layers.arguments import parameters
from rnn_keras.layers.loops import Recurrence

# Arguments of a cell that its step does not read.
_UNREAD = ("_initializer", "_regularizer", "_constraint", "drop", "dropout", "name", "seed")
KEPT = 32  # loops, each with its graphs and the code that XLA made for them


def recurrence(cell, x, counts, zoneout, probed) -> Recurrence:
    """The loop over the step of a cell.

    Layers share it if their cells are of the same class of this package with equal arguments, and
    the first input has the same shape: TensorFlow would retrace a loop for any shape when it sees
    another one.

    Args:
        cell: a `TextbookCell`.
        x: the projected inputs, each `(time, batch, features)`.
        counts, zoneout: for `cell.loop_step`.
        probed: the number of probed states.
    """
    read = {name: _hashable(vars(cell)[name]) for name in _read(type(cell)) if name in vars(cell)}
    known = type(cell).__module__.startswith("rnn_keras.") and "step" not in vars(cell)
    if not known or not all(isinstance(value, Hashable) for value in read.values()):
        return _make(cell, counts, zoneout, probed)
    shapes = tuple((piece.dtype, *piece.shape) for piece in x)
    return _shared(type(cell), tuple(read.items()), shapes, counts, zoneout, probed)


@functools.lru_cache(KEPT)
def _shared(cell_class, read, shapes, counts, zoneout, probed):
    # Not the cell of a layer, whose weights would stay in memory with the loop. Nor one made by its
    # constructor, which draws seeds, makes a variable for them, and takes a name.
    cell = object.__new__(cell_class)
    vars(cell).update(read)
    return _make(cell, counts, zoneout, probed)


def _make(cell, counts, zoneout, probed):
    return Recurrence(probes.probed_step(cell.loop_step(counts, zoneout), probed))


@functools.cache
def _read(cell_class):
    """The names of what the step of a cell may read: arguments, and what follows from them."""
    names = sorted(name for name in parameters(cell_class) if not name.endswith(_UNREAD))
    return [*names, "zoneout_rates"]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
