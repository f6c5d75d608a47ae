"""Which cells learn to remember over how many steps, and what do their gradients say before?

python -m benchmarks.memory_tasks [--tasks adding] [--cells LSTM GRU] [--lengths 50 200]
"""

import argparse
import itertools
import sys
from collections.abc import Iterator

from apps.common import cli
from apps.common.plots import MARKERS, legend_below, new_figure
from benchmarks.measure.report import Row, cell, markdown, parser, run

TASKS = ("adding", "copying")
CELLS = (
    "VanillaRNN", "GRU", "LSTM", "MGU", "PeepholeLSTM", "LayerNormGRU", "LayerNormLSTM",
    "ProjectedLSTM", "SLSTM", "MinGRU", "MinLSTM",
)  # fmt: skip
LENGTHS = (50, 100, 200, 400, 800)


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("memory_tasks", __doc__, seconds=300)
    options.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    options.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS[:3])
    options.add_argument("--lengths", nargs="+", type=int, default=LENGTHS)
    options.add_argument("--units", type=int, default=64)
    options.add_argument(
        "--initialisation",
        choices=("orthogonal", "identity", "glorot_uniform"),
        default="orthogonal",
        help="of the recurrent weights",
    )
    options.add_argument(
        "--forget-bias", type=float, help="initial bias of forget gates; else that of the cell"
    )
    options.add_argument("--activation", choices=("tanh", "relu"), help="else that of the cell")
    options.add_argument("--clip", type=float, default=1.0, help="global norm; 0: no clipping")
    options.add_argument("--rate", type=float, default=0.005, help="learning rate of Adam")
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--seed", type=int, default=0)
    arguments = options.parse_args(argv)
    for name in ("lengths", "units", "batch", "rate"):
        if min(sizes := [*_several(getattr(arguments, name))]) <= 0:
            options.error(f"--{name} must be positive, got {min(sizes)}")
    if min(arguments.lengths) < 2 or arguments.clip < 0:
        options.error("--lengths must be at least 2, --clip at least 0")
    return arguments


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """A row for each task, length and cell."""
    import keras

    from benchmarks.cases.memory_tasks import Task, build, inspected, train

    settings = ("initialisation", "forget_bias", "activation", "clip", "units", "rate", "seed")
    cases = itertools.product(arguments.tasks, arguments.lengths, arguments.cells)
    for name, length, layer in cases:
        keras.utils.set_random_seed(arguments.seed)
        task, options = Task(name, length), argparse.Namespace(**vars(arguments), cell=layer)
        model = build(task, options)
        before = inspected(task, options, model)
        trained = train(task, options, model)
        yield {
            "task": name,
            "length": length,
            "cell": layer,
            **{key: getattr(arguments, key) for key in settings},
            "baseline": task.baseline,
            "solved": trained["loss"] is not None and trained["loss"] < task.solved,
            **trained,
            "before": before,
            "after": inspected(task, options, model),
        }


def tables(rows: list[Row]) -> list[str]:
    """What was learned, next to what `rnn_keras.inspect` says."""
    found = [
        {
            "task": row["task"],
            "length": row["length"],
            "cell": row["cell"],
            "loss": row["loss"],
            "baseline": row["baseline"],
            "learned": "yes" if row["solved"] else "no",
            "training steps": row["steps"],
            "s": round(row["train_seconds"]),
            "steps clipped": f"{row['share_clipped']:.0%}",
            "log10 gradient ratio": _change(row, lambda seen: seen["ratio"]),
            **{
                f"horizon: {way}": _change(row, lambda seen, way=way: seen["horizon"][way])
                for way in ("gates", "gradient", "measured")
            },
        }
        for row in rows
    ]
    return [
        "Loss on held-out sequences: mean squared error (adding), nats per symbol (copying). The "
        "gradient ratio is that of the first to the last state. Horizons are in time steps "
        "(`rnn_keras.inspect.memory_table`). Both: before training → after it.",
        markdown(found),
    ]


def _change(row, value):
    return " → ".join(cell(value(row[when])) for when in ("before", "after"))


def plot(rows: list[Row]):
    """The gradient of the loss of the last step by time step, before training and after."""
    panels = list(dict.fromkeys((row["task"], row["length"]) for row in rows))
    figure = new_figure(8, 2.6 * len(panels) + 0.6)
    grid = figure.subplots(len(panels), 2, squeeze=False)
    for line, panel in zip(grid, panels):
        mine = [row for row in rows if (row["task"], row["length"]) == panel]
        for axes, when in zip(line, ("before", "after")):
            for marker, row in zip(itertools.cycle(MARKERS), mine):
                points = row[when]["log10_gradients"].items()
                steps, logs = zip(*((int(k), v) for k, v in points))
                style = f"{marker}-" if row["solved"] else f"{marker}:"
                label = f"{row['cell']}, {'learned' if row['solved'] else 'not learned'}"
                axes.plot(steps, logs, style, markersize=3, linewidth=1, label=label)
            axes.set_title(f"{panel[0]}, length {panel[1]}: {when} training", fontsize=10)
            axes.set(xlabel="time step k", ylabel="log10 of the gradient norm")
            axes.grid(alpha=0.3)
    legend_below(figure, grid[0, 0], 3)
    return figure


def _several(value):
    return value if isinstance(value, (list, tuple)) else [value]


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    return run("memory_tasks", arguments, measure(arguments), tables, plot)


if __name__ == "__main__":
    sys.exit(main())
