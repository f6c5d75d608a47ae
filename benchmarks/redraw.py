"""Draws the plots in `benchmarks/results` again from the JSON files, without measuring.

python -m benchmarks.redraw
"""

import importlib.util
import json

from apps.common.plots import save_figure
from benchmarks.applications import APPLICATIONS
from benchmarks.measure.report import RESULTS, without_errors


def main() -> None:
    """The command."""
    for file in sorted(RESULTS.glob("*.json")):
        command = "applications" if file.stem in APPLICATIONS else file.stem
        if importlib.util.find_spec(f"benchmarks.{command}") is None:  # such as serving_memory
            command = command.partition("_")[0]
        module = importlib.import_module(f"benchmarks.{command}")
        if hasattr(module, "plot"):
            rows = json.loads(file.read_text("utf-8"))["rows"]
            save_figure(module.plot(without_errors(rows)), file.with_suffix(".png"))
            print(file.with_suffix(".png").name)


if __name__ == "__main__":
    main()
