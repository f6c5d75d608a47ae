"""The results table: a CSV file with a row per command and seed."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date as calendar
from pathlib import Path

from apps.common.files import write_text

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def append_result(
    path: Path,
    *,
    command: str,
    seed: int,
    minutes: float,
    machine: str,
    scores: Mapping[str, float],
    date: str | None = None,
) -> None:
    """Add a row to a CSV file of results, atomically; it replaces the row of the same run.

    Runs are the same when `command` and `seed` are; the command should therefore not name the
    seed or the run (`cli.command_line(..., omit=("seed", "run"))`).

    Args:
        path: the file; it is made if needed.
        command: the command line.
        seed: the seed.
        minutes: wall time of the training.
        machine: `describe_machine()`.
        scores: metrics by name, a column each, baselines included.
        date: ISO date; None means today.
    """
    row = {
        "command": command,
        "seed": str(seed),
        "minutes": f"{minutes:.1f}",
        "machine": machine,
        **{name: f"{value:.4f}" for name, value in scores.items()},
        "date": date or calendar.today().isoformat(),
    }
    with _lock(path):
        rows = read_results(path)
        same = [i for i, old in enumerate(rows) if _key(old) == _key(row)]
        if same:
            rows[same[0]] = row
        else:
            rows.append(row)
        columns = dict.fromkeys(column for each in rows for column in each if column != "date")
        text = io.StringIO()
        writer = csv.DictWriter(text, [*columns, "date"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())


def read_results(path: Path) -> list[dict[str, str]]:
    """The rows of a results file, as text; none when there is no file."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, on systems with `fcntl`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w", encoding="utf-8") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        yield


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    return row["command"], row["seed"]
