"""`python -m rnn_keras.export MODEL`: a saved model of Keras or PyTorch as other files."""

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path

STATE_DICTS = ".pt", ".pth", ".npz"  # of PyTorch


def parse(argv=None):
    """The options; parsing them imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="python -m rnn_keras.export",
        description="Export a Keras model with recurrent layers, Keras's own or those of "
        "rnn_keras, or a PyTorch network of an Embedding, a recurrent layer and a Linear layer. "
        "Every file is compared with the Keras model before it replaces an older one.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="MODEL.keras, written by model.save; or NET.pt, NET.pth or NET.npz: the state_dict of "
        "a PyTorch network, written by torch.save or numpy.savez",
    )
    parser.add_argument(
        "--nonlinearity", choices=("tanh", "relu"), help="of the nn.RNN in a PyTorch network"
    )
    parser.add_argument(
        "--final-state",
        action="store_true",
        help="the Linear layer of the PyTorch network reads the final state only",
    )
    parser.add_argument(
        "--saved-model", type=Path, metavar="DIR", help="write the SavedModel DIR/VERSION/"
    )
    parser.add_argument(
        "--version", type=int, default=1, metavar="N", help="version of the SavedModel"
    )
    parser.add_argument("--litert", type=Path, metavar="FILE", help="write the LiteRT file FILE")
    parser.add_argument(
        "--onnx", type=Path, metavar="FILE", help="write the ONNX file FILE, with one signature"
    )
    parser.add_argument(
        "--quantization",
        choices=("none", "dynamic", "float16", "int8", "int16"),
        default="none",
        help="weights of the LiteRT file: float32, int8, or float16; int8: activations too, by "
        "--examples; int16, for --target micro: int8 weights and int16 activations",
    )
    parser.add_argument(
        "--signatures",
        nargs="+",
        choices=("serving_default", "step"),
        metavar="NAME",
        help="serving_default: the whole sequence; step: streaming, with the states as inputs "
        "and outputs (default: the first; with --target micro the second)",
    )
    parser.add_argument(
        "--target",
        choices=("mobile", "web", "micro"),
        default="mobile",
        help="runtime of the LiteRT file. mobile: any sizes; web: fixed sizes, for LiteRT.js; "
        "micro: one time step in fixed sizes, for TFLite Micro",
    )
    parser.add_argument(
        "--batch", type=int, default=1, metavar="N", help="batch size for web and micro"
    )
    parser.add_argument(
        "--time",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="time steps of a sequence for web; with several, a signature for each",
    )
    parser.add_argument(
        "--vocabulary",
        type=Path,
        metavar="FILE",
        help="vocab.txt to put into the LiteRT or ONNX file",
    )
    parser.add_argument(
        "--examples",
        type=Path,
        metavar="FILE.npz",
        help="inputs to compare on, arrays by input name; random ones otherwise",
    )
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="Python module that registers layers of your own; may be given more than once",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="export and compare without keeping files; both formats, unless one is named",
    )
    options = parser.parse_args(argv)
    files = options.litert or options.onnx
    if options.model.suffix not in STATE_DICTS and (options.nonlinearity or options.final_state):
        parser.error("--nonlinearity and --final-state are for a PyTorch network")
    if not (options.saved_model or files or options.check):
        parser.error(
            "nothing to write: give --saved-model DIR, --litert FILE, --onnx FILE, or --check"
        )
    if options.vocabulary and not (files or options.check):
        parser.error("--vocabulary goes into a file: give --litert FILE or --onnx FILE")
    if options.onnx and len(options.signatures or [""]) > 1:
        parser.error("an ONNX file holds one signature: give one with --signatures")
    return options


def load(options):
    """The model in the file, of which no code is run: Keras reads a `.keras` file in safe mode.

    Raises:
        ValueError: there is no such file, or it cannot be read in this way.
        ModuleNotFoundError: PyTorch is needed and not installed.
    """
    file = options.model
    if file.suffix in STATE_DICTS:
        from rnn_keras.export.arrays import load_state_dict
        from rnn_keras.interop import model_from_torch

        return model_from_torch(
            load_state_dict(file),
            nonlinearity=options.nonlinearity,
            final_state=options.final_state,
        )
    if file.suffix != ".keras" or not file.is_file():
        raise ValueError(
            f"{file} must be an existing .keras file, as model.save writes it, or a state_dict of "
            "PyTorch in a .pt, .pth or .npz file"
        )
    import keras

    import rnn_keras.layers  # noqa: F401  registers them

    for module in options.imports:
        importlib.import_module(module)
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        words = str(error).strip().partition("\n")[0]
        raise ValueError(f"cannot read {file}: {words}") from error


def run(options):
    """Exports according to the options, and prints a line per export."""
    model = load(options)
    from rnn_keras import export
    from rnn_keras.export.arrays import load_arrays
    from rnn_keras.text import Vocabulary

    examples = load_arrays(options.examples) if options.examples else None
    vocabulary = Vocabulary.load(options.vocabulary) if options.vocabulary else None
    both = options.check and not (options.saved_model or options.litert or options.onnx)
    with tempfile.TemporaryDirectory() as folder:
        if options.saved_model or both:
            report = export.saved_model(
                model,
                Path(folder, "saved_model") if options.check else options.saved_model,
                signatures=options.signatures or ["serving_default"],
                version=options.version,
                examples=examples,
            )
            print_report("SavedModel" if options.check else report.directory, report)
        if options.litert or both:
            report = export.litert(
                model,
                Path(folder, "model.tflite") if options.check else options.litert,
                options.quantization,
                options.signatures,
                vocabulary,
                target=options.target,
                batch=options.batch,
                times=options.time,
                examples=examples,
            )
            print_report("LiteRT" if options.check else report.file, report)
        if options.onnx:
            report = export.onnx(
                model,
                Path(folder, "model.onnx") if options.check else options.onnx,
                *(options.signatures or ["serving_default"]),
                vocabulary,
                examples=examples,
            )
            print_report("ONNX" if options.check else report.file, report)


def print_report(what, report):
    """Prints the size and the differences of an export."""
    differences = ", ".join(f"{name} {value:.1e}" for name, value in report.differences.items())
    arena = getattr(report, "arena_bytes", None)
    print(
        f"{what}: {report.bytes / 1e3:,.0f} kB{f', arena {arena:,} bytes' if arena else ''}; "
        f"largest difference from the Keras model: {differences}"
    )


def main(argv=None):
    """The command; a bad model or a failed export is one line on stderr and exit code 2."""
    options = parse(argv)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        run(options)
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
