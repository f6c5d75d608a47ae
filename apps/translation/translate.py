"""Translates: `python -m apps.translation.translate RUN "The cat is black." [--file F]`.

It reads only the files of `apps.translation.export` and the run's `config.json`.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.common.bounds import Bound, NonNegative, at_least, is_integer
from apps.common.cli import RunArgument, command
from apps.common.config import Checked
from apps.common.errors import InputError
from apps.common.exported import Source
from apps.common.run import Run
from apps.common.sources import argument_texts

CHUNK = 32  # sentences translated at a time
NAMED = 8  # most unknown words in a note
WIDTH = Bound(lambda value: is_integer(value) and 1 <= value <= 1000, "from 1 to 1000")


@dataclass(frozen=True, kw_only=True)
class TranslateOptions(Checked):
    """The command line.

    Raises:
        InputError: no sentence, or a value out of range; the message names the flag.
    """

    run: RunArgument

    sentences: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SENTENCE ...")
    ] = ()
    """The sentences."""

    file: Path | None = None
    """A file with a sentence per line (UTF-8, also .gz or .xz), in addition to these."""

    source: Source = "saved_model"
    """Exported file to run."""

    beam: Annotated[int, WIDTH] | None = None
    """Hypotheses that beam search keeps; None takes the run's."""

    alpha: NonNegative | None = None
    """Exponent α of the length penalty, log-probability / length^α: the higher, the longer the
    translations; None takes the run's."""

    nbest: Annotated[int, at_least(1)] = 1
    """Number of translations to print of each sentence, with scores if above 1 and a blank line
    between sentences. Two may be the same text, of different word pieces."""

    greedy: bool = False
    """Greedy search, the same as beam search of width 1."""

    show_attention: bool = False
    """Show the attention of each token of the first sentence's translation."""

    plot: Path | None = None
    """PNG file for the attention map of the first sentence's translation."""

    def __post_init__(self):
        """Check the values."""
        if not self.sentences and self.file is None:
            raise InputError(
                "nothing to translate: give one or more sentences in quotes, or --file FILE"
            )
        super().__post_init__()
        if self.greedy and self.beam not in (None, 1):
            raise InputError(
                f"--greedy keeps one hypothesis, so it cannot go with --beam {self.beam}"
            )
        if self.plot is not None and self.plot.suffix.lower() != ".png":
            raise InputError(f"--plot needs a file name that ends in .png, got {self.plot}")

    def width(self, of_run: int) -> int:
        """The beam width; `of_run` is the run's.

        Raises:
            InputError: it is less than the number of translations to print.
        """
        width = 1 if self.greedy else self.beam or of_run
        if self.nbest > width:
            raise InputError(
                f"--nbest {self.nbest} needs as many hypotheses, but the search keeps {width}: "
                f"give --beam {self.nbest} or more"
            )
        return width


def translate(run: Run, options: TranslateOptions) -> Iterator[tuple[str, str]]:
    """The text to print for each sentence: its translations in lines, and a note, empty if none.

    Args:
        run: an exported run; `best.keras` is not read.
        options: the values of the command line.

    Raises:
        InputError: the run is not exported, the export is damaged, a file cannot be read
            or written, or the run does not support the options.
    """
    sentences = argument_texts(options.sentences, options.file, "a sentence")
    translator = run.load(options.source)
    from apps.translation.exported import read_sources

    width = options.width(translator.config.beam)
    alpha = translator.config.alpha if options.alpha is None else options.alpha
    if (options.show_attention or options.plot) and not translator.has_attention:
        raise InputError(f"{run} was trained with --attention none: there is none to show")
    for start in range(0, len(sentences), CHUNK):
        chunk = sentences[start : start + CHUNK]
        found = translator.translate(chunk, width, alpha, options.nbest)
        read = read_sources(translator, chunk)
        for number, (source, translations) in enumerate(zip(read, found), start + 1):
            lines = _lines(translations, options.nbest)
            if options.nbest > 1 and number > 1:
                lines.insert(0, "")  # between those of one sentence and the next
            if number == 1 and options.show_attention and source.length:
                from apps.translation.attention import describe

                lines.append(describe(translations[0].attention))
            if number == 1 and options.plot is not None:
                _plot(options.plot, translations[0].attention)
            note = _note(source)
            where = f"sentence {number}: " if len(sentences) > 1 and note else ""
            yield "\n".join(lines), where + note


def _lines(translations, nbest):
    if nbest == 1:
        return [translations[0].text]
    return [f"{each.score:.3f}  {each.text}" for each in translations]


def _plot(path, attention):
    from apps.translation import plots

    if not attention.target:
        raise InputError("--plot: the first sentence has no word, so there is nothing to draw")
    try:
        plots.attention_maps(path, [attention])
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def _note(source):
    """A note on what the translation may suffer from."""
    if not source.length:
        return "there is no word in it"
    notes = []
    if source.unknown:
        more = ", ..." if len(source.unknown) > NAMED else ""
        notes.append(f"unknown words: {', '.join(source.unknown[:NAMED])}{more}")
    if not source.knows_any:
        notes.append("all words are unknown, so the translation means little")
    if source.length > source.read:
        notes.append(f"only the first {source.read:,} of {source.length:,} tokens were read")
    return "; ".join(notes)


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: translations on stdout, a line each; notes on stderr."""
    options = tyro.cli(
        TranslateOptions,
        args=argv,
        prog="python -m apps.translation.translate",
        description="Translate sentences with an exported run.",
    )
    run = Run.open("translation", options.run, trained=False)
    for lines, note in translate(run, options):
        print(lines, flush=True)
        if note:
            print(f"note: {note}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
