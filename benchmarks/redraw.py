"""Draws the plots again from the JSON files, without measuring: `python -m benchmarks.redraw`."""

import importlib
import json

from apps.common.files import atomic_path
from benchmarks.report import RESULTS


def main() -> None:
    """The command."""
    for file in sorted(RESULTS.glob("*.json")):
        report = json.loads(file.read_text("utf-8"))
        module = importlib.import_module(report["command"].split()[2])
        if hasattr(module, "plot"):
            with atomic_path(file.with_suffix(".png")) as temporary:
                module.plot(report["rows"]).savefig(temporary, dpi=120)
            print(file.with_suffix(".png").name)


if __name__ == "__main__":
    main()
