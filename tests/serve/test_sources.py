"""What the arguments of the command stand for."""

import os

import pytest

from rnn_keras.serve import locate
from rnn_keras.serve.sources import versions


@pytest.fixture
def runs(tmp_path):
    """Two applications: one with two runs, of which the older comes last in the alphabet."""
    for age, run in enumerate(["char_lm/z", "char_lm/a", "stock/x"]):
        folder = tmp_path / "runs" / run / "saved_model" / "1"
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        os.utime(folder / "saved_model.pb", (age, age))
    (tmp_path / "runs" / "char_lm" / "untrained").mkdir()
    (tmp_path / "runs" / "README.md").touch()
    return tmp_path / "runs"


def test_each_kind_of_path(runs, monkeypatch):
    a, z, x = (runs / run / "saved_model" for run in ("char_lm/a", "char_lm/z", "stock/x"))
    assert locate([f"{runs}"]) == {"char_lm": a, "stock": x}
    assert locate([f"{runs}/char_lm"]) == {"char_lm": a}
    assert locate([f"{runs}/char_lm/z", f"{runs}/stock/"]) == {"char_lm": z, "stock": x}
    assert locate([f"{z}"]) == {"char_lm": z}
    assert locate([f"old={runs}/char_lm/z", f"{runs}"]) == {"old": z, "char_lm": a, "stock": x}
    z.rename(runs / "versions")
    assert locate([f"{runs}/versions"]) == {"versions": runs / "versions"}
    monkeypatch.chdir(runs / "char_lm" / "a")
    assert locate(["."]) == {"char_lm": a}


def test_versions_are_int64(tmp_path):
    for name in ("0", "7", str(2**63 - 1), str(2**63), "-1", "1.0", "x", "²"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert sorted(versions(tmp_path)) == [0, 7, 2**63 - 1]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["nothing"], "nothing holds no SavedModel"),
        (["char_lm/untrained"], "holds no SavedModel"),
        (["char_lm/a", "char_lm/z"], "two models are called char_lm"),
        (["x=."], "names 2 models"),
        (["a/b=char_lm"], "cannot be a model's name"),
        (["=char_lm"], "cannot be a model's name"),
    ],
)
def test_what_cannot_be_served(runs, monkeypatch, sources, words):
    monkeypatch.chdir(runs)
    with pytest.raises(ValueError, match=words):
        locate(sources)
