"""A full disk, and Ctrl-C: one line, and nothing half-written."""

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from apps.common import environment, files
from apps.common.cli import command
from apps.common.errors import InputError, write_failure
from apps.common.files import write_text
from apps.common.history import Scalars, read_history
from apps.common.plots import plot_loss
from apps.common.run import Run
from rnn_keras.text import Vocabulary
from tests.apps.common.small_run import CONFIG, train
from tests.disk import file_size_limit

PROJECT = Path(__file__).parents[3]
SMALL = replace(CONFIG, epochs=1, run="a", ema=None)
FULL = os.strerror(errno.ENOSPC)


def whole_training(run, config=SMALL):
    with run.training():
        train(run, config)
        plot_loss(run)


@pytest.mark.slow
def test_a_training_whose_nth_write_fails_ends_in_one_line_and_goes_on_from_there(
    tmp_path, monkeypatch
):
    sync, writes, fails_at = os.fsync, [], 0

    def full(descriptor):
        writes.append(descriptor)
        if len(writes) == fails_at:
            raise OSError(errno.ENOSPC, FULL)
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    failed, removed = [], []
    for fails_at in range(2, 99):  # `Run.create` makes the first
        writes.clear()
        run = Run.create("small", SMALL, root=tmp_path / str(fails_at))
        try:
            whole_training(run)
        except InputError as error:
            assert f": {FULL}; " in str(error) and "\n" not in str(error)
            failed.append(str(error).partition(": ")[0].rpartition("/")[2])
            removed.append(not run.path.exists())
            assert not list(tmp_path.rglob(".tmp-*"))
            if run.path.exists():
                assert str(error).endswith(f"continue with: {run.resume_command}")
                whole_training(run)
                assert len(read_history(run.history)) == 1
        else:
            break
    assert failed == ["config.json", "best.keras", "state.npz", "history.csv", "loss.png"]
    assert removed == [True, True, False, False, False]


def test_a_run_that_cannot_be_trained_is_removed_but_not_what_can_be_continued(tmp_path):
    run = Run.create("small", SMALL, root=tmp_path)
    with pytest.raises(InputError, match="too little text; .*a has no model yet and is removed"):
        with run.training():
            raise InputError("too little text")
    run = Run.create("small", SMALL, root=tmp_path)
    (run.path / "pretraining").mkdir()
    (run.path / "pretraining" / "state.npz").touch()
    with pytest.raises(InputError, match="^too little text$"), run.training():
        raise InputError("too little text")
    with pytest.raises(ZeroDivisionError), run.training():
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt, match="interrupted; continue with: .*--resume .*a"):
        with run.training():
            raise KeyboardInterrupt


WRITERS = {
    "text": (lambda path: write_text(path / "a.txt", "more than that"), "a.txt"),
    "vocabulary": (lambda path: Vocabulary(("<unk>", "a")).save(path / "vocab.txt"), "vocab.txt"),
    "TensorBoard": (lambda path: Scalars(path, []), "train/events.out.*"),
}


@pytest.mark.parametrize("write, name", WRITERS.values(), ids=WRITERS)
def test_every_writer_names_its_file(tmp_path, write, name):
    with pytest.raises(Exception) as caught, file_size_limit(4):
        write(tmp_path)
    assert not list(tmp_path.glob("*tmp*"))

    @command
    def main():
        raise caught.value

    assert write_failure(ValueError(f"x; {FULL}")) is None
    with pytest.raises(SystemExit, match="2"), pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("builtins.print", lambda line, file: lines.append(line))
        main()
    (line,) = lines
    assert re.fullmatch(f"error: cannot write {tmp_path}/{name}: File too large", line)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_stdout():
    code = "from apps.common.cli import command\n@command\ndef main():\n  print('x')\nmain()"
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=PROJECT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (run.returncode, run.stderr) == (2, f"error: cannot write the output: {FULL}\n")


def test_the_log_of_the_import_is_shown_after_an_error_and_not_after_ctrl_c(capfd):
    for error, shown in ((KeyboardInterrupt, ""), (ImportError, "the log")):
        with pytest.raises(error), environment._stderr_on_error():
            os.write(2, b"the log")
            raise error
        assert capfd.readouterr().err == shown
