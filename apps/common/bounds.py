"""Bounds of configuration fields, declared in their types."""

import math
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin


def is_integer(value: object) -> bool:
    """Whether `value` is an `int` and not a `bool`."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether `value` is a finite `int` or `float`."""
    return (is_integer(value) or isinstance(value, float)) and math.isfinite(value)


@dataclass(frozen=True)
class Bound:
    """A condition on a value, and how an error message names it.

    Attributes:
        allows: whether a value fulfils it.
        wanted: such as `a positive integer`.
    """

    allows: Callable[[Any], bool]
    wanted: str


def at_least(low: int) -> Bound:
    """An integer from `low` on."""
    return Bound(lambda value: is_integer(value) and value >= low, f"at least {low}")


def at_most(high: int) -> Bound:
    """A number up to `high`."""
    return Bound(lambda value: is_number(value) and value <= high, f"at most {high}")


def between(low: float, high: float) -> Bound:
    """A number between `low` and `high`, which are excluded."""
    wanted = f"a number between {low} and {high}"
    return Bound(lambda value: is_number(value) and low < value < high, wanted)


PositiveInt = Annotated[int, Bound(at_least(1).allows, "a positive integer")]
Count = Annotated[int, Bound(at_least(0).allows, "zero or a positive integer")]
Positive = Annotated[float, Bound(lambda v: is_number(v) and v > 0, "a positive number")]
NonNegative = Annotated[
    float, Bound(lambda v: is_number(v) and v >= 0, "zero or a positive number")
]
Rate = Annotated[float, Bound(lambda v: is_number(v) and 0 <= v < 1, "a number in [0, 1)")]
Seed = Annotated[int, Bound(lambda v: is_integer(v) and 0 <= v < 2**32, "an integer in [0, 2**32)")]


def bounds_of(hint: Any) -> Iterator[Bound]:
    """The bounds in a type hint, also in one such as `PositiveInt | None`."""
    if get_origin(hint) is Annotated:
        yield from (each for each in hint.__metadata__ if isinstance(each, Bound))
    elif get_origin(hint) in (Union, types.UnionType):
        for each in get_args(hint):
            yield from bounds_of(each)


def is_optional(hint: Any) -> bool:
    """Whether a type hint allows None."""
    return type(None) in get_args(hint)
