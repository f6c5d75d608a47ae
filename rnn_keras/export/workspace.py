"""Exports are made beside their place and moved there when they are complete and verified."""

import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workspace(target):
    """Gives an empty folder on the file system of `target`, which is gone afterwards.

    Args:
        target: the file or folder to be created or replaced; its parent is made if needed.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A fixed name, so that what a killed process left is cleared by the next. TensorFlow Serving
    # looks at folders with integer names only.
    folder = target.parent / f".tmp-{target.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(new, target, folder):
    """Moves the folder `new` to `target`; the old one goes to the workspace `folder`.

    No system call replaces a folder that is not empty, so between two renames there is none.
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
