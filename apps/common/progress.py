"""Progress of a long task: one rewritten line on a terminal, a line every 30 s elsewhere."""

import functools
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

INTERVAL = 30.0  # seconds between two lines in a file or pipe
REFRESH = 0.5  # seconds between two updates of the line on a terminal

Parameters, Result = ParamSpec("Parameters"), TypeVar("Result")


class Progress:
    """Reports a task on stderr while a `with` block runs.

    A separate thread reports, so that reports are on time during a long operation. Of nested ones
    only the innermost reports.

    Args:
        task: name of the task, such as "reading pairs".
        total: the number to do; None if it is unknown, then the elapsed time is shown.
        unit: unit of the count, such as "pairs".

    Attributes:
        done: the number done; set or add to it.
        note: further text, such as the loss.
    """

    _active: list["Progress"] = []

    def __init__(self, task: str, total: int | None = None, unit: str = ""):
        self.task, self.total, self.unit = task, total, unit
        self.done, self.note = 0, ""
        self._began = time.monotonic()
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._active.append(self)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_done.set()
        self._thread.join()
        self._active.remove(self)

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        if self.total is None:
            figures = [f"{_duration(seconds)} so far"]
        else:
            share = self.done / max(1, self.total)
            figures = [f"{self.done:,} of {self.total:,} {self.unit}".strip(), f"{share:.0%}"]
            if 0 < self.done < self.total:
                figures.append(f"{_duration(seconds / share - seconds)} left")
        return f"{self.task}: {', '.join([*figures, *filter(None, [self.note])])}"

    def _report(self) -> None:
        terminal = sys.stderr.isatty()
        shown = False
        while not self._is_done.wait(REFRESH if terminal else INTERVAL):
            if self._active[-1] is self:
                line = (
                    str(self)[: shutil.get_terminal_size().columns - 1] if terminal else str(self)
                )
                print(f"\r{line}\x1b[K" if terminal else line, end="" if terminal else "\n",
                      file=sys.stderr, flush=True)  # fmt: skip
                shown = terminal
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def reports(task: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorates a function so that its calls report `task` as a `Progress` without a total."""

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @functools.wraps(function)
        def reporting(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with Progress(task):
                return function(*args, **kwargs)

        return reporting

    return decorate


def chunks(items: Sequence, task: str, unit: str, size: int) -> Iterator[Sequence]:
    """Yields `items` in slices of `size`, and reports the number taken."""
    with Progress(task, len(items), unit) as progress:
        for start in range(0, len(items), size):
            yield items[start : start + size]
            progress.done = min(start + size, len(items))


def _duration(seconds: float) -> str:
    """A duration in words, such as `2 h 5 min`, `3 min 20 s` or `12 s`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
