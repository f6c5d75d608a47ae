"""Tags texts: `python -m apps.ner.tag RUN "text"... [--file F]`, by the exported files alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from apps.common.cli import Color, shows_color
from apps.common.environment import import_tensorflow
from apps.common.run import Run
from apps.common.text_options import TextOptions, text_command


@dataclass(frozen=True, kw_only=True)
class TagOptions(TextOptions):
    """The command line."""

    color: Color = "auto"
    """Whether to show colours in the text; auto does so on a terminal."""

    json: bool = False
    """Print a JSON object per text: the text, and its entities with their positions."""


def tag(run: Run, options: TagOptions) -> Iterator[str]:
    """A line about each text: as JSON, or the text with its entities marked.

    Raises:
        InputError: the run is not exported, the export is damaged, or a file cannot be read.
    """
    import_tensorflow()  # without its messages, before these modules import it
    from apps.ner.marked_text import mark_entities
    from apps.ner.sentences import argument_sentences

    texts = argument_sentences(options.texts, options.file)
    tagger, color, shades = run.load(options.source), shows_color(options.color), {}
    for text in texts:
        found = tagger.entities(text)
        if options.json:
            record = {"text": text, "entities": [entity._asdict() for entity in found]}
            yield json.dumps(record, ensure_ascii=False)
        else:
            yield mark_entities(text, found, color, shades)


ABOUT = "Tag the named entities of texts. A file may also be .conll columns or .jsonl tokens."
main = text_command("ner", "tag", TagOptions, tag, ABOUT)

if __name__ == "__main__":
    main()
