"""The command line of a verb that reads texts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.common.cli import RunArgument, command
from apps.common.config import Checked
from apps.common.errors import InputError
from apps.common.exported import Source
from apps.common.run import Run


@dataclass(frozen=True, kw_only=True)
class TextOptions(Checked):
    """The run, the texts and the export; a verb adds its own flags in a subclass.

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

    def __post_init__(self):
        """Check the values."""
        super().__post_init__()
        if not self.texts and self.file is None:
            raise InputError("no text: give one or more texts in quotes, or --file FILE")


def text_command(
    app: str,
    verb: str,
    options_class: type[TextOptions],
    answer: Callable[[Run, TextOptions], Iterable[str]],
    description: str,
) -> Callable[[Sequence[str] | None], None]:
    """The `main` of `python -m apps.APP.VERB RUN "text" ...`, which prints answers line by line.

    Args:
        app, verb: the names of the application and of the module.
        options_class: the command line.
        answer: gives the texts to print for an exported run.
        description: what the command does, for `--help`.
    """

    @command
    def main(argv: Sequence[str] | None = None) -> None:
        prog = f"python -m apps.{app}.{verb}"
        options = tyro.cli(options_class, args=argv, prog=prog, description=description)
        for text in answer(Run.open(app, options.run, trained=False), options):
            print(text, flush=True)

    return main
