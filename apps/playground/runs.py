"""The runs on the page, and a cache of loaded models."""

import functools
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apps.common.errors import InputError
from apps.common.run import Run

Loaded = TypeVar("Loaded")

KEPT = 2  # models of a kind in memory


class Runs:
    """The exported runs of an application, listed anew at every access.

    Args:
        app: the application.
        root: the folder of all runs.
    """

    def __init__(self, app: str, root: Path):
        self._app, self._folder = app, root / app

    def names(self) -> list[str]:
        """Their names, the newest first."""
        found = [Run(self._app, file.parent) for file in self._folder.glob("*/config.json")]
        ages = {run.name: _exported_at(run) for run in found if run.best.is_file()}
        exported = [name for name, age in ages.items() if age is not None]
        return sorted(exported, key=ages.get, reverse=True)

    def __getitem__(self, name: str) -> Run:
        """The run of that name.

        Raises:
            InputError: there is no such run.
        """
        names = self.names()
        if name not in names:
            raise no_such_run(name, names)
        return Run(self._app, self._folder / name)


def no_such_run(name: object, names: list[str]) -> InputError:
    """The error for a name that is not among those there are."""
    return InputError(
        f"no exported run {reprlib.repr(name)}; reload the page for those there are: "
        f"{', '.join(names) or 'none'}"
    )


def cached_by_run(load: Callable[[Run], Loaded]) -> Callable[[Run], Loaded]:
    """`load` with a cache of the last few runs; a new export invalidates an entry."""

    @functools.lru_cache(KEPT)
    def loaded(app, path, exported_at):
        return load(Run(app, path))

    return functools.wraps(load)(lambda run: loaded(run.app, run.path, _exported_at(run)))


def _exported_at(run: Run) -> int | None:
    """When the export was written; None if there is none.

    The SavedModel counts: `best.keras` may belong to a training that still runs.
    """
    try:
        return (run.saved_model / "1" / "saved_model.pb").stat().st_mtime_ns
    except OSError:
        return None
