"""What a long task reports, on a terminal and in a file."""

import io
import time

import pytest

from apps.common import progress
from apps.common.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.02)
    monkeypatch.setattr(progress, "REFRESH", 0.02)


def wait_for(text, output):
    deadline = time.monotonic() + 10
    while text not in output.getvalue():
        assert time.monotonic() < deadline, output.getvalue()
        time.sleep(0.01)


def test_a_file_gets_lines_with_what_is_done_and_the_time_left(fast, monkeypatch):
    monkeypatch.setattr("sys.stderr", output := io.StringIO())
    with Progress("reading", 2_000, "pairs") as reading:
        wait_for("reading: 0 of 2,000 pairs, 0%\n", output)
        reading.done, reading.note = 1_000, "loss 1.5"
        wait_for("reading: 1,000 of 2,000 pairs, 50%, 0 s left, loss 1.5\n", output)
        with Progress("sorting"):
            wait_for("sorting: 0 s so far\n", output)
            before = output.getvalue().count("reading")
            time.sleep(0.1)
            assert output.getvalue().count("reading") == before, "only the inner task reports"
    ended = output.getvalue()
    time.sleep(0.1)
    assert output.getvalue() == ended


def test_a_terminal_gets_one_line_that_is_cleared(fast, monkeypatch):
    monkeypatch.setattr("sys.stderr", output := Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    with Progress("reading", 10, "pairs of sentences"):
        wait_for("\rreading: 0 of 10 pa\x1b[K", output)
    assert output.getvalue().endswith("\r\x1b[K") and "\n" not in output.getvalue()


def test_a_short_task_is_silent_and_an_error_ends_its_reports(monkeypatch):
    monkeypatch.setattr("sys.stderr", output := io.StringIO())
    with pytest.raises(ValueError), Progress("reading"):
        raise ValueError
    assert output.getvalue() == "" and not Progress._active


@pytest.mark.parametrize(
    "seconds, text", [(12.4, "12 s"), (200, "3 min 20 s"), (59.7, "1 min 0 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds, text):
    assert progress._duration(seconds) == text
