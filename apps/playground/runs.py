"""The runs that the page offers, and what they are loaded to."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apps.common.run import Run

Loaded = TypeVar("Loaded")

KEPT = 2  # models of a kind in memory


def exported(app: str, root: Path) -> dict[str, Run]:
    """The exported runs of an application by name, the newest first."""
    runs = [Run(app, file.parent) for file in (root / app).glob("*/config.json")]
    found = [run for run in runs if _file(run).is_file() and run.best.is_file()]
    return {run.name: run for run in sorted(found, key=_exported_at, reverse=True)}


def once(load: Callable[[Run], Loaded]) -> Callable[[Run], Loaded]:
    """`load` that remembers the last few runs, until they are exported anew."""

    @functools.lru_cache(KEPT)
    def loaded(app, path, exported_at):
        return load(Run(app, path))

    return functools.wraps(load)(lambda run: loaded(run.app, run.path, _exported_at(run)))


def _file(run: Run) -> Path:
    """What a run's export writes; `best.keras` may be of a training that still goes on."""
    return run.saved_model / "1" / "saved_model.pb"


def _exported_at(run: Run) -> int:
    return _file(run).stat().st_mtime_ns
