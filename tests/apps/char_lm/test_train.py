"""The character language model through its command lines, from text to text."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from apps import runner
from apps.char_lm import evaluate, export, generate, train
from apps.common.history import read_history
from apps.common.results import read_results
from tests.disk import file_size_limit

PROJECT = Path(__file__).parents[3]

SMALL = (
    ["tiny", "--epochs", "2", "--units", "12", "--embedding", "8", "--batch-size", "4"]
    + ["--steps", "12", "--sample-length", "10", "--seed", "3"]
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs, and a text of Greek, Chinese and Windows line ends to train on."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_KERAS_RUNS", str(root))
        text = "Ἐν ἀρχῇ ἦν ὁ Λόγος 太初有道。\r\n" * 150 + " ñ"
        (root / "text.txt").write_text(text, encoding="utf-8", newline="")
        yield root


@pytest.fixture(scope="module")
def run(runs):
    train.main([*SMALL, "--data", str(runs / "text.txt"), "--run", "whole"])
    return runs / "char_lm" / "whole"


def test_a_run_holds_all_that_is_needed_later(run):
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files >= {
        "config.json", "vocab.txt", "best.keras", "history.csv", "metrics.json", "README.md",
        "plots/loss.png", "saved_model/1/saved_model.pb", "model.tflite", "export.json",
    }  # fmt: skip
    assert not [name for name in files if "tmp" in name]
    metrics = json.loads((run / "metrics.json").read_text())
    assert 1 < metrics["perplexity"] == pytest.approx(np.exp(metrics["nats_per_character"]))
    assert metrics["unseen_characters"] == 1  # the last character
    assert len(metrics["scores"]) == 7  # the model, and n-grams of six orders
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "python -m apps.char_lm.train tiny" in card and "6-gram" in card


def test_the_run_writes_its_own_row_of_results(run, runs):
    rows = read_results(runs / "char_lm" / "results.csv")
    metrics = json.loads((run / "metrics.json").read_text())
    row = rows[0]
    assert row["seed"] == "3" and "--units 12" in row["command"] and "--run" not in row["command"]
    assert float(row["perplexity"]) == pytest.approx(metrics["perplexity"], abs=1e-4)
    assert float(row["baseline_perplexity"]) > 1


def test_evaluate_again_gives_the_same_score(run, capsys):
    before = json.loads((run / "metrics.json").read_text())
    evaluate.main(["whole"])
    after = json.loads((run / "metrics.json").read_text())
    assert after["nats_per_character"] == pytest.approx(before["nats_per_character"], abs=1e-6)
    assert f"perplexity {after['perplexity']:.3f}" in capsys.readouterr().out


def test_the_machine_named_is_the_one_that_trained(run, runs):
    copy = changed_copy(run, "elsewhere", machine="an abacus", command="x")
    evaluate.main([str(copy)])
    assert "minutes on an abacus." in (copy / "README.md").read_text(encoding="utf-8")
    assert read_results(runs / "char_lm" / "results.csv")[0]["machine"] == "an abacus"


def changed_copy(run, name, *, data=None, **values):
    """A copy of a run beside it, with other values in its `config.json`; None takes one away."""
    copy = shutil.copytree(run, run.parent / name)
    stored = json.loads((copy / "config.json").read_text(encoding="utf-8")) | values
    if data:
        stored["config"]["data"] = str(data)
    stored = {key: value for key, value in stored.items() if value is not None}
    (copy / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    return copy


def test_data_that_changed_since_are_refused(run, tmp_path, capsys):
    text = (run.parents[1] / "text.txt").read_text(encoding="utf-8")
    (tmp_path / "text.txt").write_text(text.replace("太初", "初太"), encoding="utf-8")
    copy = changed_copy(run, tmp_path.name, data=tmp_path / "text.txt")
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    for command in (evaluate.main, lambda words: train.main(["--resume", *words])):
        with pytest.raises(SystemExit, match="2"):
            command([str(copy)])
        error = capsys.readouterr().err
        assert "text.txt is not what " in error and error.count("\n") == 1
    assert before == {path: path.stat().st_mtime_ns for path in copy.rglob("*")}


def test_both_exports_write_the_same_text(run, tmp_path, capsys):
    alone = tmp_path / "alone"  # what an export leaves, and nothing else of the run
    alone.mkdir()
    for name in ("config.json", "model.tflite", "saved_model"):
        copy = shutil.copytree if (run / name).is_dir() else shutil.copy
        copy(run / name, alone / name)
    written = []
    for source in ("saved_model", "litert"):
        generate.main([str(alone), "太初", "--from", source, "--length", "20", "--seed", "5"])
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert written[0].startswith("太初") and len(written[0]) == 2 + 20 + 1


KILLED = """
import os, signal, sys
from apps.char_lm import train
from apps.common import environment

environment.import_tensorflow()
from apps.common import fit

class Kill(fit._TrackBatches):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 40):
            os.kill(os.getpid(), signal.SIGKILL)

fit._TrackBatches = Kill
train.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been(run, runs, capfd, monkeypatch):
    words = [*SMALL, "--data", str(runs / "text.txt"), "--run", "killed"]
    process = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=PROJECT)
    assert process.returncode == -signal.SIGKILL, capfd.readouterr().err
    killed = runs / "char_lm" / "killed"
    assert len(read_history(killed / "history.csv")) == 1
    monkeypatch.setattr(
        runner, "export", lambda task, run: None
    )  # nothing new, and the longest part
    train.main(["--resume", "killed"])
    states = [np.load(path / "state.npz") for path in (run, killed)]
    assert states[0].files == states[1].files
    for name in states[0].files:
        if name != "history":  # it tells the seconds, too
            np.testing.assert_array_equal(states[0][name], states[1][name])


INTERRUPTED = """
import os, signal, sys
from apps.char_lm import train
from apps.common import environment

environment.import_tensorflow()
from apps.common import fit

def interrupt(*arguments, **logs):
    os.write(2, b"|")
    os.kill(os.getpid(), signal.SIGINT)

fit._TrackBatches.on_train_batch_end = interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
train.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_ctrl_c_in_an_epoch_is_one_line(runs):
    words = [*SMALL, "--data", str(runs / "text.txt"), "--run", "interrupted"]
    process = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *words], cwd=PROJECT, stderr=subprocess.PIPE, text=True
    )
    resume = f"python -m apps.char_lm.train --resume {runs / 'char_lm' / 'interrupted'}"
    said = process.stderr.rpartition("|")[2]
    assert (process.returncode, said) == (130, f"\ninterrupted; continue with: {resume}\n")


def test_a_full_disk_in_an_export_leaves_the_older_one(run, runs, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with file_size_limit(2000), pytest.raises(SystemExit, match="2"):
        export.main([str(run)])
    error = capsys.readouterr().err
    assert error.startswith(f"error: cannot write {run}/") and error.count("\n") == 1
    assert error.endswith(": File too large\n")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_the_other_options_and_the_small_files(runs, capsys):
    options = ["--cell", "vanilla", "--layers", "2", "--input", "onehot", "--epochs", "1"]
    options += ["--units", "48", "--dtype-policy", "mixed_bfloat16"]
    try:
        train.main([*SMALL, *options, "--data", str(runs / "text.txt"), "--run", "other"])
    finally:
        keras.config.set_dtype_policy("float32")
    other = runs / "char_lm" / "other"
    sizes = {"none": (other / "model.tflite").stat().st_size}
    for quantization in ("dynamic", "float16"):
        export.main(["other", "--quantization", quantization])
        assert json.loads((other / "export.json").read_text())["quantization"] == quantization
        sizes[quantization] = (other / "model.tflite").stat().st_size
        capsys.readouterr()
        generate.main(["other", "太初", "--from", "litert", "--length", "9"])
        assert len(capsys.readouterr().out) == 2 + 9 + 1
    assert sizes["dynamic"] < sizes["float16"] < sizes["none"]


@pytest.mark.slow
def test_the_time_machine_under_the_d2l_protocol(shared_data, runs):
    data = ["--data", str(shared_data / "charlm" / "timemachine.txt")]
    train.main(["d2l", *data, "--epochs", "15", "--run", "d2l"])
    metrics = json.loads((runs / "char_lm" / "d2l" / "metrics.json").read_text())
    history = read_history(runs / "char_lm" / "d2l" / "history.csv")
    assert metrics["perplexity"] < 8.5  # 7.82 when this was written
    best = min(row["val_loss"] for row in history)
    assert metrics["nats_per_character"] == pytest.approx(best, abs=1e-4)
    assert metrics["baseline_perplexity"] == pytest.approx(5.44, abs=5e-3)


BAD_TEXTS = {
    "empty": (b"", "is empty"),
    "one character": (b"a", "too short"),
    "not UTF-8": (b"abc \xff def" * 100, "is not UTF-8: byte 0xff at offset 4"),
}


@pytest.mark.parametrize("text, message", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_a_bad_text_is_one_line_and_no_run(runs, tmp_path, capsys, text, message):
    (tmp_path / "bad.txt").write_bytes(text)
    before = sorted((runs / "char_lm").glob("*"))
    with pytest.raises(SystemExit, match="2"):
        train.main([*SMALL, "--data", str(tmp_path / "bad.txt")])
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert sorted((runs / "char_lm").glob("*")) == before


BAD_FLAGS = {
    "preset": (["huge"], "unknown preset 'huge', choose from tiny, base"),
    "dropout": (["tiny", "--dropout", "1.5"], "--dropout must be a number in [0, 1)"),
    "layers": (["tiny", "--layers", "0"], "--layers must be a positive integer"),
    "sample": (["tiny", "--sample", ""], "--sample must be at least one character"),
    "surrogate": (["tiny", "--sample", "\udcff"], "--sample must be valid Unicode"),
    "steps": (["base", "--protocol", "d2l"], "--steps must be 32 with --protocol d2l, got 128"),
    "resume": (["--resume", "nowhere"], "no run 'nowhere' of char_lm"),
    "missing data": (["tiny", "--data", "no/such.txt"], "no/such.txt not found"),
}


@pytest.mark.parametrize("arguments, message", BAD_FLAGS.values(), ids=BAD_FLAGS)
def test_a_bad_flag_is_named(runs, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        train.main(arguments)
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.slow
def test_the_network_as_onnx(run, capsys):
    export.main([str(run), "--target", "onnx"])
    assert f"{run / 'model.onnx'}: " in capsys.readouterr().out
    entry = json.loads((run / "export.json").read_text())["onnx"]
    assert max(entry["max_difference"].values()) < 1e-4
