"""How fast is batched beam search in a graph, compared with eager execution and with `predict`?

python -m benchmarks.decoding [--sentences 8] [--beam-width 5] [--seconds 40]
"""

import argparse
import sys
from collections.abc import Iterator

from apps.common import cli
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import first_calls, interleave

SIZES = {  # of a GRU decoder with attention and random weights
    "sentences": (32, "in the batch"),
    "beam_width": (5, "hypotheses kept"),
    "steps": (20, "tokens of every hypothesis"),
    "source": (15, "tokens of each source sentence"),
    "units": (256, "of the GRU"),
    "vocabulary": (8000, "tokens"),
}


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("decoding", __doc__, seconds=30)
    for name, (value, what) in SIZES.items():
        options.add_argument(f"--{name.replace('_', '-')}", type=int, default=value, help=what)
    return options.parse_args(argv)


def measure(sizes: dict[str, int], seconds: float) -> Iterator[Row]:
    """A row for each contender.

    Raises:
        ValueError, AssertionError: they find different tokens, or different scores.
    """
    import numpy as np

    from benchmarks.cases.decoding import GRAPH, contenders

    calls = contenders(**sizes)
    first, results = first_calls(calls)
    for name, (tokens, scores) in results.items():
        if not np.array_equal(tokens, results[GRAPH][0]):
            raise ValueError(f"{name}: other tokens than {GRAPH}")
        np.testing.assert_allclose(scores, results[GRAPH][1], rtol=1e-4)
    timings = interleave(calls, seconds, min_rounds=3)
    for name, timing in timings.items():
        ratio = timing["median"] / timings[GRAPH]["median"]
        yield {"name": name, "first_call_seconds": first[name], "over_graph": ratio, **timing}


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    return [
        markdown([
            {"beam search": row["name"], "ms: median (interquartile range)": row,
             "over graph": row["over_graph"], "first call, s": row["first_call_seconds"]}
            for row in rows
        ])
    ]  # fmt: skip


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    sizes = {name: getattr(arguments, name) for name in SIZES}
    return run("decoding", arguments, measure(sizes, arguments.seconds), tables, sizes=sizes)


if __name__ == "__main__":
    sys.exit(main())
