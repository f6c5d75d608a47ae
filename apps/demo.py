"""`python -m apps.demo [APP ...] [--full]`: from built-in data to the output of the exported files.

Without `--full` the trainings are cut short, so that all take a few minutes on two cores.
"""

import sys
import time
from dataclasses import dataclass
from importlib import import_module

from apps import commands
from apps.common import cli
from apps.common.errors import InputError


@dataclass(frozen=True)
class Demo:
    """An application to show.

    Attributes:
        summary: what it learns, for the heading.
        flags: what cuts its training short.
        verb: the module of its command.
        arguments: of that command, after the run; `{run}` is its directory.
        only_full: whether it is shown with `--full` only, unless it is named.
    """

    summary: str
    flags: tuple[str, ...]
    verb: str
    arguments: tuple[str, ...] = ()
    only_full: bool = False


DEMOS = {
    "captioning": Demo(
        "describes a drawn picture", (), "describe", ("{run}/example.png",), only_full=True
    ),
    "char_lm": Demo(
        "writes text, a character at a time",
        ("--epochs", "3"),
        "generate",
        ("The ", "--length", "200", "--temperature", "0.5", "--seed", "1"),
    ),
    "ner": Demo(
        "finds names in a text",
        (),
        "tag",
        (
            "Clara Olmarburg flew from New Halfar to Jorkal on Monday.",
            "Shares of Jorkal jumped 7 percent in Olmarville.",
        ),
        only_full=True,
    ),
    "sentiment": Demo(
        "classifies reviews as positive or negative",
        ("--epochs", "12"),
        "predict",
        (
            "The plot was dull at first, but in the end the acting was superb.",
            "The plot was superb at first, but in the end the acting was dull.",
            "Nobody, to be fair, could call the music boring.",
        ),
    ),
    "stock": Demo("forecasts a time series, here a price", (), "forecast"),
    "summarization": Demo(
        "writes a summary, with names that it has never seen",
        (),
        "summarize",
        (
            "The mayor, Tor Kalven, was late. In Olmar Ada Norwil was arrested on Monday for "
            "stealing a lamp. Trains were late because it was foggy.",
        ),
        only_full=True,
    ),
    "translation": Demo(
        "translates English to French",
        (),
        "translate",
        (
            "The cat is black.",
            "I did not see the beautiful birds.",
            "Two young women will go to the station tomorrow.",
        ),
    ),
}


def show(app: str, full: bool) -> None:
    """Trains, evaluates and exports the tiny preset of an application, and runs both exports."""
    demo = DEMOS[app]
    words = ["tiny", *(() if full else demo.flags)]
    print(
        f"\n=== {app}: {demo.summary}\n$ python -m apps.{app}.train {' '.join(words)}", flush=True
    )
    config, _ = cli.parse(app, import_module(f"apps.{app}.config").PRESETS, words)
    run = commands.train(app, config)
    arguments = [argument.format(run=run.path) for argument in demo.arguments]
    verb = import_module(f"apps.{app}.{demo.verb}")
    for source, file in (("saved_model", run.saved_model), ("litert", run.tflite)):
        print(f"\noutput of {file} alone:", flush=True)
        verb.main([str(run), *arguments, "--from", source])
    print(f"\nscores and settings: {run.card}")


@cli.command
def main(argv: list[str] | None = None) -> None:
    """The command.

    Raises:
        InputError: there is no such application.
    """
    words = sys.argv[1:] if argv is None else argv
    full = "--full" in words
    by_default = [app for app, demo in DEMOS.items() if full or not demo.only_full]
    apps = [word for word in words if word != "--full"] or by_default
    for app in apps:
        if app not in DEMOS:
            raise InputError(f"no demo of {app!r}; choose from {', '.join(DEMOS)}")
    began = time.monotonic()
    for app in apps:
        show(app, full)
    print(f"\n{len(apps)} of {len(DEMOS)} demos in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
