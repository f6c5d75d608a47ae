"""What the export of every application shares: its command, and its report."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tyro

from apps.common.cli import RunArgument
from apps.common.errors import InputError
from apps.common.run import Run

Quantization = Literal["none", "dynamic", "float16"]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The command line."""

    run: RunArgument

    quantization: Quantization = "none"
    """Weights of the LiteRT file: none keeps float32, dynamic makes them int8, float16 halves
    them."""


def write_exports(
    run: Run,
    quantization: Quantization,
    *,
    saved_model: dict[str, Any],
    litert: dict[str, Any],
    **facts,
) -> dict[str, Any]:
    """Write `saved_model/1/` and `model.tflite` of a run, each verified, and `export.json`.

    Args:
        run: a trained run.
        quantization: of the LiteRT file's weights.
        saved_model: arguments of `rnn_keras.export.write_saved_model` but for the place.
        litert: those of `rnn_keras.export.write_litert`.
        **facts: what else `export.json` holds.

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); the `quantization` of the LiteRT file; and the facts.

    Raises:
        InputError: the export failed.
    """
    from rnn_keras.export import ExportError, write_litert, write_saved_model

    try:
        served = write_saved_model(directory=run.saved_model, **saved_model)
        lite = write_litert(file=run.tflite, quantization=quantization, **litert)
    except ExportError as error:
        raise InputError(f"cannot export {run}: {error}") from error
    report = {
        "saved_model": _entry(run, asdict(served), "directory"),
        "litert": _entry(run, asdict(lite), "file"),
        "quantization": quantization,
        **facts,
    }
    run.write_json("export.json", report)
    return report


def _entry(run: Run, report: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "file": str(report[place].relative_to(run.path)),
        "bytes": report["bytes"],
        "max_difference": report["differences"],
    }


def export_command(
    app: str,
    export: Callable[[Run, Quantization], dict[str, Any]],
    argv: Sequence[str] | None,
) -> None:
    """`python -m apps.APP.export RUN`: exports and prints sizes and differences."""
    options = tyro.cli(
        ExportOptions,
        args=argv,
        prog=f"python -m apps.{app}.export",
        description="Export a trained run to a SavedModel and a LiteRT file.",
    )
    run = Run.open(app, options.run)
    report = export(run, options.quantization)
    for name in ("saved_model", "litert"):
        entry = report[name]
        differences = ", ".join(f"{k} {d:.1e}" for k, d in entry["max_difference"].items())
        print(
            f"{run.path / entry['file']}: {entry['bytes'] / 1e3:,.0f} kB, "
            f"largest difference from the Keras model: {differences}"
        )
