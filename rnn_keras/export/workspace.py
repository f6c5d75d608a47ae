"""Exports are made in a temporary folder, and moved when they are complete and verified."""

import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workspace(target):
    """Yields an empty folder on the file system of `target`, and deletes it afterwards.

    Args:
        target: the file or folder to be created or replaced; its parent is made if needed.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A fixed name: the next process clears what a killed one left. TensorFlow Serving reads only
    # folders with integer names.
    folder = target.parent / f".tmp-{target.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(new, target, folder):
    """Moves the folder `new` to `target`; the old one goes to the workspace `folder`.

    No system call replaces a non-empty folder, so there is none for a moment between two renames.
    """
    old = folder / "old"
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
