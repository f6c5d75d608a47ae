"""`python -m benchmarks.sentiment`: reviews per second, bucketed and not, ours and keras.layers."""

import argparse
import sys
from dataclasses import replace

from apps.common import cli
from apps.sentiment.config import PRESETS, SentimentConfig
from benchmarks.report import Report, Row, draw_bars, markdown, milliseconds, number, parser
from benchmarks.timing import Contest, first_calls, interleave


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "Reviews per second of the sentiment classifier's training, with and without bucketing"
    options = parser("sentiment", text, seconds=60)
    options.add_argument("--data", default="../shared/data/imdb", help="reviews, as for training")
    options.add_argument("--cells", nargs="+", choices=["gru", "lstm"], default=["gru", "lstm"])
    options.add_argument("--length", type=int, default=400, help="longest review, in tokens")
    options.add_argument("--batches", type=int, default=8, help="batches in a call")
    return options.parse_args(argv)


def build_keras(config: SentimentConfig, vocab_size: int):
    """The model of `apps.sentiment.model.build` with the recurrent layer of `keras.layers`.

    The GRU has the same equation (`reset_after=False`). Weights come in the same order.
    """
    import keras

    from apps.sentiment.model import word_vectors
    from apps.sentiment.pooling import MaskedPooling

    cell = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[config.cell]
    options = {"reset_after": False} if config.cell == "gru" else {}
    ids = keras.Input((None,), dtype="int32")
    X, mask = word_vectors(config, vocab_size)(ids)
    X = keras.layers.Dropout(config.word_dropout, noise_shape=(None, None, 1))(X)
    X = keras.layers.Dropout(config.embedding_dropout, noise_shape=(None, 1, None))(X)
    recurrent = keras.layers.Bidirectional(cell(config.units, return_sequences=True, **options))
    H = MaskedPooling(config.pooling)(recurrent(X, mask=mask), mask=mask)
    logit = keras.layers.Dense(1)(keras.layers.Dropout(config.dropout)(H))
    return keras.Model(ids, logit, name="keras_sentiment")


def batches(config: SentimentConfig, vocabulary, reviews, count: int):
    """By kind, `count` batches of an epoch: bucketed, and padded to `config.max_length`."""
    import keras
    import numpy as np

    from apps.common.tokenized import tokenize
    from apps.sentiment.text import make_tokenizer
    from rnn_keras.data import bucketed_batches

    ids = tokenize(make_tokenizer(vocabulary, config).read, reviews.texts)
    arrays = reviews.labels[:, None].astype("float32"), np.arange(len(ids))
    data = bucketed_batches((ids,), config.batch_size, config.bucket, arrays=arrays)
    data = list(data.as_numpy_iterator())[1:]
    # From the shortest to the longest, to represent the whole epoch.
    bucketed = [data[int((i + 0.5) * len(data) / count)] for i in range(count)]
    rows = np.random.default_rng(0).permutation(np.concatenate([rows for *_, rows in bucketed]))
    padded = keras.utils.pad_sequences(
        [ids[row] for row in rows], config.max_length, padding="post"
    )
    return {
        "bucketed": [batch[:2] for batch in bucketed],
        f"padded to {config.max_length}": list(
            zip(np.split(padded, count), np.split(arrays[0][rows], count))
        ),
    }


def contest(config: SentimentConfig, count: int) -> Contest:
    """Ours and Keras's model on either kind of batches.

    A call is `count` training steps as `Model.fit` runs them: forward, loss, backward, clipping,
    AdamW, the average of the weights.

    Raises:
        ValueError: the results of the two models differ.
    """
    import keras

    from apps.common.tokenized import learn_vocabulary
    from apps.sentiment.data import load
    from apps.sentiment.model import build
    from apps.sentiment.task import compile_model
    from apps.sentiment.text import SPECIALS, WORDS
    from benchmarks.contenders import TOLERANCE, disagreement, synchronous

    reviews = load(config).train
    vocabulary = learn_vocabulary(config, WORDS, SPECIALS, reviews.texts)
    kinds = batches(config, vocabulary, reviews, count)
    calls, weights, expected = {}, None, None
    for side, make in (("ours", build), ("Keras", build_keras)):
        for kind, data in kinds.items():
            model = make(config, len(vocabulary))
            weights = weights or model.get_weights()
            model.set_weights(weights)
            logits = keras.ops.convert_to_numpy(model(kinds["bucketed"][0][0], training=False))
            expected = logits if expected is None else expected
            if (difference := disagreement([logits], [expected])) > TOLERANCE:
                raise ValueError(f"{side}'s logits differ by {difference:.1e} (relative)")
            compile_model(model, config, len(data))
            calls[f"{side}, {kind}"] = synchronous(_steps(model, data))
    names = list(calls)
    return Contest(calls, {"ours": names[0], "Keras": names[-1]})  # by default


def _steps(model, data):
    def call():
        for ids, labels in data:
            model.train_on_batch(ids, labels)

    return call


def measure(cell: str, arguments: argparse.Namespace) -> Row:
    """One row: the preset `base` with a given cell, without pretraining or adversarial steps."""
    config = replace(
        PRESETS["base"][1],
        data=arguments.data,
        cell=cell,
        layers=1,
        max_length=arguments.length,
        ngrams=0,
        adversarial=0.0,
        pretraining=0,
    )
    found = contest(config, arguments.batches)
    first, _ = first_calls(found.calls)
    timings = interleave(found.calls, arguments.seconds, min_rounds=3)
    medians = {name: timing.median for name, timing in timings.items()}
    reviews = arguments.batches * config.batch_size
    return {
        "cell": cell,
        "units": config.units,
        "length": arguments.length,
        "reviews_per_call": reviews,
        "first_call_seconds": first,
        "seconds": {name: timing.as_dict() for name, timing in timings.items()},
        "reviews_per_second": {name: reviews / s for name, s in medians.items()},
        "fit": found.fit,
        "keras_over_ours": medians[found.fit["Keras"]] / medians[found.fit["ours"]],
    }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown, a line per contender."""
    body = [
        [
            f"{row['cell']} {row['units']}",
            name,
            f"{row['reviews_per_second'][name]:,.0f}",
            milliseconds(row["seconds"][name]),
            number(row["first_call_seconds"][name]),
            number(row["keras_over_ours"]) if name == row["fit"]["ours"] else "",
        ]
        for row in rows
        for name in row["seconds"]
    ]
    header = ["model", "contender", "reviews/s", "ms per call", "first call, s", "Keras/ours"]
    return [
        "Training steps in plain graph mode, which `Model.fit` runs here; median (interquartile "
        "range). The ratio is of Keras's layer on padded batches to ours on bucketed ones.",
        markdown(header, body),
    ]


def plot(rows: list[Row]):
    """Bars of reviews per second, a panel per cell."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6 * len(rows)), layout="constrained")
    for row, axes in zip(rows, figure.subplots(len(rows), squeeze=False)[:, 0]):
        draw_bars(axes, row["reviews_per_second"])
        axes.set_title(f"Training of {row['cell'].upper()}, {row['units']} units", fontsize=11)
        axes.set_xlabel("reviews per second")
    return figure


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "sentiment")
    for cell in arguments.cells:
        report.add(measure(cell, arguments))
        ratio = number(report.rows[-1]["keras_over_ours"])
        print(f"{cell}: Keras {ratio} x ours", file=sys.stderr, flush=True)
    report.save_plot(plot(report.rows))
    report.print_tables(*tables(report.rows))


if __name__ == "__main__":
    main()
