"""The command line of every application: presets, flags, --resume, and errors."""

import argparse
import functools
import io
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import tyro

from apps.common.config import TrainingConfig, flag
from apps.common.errors import InputError, write_failure
from apps.common.run import Run

Config = TypeVar("Config", bound=TrainingConfig)

RunArgument = Annotated[
    str,
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="RUN",
        help="Name or path of the run. Runs are in saved_models, or in the folder RNN_KERAS_RUNS.",
    ),
]
"""The argument of every command about a run that exists; `Run.open` takes it."""

Color = Literal["auto", "always", "never"]
"""The flag `--color` of a command: auto shows colours on a terminal."""


def parse(
    app: str,
    presets: Mapping[str, tuple[str, Config]],
    argv: Sequence[str] | None = None,
    *,
    default: str = "base",
    description: str = "",
    verb: str = "train",
    root: Path | None = None,
) -> tuple[Config, Run | None]:
    """Read the command line of an application's training, without importing TensorFlow.

    Two forms: `[PRESET] [--field VALUE ...]` and `--resume RUN [--epochs N]`, which also takes
    `--devices`, `--workers` and `--ray-address`.

    Args:
        app: the application's name, such as `char_lm`.
        presets: by name, one line about the preset and its configuration.
        argv: the arguments; None means the process's own.
        default: the preset that is used when none is given.
        description: what the command does, for `--help`.
        verb: the command, for `--help`.
        root: the folder of all runs; None means `runs_root()`.

    Returns:
        The configuration, and the run to continue with `--resume` or None for a new run.

    Raises:
        InputError: unknown preset, a value out of range, a flag that cannot be used with
            `--resume`, or no such run.
        SystemExit: code 2 for an unknown flag or a value of the wrong type, 0 after `--help`.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    asks_help = "-h" in argv or "--help" in argv
    if not asks_help and any(word.partition("=")[0] == "--resume" for word in argv):
        return _parse_resume(app, type(presets[default][1]), argv, root)
    preset = argv.pop(0) if argv and not argv[0].startswith("-") else default
    if preset not in presets:
        raise InputError(f"unknown preset {preset!r}, choose from {', '.join(presets)}")
    config = tyro.cli(
        type(presets[preset][1]),
        default=presets[preset][1],
        args=argv,
        prog=f"python -m apps.{app}.{verb} [{'|'.join(presets)}]",
        description=_help(description, presets, default),
    )
    return config, None


def command_line(
    app: str, presets: Mapping[str, tuple[str, Config]], config: Config, *, omit: Sequence[str] = ()
) -> str:
    """The shortest command line that `parse` reads as `config`.

    Args:
        app: the application's name.
        presets: as given to `parse`.
        config: the configuration.
        omit: fields to leave out, such as `("run", "seed")`.

    Returns:
        Such as `python -m apps.char_lm.train tiny --units 256`.
    """
    base = presets[config.preset][1]
    words = ["python", "-m", f"apps.{app}.train", config.preset]
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in ("preset", *omit) or value == getattr(base, field.name):
            continue
        if isinstance(value, bool):
            words.append(flag(field.name) if value else "--no-" + flag(field.name)[2:])
        elif isinstance(value, str) and value.startswith("-"):
            words.append(f"{flag(field.name)}={value}")  # else it would be read as a flag
        else:
            values = value if isinstance(value, tuple) else (value,)
            words += [flag(field.name), *map(str, values)]
    return shlex.join(words)


def command(main: Callable[..., Any]) -> Callable[..., Any]:
    """Make `main` a command: user errors are printed in one line, without a traceback.

    An `InputError`, or an error of writing a file (`write_failure`), is printed to stderr as
    `error: <message>` and exits with code 2. Ctrl-C prints the message of the `KeyboardInterrupt`
    (`Run.training` adds how to resume) and exits with 130. A closed pipe at stdout (`| head`)
    exits with 141, as in a shell. A character that stdout cannot encode is printed as `?`.
    """

    @functools.wraps(main)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        try:
            result = main(*args, **kwargs)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # At exit Python flushes the rest of the buffer.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except Exception as error:
            if (failure := write_failure(error)) is None:
                raise
            print(f"error: {failure}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt as interrupt:
            print(f"\n{interrupt}" if str(interrupt) else "\ninterrupted", file=sys.stderr)
            sys.exit(130)

    return wrapper


def shows_color(color: Color) -> bool:
    """Whether to print colours; NO_COLOR switches them off for `auto`."""
    is_terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return color == "always" or (color == "auto" and is_terminal)


class _ResumeParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.replace("argument ", "", 1))


def _parse_resume(
    app: str, config_class: type[Config], argv: Sequence[str], root: Path | None
) -> tuple[Config, Run]:
    parser = _ResumeParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--devices", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--ray-address")
    known, rest = parser.parse_known_args(argv)
    if rest:
        flags = [word.partition("=")[0] for word in rest if word.startswith("-")]
        raise InputError(
            f"{', '.join(flags or rest)} cannot be used with --resume: a run keeps its settings, "
            "only --epochs, --devices, --workers and --ray-address may change"
        )
    run = Run.open(app, known.resume, trained=False, root=root)
    changes = {name: value for name, value in vars(known).items() if value is not None}
    del changes["resume"]
    return replace(run.read_config(config_class), **changes), run


def _help(description: str, presets: Mapping[str, tuple[str, Any]], default: str) -> str:
    """The text above the flags in `--help`."""
    lines = [description, ""] if description else []
    lines.append("A preset, then flags that change it:")
    for name, (about, _) in presets.items():
        lines.append(f"  {name}: {about}{' (used when none is given)' * (name == default)}")
    lines.append("")  # tyro would join the next line to the last preset
    lines.append("The run is kept in saved_models, or in the folder that RNN_KERAS_RUNS names.")
    lines.append("--resume RUN [--epochs N] continues an interrupted run instead;")
    lines.append("  a different N stretches the decay of the learning rate over N epochs in total.")
    return "\n".join(lines)


def parse_run(app: str, verb: str, description: str, argv=None) -> Run:
    """The run that `python -m apps.APP.VERB RUN` names.

    Raises:
        InputError: there is no such run, or it is not complete.
    """
    prog = f"python -m apps.{app}.{verb}"
    return Run.open(app, tyro.cli(RunArgument, args=argv, prog=prog, description=description))
