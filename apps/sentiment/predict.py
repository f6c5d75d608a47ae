"""Classifies texts: `python -m apps.sentiment.predict RUN "text"... [--file F]`.

It reads only the files of `apps.sentiment.export` and the run's `config.json`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from apps.common.bounds import at_least
from apps.common.cli import Color, shows_color
from apps.common.errors import InputError
from apps.common.run import Run
from apps.common.sources import argument_texts
from apps.common.text_options import TextOptions, text_command

BARS = 20  # of the plot


@dataclass(frozen=True, kw_only=True)
class PredictOptions(TextOptions):
    """The command line."""

    color: Color = "auto"
    """Whether to show colours in the text; auto does so on a terminal."""

    words: Annotated[int, at_least(0)] = 6
    """Number of words to show with their effects, the largest first; 0 shows none and is faster."""

    plot: Path | None = None
    """A PNG file to draw the words of the first text to."""

    def __post_init__(self):
        """Check the values."""
        super().__post_init__()
        if self.plot is not None and (self.plot.suffix.lower() != ".png" or not self.words):
            raise InputError("--plot needs a file name that ends in .png, and --words above 0")


def predict(run: Run, options: PredictOptions) -> Iterator[str]:
    """A paragraph about each text: the probability, the verdict, and the words' effects.

    Args:
        run: an exported run; neither `best.keras` nor `vocab.txt` is read.
        options: the values of the command line.

    Raises:
        InputError: the run is not exported, the export is damaged, a text file cannot be
            read, or the plot cannot be written.
    """
    texts = argument_texts(options.texts, options.file, "a text")
    classifier = run.load(options.source)
    from apps.sentiment import explain, plots

    color = shows_color(options.color)
    for i, text in enumerate(texts):
        reading = classifier.predict(text)
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


main = text_command(
    "sentiment",
    "predict",
    PredictOptions,
    predict,
    "Classify texts, and show the words with the largest effect.",
)

if __name__ == "__main__":
    main()
