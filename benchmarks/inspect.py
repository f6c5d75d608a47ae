"""What does `rnn_keras.inspect` cost, compared with a training step of the same model?

python -m benchmarks.inspect [--seconds 60] [--shape 32,100,128,128]
"""

import sys
from collections.abc import Iterator

from apps.common import cli
from benchmarks.cases.layers import Shape
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import first_calls, interleave

LAYERS = ("VanillaRNN", "GRU", "LSTM")


def measure(shape: Shape, seconds: float) -> Iterator[Row]:
    """A row for each layer."""
    from benchmarks.cases.inspect import inspection_calls

    for name in LAYERS:
        calls = inspection_calls(name, shape)
        first, _ = first_calls(calls)
        timings = interleave(calls, seconds / len(LAYERS))
        step = timings["training step"]["median"]
        yield {
            "layer": name,
            "shape": shape._asdict(),
            "first_call_seconds": first,
            "seconds": timings,
            "over_training_step": {who: t["median"] / step for who, t in timings.items()},
        }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    found = [
        {
            "layer": row["layer"],
            **row["seconds"],
            "ratio": row["over_training_step"]["gradient_norms"],
        }
        for row in rows
    ]
    return [
        f"Milliseconds, median (interquartile range), at {cell_shape(rows)}. `gradient_norms` is "
        "`gradient_norms` of the loss of the last step, an eager call with its results in NumPy.",
        markdown(found),
    ]


def cell_shape(rows: list[Row]) -> str:
    """The shape of all rows."""
    return "x".join(map(str, rows[0]["shape"].values()))


@cli.command
def main(argv=None) -> int:
    """The command."""
    options = parser("inspect", __doc__, seconds=60)
    options.add_argument(
        "--shape",
        type=Shape.parse,
        default=Shape(32, 100, 128, 128),
        metavar="BATCH,TIME,INPUTS,UNITS",
    )
    arguments = options.parse_args(argv)
    return run("inspect", arguments, measure(arguments.shape, arguments.seconds), tables)


if __name__ == "__main__":
    sys.exit(main())
