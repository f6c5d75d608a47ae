"""How fast is the loss of a CRF, compared with TensorFlow Addons' algorithm, and its best path?

python -m benchmarks.crf [--seconds 10] [--shape 32,50,17]
"""

import sys
from collections.abc import Iterator

from apps.common import cli
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import first_calls, interleave

SHAPE = (32, 50, 17)  # sentences, words, tags
LOSS, PATH = "loss and gradients", "best path"


def parse_shape(text: str) -> tuple[int, ...]:
    """`32,50,17`."""
    sizes = tuple(int(size) for size in text.split(","))
    if len(sizes) != len(SHAPE) or min(sizes) < 1:
        raise ValueError(f"a shape is three positive integers, got {text!r}")
    return sizes


def measure(shape: tuple[int, ...], seconds: float) -> Iterator[Row]:
    """A row for each contender.

    Raises:
        ValueError, AssertionError: contenders differ.
    """
    import numpy as np

    from benchmarks.cases.crf import OURS, loss_calls, viterbi_calls

    for task, calls in {LOSS: loss_calls(*shape), PATH: viterbi_calls(*shape)}.items():
        first, results = first_calls(calls)
        reference, *others = results.values()
        for other in others:
            for a, b in zip(reference, other, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        timings = interleave(calls, seconds, min_rounds=3)
        for name, timing in timings.items():
            row = {"task": task, "name": name, "first_call_seconds": first[name], **timing}
            if task == LOSS:
                row["over_ours"] = timing["median"] / timings[OURS]["median"]
            yield row


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    return [
        markdown([
            {"CRF": row["task"], "by": row["name"], "ms: median (interquartile range)": row,
             "over ours": row.get("over_ours"), "first call, s": row["first_call_seconds"]}
            for row in rows
        ])
    ]  # fmt: skip


@cli.command
def main(argv=None) -> int:
    """The command."""
    options = parser("crf", __doc__, seconds=30)
    options.add_argument(
        "--shape", type=parse_shape, default=SHAPE, metavar="SENTENCES,WORDS,TAGS", help="sizes"
    )
    arguments = options.parse_args(argv)
    rows = measure(arguments.shape, arguments.seconds)
    return run("crf", arguments, rows, tables, shape=arguments.shape)


if __name__ == "__main__":
    sys.exit(main())
