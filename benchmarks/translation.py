"""`python -m benchmarks.translation`: target tokens per second of training, ours and Keras's."""

import argparse
import sys
from dataclasses import replace
from unittest import mock

from apps.common import cli
from apps.translation.config import PRESETS, TranslationConfig
from benchmarks.report import Report, Row, markdown, milliseconds, number, parser
from benchmarks.timing import Contest, first_calls, interleave

KERAS, DEFAULT = "Keras", "Keras, its default GRU"


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "Target tokens per second of the translator's training, compared with keras.layers"
    options = parser("translation", text, seconds=60)
    options.add_argument(
        "--data",
        default="../shared/data/translation/multi30k_task1_raw",
        help="pairs, as for training",
    )
    options.add_argument("--cells", nargs="+", choices=["gru", "lstm"], default=["gru", "lstm"])
    options.add_argument("--batches", type=int, default=8, help="batches in a call")
    return options.parse_args(argv)


def keras_layers(cell: str) -> dict:
    """By side, the recurrent layer of `keras.layers`; `Bidirectional` is Keras's there as well.

    The first GRU has our equation (`reset_after=False`), the second is Keras's default.
    """
    import keras

    if cell == "lstm":
        return {KERAS: keras.layers.LSTM}
    return {
        KERAS: lambda units, **options: keras.layers.GRU(units, reset_after=False, **options),
        DEFAULT: keras.layers.GRU,
    }


def contest(config: TranslationConfig, count: int) -> tuple[Contest, int]:
    """Our model and the one of `keras.layers`, and the target tokens of a call.

    A call is `count` training steps as `Model.fit` runs them: forward, loss, backward, clipping,
    AdamW, the average of the weights.

    Raises:
        ValueError: the results of models of the same equation differ.
    """
    import keras

    from apps.common.tokenized import learn_vocabulary
    from apps.translation import decoders
    from apps.translation.batches import TokenizedPairs
    from apps.translation.data import load
    from apps.translation.model import build
    from apps.translation.task import compile_model
    from apps.translation.text import PAD_ID, SPECIALS, make_tokenizer, word_splitter
    from benchmarks.contenders import TOLERANCE, disagreement, synchronous

    pairs = load(config).train
    words = word_splitter(config.lowercase)
    tokenizers = [
        make_tokenizer(learn_vocabulary(config, words, SPECIALS, texts), config)
        for texts in (pairs.sources, pairs.targets)
    ]
    epoch = list(TokenizedPairs(config, *tokenizers, pairs).batches(0).as_numpy_iterator())
    # From the shortest to the longest, to represent the whole epoch.
    epoch.sort(key=lambda batch: batch[1].shape[1])
    data = [epoch[int((i + 0.5) * len(epoch) / count)] for i in range(count)]
    tokens = sum(int((target != PAD_ID).sum()) for _, target in data)

    calls, weights, expected = {}, None, None
    for side, layer in {"ours": decoders.LAYERS[config.cell], **keras_layers(config.cell)}.items():
        both_ways = decoders.Bidirectional if side == "ours" else keras.layers.Bidirectional
        with (
            mock.patch.dict(decoders.LAYERS, {config.cell: layer}),
            mock.patch.object(decoders, "Bidirectional", both_ways),
        ):
            model = build(config, *(len(tokenizer.vocabulary) for tokenizer in tokenizers))
        if side != DEFAULT:
            weights = weights or model.get_weights()
            model.set_weights(weights)
            logits = keras.ops.convert_to_numpy(model(data[0][0], training=False))
            expected = logits if expected is None else expected
            if (difference := disagreement([logits], [expected])) > TOLERANCE:
                raise ValueError(f"{side}'s logits differ by {difference:.1e} (relative)")
        compile_model(model, config, len(epoch))
        calls[side] = synchronous(_steps(model, data))
    return Contest(calls, {side: side for side in calls}), tokens


def _steps(model, data):
    def call():
        for inputs, target in data:
            model.train_on_batch(inputs, target)

    return call


def measure(cell: str, arguments: argparse.Namespace) -> Row:
    """One row: the preset `base` with one of the cells."""
    config = replace(PRESETS["base"][1], data=arguments.data, cell=cell)
    found, tokens = contest(config, arguments.batches)
    first, _ = first_calls(found.calls)
    timings = interleave(found.calls, arguments.seconds, min_rounds=3)
    return {
        "cell": cell,
        "units": config.units,
        "target_tokens_per_call": tokens,
        "first_call_seconds": first,
        "seconds": {name: timing.as_dict() for name, timing in timings.items()},
        "tokens_per_second": {name: tokens / timing.median for name, timing in timings.items()},
        "keras_over_ours": {
            name: timing.median / timings["ours"].median
            for name, timing in timings.items()
            if name != "ours"
        },
    }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown, a line per contender."""
    body = [
        [
            f"{row['cell']} {row['units']}",
            name,
            f"{row['tokens_per_second'][name]:,.0f}",
            milliseconds(row["seconds"][name]),
            number(row["first_call_seconds"][name]),
            number(row["keras_over_ours"].get(name, 1.0)),
        ]
        for row in rows
        for name in row["seconds"]
    ]
    header = ["model", "contender", "target tokens/s", "ms per call", "first call, s", "over ours"]
    return [
        "Training steps in plain graph mode, which `Model.fit` runs here, on batches of every "
        "length; median (interquartile range).",
        markdown(header, body),
    ]


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "translation")
    for cell in arguments.cells:
        report.add(measure(cell, arguments))
        ratio = number(report.rows[-1]["keras_over_ours"][KERAS])
        print(f"{cell}: Keras {ratio} x ours", file=sys.stderr, flush=True)
    print(*tables(report.rows), sep="\n\n")
    print(f"\n{report.output}")


if __name__ == "__main__":
    main()
