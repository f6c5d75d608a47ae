"""The lessons run as a reader runs them, offline, and their exercises have the right answers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
LESSONS = sorted((PROJECT / "docs/lessons").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_draws_its_figure(lesson, tmp_path):
    (tmp_path / "docs/figures").mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    run = subprocess.run(
        [sys.executable, lesson], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    (figure,) = (tmp_path / "docs/figures").iterdir()
    assert (PROJECT / "docs/figures" / figure.name).exists()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_short_shows_its_figure_and_ends_with_answered_exercises(lesson):
    text = lesson.read_text("utf-8")
    assert text.startswith("# %% [markdown]\n# # Lesson ") and len(text.splitlines()) <= 150
    (drawn,) = re.findall(r'savefig\("docs/(figures/\w+\.png)"', text)
    assert f"](../{drawn})" in text and (PROJECT / "docs" / drawn).exists()
    exercises, answers = text.split("# ## Exercises\n")[1].split("\n# %%\n")
    assert len(re.findall(r"^# \d\. ", exercises, re.M)) == 3 and answers.count("assert") >= 3
