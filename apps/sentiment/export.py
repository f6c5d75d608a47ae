"""Exports a run: `python -m apps.sentiment.export RUN [--quantization none|dynamic|float16]`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tyro

from apps.common.cli import RunArgument, command
from apps.common.environment import import_tensorflow
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


def export(run: Run, quantization: Quantization = "none") -> dict[str, Any]:
    """Write `saved_model/1/` and `model.tflite` of a trained run, each verified, and `export.json`.

    Both are compared with the Keras model on the validation reviews in `examples.json`, and on
    texts that are hardly any.

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); the `quantization` of the LiteRT file, and the number of `reviews` compared.

    Raises:
        InputError: the run's files do not fit together, or the export failed.
    """
    import_tensorflow()
    from apps.sentiment.examples import read_examples
    from apps.sentiment.graph import SentimentGraph
    from apps.sentiment.model import load
    from apps.sentiment.text import Encoder
    from rnn_keras.export import ExportError, write_litert, write_saved_model

    config, vocabulary, model = load(run)
    graph = SentimentGraph(model, Encoder(vocabulary, config))
    texts = read_examples(run)
    examples = _examples(graph, texts)
    try:
        saved_model = write_saved_model(
            graph.functions, graph.trackables, run.saved_model, examples=examples
        )
        litert = write_litert(
            graph.litert,
            [model],
            run.tflite,
            quantization,
            vocabulary,
            examples={"score": examples["score"]},
        )
    except ExportError as error:
        raise InputError(f"cannot export {run}: {error}") from error
    report = {
        "saved_model": _entry(run, asdict(saved_model), "directory"),
        "litert": _entry(run, asdict(litert), "file"),
        "quantization": quantization,
        "reviews": len(texts),
    }
    run.write_json("export.json", report)
    return report


def _examples(graph, texts):
    """All texts one by one, then all in one batch, as inputs of each signature."""
    import numpy as np

    hardly = ["", "...", "\x00\x07 \u200b", "qzxv wkjq", "ＧＯＯＤ 😀 e\u0301"]
    batches = [[text] for text in texts + hardly] + [texts + hardly]
    as_text = [{"text": np.array([text.encode() for text in batch])} for batch in batches]
    ids = [{"ids": graph.tokenize(example["text"])["ids"].numpy()} for example in as_text]
    return {"classify": as_text, "tokenize": as_text, "score": ids}


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    options = tyro.cli(
        ExportOptions,
        args=argv,
        prog="python -m apps.sentiment.export",
        description="Export a trained run to a SavedModel and a LiteRT file.",
    )
    run = Run.open("sentiment", options.run)
    report = export(run, options.quantization)
    for name in ("saved_model", "litert"):
        entry = report[name]
        differences = ", ".join(f"{k} {d:.1e}" for k, d in entry["max_difference"].items())
        print(
            f"{run.path / entry['file']}: {entry['bytes'] / 1e3:,.0f} kB, largest difference from "
            f"the Keras model on {report['reviews']} validation reviews: {differences}"
        )


def _entry(run: Run, report: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "file": str(report[place].relative_to(run.path)),
        "bytes": report["bytes"],
        "max_difference": report["differences"],
    }


if __name__ == "__main__":
    main()
