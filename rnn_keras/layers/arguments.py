"""Constructor arguments: positional ones in Keras's order, and errors for misspelt names."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import TypeVar

import keras

Init = TypeVar("Init", bound=Callable[..., None])


def positional_as_in_keras(init: Init) -> Init:
    """An `__init__` of a cell or layer that also takes arguments by position, in Keras's order."""

    @functools.wraps(init)
    def by_name(self, *args, **options):
        named = {}
        if (keras_class := _keras_class(type(self))) is not None:
            named, args = inspect.signature(keras_class).bind_partial(*args).arguments, ()
        return init(self, *args, **named, **options)

    by_name.__signature__ = inspect.signature(init)  # Keras reads it with and without unwrapping
    return by_name


def _keras_class(cls):
    """The Keras class that takes the same arguments: `keras.layers.LSTM` for an LSTM, or None."""
    cell_class = getattr(cls, "cell_class", None)
    for base in (cell_class or cls).__mro__:
        if base.__module__.startswith("keras.src.layers.rnn"):
            name = base.__name__
            return getattr(keras.layers, name.removesuffix("Cell") if cell_class else name)
    return None


def refuse_unknown(layer_class, options):
    """Raises a ValueError for names that are arguments of neither the layer nor its cell."""
    known = parameters(layer_class) | parameters(layer_class.cell_class)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean `{near[0]}`?" if near else "."
            raise ValueError(f"{layer_class.__name__} has no argument `{name}`{hint}") from None


@functools.cache
def parameters(cls):
    """The names of all constructor arguments of this class."""
    makers = (vars(c)["__init__"] for c in cls.__mro__ if "__init__" in vars(c))
    return {
        p.name
        for maker in makers
        for p in inspect.signature(maker).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"
    }
