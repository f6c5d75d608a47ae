"""The command line of `apps.web`: bad input is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.web import litertjs
from apps.web.__main__ import main


def make_run(root, app, name="small"):
    path = root / app / name
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"app": app}))
    (path / "best.keras").touch()
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "no run: give one or more, such as char_lm/mine"),
        ("char_lm/other", "no run 'char_lm/other': give APPLICATION/NAME in runs, or a path"),
        ("captioning/small", "is a run of captioning; the page has char_lm, sentiment, ner,"),
        ("runs/char_lm/small --port 70000", "--port must be from 0 to 65535, got 70000"),
        ("char_lm/a#b", "a#b must be named by letters, digits"),
        ("char_lm/small runs/char_lm/small", "have the same name"),
        ("char_lm/small --litertjs empty", "empty holds no node_modules/@litertjs/core/dist"),
        ("char_lm/small", "npm is not installed; give --litertjs FOLDER"),
        ("char_lm/small --litertjs packages --out notes", "exists and is not a page"),
        ("char_lm/small --litertjs packages --out notes/mine.txt/web", "cannot write --out notes"),
    ],
)
def test_bad_input_is_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNN_KERAS_RUNS", "runs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for app in ("char_lm", "captioning"):
        make_run(tmp_path / "runs", app)
    make_run(tmp_path / "runs", "char_lm", "a#b")
    for file in litertjs.FILES:
        (tmp_path / "packages" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "packages" / file).touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep me")
    with pytest.raises(SystemExit) as end:
        main(words.split())
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and line.startswith("error: ") and message in line
    assert (tmp_path / "notes" / "mine.txt").read_text() == "keep me"


def test_help_is_instant():
    script = (
        "import sys; from apps.web.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "--litertjs" in result.stdout
