"""The cells of `benchmarks.targets`: each exports a file, runs it and compares."""

import importlib.metadata
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import keras
import numpy as np

from apps.common.run import Run
from apps.stock.backtest import arrays
from apps.stock.model import Pinball
from apps.task import Trained
from apps.web.litertjs import VERSION
from benchmarks.cases.runtimes import (
    REPEATS,
    compiled_model,
    onnxruntime,
    openvino,
    stream,
    timed,
)
from rnn_keras import export, layers
from rnn_keras.export.fixed_sizes import fix_sizes
from rnn_keras.export.models import Export
from rnn_keras.export.verify import expected_outputs
from tests.export.litert_js import LiteRTJS

INPUTS, UNITS, LENGTH, TOKENS, PADDING = 16, 64, 64, 50, 20
EXAMPLES = 2
L = keras.layers


def _sequential(*recurrent, **options):
    inputs = keras.Input((None, INPUTS), name="x", **options)
    return keras.Sequential([inputs, *recurrent, L.Dense(4, name="y")], name="model")


def _masked():
    ids = keras.Input((None,), dtype="int32", name="x")
    H = layers.LSTM(UNITS)(L.Embedding(TOKENS, INPUTS, mask_zero=True)(ids))
    return keras.Model(ids, L.Dense(4, name="y")(H), name="model")


def _attention():
    x = keras.Input((None, INPUTS), name="x")
    H = layers.LSTM(UNITS, return_sequences=True)(x)
    H = L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, UNITS // 2, name="attention")(H, H))
    return keras.Model(x, L.Dense(4, name="y")(H), name="model")


MODELS: dict[str, Callable[[], keras.Model]] = {
    "GRU": lambda: _sequential(layers.GRU(UNITS)),
    "GRU reset-after": lambda: _sequential(layers.GRU(UNITS, reset_after=True)),
    "LSTM": lambda: _sequential(layers.LSTM(UNITS)),
    "vanilla": lambda: _sequential(layers.VanillaRNN(UNITS)),
    "bidirectional": lambda: _sequential(layers.Bidirectional(layers.LSTM(UNITS), name="both")),
    "deep": lambda: _sequential(layers.DeepRNN([layers.LSTM(UNITS), layers.LSTM(UNITS)])),
    "stateful": lambda: _sequential(layers.LSTM(UNITS, stateful=True), batch_size=1),
    "masked": _masked,
    "Conv1D + LSTM": lambda: _sequential(
        L.Conv1D(32, 3, padding="causal", activation="relu", name="conv"), layers.LSTM(UNITS)
    ),
    "attention": _attention,
}


def versions() -> dict[str, str]:
    """The version of each runtime."""
    return {
        "LiteRT": (litert := importlib.metadata.version("ai-edge-litert")),
        "CompiledModel": litert,
        "LiteRT.js": VERSION,
        "TFLite Micro": importlib.metadata.version("tflite-micro"),
        "onnxruntime": importlib.metadata.version("onnxruntime"),
        "OpenVINO": importlib.metadata.version("openvino").partition("-")[0],
    }


def keras_model(name: str, folder: Path, browser: LiteRTJS) -> dict[str, Callable[[], dict]]:
    """The cells of a Keras model, over 64 time steps at batch 1."""
    keras.utils.set_random_seed(0)
    model, rng = MODELS[name](), np.random.default_rng(0)
    is_ids = model.inputs[0].dtype == "int32"
    x = rng.integers(1, TOKENS, (1, LENGTH), np.int32) if is_ids else rng.normal(
        size=(1, LENGTH, INPUTS)).astype("float32")  # fmt: skip
    if is_ids:
        x[:, -PADDING:] = 0
    expected = {"y": np.asarray(model(x))}

    def litert():
        export.litert(model, folder / "model.tflite")
        lite = export.LiteRTModel(folder / "model.tflite")
        found, ms = timed(partial(lite.run, "serving_default", x=x))
        return {"difference": difference([expected], [found]), "milliseconds": ms}

    def compiled():
        export.litert(model, folder / "model.tflite")
        found, ms = compiled_model(folder / "model.tflite", "serving_default", {"x": x}, expected)
        return {"difference": difference([expected], [found]), "milliseconds": ms}

    def web():
        file = folder / "web.tflite"
        export.litert(model, file, target="web", times=[LENGTH])
        found, ms = browser.run(file.name, "serving_default", [{"x": x}], REPEATS)
        return {"difference": difference([expected], found), "milliseconds": ms}

    def micro(quantization):
        file = folder / "micro.tflite"
        report = export.litert(
            model, file, quantization, target="micro", examples={"x": x}, tolerance=1
        )
        real = x[:, :-PADDING] if is_ids else x  # the output of a masked step has no meaning
        found, ms = stream(export.MicroModel(file), {"x": real})
        found = {name: found[name] for name in expected}
        sizes = {"bytes": report.bytes, "arena_bytes": report.arena_bytes}
        return {"difference": difference([expected], [found]), "milliseconds": ms, **sizes}

    def onnx(run):
        export.onnx(model, folder / "model.onnx")
        found, ms = run(folder / "model.onnx", {"x": x})
        return {"difference": difference([expected], [found]), "milliseconds": ms}

    return _cells(litert, compiled, web, micro, onnx)


def difference(expected: list[dict], found: list[dict]) -> float:
    """The largest difference, relative to the largest value of its output where above 1."""
    return max(
        float(np.max(np.abs(value - one[name]))) / max(1.0, float(np.max(np.abs(value))))
        for want, one in zip(expected, found)
        for name, value in ((name, np.asarray(value, "float64")) for name, value in want.items())
    )


def application(path: Path, folder: Path, browser: LiteRTJS) -> dict[str, Callable[[], dict]]:
    """The cells of a trained run: the difference of all signatures, the time of `MAIN`."""
    run = Run(path.parent.name, path)
    task = import_module(f"apps.{run.app}.task").TASK
    trained = task.load(run)
    signatures = task.signatures(trained)
    given = signatures.litert
    main = MAIN.get(run.app) or next(iter(given["functions"]))
    functions, examples = fix_sizes(given["functions"], given["examples"], 1, signatures.lengths)
    examples = {name: of_one[:EXAMPLES] for name, of_one in examples.items()}
    expected = expected_outputs(functions, examples)

    def litert():
        report = export.write_litert(file=folder / "model.tflite", **given)
        lite = export.LiteRTModel(report.file)
        wanted = expected_outputs(given["functions"], given["examples"])
        found = {
            name: [lite.run(name, **example) for example in given["examples"][name]]
            for name in wanted
        }
        _, ms = timed(partial(lite.run, main, **examples[main][0]))
        return {"difference": _worst(wanted, found), "milliseconds": ms, "bytes": report.bytes}

    def compiled():
        file = export.write_litert(file=folder / "model.tflite", **given).file
        wanted = expected_outputs(given["functions"], given["examples"])
        found, milliseconds = {}, {}
        for name, outputs in wanted.items():
            pairs = zip(given["examples"][name], outputs)
            runs = [compiled_model(file, name, inputs, want) for inputs, want in pairs]
            found[name], milliseconds[name] = [each for each, _ in runs], runs[0][1]
        return {"difference": _worst(wanted, found), "milliseconds": milliseconds[main]}

    def web():
        report = export.write_litert(
            file=folder / "web.tflite", target="web", times=signatures.lengths, **given
        )
        found = {name: browser.run("web.tflite", name, examples[name])[0] for name in expected}
        _, ms = browser.run("web.tflite", main, examples[main][:1], REPEATS)
        return {"difference": _worst(expected, found), "milliseconds": ms, "bytes": report.bytes}

    def micro(quantization):
        file, arguments = folder / "micro.tflite", task.micro(trained)
        report = export.write_litert(
            file=file, quantization=quantization, target="micro", **arguments
        )
        model, inputs = export.MicroModel(file), arguments["examples"]["step"]
        (wanted,) = expected_outputs(arguments["functions"], arguments["examples"]).values()
        _, ms = timed(partial(model.run, "step", **inputs[0]))
        return {
            "difference": difference(wanted, [model.run("step", **one) for one in inputs]),
            "milliseconds": ms,
            "bytes": report.bytes,
            "arena_bytes": report.arena_bytes,
            "loss": LOSSES[run.app](task, trained, model),
        }

    def onnx(run):
        arguments = task.onnx(trained)
        export.onnx(file=folder / "model.onnx", **arguments)
        exported = Export(
            arguments["model"],
            (arguments.get("signature", "serving_default"),),
            arguments.get("examples"),
        )
        ((_, inputs),) = exported.examples.items()
        (wanted,) = expected_outputs(
            exported.functions, exported.examples, exported.expected
        ).values()
        runs = [run(folder / "model.onnx", each) for each in inputs]
        return {
            "difference": difference(wanted, [found for found, _ in runs]),
            "milliseconds": runs[0][1],
        }

    return _cells(litert, compiled, web, micro, onnx)


def _worst(expected, found):
    return max(difference(expected[name], found[name]) for name in expected)


def char_lm_loss(task, trained: Trained, micro: export.MicroModel) -> str:
    """The nats per character of the test part, streamed from zero states."""
    ids = np.asarray(task.load_data(trained.config, trained.run).validation_ids, "int32")
    states = {
        name: np.zeros(shape, "float32")
        for name, (shape, _) in micro.signatures["step"].items()
        if name != "ids"
    }
    nats = 0.0
    for now, following in zip(ids[:-1], ids[1:]):
        outputs = micro.run("step", ids=[now], **states)
        logits = outputs["logits"][0].astype("float64")
        nats += np.logaddexp.reduce(logits) - logits[following]
        states = {name: outputs[name] for name in states}
    return f"{nats / (len(ids) - 1):.4f} nats per character"


def stock_loss(task, trained: Trained, micro: export.MicroModel) -> str:
    """The pinball loss of the test windows, in network units."""
    data, config = task.load_data(trained.config, trained.run), trained.config
    windows, actual = arrays(config, data, data.windows["test"])
    scaling, quantiles = map(trained.model.get_layer, ("scaling", "quantiles"))
    gaps = [stream(micro, {"x": rows[None]})[0]["gaps"] for rows in scaling(windows).numpy()]
    found = quantiles.from_gaps(np.concatenate(gaps))
    loss = Pinball(config.levels)(scaling.scale(windows, actual), found)
    return f"pinball loss {float(loss):.5f}"


# The signature that is timed, where a file has several.
MAIN = {"char_lm": "score", "translation": "beam"}
LOSSES = {"char_lm": char_lm_loss, "stock": stock_loss}


def _cells(litert, compiled, web, micro, onnx):
    return {
        "LiteRT": litert,
        "CompiledModel": compiled,
        "LiteRT.js": web,
        "TFLite Micro, float": partial(micro, "none"),
        "TFLite Micro, int8": partial(micro, "int8"),
        "onnxruntime": partial(onnx, onnxruntime),
        "OpenVINO": partial(onnx, openvino),
    }
