"""`python -m benchmarks.training`: the char LM's training step compared with the Keras model's."""

import argparse
import sys

from apps.char_lm.config import PRESETS, CharLMConfig
from apps.common import cli
from benchmarks.memory import MemoryProbe
from benchmarks.report import (
    Report,
    Row,
    draw_bars,
    markdown,
    mebibytes,
    milliseconds,
    number,
    parser,
)
from benchmarks.timing import Contest, first_calls, interleave


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "Characters per second of the char LM's training step, compared with keras.layers"
    options = parser("training", text, seconds=30)
    streams = [name for name, (_, config) in PRESETS.items() if config.protocol == "stream"]
    options.add_argument("--presets", nargs="+", choices=streams, default=["tiny", "base"])
    return options.parse_args(argv)


def build_keras(config: CharLMConfig, vocab_size: int):
    """The model of `apps.char_lm.model.build`, from `keras.layers` alone.

    Same sizes, dropout (one mask for all time steps) and carried state, and weights in the same
    order; the GRU has the same equation (`reset_after=False`).
    """
    import keras

    def dropout(rate):
        return keras.layers.Dropout(rate, noise_shape=(None, 1, None))

    def recurrent():
        options = {"return_sequences": True, "stateful": True}
        if config.cell == "gru":
            return keras.layers.GRU(config.units, reset_after=False, **options)
        cell = {"vanilla": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM}[config.cell]
        return cell(config.units, **options)

    ids = keras.Input((None,), config.batch_size, "int32", name="ids")
    H = dropout(config.input_dropout)(keras.layers.Embedding(vocab_size, config.embedding)(ids))
    for _ in range(config.layers):
        H = dropout(config.dropout)(recurrent()(H))
    logits = keras.layers.Dense(vocab_size, dtype="float32", name="logits")(H)
    return keras.Model(ids, logits, name="keras_char_lm")


def contest(preset: str) -> Contest:
    """Ours and Keras's model, equal weights, each in graph mode and compiled by XLA.

    A call is one training step as `Model.fit` runs it: the next batch, forward, loss, backward,
    clipping, AdamW, the average of the weights where the preset has one, the carried state.

    Raises:
        ValueError: the results of the two models differ.
    """
    import keras

    from apps.char_lm import batches
    from apps.char_lm.data import load_corpus
    from apps.char_lm.model import build
    from apps.char_lm.task import compile_model
    from benchmarks.contenders import MODES, TOLERANCE, disagreement, fit_mode, supports_jit
    from rnn_keras.training import reset_states

    config = PRESETS[preset][1]
    corpus = load_corpus(config)
    data = batches.train(config, corpus, epoch=0)
    ids, _ = next(iter(data))
    calls, fit, weights, expected = {}, {}, None, None
    for side, make in (("ours", build), ("Keras", build_keras)):
        for mode, jit_compile in MODES.items():
            model = make(config, len(corpus.vocab))
            weights = weights or model.get_weights()
            model.set_weights(weights)
            logits = keras.ops.convert_to_numpy(model(ids, training=False))
            expected = logits if expected is None else expected
            if (difference := disagreement([logits], [expected])) > TOLERANCE:
                raise ValueError(f"{preset}: {side}'s logits differ by {difference:.1e} (relative)")
            reset_states(model)
            fit[side] = f"{side} {fit_mode(model)}"
            if jit_compile and not supports_jit(model):
                continue
            compile_model(model, config, len(data))
            model.jit_compile = bool(jit_compile)
            calls[f"{side} {mode}"] = training_call(model, data)
    return Contest(calls, fit)


def training_call(model, data):
    """One training step of a compiled model per call; `Model.fit` itself runs the first."""
    from benchmarks.contenders import synchronous

    iterator = None

    def step():
        nonlocal iterator
        if iterator is None:
            iterator = iter(data.repeat())
            model.fit(data.take(1), shuffle=False, verbose=0)
        else:
            model.train_function(iterator)

    return synchronous(step)


def measure(preset: str, seconds: float, probe: MemoryProbe | None) -> Row:
    """One row.

    Args:
        preset: preset of the char LM.
        seconds: minimum time to measure it.
        probe: measures the peak memory; None skips that.
    """
    config = PRESETS[preset][1]
    found = contest(preset)
    first, _ = first_calls(found.calls)
    timings = interleave(found.calls, seconds)
    characters = config.batch_size * config.steps
    medians = {name: timing.median for name, timing in timings.items()}
    return {
        "preset": preset,
        "characters_per_step": characters,
        "first_call_seconds": first,
        "seconds": {name: timing.as_dict() for name, timing in timings.items()},
        "characters_per_second": {name: characters / s for name, s in medians.items()},
        "fit": found.fit,
        "keras_over_ours": medians[found.fit["Keras"]] / medians[found.fit["ours"]],
        "peak_memory_bytes": probe.measure(contest, preset) if probe else {},
    }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown, a line per contender."""
    body = []
    for row in rows:
        for name in row["seconds"]:
            body.append([
                row["preset"],
                name + "*" * (name in row["fit"].values()),
                f"{row['characters_per_second'][name]:,.0f}",
                milliseconds(row["seconds"][name]),
                number(row["first_call_seconds"][name]),
                mebibytes(row["peak_memory_bytes"].get(name)),
                number(row["keras_over_ours"]) if name == row["fit"]["ours"] else "",
            ])  # fmt: skip
    header = ["preset", "model", "characters/s", "ms per step", "first step, s", "peak MiB",
              "Keras/ours"]  # fmt: skip
    return [
        "Whole training steps, median (interquartile range); `*` is what `Model.fit` runs here, "
        "and what the ratio compares.",
        markdown(header, body),
    ]


def plot(rows: list[Row]):
    """Bar chart of characters per second, a panel per preset."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6 * len(rows)), layout="constrained")
    for row, axes in zip(rows, figure.subplots(len(rows), squeeze=False)[:, 0]):
        draw_bars(axes, row["characters_per_second"])
        axes.set_title(f"Training of the char LM, preset {row['preset']}", fontsize=11)
        axes.set_xlabel("characters per second")
    return figure


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "training")
    with MemoryProbe(arguments.threads) as probe:
        for preset in arguments.presets:
            report.add(measure(preset, arguments.seconds, probe))
            ratio = number(report.rows[-1]["keras_over_ours"])
            print(f"{preset}: Keras {ratio} x ours", file=sys.stderr, flush=True)
    report.save_plot(plot(report.rows))
    report.print_tables(*tables(report.rows))


if __name__ == "__main__":
    main()
