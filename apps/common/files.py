"""Atomic file writing: a killed process leaves no half-written file."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to `path` once it is complete.

    The folder is made if needed. On an error `path` stays as it was; an `OSError` names it.

    Args:
        path: the file to create or replace.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A fixed name: the next process overwrites what a killed one left. The suffix stays, because
    # Keras and NumPy choose the format by it.
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a full disk names no file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, in UTF-8 with LF line ends, all or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def to_json(value: Any) -> str:
    """Indented JSON; raises `ValueError` for NaN and infinity."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_pieces(values: list) -> Iterator[str]:
    """The JSON of long lists, nested or not, in pieces that take little memory."""
    yield "["
    if values and isinstance(values[0], list):
        for i, inner in enumerate(values):
            yield ", " * (i > 0)
            yield from json_pieces(inner)
    else:
        for start in range(0, len(values), 10_000):
            yield ", " * (start > 0) + json.dumps(values[start : start + 10_000])[1:-1]
    yield "]"
