"""What does a dropout mask per time step cost, compared with one for all steps and an LSTM?

python -m benchmarks.dropout [--seconds 10]
"""

import sys
from collections.abc import Iterator

from apps.common import cli
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import first_calls, interleave

SHAPE = 32, 128, 512  # batch, time, units


def measure(seconds: float) -> Iterator[Row]:
    """A row for each forward pass."""
    from benchmarks.cases.contenders import dropout_calls

    calls = dropout_calls(*SHAPE)
    first_calls(calls)
    for name, timing in interleave(calls, seconds).items():
        yield {"name": name, **timing}


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    return [
        markdown(
            [{"forward pass": row["name"], "ms: median (interquartile range)": row} for row in rows]
        )
    ]


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parser("dropout", __doc__, seconds=20).parse_args(argv)
    return run("dropout", arguments, measure(arguments.seconds), tables, shape=SHAPE)


if __name__ == "__main__":
    sys.exit(main())
