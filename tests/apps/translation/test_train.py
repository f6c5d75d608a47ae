"""The translator through its command lines, from a file of pairs to a judged run."""

import csv
import io
import json
import shutil
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest

from apps import runner
from apps.common.history import read_history
from apps.common.results import read_results
from apps.translation import data, evaluate, grammar, task, text, train
from apps.translation.config import PRESETS, TranslationConfig
from rnn_keras import use_plan
from rnn_keras.text import Vocabulary

SMALL = (
    ["tiny", "--epochs", "1", "--units", "6", "--embedding", "5", "--batch-size", "16"]
    + ["--validation-fraction", "0.1", "--test-fraction", "0.1", "--beam", "2", "--seed", "3"]
    + ["--cell", "vanilla", "--no-bidirectional"]  # the smallest graph
)  # fmt: skip

KNOWN = {"Go.": "Va !", "I lost.": "J'ai perdu.", "I'm home.": "Je suis chez moi."}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs, and a table of pairs; exports have tests of their own."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, use_plan("graph"):  # compiling takes longer
        patch.setenv("RNN_KERAS_RUNS", str(root))
        patch.setattr(runner, "export", lambda task, run: None)
        pairs = grammar.generate(0).select(range(60))
        with open(root / "pairs.tsv", "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
            table.writerows(KNOWN.items())
            table.writerows(zip(pairs.sources, pairs.targets))
        yield root


@pytest.fixture(scope="module")
def judged(runs):
    """A run of one epoch, and what its evaluation printed."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setattr(runner, "evaluate", lambda task, run, data: None)
        train.main([*SMALL, "--keep", "last", "--data", str(runs / "pairs.tsv"), "--run", "whole"])
        out.truncate(0)
        patch.undo()
        evaluate.main(["whole"])
    return SimpleNamespace(path=runs / "translation" / "whole", out=out.getvalue())


@pytest.mark.slow
def test_resumed_it_trains_on(judged, runs, monkeypatch, capsys):
    copy = shutil.copytree(judged.path, runs / "translation" / "longer")
    evaluated = []
    monkeypatch.setattr(runner, "evaluate", lambda task, run, data: evaluated.append(run.path))
    # What another version would have learned does not matter.
    monkeypatch.setattr(task, "learn_vocabulary", None)
    train.main(["--resume", "longer", "--epochs", "2"])
    rows = read_history(copy / "history.csv")
    assert len(rows) == 2 and rows[:1] == read_history(judged.path / "history.csv")
    # Of one epoch, with translations of three sentences.
    out = capsys.readouterr().out
    assert out.count("epoch ") == 1 and out.count("  | ") == out.count("  > ") == 3
    assert evaluated == [copy]


def test_a_run_holds_all_that_is_needed_later(judged, runs):
    run = judged.path
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files >= {
        "config.json", "vocab.source.txt", "vocab.target.txt", "examples.json", "best.keras",
        "history.csv", "metrics.json", "README.md", "plots/loss.png", "plots/lengths.png",
        "plots/attention.png",
    }  # fmt: skip
    assert not [name for name in files if "tmp" in name]
    metrics = json.loads((run / "metrics.json").read_text())
    names = [row["model"] for row in metrics["scores"]]
    assert names[0].endswith("additive attention, beam 2") and "greedy" in names[1]
    assert names[2:] == ["nearest training sentence", "copy of the source"]
    assert 1 < metrics["test_perplexity"] < metrics["target_tokens"] * 1.5
    assert metrics["nearest_bleu"] > metrics["copy_bleu"]
    assert metrics["best_epoch"] == 1 and metrics["kept"]
    card = (run / "README.md").read_text(encoding="utf-8")
    for words in ("python -m apps.translation.train tiny", "nrefs:", "## By length", "## Worst",
                  "## Attention", "distinct sources", "no measure of quality"):  # fmt: skip
        assert words in card
    (row,) = read_results(runs / "translation" / "results.csv")
    assert row["seed"] == "3" and "--units 6" in row["command"] and "--run" not in row["command"]
    assert float(row["bleu"]) == pytest.approx(metrics["bleu"], abs=1e-4)


def test_the_textbook_sentences_are_reported_as_a_smoke_test(judged):
    metrics = json.loads((judged.path / "metrics.json").read_text())
    trained_on = {row["source"]: row["trained on"] for row in metrics["textbook_sentences"]}
    assert trained_on.pop("He's calm.") == "no" and "yes" in trained_on.values()
    assert "a smoke test" in judged.out
    assert f"BLEU {metrics['bleu']:.2f}, greedy {metrics['bleu_greedy']:.2f}" in judged.out


def test_the_vocabularies_are_those_of_the_training_part(judged):
    config = TranslationConfig(**json.loads((judged.path / "config.json").read_text())["config"])
    parts = data.load(config)
    held_out = {*split(parts.validation.sources), *split(parts.test.sources)}
    vocabulary = set(Vocabulary.load(judged.path / "vocab.source.txt").tokens)
    assert held_out - vocabulary == held_out - split(parts.train.sources) != set()


def split(texts):
    words = text.word_splitter(lowercase=True).split(texts).flat_values.numpy()
    return {word.decode() for word in words}


def test_pairs_that_changed_since_are_refused(judged, runs, tmp_path, capsys):
    copy = shutil.copytree(judged.path, tmp_path / "copy")
    stored = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    table = (runs / "pairs.tsv").read_text(encoding="utf-8") + "Go.\tVa !\n"
    (tmp_path / "pairs.tsv").write_text(table, encoding="utf-8")
    stored["config"]["data"] = str(tmp_path / "pairs.tsv")
    (copy / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([str(copy)])
    error = capsys.readouterr().err
    assert "pairs.tsv is not what " in error and error.count("\n") == 1


BAD = {
    "preset": (train, ["huge"], "unknown preset 'huge', choose from tiny, d2l, base, large"),
    "attention": (train, ["tiny", "--attention", "none", "--tied"], "--tied must be False"),
    "beam": (train, ["tiny", "--beam", "0"], "--beam must be a positive integer, got 0"),
    "language": (train, ["tiny", "--target", "de"], "the builtin pairs are English and French"),
    "test set": (train, ["tiny", "--test-set", "x"], "--test-set is for a folder of parallel"),
    "no data": (train, ["tiny", "--data", "no/such.txt"], "no/such.txt not found"),
    "resume": (train, ["--resume", "whole", "--units", "9"], "--units cannot be used with"),
    "no run": (evaluate, ["nowhere"], "no run 'nowhere' of translation"),
}


@pytest.mark.parametrize("command, arguments, message", BAD.values(), ids=BAD)
def test_bad_input_is_one_line(judged, runs, capsys, command, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not (runs / "translation" / "nowhere").exists()


def test_a_damaged_vocabulary_is_named(judged, tmp_path, capsys):
    copy = shutil.copytree(judged.path, tmp_path / "copy")
    (copy / "vocab.source.txt").write_text("<pad>\nword\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([str(copy)])
    assert "error: cannot read the vocabulary of" in capsys.readouterr().err


@pytest.mark.slow
def test_the_tiny_preset_translates_sentences_it_has_not_seen(runs):
    train.main(["tiny", "--run", "tiny"])
    metrics = json.loads((runs / "translation" / "tiny" / "metrics.json").read_text())
    assert metrics["exact"] > 0.9 and metrics["nearest_bleu"] < 60


def test_presets_are_valid_and_json_gives_them_back():
    for _, config in PRESETS.values():
        assert TranslationConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
