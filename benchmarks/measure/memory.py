"""The memory of a call and of a process, from Linux's /proc."""

import ctypes
import gc
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measure.runtime import new_process, prepare
from benchmarks.measure.timing import Call, Contest

_CLEAR = Path("/proc/self/clear_refs")


def peak_memory(call: Call) -> int | None:
    """The largest rise of this process's resident memory during `call`, in bytes.

    Meaningful only if freed memory goes back to the system, as in a `memory_process`.

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
        before = reset_peak()
        call()
        peaks.append(resident_memory(field="VmHWM") - before)
    return max(peaks)


def reset_peak() -> int:
    """Resident memory of this process in bytes; its peak, `VmHWM`, starts again from there."""
    _CLEAR.write_text("5")
    return resident_memory()


def resident_memory(pid: int | str = "self", field: str = "VmRSS") -> int:
    """Resident memory of a process in bytes; with the field `VmHWM`, its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition(f"{field}:")[2].split()[0])


def memory_process(threads: int) -> ProcessPoolExecutor:
    """A process for `peak_memories`, for a `with` block.

    TensorFlow's CPU allocator keeps freed memory, so a second step in the same process seems to
    need none. This process uses the system's allocator instead, which costs time; hence times
    are measured elsewhere.

    Args:
        threads: number of threads of each framework.
    """
    return new_process(_start, threads)


def peak_memories(
    process: ProcessPoolExecutor, build: Callable[..., Contest], *arguments: Any
) -> dict[str, int | None]:
    """The peak memory of each contender of `build(*arguments)`, after a first call.

    Args:
        process: a `memory_process`.
        build: a function of a module.
        *arguments: its arguments; must be picklable.
    """
    return process.submit(_measure, build, arguments).result()


def _start(threads: int) -> None:
    os.environ["TF_ONEDNN_USE_SYSTEM_ALLOCATOR"] = "1"  # read when TensorFlow is imported
    prepare(threads)


def _measure(build: Callable[..., Contest], arguments: tuple) -> dict[str, int | None]:
    peaks = {}
    for name, call in build(*arguments).calls.items():
        call()
        peaks[name] = peak_memory(call)
    return peaks
