"""Classifies texts: `python -m apps.sentiment.predict RUN "text"... [--file F]`.

It reads only the files of `apps.sentiment.export` and the run's `config.json`.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from apps.common.bounds import is_integer
from apps.common.cli import RunArgument, command
from apps.common.config import flag
from apps.common.errors import InputError
from apps.common.exported import Source, load_export, one_line_export_errors
from apps.common.run import Run

BARS = 20  # of the plot


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """The command line.

    Raises:
        InputError: no text, or a value out of range; the message names the flag.
    """

    run: RunArgument

    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TEXT ...")] = ()
    """The texts."""

    file: Path | None = None
    """A file with a text per line (UTF-8, also .gz or .xz), in addition to these texts."""

    source: Source = "saved_model"
    """Exported file to run."""

    words: int = 6
    """Number of words to show with their effects, the largest first; 0 shows none and is faster."""

    color: Literal["auto", "always", "never"] = "auto"
    """Whether to show the text with green and red words; auto does so on a terminal."""

    plot: Path | None = None
    """A PNG file to draw the words of the first text to."""

    def __post_init__(self):
        """Check the values."""
        if not self.texts and self.file is None:
            raise InputError(
                "nothing to classify: give one or more texts in quotes, or --file FILE"
            )
        if not (is_integer(self.words) and self.words >= 0):
            raise InputError(f"{flag('words')} must be 0 or more, got {self.words}")
        if self.plot is not None and (self.plot.suffix.lower() != ".png" or not self.words):
            raise InputError("--plot needs a file name that ends in .png, and --words above 0")

    def read(self) -> list[str]:
        """The texts, also those of the file, as valid Unicode.

        Raises:
            InputError: the file cannot be read, or has no line.
        """
        from apps.common.sources import one_line_read_errors, read_text

        # Bytes of an argument that are not UTF-8 become U+FFFD.
        texts = [
            t.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for t in self.texts
        ]
        if self.file is not None:
            with one_line_read_errors(self.file, "a file with a text per line"):
                content = read_text(self.file)
            if not content:
                raise InputError(f"{self.file} is empty: it needs a text per line")
            texts += content.removesuffix("\n").split("\n")
        return texts


def predict(run: Run, options: PredictOptions) -> Iterator[str]:
    """A paragraph about each text: the probability, the verdict, and the words' effects.

    Args:
        run: an exported run; neither `best.keras` nor `vocab.txt` is read.
        options: the values of the command line.

    Raises:
        InputError: the run is not exported, the export is damaged, a text file cannot be
            read, or the plot cannot be written.
    """
    texts = options.read()
    classifier = load_classifier(run, options.source)
    from apps.sentiment import explain, plots

    color = options.color == "always" or (
        options.color == "auto" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    )
    for i, text in enumerate(texts):
        reading = classifier.read(text)
        parts = explain.occlusion(classifier, reading) if options.words else []
        yield explain.describe(reading, parts, options.words, color)
        if i == 0 and options.plot is not None:
            if not parts:
                raise InputError("--plot: the first text has no word, so there is nothing to draw")
            title = f"{explain.verdict(reading)}, probability {reading.probability:.3f}"
            try:
                plots.effects(options.plot, title, explain.strongest(parts, BARS))
            except OSError as error:
                raise InputError(f"cannot write {options.plot}: {error.strerror}") from error


def load_classifier(run: Run, source: str):
    """The `exported.Classifier` of a run's SavedModel or LiteRT file.

    Raises:
        InputError: the file is missing or damaged.
    """
    model = load_export(run, source, "score")
    from apps.sentiment.config import SentimentConfig
    from apps.sentiment.exported import Classifier

    with one_line_export_errors(run, model.path):
        return Classifier(model, run.read_config(SentimentConfig))


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    options = tyro.cli(
        PredictOptions,
        args=argv,
        prog="python -m apps.sentiment.predict",
        description="Classify texts, and show the words with the largest effect.",
    )
    run = Run.open("sentiment", options.run, trained=False)
    for paragraph in predict(run, options):
        print(paragraph, flush=True)


if __name__ == "__main__":
    main()
