"""Arrays prepared from data once: in memory, or as memory-mapped files in a cache if large.

A cached entry is a folder named after a digest of all that determines its arrays, so changed data
or options find another one. Its files are raw numbers, named `NAME.DTYPE`, such as `ids.uint8`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from apps.common.files import write_text
from rnn_keras import __version__

LARGE = 2**24  # bytes; larger arrays are files
FORMAT = 1  # of the entries; to be raised when the same key gives other arrays

Append = Callable[[str, np.ndarray], None]


def cache_root() -> Path:
    """The folder of prepared data: the environment variable RNN_KERAS_CACHE, else `~/.cache`."""
    if folder := os.environ.get("RNN_KERAS_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnn_keras" / "data"


def prepare_arrays(
    name: str, key: Sequence[Any], size: int, write: Callable[[Append], Mapping[str, Any]]
) -> tuple[dict[str, np.ndarray], Mapping[str, Any]]:
    """The arrays that `write` makes, piece by piece; large ones are written once and mapped.

    A killed preparation leaves no entry, as its folder is renamed when it is complete. A process
    that needs an entry which another is writing waits for it.

    Args:
        name: what is prepared, such as `char_lm`; begins the folder's name.
        key: all that determines the arrays, as JSON values: a digest of the data, and options.
        size: bytes of the arrays, about; from `LARGE` on they are files.
        write: gets `append(name, array)`, which adds to the end of an array, in one dtype; returns
            facts about the data, as JSON values.

    Returns:
        The arrays `(n,)` by name, read-only if they are files, and the facts.
    """
    if size < LARGE:
        pieces: dict[str, list] = {}
        facts = write(lambda name, array: pieces.setdefault(name, []).append(array))
        return {name: np.concatenate(parts) for name, parts in pieces.items()}, facts
    digest = hashlib.sha256(json.dumps([FORMAT, __version__, *key]).encode()).hexdigest()
    folder = cache_root() / f"{name}-{digest[:32]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            temporary = folder.with_name(f".tmp-{folder.name}")
            shutil.rmtree(temporary, ignore_errors=True)  # of a killed process
            try:
                _write_files(temporary, write)
                temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    files = [file for file in folder.iterdir() if file.suffix != ".json"]
    return {file.stem: _map(file) for file in files}, facts


def _write_files(folder: Path, write: Callable[[Append], Mapping[str, Any]]) -> None:
    folder.mkdir()
    files = {}

    def append(name, array):
        path = folder / f"{name}.{array.dtype.name}"
        if path not in files:
            files[path] = path.open("wb")
        try:
            files[path].write(np.ascontiguousarray(array).data)
        except OSError as error:
            error.filename = str(path)  # a full disk names no file
            raise

    try:
        facts = write(append)
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    finally:
        for file in files.values():
            file.close()
    write_text(folder / "facts.json", json.dumps(facts))


def _map(file: Path) -> np.ndarray:
    dtype = np.dtype(file.suffix[1:])
    if not file.stat().st_size:  # cannot be mapped
        return np.zeros(0, dtype)
    return np.asarray(np.memmap(file, dtype, mode="r"))


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Only one process at a time is in this block; without effect on Windows."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
