"""The sentiment classifier through its command lines, from reviews to what moved a probability."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from apps import runner
from apps.common.history import read_history
from apps.common.results import read_results
from apps.common.run import Run
from apps.sentiment import evaluate, export, grammar, predict, train
from apps.sentiment.config import SentimentConfig
from apps.sentiment.explain import occlusion
from apps.sentiment.model import load
from apps.sentiment.predict import PredictOptions
from apps.sentiment.text import UNKNOWN_ID
from rnn_keras import use_plan
from rnn_keras.export import LiteRTModel
from tests.apps.outside_ids import check_outside_ids, signature
from tests.operations import foreign_operations

SMALL = (
    ["tiny", "--epochs", "2", "--units", "6", "--embedding", "5", "--batch-size", "16"]
    + ["--bucket", "32", "--max-length", "32", "--seed", "3"]
)  # fmt: skip

HARD = {
    "empty": "",
    "blanks": " \t\u2028",
    "control characters": "\x00\x1b[31m\x07",
    "not Unicode": "\udcff",
    "unknown words": "qzxv wkjq 日本",
    "very long": "gripping " + "the plot was dull " * 25_000,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs, and a table of reviews."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, use_plan("graph"):  # compiling takes longer
        patch.setenv("RNN_KERAS_RUNS", str(root))
        reviews = grammar.generate(0)[0].select(range(240))
        with open(root / "reviews.jsonl", "w", encoding="utf-8") as file:
            for text, label in zip(reviews.texts, reviews.labels):
                file.write(json.dumps({"text": text, "label": int(label)}) + "\n")
        yield root


@pytest.fixture(scope="module")
def judged(runs):
    """A run that is trained and evaluated."""
    options = ["--ngrams", "64", "--validation-fraction", "0.2", "--run", "whole"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "export", lambda task, run: None)
        train.main([*SMALL, *options, "--data", str(runs / "reviews.jsonl")])
    return runs / "sentiment" / "whole"


@pytest.fixture(scope="module")
def run(judged):
    """The same run with its exports."""
    export.main(["whole"])
    return judged


def test_a_run_holds_all_that_is_needed_later(judged, runs):
    run = judged
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files >= {
        "config.json", "vocab.txt", "examples.json", "best.keras", "history.csv", "metrics.json",
        "README.md", "plots/loss.png", "plots/reliability.png", "plots/lengths.png", "ngrams.npz",
    }  # fmt: skip
    assert not [name for name in files if "tmp" in name]
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0.3 < metrics["accuracy"] <= 1 and metrics["log_loss"] < 1.5
    assert metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"]
    assert sum(row["reviews"] for row in metrics["calibration"]) == metrics["reviews"]
    card = (run / "README.md").read_text(encoding="utf-8")
    for words in ("python -m apps.sentiment.train tiny", "bag of bigrams", "majority class",
                  "network alone", "n-grams alone", "## Worst", "no test part"):  # fmt: skip
        assert words in card
    (row,) = read_results(runs / "sentiment" / "results.csv")
    assert row["seed"] == "3" and "--ngrams 64" in row["command"] and "--run" not in row["command"]
    assert float(row["accuracy"]) == pytest.approx(metrics["accuracy"], abs=1e-4)


def test_evaluate_again_gives_the_same_scores(judged, capsys):
    before = json.loads((judged / "metrics.json").read_text())
    evaluate.main(["whole"])
    assert json.loads((judged / "metrics.json").read_text()) == before
    assert f"accuracy {before['accuracy']:.2%}, 95 % interval" in capsys.readouterr().out


@pytest.mark.slow
def test_resumed_it_trains_on(judged, runs, monkeypatch):
    copy = shutil.copytree(judged, runs / "sentiment" / "longer")
    monkeypatch.setattr(runner, "export", lambda task, run: None)
    train.main(["--resume", str(copy), "--epochs", "3"])
    rows = read_history(copy / "history.csv")
    assert len(rows) == 3 and rows[:2] == read_history(judged / "history.csv")


def test_reviews_that_changed_since_are_refused(judged, runs, tmp_path, capsys):
    copy = shutil.copytree(judged, tmp_path / "copy")
    stored = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    lines = (runs / "reviews.jsonl").read_text(encoding="utf-8").replace("dull", "drab")
    (tmp_path / "reviews.jsonl").write_text(lines, encoding="utf-8")
    stored["config"]["data"] = str(tmp_path / "reviews.jsonl")
    (copy / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([str(copy)])
    error = capsys.readouterr().err
    assert "reviews.jsonl is not what " in error and error.count("\n") == 1


@pytest.fixture(scope="module")
def alone(run, tmp_path_factory):
    """What an export leaves, and nothing else of the run."""
    alone = tmp_path_factory.mktemp("alone")
    for name in ("config.json", "model.tflite", "saved_model"):
        copy = shutil.copytree if (run / name).is_dir() else shutil.copy
        copy(run / name, alone / name)
    return alone


@pytest.mark.slow
def test_any_text_gets_the_same_answer_from_both_files(alone):
    said = []
    for source in ("saved_model", "litert"):
        options = PredictOptions(run="x", texts=tuple(HARD.values()), source=source)
        said.append(dict(zip(HARD, predict.predict(Run("sentiment", alone), options))))
    assert said[0] == said[1]
    without_words = ("empty", "blanks", "not Unicode")
    for name, paragraph in said[0].items():
        if name in without_words:
            assert paragraph == "no prediction: there is no word in this text"
        else:
            assert 0 < float(paragraph.split()[0]) < 1
    assert "all words are unknown" in said[0]["unknown words"]
    assert "read the first and the last 16 of 100,001 tokens" in said[0]["very long"]
    assert "\x1b" not in said[0]["control characters"]


@pytest.mark.slow
def test_the_served_model_takes_any_strings(run):
    assert not foreign_operations(run / "saved_model" / "1")
    served = tf.saved_model.load(str(run / "saved_model" / "1")).signatures
    texts = [text.encode("utf-8", "replace") for text in HARD.values()]
    together = served["serving_default"](text=tf.constant(texts))
    for text, logit in zip(texts, together["logit"].numpy()):
        alone = served["serving_default"](text=tf.constant([text]))
        assert alone["logit"].numpy()[0] == pytest.approx(logit, abs=1e-5)
    np.testing.assert_allclose(
        together["probability"], 1 / (1 + np.exp(-together["logit"].numpy())), rtol=1e-5
    )
    assert served["classify"](text=tf.constant([], tf.string))["probability"].shape == (0,)


@pytest.mark.slow
def test_an_id_outside_the_vocabulary_is_unknown(run):
    trained = load(Run("sentiment", run))
    vocabulary, model = trained.assets, trained.model
    served = tf.saved_model.load(str(run / "saved_model" / "1")).signatures["score"]
    litert = LiteRTModel(run / "model.tflite")
    for call in (
        lambda ids: {"logit": model(ids)},
        signature(served),
        partial(litert.run, "score"),
    ):
        ids = {"ids": np.array([[5, 6, 7, 8]], np.int32)}
        check_outside_ids(call, ids, "ids", len(vocabulary), UNKNOWN_ID)


@pytest.mark.slow
def test_the_effect_of_a_word_is_what_its_absence_changes(run):
    classifier = Run("sentiment", run).load("litert")
    reading = classifier.predict("Dull was the plot, but the cast superb.")
    parts = occlusion(classifier, reading)
    assert [text for text, _ in parts] == reading.tokens
    without = classifier.predict("was the plot, but the cast superb.")
    assert parts[0] == ("dull", pytest.approx(reading.logit - without.logit, abs=1e-4))
    assert occlusion(classifier, classifier.predict("")) == []


@pytest.mark.slow
def test_predict_reads_files_and_draws(alone, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("A gripping plot.\nThe $cast$ was dull.\n", "utf-8")
    predict.main([str(alone), "First", "--file", str(tmp_path / "texts.txt"), "--color", "always",
                  "--plot", str(tmp_path / "a.png")])  # fmt: skip
    out = capsys.readouterr().out
    assert out.count("moved by:") == 3 and "\x1b[30;48;5;" in out
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    predict.main([str(alone), "First", "--words", "0", "--color", "always"])
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.slow
def test_other_options_and_a_small_file(runs, capsys):
    options = ["--tokens", "wordpiece", "--vocabulary", "60", "--cell", "gru", "--pooling", "mean"]
    options += ["--epochs", "1", "--no-bidirectional", "--units", "60"]
    options += ["--pretraining", "1", "--adversarial", "1"]
    train.main([*SMALL, *options, "--data", str(runs / "reviews.jsonl"), "--run", "other"])
    export.main(["other", "--quantization", "dynamic"])
    other = runs / "sentiment" / "other"
    assert len(read_history(other / "pretraining/words/history.csv")) == 1
    metrics = json.loads((other / "metrics.json").read_text())
    assert json.loads((other / "export.json").read_text())["quantization"] == "dynamic"
    assert (other / "model.tflite").stat().st_size < 4 * metrics["weights"] + 10_000
    said = []
    capsys.readouterr()
    for source in ("saved_model", "litert"):
        predict.main(["other", "the plot was never , to be fair , dull", "--from", source])
        said.append(capsys.readouterr().out.split()[1])
    assert said[0] == said[1]


BAD = {
    "preset": (train, ["huge"], "unknown preset 'huge', choose from tiny, base"),
    "dropout": (train, ["tiny", "--word-dropout", "1"], "--word-dropout must be a number in"),
    "fraction": (train, ["tiny", "--validation-fraction", "0.5"], "between 0 and 0.5"),
    "pretraining": (train, ["tiny", "--layers", "2", "--pretraining", "1"], "--pretraining must"),
    "no data": (train, ["tiny", "--data", "no/such.csv"], "no/such.csv not found"),
    "no run": (evaluate, ["nowhere"], "no run 'nowhere' of sentiment"),
    "no text": (predict, ["whole"], "no text: give one or more texts"),
    "no file": (predict, ["whole", "--file", "no.txt"], "no.txt not found"),
    "words": (predict, ["whole", "a", "--words", "-1"], "--words must be at least 0, got -1"),
    "plot": (predict, ["whole", "a", "--plot", "a.gif"], "ends in .png"),
}  # fmt: skip


@pytest.mark.parametrize("command, arguments, message", BAD.values(), ids=BAD)
def test_bad_input_is_one_line(judged, capsys, command, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_damaged_or_missing_exports_are_named(judged, tmp_path, capsys):
    (tmp_path / "config.json").write_text((judged / "config.json").read_text())
    for source in ("saved_model", "litert"):
        with pytest.raises(SystemExit, match="2"):
            predict.main([str(tmp_path), "a", "--from", source])
        assert "not found; make it with python -m apps.sentiment.export" in capsys.readouterr().err
    (tmp_path / "saved_model" / "1").mkdir(parents=True)
    (tmp_path / "model.tflite").write_bytes(b"nothing of the kind")
    for source in ("saved_model", "litert"):
        with pytest.raises(SystemExit, match="2"):
            predict.main([str(tmp_path), "a", "--from", source])
        assert "error: cannot read " in capsys.readouterr().err


@pytest.mark.slow
def test_the_tiny_preset_reads_what_bigrams_do_not(runs):
    train.main(["tiny", "--run", "tiny"])
    metrics = json.loads((runs / "sentiment" / "tiny" / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.95 and metrics["baseline_accuracy"] < 0.85


def test_presets_are_valid_and_json_gives_them_back():
    from apps.sentiment.config import PRESETS

    for _, config in PRESETS.values():
        assert SentimentConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.slow
def test_the_network_as_onnx(run, capsys):
    export.main([str(run), "--target", "onnx"])
    assert f"{run / 'model.onnx'}: " in capsys.readouterr().out
    entry = json.loads((run / "export.json").read_text())["onnx"]
    assert max(entry["max_difference"].values()) < 1e-4
