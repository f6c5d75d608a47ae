"""How fast is a training step of each layer, compared with an LSTM and `keras.layers.RNN`?

python -m benchmarks.cells [--seconds 10] [--shape 32,100,128,128]
"""

import sys
from collections.abc import Iterator

from apps.common import cli
from benchmarks.cases.layers import Shape
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import first_calls, interleave

LAYERS = {
    "LSTM": {},
    "GRU": {},
    "VanillaRNN": {},
    "MGU": {},
    "PeepholeLSTM": {},
    "LayerNormLSTM": {},
    "LayerNormGRU": {},
    "ProjectedLSTM": {"size": 64},
    "SLSTM": {},
    "MinGRU": {},
    "MinLSTM": {},
    "LSTM, recurrent_dropout=0.2": {"recurrent_dropout": 0.2},
    "LSTM, weight_drop=0.5": {"weight_drop": 0.5},
    "LSTM, zoneout=(0.05, 0.5)": {"zoneout": (0.05, 0.5)},
    "GRU, recurrent_dropout=0.2": {"recurrent_dropout": 0.2},
}
SHAPE = Shape(32, 100, 128, 128)
PLANS = {"ours": "fused", "keras.layers.RNN": "reference"}


def measure(shape: Shape, seconds: float) -> Iterator[Row]:
    """A row for each layer, in our loop and in Keras's."""
    from benchmarks.cases.contenders import plan_call

    calls = {
        (name, side): plan_call(name.partition(",")[0], options, shape, plan)
        for name, options in LAYERS.items()
        for side, plan in PLANS.items()
    }
    first_calls(calls)
    timings = interleave(calls, seconds)
    for name in LAYERS:
        ours, keras = (timings[name, side] for side in PLANS)
        yield {
            "layer": name,
            **ours,
            "relative_to_lstm": ours["median"] / timings["LSTM", "ours"]["median"],
            "keras_over_ours": keras["median"] / ours["median"],
        }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    return [
        markdown(
            [
                {
                    "layer": row["layer"],
                    "ms: median (interquartile range)": row,
                    "time relative to LSTM": row["relative_to_lstm"],
                    "keras.layers.RNN / ours": row["keras_over_ours"],
                }
                for row in rows
            ]
        )
    ]


@cli.command
def main(argv=None) -> int:
    """The command."""
    options = parser("cells", __doc__, seconds=120)
    options.add_argument(
        "--shape",
        type=Shape.parse,
        default=Shape(32, 100, 128, 128),
        metavar="BATCH,TIME,INPUTS,UNITS",
    )
    arguments = options.parse_args(argv)
    rows = measure(arguments.shape, arguments.seconds)
    return run("cells", arguments, rows, tables, shape=arguments.shape)


if __name__ == "__main__":
    sys.exit(main())
