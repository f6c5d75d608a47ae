"""Exported models in the browser: `python -m apps.web RUN... [--out FOLDER] [--no-serve]`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps import commands
from apps.common.cli import command
from apps.common.config import flag
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run, runs_root
from apps.web import litertjs

APPLICATIONS = ("char_lm", "sentiment", "ner", "translation", "stock")


@dataclass(frozen=True, kw_only=True)
class WebOptions:
    """The command line.

    Raises:
        InputError: a value is out of range; the message names the flag.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN ...")] = ()
    """Runs: APPLICATION/NAME in saved_models, or in the folder RNN_KERAS_RUNS, or paths."""

    out: Path = Path("build/web")
    """The folder to write; an older page in it is replaced."""

    litertjs: Path | None = None
    """A folder in which `npm install @litertjs/core` has run; None runs it in the user's cache."""

    serve: bool = True
    """Serve the folder after it is written."""

    host: str = "127.0.0.1"
    """The address to listen at."""

    port: int = 8080
    """The port to listen at; 0 takes a free one."""

    def __post_init__(self):
        """Check the values."""
        if not self.runs:
            raise InputError("no run: give one or more, such as char_lm/mine")
        if not 0 <= self.port < 2**16:
            raise InputError(f"{flag('port')} must be from 0 to 65535, got {self.port}")


def find_run(name: str) -> Run:
    """The run at `APPLICATION/NAME` or at a path.

    Raises:
        InputError: there is none, or the page has no part for its application.
    """
    for path in (runs_root() / name, Path(name)):
        if (path / "config.json").is_file():
            config = Run("", path).read_json("config.json")
            app = config.get("app") if isinstance(config, dict) else None
            if app not in APPLICATIONS:
                raise InputError(
                    f"{path} is a run of {app}; the page has {', '.join(APPLICATIONS)}"
                )
            path = path.resolve()
            if not re.fullmatch(r"[\w.-]+", path.name):  # it is part of an address
                raise InputError(f"{path} must be named by letters, digits, '.', '_' and '-' only")
            return Run.open(app, path)
    raise InputError(f"no run {name!r}: give APPLICATION/NAME in {runs_root()}, or a path")


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: exports what is missing, writes the folder, and serves it until Ctrl-C."""
    options = tyro.cli(
        WebOptions,
        args=argv,
        prog="python -m apps.web",
        description="Write a folder of static files that runs exported models in the browser.",
    )
    runs = [find_run(name) for name in options.runs]
    names = [(run.app, run.name) for run in runs]
    if twice := [run for run, name in zip(runs, names) if names.count(name) > 1]:
        raise InputError(f"{twice[0]} and {twice[-1]} have the same name")
    packages = options.litertjs or litertjs.install()
    litertjs.check(packages)
    import_tensorflow()
    from apps.web import folder

    folder.check_out(options.out)
    for run in runs:
        file = run.path / "web.tflite"
        if not file.is_file() or file.stat().st_mtime < run.best.stat().st_mtime:
            print(f"exporting {run} for the web", flush=True)
            commands.export(run.app, run, target="web")
    folder.write_folder(runs, options.out, packages)
    print(f"written to {options.out}")
    if options.serve:
        with folder.server(options.out, options.host, options.port) as server:
            print(f"http://{options.host}:{server.server_port} (Ctrl-C ends it)", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main()
