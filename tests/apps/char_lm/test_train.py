"""The character language model through its command lines, from text to text."""

import json
import shutil

import numpy as np
import pytest

from apps.char_lm import evaluate, generate, samples, train
from apps.common.results import read_results

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


def test_an_interrupted_run_ends_as_if_it_had_not_been(run, runs, monkeypatch, capsys):
    data = ["--data", str(runs / "text.txt")]

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(samples.SampleText, "on_epoch_end", interrupt)
        with pytest.raises(SystemExit, match="130"):
            train.main([*SMALL, *data, "--run", "cut"])
    assert "--resume" in capsys.readouterr().err
    train.main(["--resume", "cut"])
    states = [np.load(runs / "char_lm" / name / "state.npz") for name in ("whole", "cut")]
    for name in states[0].files:
        if name != "history":  # it tells the seconds, too
            np.testing.assert_array_equal(states[0][name], states[1][name])


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
    "resume": (["--resume", "nowhere"], "no run 'nowhere' of char_lm"),
    "missing data": (["tiny", "--data", "no/such.txt"], "no/such.txt not found"),
}


@pytest.mark.parametrize("arguments, message", BAD_FLAGS.values(), ids=BAD_FLAGS)
def test_a_bad_flag_is_named(runs, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        train.main(arguments)
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
