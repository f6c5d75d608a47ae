"""Timing several contenders fairly in one process."""

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

Call = Callable[[], Any]


@dataclass(frozen=True)
class Contest:
    """The compared contenders.

    Attributes:
        calls: by name, a function that runs once and returns when its result is complete.
        fit: by side ("ours", "Keras"), the name of the contender that `Model.fit` would run here.
    """

    calls: dict[str, Call]
    fit: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the median and the quartiles of `calls` calls."""

    median: float
    q1: float
    q3: float
    calls: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Timing":
        """The statistics of a list of measurements."""
        q1, median, q3 = np.percentile(seconds, (25, 50, 75)).tolist()
        return cls(median, q1, q3, len(seconds))

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def first_calls(
    calls: Mapping[str, Call], clock: Callable[[], float] = time.perf_counter
) -> tuple[dict[str, float], dict[str, Any]]:
    """The seconds of each contender's first call (trace and compile), and its result."""
    seconds, results = {}, {}
    for name, call in calls.items():
        began = clock()
        results[name] = call()
        seconds[name] = clock() - began
    return seconds, results


def interleave(
    calls: Mapping[str, Call],
    seconds: float,
    *,
    min_rounds: int = 5,
    turn: float = 0.03,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time the contenders in turns, so that changes of the machine's speed affect all of them.

    In each round every contender has one turn, in a random order (with a fixed seed), so that none
    always follows the same other one.

    Args:
        calls: the contenders, each called before (see `first_calls`).
        seconds: minimum duration of all rounds together.
        min_rounds: minimum number of rounds.
        turn: seconds of calls of a contender in its turn.
        clock: seconds as a float.
    """
    shuffle = random.Random(0).shuffle
    samples = {name: [] for name in calls}
    names, rounds, began = list(calls), 0, clock()
    with _without_collector():
        while rounds < min_rounds or clock() - began < seconds:
            shuffle(names)
            for name in names:
                samples[name] += _turn(calls[name], turn, clock)
            rounds += 1
    return {name: Timing.of(values) for name, values in samples.items()}


def _turn(call: Call, seconds: float, clock: Callable[[], float]) -> list[float]:
    """The seconds of each call in a turn.

    The first call is slowed by the caches and the spinning threads of the contender before it; it
    counts only if the turn has no other.
    """
    durations = []
    while not durations or sum(durations) < seconds:
        began = clock()
        call()
        durations.append(clock() - began)
    return durations[1:] or durations


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
