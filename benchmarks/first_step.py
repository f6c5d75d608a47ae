"""How long does the first training step take, which traces and compiles, compared with Keras?

python -m benchmarks.first_step [--repeats 3]
"""

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from apps.common import cli
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import summary


def measure(repeats: int) -> Iterator[Row]:
    """A row for each model; every step is the first one of a new process."""
    from benchmarks.cases.first_step import MODELS, SIDES, first_step

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as fresh:
        for model in MODELS:
            seconds = {side: [] for side in SIDES}
            for _ in range(repeats):
                for side in SIDES:
                    seconds[side].append(fresh.submit(first_step, model, side).result())
            timings = {side: summary(each) for side, each in seconds.items()}
            over = timings["ours"]["median"] / timings["Keras"]["median"]
            yield {"model": model, "seconds": timings, "ours_over_keras": over}


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    body = []
    for row in rows:
        spread = {
            f"{side}, s: median (lowest to highest quartile)": "{median:.2f} ({q1:.2f} to {q3:.2f})"
            .format(**timing)
            for side, timing in row["seconds"].items()
        }  # fmt: skip
        body.append({"model": row["model"], **spread, "ours/Keras": row["ours_over_keras"]})
    return [markdown(body)]


@cli.command
def main(argv=None) -> int:
    """The command."""
    options = parser("first_step", __doc__, seconds=0)
    options.add_argument("--repeats", type=int, default=5, help="processes for each model and side")
    arguments = options.parse_args(argv)
    return run("first_step", arguments, measure(arguments.repeats), tables)


if __name__ == "__main__":
    sys.exit(main())
