"""Draws the plots again from the JSON files, without measuring: `python -m benchmarks.redraw`."""

import importlib
import json

from apps.common.files import replacing
from benchmarks.report import RESULTS


def main() -> None:
    """The command."""
    for file in sorted(RESULTS.glob("*.json")):
        report = json.loads(file.read_text("utf-8"))
        module = importlib.import_module(report["command"].split()[2])
        if hasattr(module, "plot"):
            with replacing(file.with_suffix(".png")) as beside:
                module.plot(report["rows"]).savefig(beside, dpi=120)
            print(file.with_suffix(".png").name)


if __name__ == "__main__":
    main()
