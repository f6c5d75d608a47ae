"""`python -m benchmarks.litert`: our LiteRT files beside those of TensorFlow's converter."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from apps.common import cli
from benchmarks.report import Report, Row, markdown, number, parser
from benchmarks.timing import first_calls, interleave

TIME, INPUTS = 64, 32
# By name: the class in `keras.layers`, and its options.
LAYERS = {
    "LSTM": ("LSTM", {}),
    "GRU reset-after": ("GRU", {"reset_after": True}),
    "GRU reset-before": ("GRU", {"reset_after": False}),
    "RNN": ("SimpleRNN", {}),
}
OUTPUTS = ("sequences", "last")
QUANTIZATIONS = ("none", "dynamic")
# Largest difference from the Keras model, relative to its largest value.
TOLERANCES = {"none": 1e-4, "dynamic": 0.1}
# Ours over stock: the largest that is good enough, by output and units.
TARGETS = {("sequences", 128): 0.55, ("sequences", 512): 0.85, ("last", 128): 0.9,
           ("last", 512): 0.9}  # fmt: skip
STREAMING_UNITS, STREAMING_VOCABULARY, STREAMING_TARGET = 256, 96, 60e-6


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "Size and latency at batch 1 of LiteRT files, ours beside those of stock Keras layers."
    options = parser("litert", text, seconds=5)
    options.add_argument("--layers", nargs="*", choices=list(LAYERS), default=list(LAYERS))
    options.add_argument("--units", nargs="+", type=int, default=[128, 512])
    options.add_argument("--outputs", nargs="+", choices=OUTPUTS, default=list(OUTPUTS))
    options.set_defaults(threads=1)
    return options.parse_args(argv)


def build(layer: str, units: int, output: str, *, fixed: bool):
    """A model of one recurrent layer of Keras's own.

    Args:
        layer: one of `LAYERS`.
        units: its size.
        output: "sequences" or "last".
        fixed: whether batch and length are 1 and `TIME`, which is all that stock conversion can
            do, or open.
    """
    import keras

    name, options = LAYERS[layer]
    recurrent = getattr(keras.layers, name)(
        units, return_sequences=output == "sequences", name="y", **options
    )
    shape = (1, TIME, INPUTS) if fixed else (None, None, INPUTS)
    return keras.Sequential([keras.Input(batch_shape=shape, name="x"), recurrent])


def measure(layer: str, units: int, output: str, seconds: float, threads: int) -> Row:
    """One row: both sides, both quantizations, of one model.

    Returns:
        The row, with "error" instead of times if a file does not compute what the model does.
    """
    import keras
    import numpy as np

    from rnn_keras import export

    keras.utils.set_random_seed(0)
    model = build(layer, units, output, fixed=False)
    x = np.random.default_rng(0).standard_normal((1, TIME, INPUTS), np.float32)
    expected = model(x).numpy()
    row = {"layer": layer, "units": units, "output": output}
    with tempfile.TemporaryDirectory() as folder:
        stock = build(layer, units, output, fixed=True)
        stock.set_weights(model.get_weights())
        stock.save(Path(folder, "stock.keras"))
        files = {}
        for quantization in QUANTIZATIONS:
            ours, theirs = (Path(folder, f"{who}_{quantization}.tflite") for who in "ab")
            export.litert(model, ours, quantization, tolerance=1)  # judged below
            convert_stock(Path(folder, "stock.keras"), theirs, quantization)
            files |= {f"ours {quantization}": ours, f"stock {quantization}": theirs}
        row["bytes"] = {who: file.stat().st_size for who, file in files.items()}
        calls = {who: call(file, x, threads) for who, file in files.items()}
    _, results = first_calls(calls)
    scale = np.abs(expected).max()
    row["difference"] = {
        who: float(np.abs(result - expected).max() / scale) for who, result in results.items()
    }
    for who, difference in row["difference"].items():
        if not difference <= TOLERANCES[who.split()[1]]:
            return {**row, "error": f"{who} differs from the Keras model by {difference:.1e}"}
    timings = interleave(calls, seconds)
    row["seconds"] = {who: timing.as_dict() for who, timing in timings.items()}
    return row


def convert_stock(model: Path, file: Path, quantization: str) -> None:
    """Runs `benchmarks.stock_litert`.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    command = [sys.executable, "-m", "benchmarks.stock_litert", model, file, quantization]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"stock conversion failed: {run.stderr[-500:]}")


def call(file: Path, x, threads: int):
    """A function that runs the only signature of a file on its only input."""
    from rnn_keras.export import LiteRTModel

    model = LiteRTModel(file, threads)
    ((name, inputs),) = model.signatures.items()
    (argument,) = inputs
    return lambda: next(iter(model.run(name, **{argument: x}).values()))


def measure_streaming(seconds: float, threads: int) -> Row:
    """One character of a char LM at a time, from Python: the application's `step`, which takes
    one, and the general one, which takes any number."""
    import keras
    import numpy as np

    from apps.char_lm.config import CharLMConfig
    from apps.char_lm.graph import CharLMGraph
    from apps.char_lm.model import build as build_char_lm
    from rnn_keras import export
    from rnn_keras.data import Vocabulary

    keras.utils.set_random_seed(0)
    vocabulary = Vocabulary.from_tokens([chr(33 + i) for i in range(STREAMING_VOCABULARY - 1)])
    config = CharLMConfig(cell="lstm", units=STREAMING_UNITS, layers=1)
    graph = CharLMGraph(config, build_char_lm(config, len(vocabulary)), vocabulary)
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(len(vocabulary), config.embedding)(ids)
    hidden = keras.layers.LSTM(STREAMING_UNITS, return_sequences=True, name="lstm")(hidden)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary), name="logits")(hidden))
    calls = {}
    with tempfile.TemporaryDirectory() as folder:
        for quantization in QUANTIZATIONS:
            file = Path(folder, f"{quantization}.tflite")
            export.write_litert(
                {"step": graph.litert["step"]}, [graph.streaming], file, quantization,
                examples={"step": graph.examples()["step"]},
            )  # fmt: skip
            one = np.zeros(1, np.int32)
            calls[f"char LM {quantization}"] = streaming_call(file, one, threads)
            export.litert(model, file, quantization, ["step"])
            calls[f"any length {quantization}"] = streaming_call(file, one[None], threads)
    first_calls(calls)
    timings = interleave(calls, seconds)
    return {
        "streaming": {"units": STREAMING_UNITS, "vocabulary": len(vocabulary)},
        "seconds": {who: timing.as_dict() for who, timing in timings.items()},
    }


def streaming_call(file: Path, ids, threads: int):
    """A function that reads the same ids once more, from the states that it left."""
    import numpy as np

    from rnn_keras.export import LiteRTModel

    model = LiteRTModel(file, threads)
    sizes = {name: shape[1] for name, (shape, _) in model.signatures["step"].items()
             if name != "ids"}  # fmt: skip
    states = {name: np.zeros((1, size), np.float32) for name, size in sizes.items()}

    def run():
        outputs = model.run("step", ids=ids, **states)
        states.update({name: outputs[name] for name in states})

    return run


def judge(row: Row) -> dict[str, tuple[float, float]]:
    """The measured ratios of a row that have a target, by name `(ratio, target)`."""
    if "streaming" in row:
        median = row["seconds"]["char LM none"]["median"]
        return {"microseconds per character": (1e6 * median, 1e6 * STREAMING_TARGET)}
    median = {who: timing["median"] for who, timing in row["seconds"].items()}
    ratios = {
        "dynamic size / float": (row["bytes"]["ours dynamic"] / row["bytes"]["ours none"], 0.4),
        "dynamic time / float": (median["ours dynamic"] / median["ours none"], 1.0),
    }
    if target := TARGETS.get((row["output"], row["units"])):
        ratios["ours / stock"] = (median["ours none"] / median["stock none"], target)
    return ratios


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown, and what misses its target."""
    good = [row for row in rows if "seconds" in row]
    body, missed = [], []
    for row in good:
        ratios = judge(row)
        name = title(row)
        missed += [
            f"MISSED {name}: {what} is {ratio:.2f}, the target is at most {target:g}"
            for what, (ratio, target) in ratios.items()
            if ratio > target
        ]
        if "streaming" in row:
            continue
        cells = [name]
        for who in WHO:
            cells.append(f"{1e6 * row['seconds'][who]['median']:,.0f}")
        cells += [f"{row['bytes'][who] / 1e3:,.0f}" for who in WHO]
        median = {who: timing["median"] for who, timing in row["seconds"].items()}
        cells += [number(median[f"ours {q}"] / median[f"stock {q}"]) for q in QUANTIZATIONS]
        cells += [
            number(ratios[what][0]) for what in ("dynamic time / float", "dynamic size / float")
        ]
        cells.append(f"{row['difference']['ours dynamic']:.1e}")
        body.append(cells)
    head = [
        "model", *(f"µs: {who}" for who in WHO), *(f"kB: {who}" for who in WHO),
        "ours / stock, float", "ours / stock, int8", "int8 / float, time", "int8 / float, size",
        "difference, int8",
    ]  # fmt: skip
    found = [
        f"Microseconds per call from Python at batch 1, {TIME} steps of {INPUTS} inputs, median; "
        "none is float32, dynamic int8 weights.",
        markdown(head, body),
    ]
    for row in good:
        if "streaming" in row:
            times = ", ".join(f"{who} {1e6 * t['median']:.1f}" for who, t in row["seconds"].items())
            found.append(f"{title(row)}, microseconds per character: {times}")
    errors = [f"ERROR {title(row)}: {row['error']}" for row in rows if "error" in row]
    return [*found, *errors, *missed]


WHO = [f"{side} {quantization}" for side in ("ours", "stock") for quantization in QUANTIZATIONS]


def title(row: Row) -> str:
    """The name of a row."""
    if "streaming" in row:
        return f"streaming LSTM {row['streaming']['units']}"
    return f"{row['layer']} {row['units']}, {row['output']}"


def plot(rows: list[Row]):
    """Bars of the time over that of the stock file, a group per model."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if "seconds" in row and "layer" in row]
    figure = Figure(figsize=(max(6, 0.9 * len(rows)), 4.2), layout="constrained")
    axes = figure.subplots()
    for i, who in enumerate(WHO):
        heights = [row["seconds"][who]["median"] / row["seconds"]["stock none"]["median"]
                   for row in rows]  # fmt: skip
        axes.bar([k - 0.3 + 0.2 * i for k in range(len(rows))], heights, 0.2, label=who)
    axes.axhline(1, color="black", linewidth=0.8)
    names = [title(row).replace(" ", "\n").replace(",", "") for row in rows]
    axes.set_xticks(range(len(rows)), names, fontsize=7)
    axes.set_title("LiteRT at batch 1: time over that of the stock conversion", fontsize=10)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=7)
    return figure


@cli.command
def main(argv=None) -> int:
    """The command; the exit code is 1 if any file is wrong."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "litert", time=TIME, inputs=INPUTS)
    for layer in arguments.layers:
        for units in arguments.units:
            for output in arguments.outputs:
                report.add(measure(layer, units, output, arguments.seconds, arguments.threads))
                print(progress(report.rows[-1]), file=sys.stderr, flush=True)
    report.add(measure_streaming(arguments.seconds, arguments.threads))
    print(progress(report.rows[-1]), file=sys.stderr, flush=True)
    report.save_plot(plot(report.rows))
    report.print_tables(*tables(report.rows))
    return int(any("error" in row for row in report.rows))


def progress(row: Row) -> str:
    """A row in one line."""
    if "error" in row:
        return f"{title(row)}: {row['error']}"
    return f"{title(row)}: " + ", ".join(f"{k} {ratio:.2f}" for k, (ratio, _) in judge(row).items())


if __name__ == "__main__":
    sys.exit(main())
