"""How fast do the applications train, compared with the same models from `keras.layers`?

python -m benchmarks.applications char_lm [--cases tiny base] [--seconds 8]
python -m benchmarks.applications sentiment [--data ../shared/data/imdb]
python -m benchmarks.applications translation [--cases gru]
"""

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from apps.common import cli
from benchmarks.measure.memory import memory_process, peak_memories
from benchmarks.measure.report import Row, bar_chart, markdown, mebibytes, parser, run
from benchmarks.measure.timing import first_calls, interleave


class Application(NamedTuple):
    """What is measured of an application.

    Attributes:
        unit: what its speed counts.
        cases: presets (char LM), or recurrent layers in the preset `base`; two are the default.
        data: the default of `--data`; None for that of the preset.
    """

    unit: str
    cases: tuple[str, ...]
    data: str | None = None


APPLICATIONS = {
    "char_lm": Application("characters", ("tiny", "base", "large")),
    "sentiment": Application("reviews", ("gru", "lstm"), "../shared/data/imdb"),
    "translation": Application(
        "tokens", ("gru", "lstm"), "../shared/data/translation/multi30k_task1_raw"
    ),
}


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("applications", __doc__, seconds=30)
    options.add_argument("application", choices=APPLICATIONS)
    options.add_argument(
        "--cases", nargs="+", help="presets of the char LM; recurrent layers of the others"
    )
    options.add_argument("--data", help="as for training")
    options.add_argument("--batches", type=int, default=8, help="training steps in a call")
    arguments = options.parse_args(argv)
    _, cases, data = APPLICATIONS[arguments.application]
    arguments.cases = arguments.cases or cases[:2]
    arguments.data = arguments.data or data
    if unknown := sorted({*arguments.cases} - {*cases}):
        options.error(f"unknown --cases {' '.join(unknown)}, choose from {', '.join(cases)}")
    return arguments


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """A row for each case."""
    unit = APPLICATIONS[arguments.application].unit
    case_module = import_module(f"benchmarks.cases.{arguments.application}")
    with memory_process(arguments.threads) as process:
        for case in arguments.cases:
            config = case_module.configure(case, arguments.data)
            contest = case_module.contest(config, arguments.batches)
            first, _ = first_calls(contest.calls)
            seconds = interleave(contest.calls, arguments.seconds, min_rounds=3)
            speed = {name: contest.amount / t["median"] for name, t in seconds.items()}
            yield {
                "preset": config.preset,
                "cell": config.cell,
                "units": config.units,
                f"{unit}_per_call": contest.amount,
                "first_call_seconds": first,
                "seconds": seconds,
                f"{unit}_per_second": speed,
                "fit": contest.fit,
                "keras_over_ours": speed[contest.fit["ours"]] / speed[contest.fit["Keras"]],
                "peak_memory_bytes": peak_memories(
                    process, case_module.contest, config, arguments.batches
                ),
            }


def speeds(row: Row) -> tuple[str, dict[str, float]]:
    """The unit of a row, such as `reviews`, and the units per second of each contender."""
    return next((k.removesuffix("_per_second"), v) for k, v in row.items() if "_per_second" in k)


def title(row: Row) -> str:
    """A row's model."""
    return ", ".join(f"{key} {row[key]}" for key in ("preset", "cell", "units") if key in row)


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown, a line per contender."""
    body = []
    for row in rows:
        unit, speed = speeds(row)
        for name in speed:
            body.append({
                "model": title(row),
                "contender": name + "*" * (name in row["fit"].values()),
                f"{unit}/s": speed[name],
                "ms per call": row["seconds"][name],
                "first call, s": row["first_call_seconds"][name],
                "peak MiB": mebibytes(row["peak_memory_bytes"][name]),
                "time/ours": speed[row["fit"]["ours"]] / speed[name],
            })  # fmt: skip
    return [
        "Whole training steps, median (interquartile range). `*` marks the default of ours and of "
        "Keras; time/ours divides by the time of our default.",
        markdown(body),
    ]


def plot(rows: list[Row]):
    """Bars of characters, reviews or tokens per second, a panel per row."""
    unit, _ = speeds(rows[0])
    panels = {f"Training: {title(row)}": speeds(row)[1] for row in rows}
    return bar_chart(panels, f"{unit} per second")


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    return run(arguments.application, arguments, measure(arguments), tables, plot)


if __name__ == "__main__":
    sys.exit(main())
