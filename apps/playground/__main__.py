"""The page: `python -m apps.playground [--runs saved_models] [--host 127.0.0.1] [--port 7860]`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from apps.common.cli import command
from apps.common.config import flag
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import runs_root


@dataclass(frozen=True, kw_only=True)
class PlaygroundOptions:
    """The command line.

    Raises:
        InputError: a value is out of range; the message names the flag.
    """

    runs: Path | None = None
    """The folder of all runs; None means RNN_KERAS_RUNS, or saved_models."""

    host: str = "127.0.0.1"
    """The address to listen at. There is no password: with any address other than 127.0.0.1,
    everyone who can reach this machine can use the page."""

    port: int = 7860
    """The port to listen at; 0 takes the first free one from 7860 on."""

    def __post_init__(self):
        """Check the values."""
        if not 0 <= self.port < 2**16:
            raise InputError(f"{flag('port')} must be from 0 to 65535, got {self.port}")
        if self.runs is not None and not self.runs.is_dir():
            raise InputError(f"{flag('runs')} must be a folder, got {self.runs}")


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: serves the page until Ctrl-C."""
    options = tyro.cli(
        PlaygroundOptions,
        args=argv,
        prog="python -m apps.playground",
        description="Try the trained runs of all applications in the browser.",
    )
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported
    import_tensorflow()
    try:
        from apps.playground import page
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed; get it with: pip install 'rnn-keras[playground]'"
        ) from error
    root = options.runs or runs_root()
    blocks = page.build(root)
    url = page.serve(blocks, options.host, options.port)
    print(f"the runs in {root}: {url} (Ctrl-C ends it)", flush=True)
    blocks.block_thread()


if __name__ == "__main__":
    main()
