"""How characters are drawn, one after the other."""

from dataclasses import dataclass
from typing import Annotated

from apps.common.bounds import Bound, is_integer, is_number
from apps.common.config import Checked

_TEMPERATURE = Bound(
    lambda value: is_number(value) and (value == 0 or value >= 1e-3),
    "0 (greedy), or a number of at least 0.001",
)
_TOP_P = Bound(lambda value: is_number(value) and 0 < value <= 1, "above 0 and at most 1")


def _int32(low: int, wanted: str) -> Bound:
    return Bound(lambda value: is_integer(value) and low <= value < 2**31, wanted)


@dataclass(frozen=True, kw_only=True)
class Sampling(Checked):
    """The flags of `apps.char_lm.generate` that choose the text."""

    length: Annotated[int, _int32(1, "at least 1")] = 200
    """Characters to generate."""

    temperature: Annotated[float, _TEMPERATURE] = 0.8
    """Below 1 more predictable, above 1 more random; 0 always takes the most likely character."""

    top_k: Annotated[int, _int32(0, "0 (all) or more")] = 0
    """Sample from the k most likely characters; 0 samples from all."""

    top_p: Annotated[float, _TOP_P] = 1.0
    """Sample from the most likely characters that together have this probability."""

    seed: Annotated[int, _int32(-(2**31), "an integer in [-2**31, 2**31)")] = 0
    """The same seed gives the same text."""
