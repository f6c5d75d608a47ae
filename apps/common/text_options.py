"""The command line of a verb that reads texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.common.cli import Color, RunArgument
from apps.common.config import Checked
from apps.common.errors import InputError
from apps.common.exported import Source


@dataclass(frozen=True, kw_only=True)
class TextOptions(Checked):
    """The run, the texts and how they are shown; a verb adds its own flags in a subclass.

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

    color: Color = "auto"
    """Whether to show colours in the text; auto does so on a terminal."""

    def __post_init__(self):
        """Check the values."""
        super().__post_init__()
        if not self.texts and self.file is None:
            raise InputError("no text: give one or more texts in quotes, or --file FILE")
