"""Tags texts: `python -m apps.ner.tag RUN "text"... [--file F]`, by the exported files alone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.common.cli import Color, RunArgument, command, shows_color
from apps.common.config import Checked
from apps.common.errors import InputError
from apps.common.exported import Source
from apps.common.run import Run
from apps.common.sources import argument_texts
from apps.common.tagged import read_file

_COLORS = (153, 157, 223, 219, 159, 229)  # backgrounds of the 256-colour palette


@dataclass(frozen=True, kw_only=True)
class TagOptions(Checked):
    """The command line.

    Raises:
        InputError: no text; the message names the flag.
    """

    run: RunArgument

    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TEXT ...")] = ()
    """The texts."""

    file: Path | None = None
    """A file with a text per line (UTF-8, also .gz or .xz), or `.conll` columns or `.jsonl` with
    tokens, tags not needed; in addition to these texts."""

    source: Source = "saved_model"
    """Exported file to run."""

    json: bool = False
    """Print a JSON object per text: the text and its entities with their positions."""

    color: Color = "auto"
    """Whether to show entities in colours; auto does so on a terminal."""

    def __post_init__(self):
        """Check the values."""
        super().__post_init__()
        if not self.texts and self.file is None:
            raise InputError("nothing to tag: give one or more texts in quotes, or --file FILE")


def tag(run: Run, options: TagOptions) -> Iterator[str]:
    """A line about each text: as JSON, or the text with its entities marked.

    Args:
        run: an exported run.
        options: the values of the command line.

    Raises:
        InputError: the run is not exported, the export is damaged, or a file cannot be read.
    """
    texts = argument_texts(options.texts, options.file, "a text")
    if options.file and {".conll", ".jsonl"} & {*options.file.suffixes}:
        sentences, _ = read_file(options.file, tagged=False)
        texts = argument_texts(options.texts, None, "") + [" ".join(s.tokens) for s in sentences]
    tagger, color = run.load(options.source), shows_color(options.color)
    shades = {}
    for text in texts:
        found = tagger.tag(text)
        if options.json:
            entities = [entity._asdict() for entity in found]
            yield json.dumps({"text": text, "entities": entities}, ensure_ascii=False)
            continue
        pieces, end = [], 0
        for entity in found:
            shade = shades.setdefault(entity.type, _COLORS[len(shades) % len(_COLORS)])
            marked = f"[{entity.text} {entity.type}]"
            pieces += [text[end : entity.start]]
            pieces += [f"\x1b[30;48;5;{shade}m{marked[1:-1]}\x1b[0m" if color else marked]
            end = entity.end
        line = "".join([*pieces, text[end:]])
        yield line if color else "".join(c if c.isprintable() else " " for c in line)


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    about = "Tag named entities in texts."
    options = tyro.cli(TagOptions, args=argv, prog="python -m apps.ner.tag", description=about)
    for line in tag(Run.open("ner", options.run, trained=False), options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
