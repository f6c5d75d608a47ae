"""The tagger through its command lines, from sentences to entities in a text."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from apps import runner
from apps.common.results import read_results
from apps.common.run import Run
from apps.ner import evaluate, export, grammar, tag, train
from apps.ner.config import PRESETS, NERConfig
from apps.ner.tag import TagOptions
from apps.ner.task import load
from rnn_keras import use_plan
from rnn_keras.export import LiteRTModel
from rnn_keras.metrics import write_tags
from tests.apps.outside_ids import check_outside_ids, signature
from tests.operations import foreign_operations

SMALL = (
    ["tiny", "--epochs", "2", "--units", "12", "--embedding", "8", "--batch-size", "16"]
    + ["--learning-rate", "0.03"]
)  # fmt: skip

HARD = {
    "empty": "",
    "blanks": " \t\u2028",
    "control characters": "\x00\x1b[31m\x07",
    "not Unicode": "\udcff",
    "unknown words": "qzxv wkjq 日本",
    "long word": "a" * 3_000,
    "long": "Clara Olmarsen flew from Corcor to Halhal on Monday . " * 40,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs, and a file of tagged sentences."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, use_plan("graph"):  # compiling takes longer
        patch.setenv("RNN_KERAS_RUNS", str(root))
        with open(root / "small.conll", "w", encoding="utf-8") as file:
            for sentence in grammar.generate(0)["train"][:400]:
                tags = write_tags(sentence.entities, len(sentence.tokens), "IOB2")
                file.write("".join(f"{x} {t}\n" for x, t in zip(sentence.tokens, tags)) + "\n")
        yield root


@pytest.fixture(scope="module")
def judged(runs):
    """A run that is trained and evaluated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "export", lambda task, run: None)
        train.main([*SMALL, "--data", str(runs / "small.conll"), "--run", "whole"])
    return runs / "ner" / "whole"


@pytest.fixture(scope="module")
def run(judged):
    """The same run with its exports."""
    export.main(["whole"])
    return judged


def test_a_run_holds_all_that_is_needed_later(judged, runs):
    run = judged
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files >= {
        "config.json", "vocab.txt", "vocab_characters.txt", "vocab_tags.txt", "examples.json",
        "best.keras", "history.csv", "metrics.json", "README.md", "plots/loss.png",
        "plots/lengths.png", "plots/frequencies.png",
    }  # fmt: skip
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0.1 < metrics["f1"] <= 1 and metrics["sentences"] == 40
    card = (run / "README.md").read_text(encoding="utf-8")
    for words in ("python -m apps.ner.train tiny", "feature CRF", "tag per word", "IOB2 tags",
                  "the same ones", "## Confusion", "## Worst"):  # fmt: skip
        assert words in card
    (row,) = read_results(runs / "ner" / "results.csv")
    assert float(row["f1"]) == pytest.approx(metrics["f1"], abs=1e-4)


def test_evaluate_again_gives_the_same_scores(judged, capsys):
    before = json.loads((judged / "metrics.json").read_text())
    evaluate.main(["whole"])
    assert json.loads((judged / "metrics.json").read_text()) == before
    assert f"F1 {before['f1']:.2%}, feature CRF" in capsys.readouterr().out


@pytest.fixture(scope="module")
def alone(run, tmp_path_factory):
    """What an export leaves, and nothing else of the run."""
    alone = tmp_path_factory.mktemp("alone")
    for name in ("config.json", "model.tflite", "saved_model"):
        copy = shutil.copytree if (run / name).is_dir() else shutil.copy
        copy(run / name, alone / name)
    return Run("ner", alone)


@pytest.mark.slow
def test_any_text_gets_the_same_entities_from_both_files(alone):
    said = []
    for source in ("saved_model", "litert"):
        options = TagOptions(run="x", texts=tuple(HARD.values()), source=source, json=True)
        said.append([json.loads(line) for line in tag.tag(alone, options)])
    for first, second in zip(*said):
        for a, b in zip(first["entities"], second["entities"], strict=True):
            assert a.pop("probability") == pytest.approx(b.pop("probability"), abs=1e-4)
            assert first["text"][a["start"] : a["end"]] == a["text"]
        assert first == second
    by_name = dict(zip(HARD, said[0]))
    assert by_name["long"]["entities"] and not by_name["blanks"]["entities"]
    (shown,) = tag.tag(alone, TagOptions(run="x", texts=(HARD["control characters"],)))
    assert "\x1b" not in shown


@pytest.mark.slow
def test_the_served_model_takes_any_strings(alone):
    assert not foreign_operations(alone.saved_model / "1")
    served = tf.saved_model.load(str(alone.saved_model / "1")).signatures["serving_default"]
    texts = [text.encode("utf-8", "replace") for text in HARD.values()]
    together = {name: each.numpy() for name, each in served(text=tf.constant(texts)).items()}
    assert set(together) == {"tokens", "start", "end", "tags", "probability"}
    for row, text in enumerate(texts):
        single = {name: each.numpy()[0] for name, each in served(text=tf.constant([text])).items()}
        words = single["tokens"] != b""
        np.testing.assert_array_equal(
            single["tags"][words], together["tags"][row][: len(words)][words]
        )
        assert set(single["tags"][~words]) <= {b""} and not single["probability"][~words].any()


@pytest.mark.slow
def test_ids_outside_the_vocabularies_are_unknown(run):
    trained = load(Run("ner", run))
    served = tf.saved_model.load(str(run / "saved_model" / "1")).signatures["score"]
    litert = LiteRTModel(run / "model.tflite")
    sizes = {"words": len(trained.assets.lookup.words)}
    sizes["characters"] = len(trained.assets.lookup.characters)
    for call in (signature(served), partial(litert.run, "score")):
        ids = {
            "words": np.array([[5, 6, 7]], np.int32),
            "characters": np.full((1, 3, 4), 5, np.int32),
        }
        for name, size in sizes.items():
            check_outside_ids(call, ids, name, size, 1)


@pytest.mark.slow
def test_tag_reads_files_and_shows_colours(alone, tmp_path, capsys):
    (tmp_path / "a.conll").write_text("Clara\nOlmarsen\nflew\nfrom\nHalhal\n\n")
    (tmp_path / "a.txt").write_text("Clara Olmarsen flew\nA spokesman\n")
    for name in ("a.conll", "a.txt"):
        tag.main([str(alone), "It", "--file", str(tmp_path / name), "--color", "always"])
    out = capsys.readouterr().out
    assert out.count("\n") == 5 and "\x1b[30;48;5;" in out
    tag.main([str(alone), "Clara Olmarsen flew from Halhal"])
    assert "[" in capsys.readouterr().out


BAD = {
    "preset": (train, ["huge"], "unknown preset 'huge', choose from tiny, base"),
    "dropout": (train, ["tiny", "--dropout", "1"], "--dropout must be a number in"),
    "no data": (train, ["tiny", "--data", "no/such.conll"], "no/such.conll not found: give"),
    "no run": (evaluate, ["nowhere"], "no run 'nowhere' of ner"),
    "no text": (tag, ["whole"], "no text: give one or more texts"),
    "no file": (tag, ["whole", "--file", "no.txt"], "no.txt not found"),
    "no tokens": (tag, ["whole", "--file", "no.conll"], "no.conll not found"),
}  # fmt: skip


@pytest.mark.parametrize("command, arguments, message", BAD.values(), ids=BAD)
def test_bad_input_is_one_line(judged, capsys, command, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_no_test_name_is_in_training_and_the_seed_decides():
    parts = grammar.generate(5)
    assert parts == grammar.generate(5) != grammar.generate(6)
    stems = {
        part: {s.tokens[e.end - 1] for s in sentences for e in s.entities}
        for part, sentences in parts.items()
    }
    assert not (stems["train"] & stems["test"]) - {"Cup", "City", "Corp"}
    assert not (stems["train"] & stems["validation"]) - {"Cup", "City", "Corp"}


@pytest.mark.slow
def test_the_tiny_preset_tags_names_that_it_has_not_seen(runs):
    train.main(["tiny", "--run", "tiny"])
    metrics = json.loads((runs / "ner" / "tiny" / "metrics.json").read_text())
    assert metrics["f1"] > 0.95 and metrics["tag_per_word_f1"] < 0.6


def test_presets_are_valid_and_json_gives_them_back():
    for _, config in PRESETS.values():
        assert NERConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.slow
def test_the_network_as_onnx(run, capsys):
    export.main([str(run), "--target", "onnx"])
    assert f"{run / 'model.onnx'}: " in capsys.readouterr().out
    entry = json.loads((run / "export.json").read_text())["onnx"]
    assert max(entry["max_difference"].values()) < 1e-4
