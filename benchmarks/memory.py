"""The peak memory of a call, from Linux's /proc."""

import ctypes
import gc
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.timing import Call, Contest

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(call: Call) -> int | None:
    """The largest rise of this process's resident memory during `call`, in bytes.

    Meaningful only if freed memory goes back to the system, as in `MemoryProbe`.

    Returns:
        The largest of three calls; None on a platform without /proc.
    """
    if not _CLEAR.exists():
        return None
    peaks = []
    for _ in range(3):
        gc.collect()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)
        before = _resident("VmRSS")
        _CLEAR.write_text("5")  # the high-water mark starts at the present value again
        call()
        peaks.append(_resident("VmHWM") - before)
    return max(peaks)


class MemoryProbe:
    """A separate process that measures contenders, for a `with` block.

    TensorFlow's CPU allocator keeps freed memory, so a second step in the same process seems to
    need none. This process uses the system's allocator instead, which costs time; hence times
    are measured elsewhere.

    Args:
        threads: number of threads of each framework.
    """

    def __init__(self, threads: int):
        self._executor = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(threads,),
        )

    def __enter__(self) -> "MemoryProbe":
        return self

    def __exit__(self, *_) -> None:
        self._executor.shutdown(cancel_futures=True)

    def measure(self, build: Callable[..., Contest], *arguments: Any) -> dict[str, int | None]:
        """The peak memory of each contender of `build(*arguments)`, after a first call.

        Args:
            build: a function of a module that can be imported without TensorFlow, or lazily.
            *arguments: its arguments; must be picklable.
        """
        return self._executor.submit(_measure, build, arguments).result()


def _start(threads: int) -> None:
    os.environ["TF_ONEDNN_USE_SYSTEM_ALLOCATOR"] = "1"  # read when TensorFlow is imported
    from benchmarks.runtime import prepare

    prepare(threads)


def _measure(build: Callable[..., Contest], arguments: tuple) -> dict[str, int | None]:
    peaks = {}
    for name, call in build(*arguments).calls.items():
        call()
        peaks[name] = peak_memory(call)
    return peaks


def _resident(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return 1024 * int(value.split()[0])
    raise ValueError(f"{_STATUS} has no field {field}")
