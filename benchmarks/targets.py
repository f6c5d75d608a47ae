"""`python -m benchmarks.targets RUN...`: which exported files run where, for docs/export.md.

Rows are the applications, by a trained run of each, and Keras models of every kind of recurrent
layer. The columns are the runtimes: a cell has the largest difference from the Keras model,
relative to its largest value, and the median time of a call.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "targets.json"
PAGE = Path(__file__).parents[1] / "docs" / "export.md"
BEGIN, END = "<!-- benchmarks.targets -->\n", "<!-- end -->"
COLUMNS = (
    "LiteRT", "CompiledModel", "LiteRT.js", "TFLite Micro, float", "TFLite Micro, int8",
    "onnxruntime", "OpenVINO",
)  # fmt: skip


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.targets", description=__doc__)
    options.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="trained runs")
    options.add_argument("--models", nargs="*", help="rows of Keras models; all if not given")
    options.add_argument("--output", type=Path, default=RESULTS)
    options.add_argument("--page", type=Path, default=PAGE, help="the file with the table")
    return options.parse_args(argv)


def attempt(cell: Callable[[], dict]) -> dict:
    """A cell, or the reason why there is none."""
    from apps.common.errors import InputError
    from rnn_keras.export import ExportError

    try:
        return cell()
    except (ExportError, InputError, ValueError, RuntimeError) as error:
        return {"reason": " ".join(str(error).split())}


def table(rows: list[dict], versions: dict) -> str:
    """The rows in Markdown."""
    runtimes = [name.partition(",") for name in COLUMNS]
    head = ["", *(f"{name} {versions[name]}{comma}{rest}" for name, comma, rest in runtimes)]
    lines = [head, ["---"] * len(head)]
    notes: list[str] = []
    for row in rows:
        lines.append([row["name"], *(_cell(row.get(name), notes) for name in COLUMNS)])
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([body, *(f"({i}) {note}" for i, note in enumerate(notes, 1))]) + "\n"


def _cell(cell, notes):
    if cell is None:
        return ""
    if "reason" in cell:
        reason = re.sub(r"^cannot export \S+ for micro: ", "", cell["reason"])
        if reason not in notes:
            notes.append(reason)
        return f"no ({notes.index(reason) + 1})"
    parts = [f"{cell['difference']:.0e}", f"{cell['milliseconds']:.2g} ms"]
    if "arena_bytes" in cell:
        parts.append(f"{cell['bytes'] / 1e3:,.0f} kB, arena {cell['arena_bytes'] / 1e3:.1f} kB")
    if "loss" in cell:
        parts.append(cell["loss"])
    return "; ".join(parts)


def main(argv=None) -> int:
    """Measures, writes the JSON file, and replaces the table in the page."""
    options = parse(argv)
    from benchmarks.cases import targets as cells
    from tests.export import litert_js

    if reason := litert_js.missing():
        sys.exit(f"LiteRT.js cannot run: {reason}")
    versions, rows = cells.versions(), {}
    if options.output.exists():  # rows that are not measured again stay
        rows = {row["name"]: row for row in json.loads(options.output.read_text("utf-8"))["rows"]}
    chosen = cells.MODELS if options.models is None else options.models
    measured = {f"`{run.parent.name}`": partial(cells.application, run) for run in options.runs}
    measured |= {name: partial(cells.keras_model, name) for name in chosen}
    with tempfile.TemporaryDirectory() as name, litert_js.LiteRTJS(folder := Path(name)) as browser:
        for title, cells_of in measured.items():
            found = {column: attempt(cell) for column, cell in cells_of(folder, browser).items()}
            rows[title] = {"name": title} | found
            print(json.dumps(rows[title]), file=sys.stderr, flush=True)
            result = {"versions": versions, "rows": list(rows.values())}
            options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    page = options.page.read_text("utf-8")
    before, rest = page.split(BEGIN)
    after = rest.partition(END)[2]
    lines = table(list(rows.values()), versions)
    options.page.write_text(before + BEGIN + lines + END + after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
