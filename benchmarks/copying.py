"""How many sentences of unseen names does a model write, with and without copying?

python -m benchmarks.copying [--pairs 2000] [--epochs 6]
"""

import sys
import time
from collections.abc import Iterator

from apps.common import cli
from benchmarks.measure.report import Row, markdown, parser, run


def measure(pairs: int, epochs: int) -> Iterator[Row]:
    """A row with copying and one without."""
    from benchmarks.cases.copying import exact

    for copying in (True, False):
        began = time.perf_counter()
        found = exact(copying, pairs, epochs)
        seconds = time.perf_counter() - began
        yield {"copying": "yes" if copying else "no", "exact": found, "seconds": seconds}


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    return [
        markdown([
            {"copying": row["copying"], "exact": f"{row['exact']:.1%}", "s": round(row["seconds"])}
            for row in rows
        ])
    ]  # fmt: skip


@cli.command
def main(argv=None) -> int:
    """The command."""
    options = parser("copying", __doc__, seconds=0)
    options.add_argument("--pairs", type=int, default=2_000, help="pairs to train on")
    options.add_argument("--epochs", type=int, default=6, help="epochs of training")
    arguments = options.parse_args(argv)
    rows = measure(arguments.pairs, arguments.epochs)
    return run("copying", arguments, rows, tables, pairs=arguments.pairs, epochs=arguments.epochs)


if __name__ == "__main__":
    sys.exit(main())
