"""Timing several contenders fairly in one process."""

import gc
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Call = Callable[[], Any]
Timing = dict[str, float]  # of `summary`


@dataclass(frozen=True)
class Contest:
    """The compared contenders.

    Attributes:
        calls: by name, a function that runs once and returns when its result is complete.
        fit: by side ("ours", "Keras"), the name of the contender that `Model.fit` would run here.
        amount: number of characters, reviews or tokens that a call processes.
    """

    calls: dict[str, Call]
    fit: dict[str, str] = field(default_factory=dict)
    amount: int = 1


def summary(seconds: list[float]) -> Timing:
    """`median`, quartiles `q1` and `q3`, and number of `calls`, of the seconds of each call."""
    q1, median, q3 = np.percentile(seconds, (25, 50, 75)).tolist()
    return {"median": median, "q1": q1, "q3": q3, "calls": len(seconds)}


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
    always follows the same other one. The garbage collector is off.

    Args:
        calls: the contenders, each called before (see `first_calls`).
        seconds: minimum duration of all rounds together.
        min_rounds: minimum number of rounds.
        turn: seconds of calls of a contender in its turn.
        clock: seconds as a float.

    Returns:
        The `summary` of each contender's calls.
    """
    shuffle = random.Random(0).shuffle
    samples = {name: [] for name in calls}
    names, rounds, began = list(calls), 0, clock()
    gc.collect()
    gc.disable()
    try:
        while rounds < min_rounds or clock() - began < seconds:
            shuffle(names)
            for name in names:
                samples[name] += _turn(calls[name], turn, clock)
            rounds += 1
    finally:
        gc.enable()
    return {name: summary(values) for name, values in samples.items()}


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


def cpu_seconds(pid: int) -> float:
    """Processor time of a process in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
