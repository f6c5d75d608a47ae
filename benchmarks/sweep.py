"""How fast are the layers at random shapes, compared with Keras and PyTorch?

python -m benchmarks.sweep [--count 60] [--seconds 2]
"""

import random
import sys
from collections.abc import Iterator
from statistics import median

from apps.common import cli
from apps.common.plots import new_figure
from benchmarks.cases.layers import CASES, Shape, flops
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import Contest, first_calls, interleave

HIGHEST = Shape(256, 400, 512, 1024)
LOWEST = Shape(1, 1, 1, 4)
LAYERS = ("VanillaRNN", "GRU reset-before", "LSTM")
COSTLIEST = 3e11  # operations of a training step; a few seconds


def draw(count: int, seed: int) -> Iterator[tuple[str, Shape]]:
    """Layers and shapes, each size uniform in its logarithm; too costly ones are drawn again."""
    random_ = random.Random(seed)
    while count:
        name = random_.choice(LAYERS)
        shape = Shape(
            *(round(low * (high / low) ** random_.random()) for low, high in zip(LOWEST, HIGHEST))
        )
        if flops(CASES[name], shape, training=True) <= COSTLIEST:
            yield name, shape
            count -= 1


def measure(count: int, seed: int, seconds: float) -> Iterator[Row]:
    """A row for each layer and pass; what is compared is what `Model.fit` runs."""
    from benchmarks.cases import contenders

    for name, shape in draw(count, seed):
        for pass_, training in (("training", True), ("forward", False)):
            contest: Contest = contenders.contest(name, shape, training)
            fit = {side: contest.calls[call] for side, call in contest.fit.items()}
            calls = fit | {n: contest.calls[n] for n in ("PyTorch",) if n in contest.calls}
            first_calls(calls)
            timings = interleave(calls, seconds)
            ours = timings["ours"]["median"]
            over = {rival: timings[rival]["median"] / ours for rival in calls if rival != "ours"}
            yield {"case": name, "pass": pass_, "shape": shape._asdict(), "seconds": timings,
                   "over_ours": over}  # fmt: skip


def tables(rows: list[Row]) -> list[str]:
    """The ratios in Markdown, and the shapes at which ours is slowest."""
    body = []
    for pass_ in ("training", "forward"):
        for rival in rows[0]["over_ours"]:
            ratios = sorted(row["over_ours"][rival] for row in rows if row["pass"] == pass_)
            if ratios:
                body.append({
                    "pass": pass_, "time of": f"{rival}/ours", "shapes": len(ratios),
                    "lowest": ratios[0], "median": median(ratios), "highest": ratios[-1],
                    "below 1.1": sum(ratio < 1.1 for ratio in ratios),
                })  # fmt: skip
    slowest = sorted(rows, key=lambda row: row["over_ours"]["Keras"])[:8]
    return [
        markdown(body),
        "The lowest ratios:",
        markdown(
            [
                {"layer": row["case"], "pass": row["pass"], "shape": row["shape"],
                 **{f"{rival}/ours": ratio for rival, ratio in row["over_ours"].items()}}
                for row in slowest
            ]
        ),
    ]  # fmt: skip


def plot(rows: list[Row]):
    """Histograms of the ratios: a panel for each rival."""
    import numpy as np

    rivals = list(rows[0]["over_ours"])
    figure = new_figure(7, 2.6 * len(rivals))
    for axes, rival in zip(figure.subplots(len(rivals), squeeze=False)[:, 0], rivals):
        for pass_ in ("training", "forward"):
            ratios = [row["over_ours"][rival] for row in rows if row["pass"] == pass_]
            axes.hist(ratios, np.geomspace(0.25, 16, 25), alpha=0.6, label=pass_)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set(xscale="log", xlabel=f"time of {rival} / ours", ylabel="shapes")
        axes.legend()
    return figure


@cli.command
def main(argv=None) -> int:
    """The command."""
    options = parser("sweep", __doc__, seconds=2)
    options.add_argument("--count", type=int, default=60, help="number of layers and shapes")
    options.add_argument("--seed", type=int, default=0, help="of the drawing")
    arguments = options.parse_args(argv)
    rows = measure(arguments.count, arguments.seed, arguments.seconds)
    return run("sweep", arguments, rows, tables, plot)


if __name__ == "__main__":
    sys.exit(main())
