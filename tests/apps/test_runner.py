"""The runner, by a toy application that is written as a newcomer would write one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps import runner
from apps.common.errors import InputError
from apps.common.history import read_history
from apps.common.results import read_results
from apps.common.run import Run
from rnn_keras.export import load
from tests.apps import toy

CONFIG = replace(toy.PRESETS["tiny"][1], run="whole")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_KERAS_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield runner.train(toy.TASK, CONFIG)


def test_an_application_takes_less_than_150_lines():
    assert len(Path(toy.__file__).read_text("utf-8").splitlines()) < 150


def test_a_run_is_complete(run):
    files = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*")}
    assert files >= {"config.json", "best.keras", "history.csv", "metrics.json", "README.md",
                     "plots/loss.png", "plots/logits.png", "export.json"}  # fmt: skip
    metrics = json.loads(run.metrics.read_text())
    assert metrics["accuracy"] > metrics["majority"] and metrics["scores"][0]["model"] == "gru"
    assert metrics["kept"].startswith("epoch ") and metrics["weights"] == 249
    card = run.card.read_text("utf-8")
    assert "python -m apps.toy.train tiny --run whole" in card and "| gru | " in card
    (row,) = read_results(run.path.parent / "results.csv")
    assert float(row["accuracy"]) == pytest.approx(metrics["accuracy"], abs=1e-4)


def test_both_exports_answer_like_the_model(run):
    bits = toy.load_data(CONFIG, None).bits["test"][:5]
    expected = 1 / (1 + np.exp(-toy.TASK.load(run).model.predict(bits, verbose=0)))
    for path in (run.saved_model, run.tflite):
        model = load(path)
        assert model.signatures["classify"]["bits"][0] == (None, toy.TIME, 1)
        found = model.run("classify", bits=bits)["probability"]
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert model.metadata["description"] == "Tells whether most bits are ones."


def test_other_data_are_refused_and_more_epochs_continue(run, monkeypatch):
    monkeypatch.setattr(runner, "export", lambda *_: None)  # tested above
    other = toy.load_data(CONFIG, None)
    other.bits["train"][0] = 1 - other.bits["train"][0]
    with pytest.raises(InputError, match="builtin is not what .*whole was trained on any more"):
        runner.train(replace(toy.TASK, load_data=lambda *_: other), CONFIG, run)
    again = runner.train(toy.TASK, replace(CONFIG, epochs=5), Run("toy", run.path))
    assert len(read_history(again.history)) == 5
    assert "--resume whole --epochs 5" in again.card.read_text("utf-8")
