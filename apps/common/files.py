"""Atomic file writing: a killed process leaves no half-written file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to `path` once it is complete.

    The folder is made if needed. On an error `path` stays as it was; an `OSError` names it.

    Args:
        path: the file to create or replace.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A fixed name: the next process overwrites what a killed one left. The suffix stays, because
    # Keras and NumPy choose the format by it.
    beside = path.with_name(f".tmp-{path.name}")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        if error.filename in (None, str(beside)):  # a full disk names no file
            error.filename = str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, in UTF-8 with LF line ends, all or nothing."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")
