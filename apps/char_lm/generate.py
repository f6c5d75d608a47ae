"""Continues a prompt: `python -m apps.char_lm.generate RUN "prompt" [--length 200 ...]`.

It reads only the files of `apps.char_lm.export` and the run's `config.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from apps.char_lm.sampling import Sampling
from apps.common.cli import RunArgument, command
from apps.common.exported import Source
from apps.common.run import Run
from apps.common.sources import argument_text


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(Sampling):
    """The command line."""

    run: RunArgument

    prompt: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PROMPT")] = ""
    """The text to continue; empty starts at the beginning of a line."""

    source: Source = "saved_model"
    """Exported file to run; the LiteRT file prints each character as it is generated."""


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: prints the prompt and its continuation."""
    options = tyro.cli(
        GenerateOptions,
        args=argv,
        prog="python -m apps.char_lm.generate",
        description="Continue a prompt with an exported run.",
    )
    generator = Run.open("char_lm", options.run, trained=False).load(options.source)
    prompt = argument_text(options.prompt)
    pieces = generator.stream(prompt, options)
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
