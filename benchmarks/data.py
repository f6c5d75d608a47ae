"""How much memory and time does an application's data need until its first training step?

python -m benchmarks.data [char_lm sentiment translation stock] [--times 1 10 100] [--items 3e8]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from apps.common import cli
from benchmarks.measure.report import Row, markdown, mebibytes, parser, run

APPS = ("char_lm", "sentiment", "translation", "stock")


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("data", __doc__, seconds=5)
    options.add_argument("apps", nargs="*", default=APPS, metavar="APP", help="applications")
    options.add_argument(
        "--times", nargs="*", type=int, default=[1, 10, 100], help="sizes, in builtin data"
    )
    options.add_argument(
        "--items", nargs="*", type=float, default=[], help="further sizes, in items"
    )
    options.add_argument("--suffix", help="of the generated series: .csv or .parquet")
    arguments = options.parse_args(argv)
    if unknown := {*arguments.apps} - {*APPS}:
        options.error(f"unknown application {', '.join(unknown)}, choose from {', '.join(APPS)}")
    return arguments


def measure_all(arguments: argparse.Namespace) -> Iterator[Row]:
    """A row for each application and size."""
    from benchmarks.cases.data import CASES, measure
    from benchmarks.measure.runtime import new_process

    for app in arguments.apps:
        case = CASES[app]
        for items in [case.builtin * n for n in arguments.times] + [*map(int, arguments.items)]:
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                suffix = arguments.suffix if arguments.suffix and app == "stock" else case.suffix
                file = folder / f"data{suffix}"
                with new_process() as process:
                    process.submit(case.write, file, items).result()
                row = {"app": app, "items": items, "unit": case.unit, "file": suffix,
                       "file_bytes": file.stat().st_size}  # fmt: skip
                try:
                    for again in ("", "again_"):
                        with new_process() as process:
                            task = (app, file, arguments.seconds, folder / "cache")
                            found = process.submit(measure, *task).result()
                        row |= {again + name: value for name, value in found.items()}
                except MemoryError as error:  # or the process was killed
                    row["error"] = str(error) or "out of memory"
            yield row


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    return [
        markdown([
            {
                "data": f"{row['app']}: {row['items']:,} {row['unit']} ({row['file']})",
                "file, MiB": mebibytes(row["file_bytes"]),
                "memory, MiB": mebibytes(row["bytes"]),
                "whole process, MiB": mebibytes(row["process_bytes"]),
                "bytes per item": row["bytes"] / row["items"],
                "first step, s": row["first_step_seconds"],
                "first step, CPU s": row["first_step_cpu_seconds"],
                "again, CPU s": row["again_first_step_cpu_seconds"],
                "again, MiB": mebibytes(row["again_bytes"]),
                "items per s": row["per_second"],
            }
            for row in rows
        ])
    ]  # fmt: skip


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    return run("data", arguments, measure_all(arguments), tables)


if __name__ == "__main__":
    sys.exit(main())
