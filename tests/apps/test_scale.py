"""Several devices and workers train as one: processes of their own, with their own devices."""

import csv
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from apps import commands
from apps.char_lm.config import CharLMConfig
from apps.common.errors import InputError
from apps.common.history import read_history
from apps.common.ray_workers import cluster
from apps.common.replicas import split_batches
from apps.common.run import Run
from tests.apps import toy

PROJECT = Path(__file__).parents[2]
HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")

# Trains without evaluation and export.
TRAIN = """
import sys
from apps import runner
from apps.char_lm import task
from apps.common import cli
from apps.char_lm.config import PRESETS
runner.evaluate = runner.export = lambda *_: None
runner.train(task.TASK, *cli.parse("char_lm", PRESETS, sys.argv[1:]))
"""
TUNE = """
import sys
from apps import commands, runner
runner.evaluate = lambda *_: print("evaluated")
runner.export = lambda *_: None
commands.tune_command("char_lm", sys.argv[1:])
"""
FLAGS = (
    "tiny --units 16 --embedding 8 --batch-size 8 --steps 16 --dropout 0 --ema 0.9 "
    "--clip-norm 0.05 --epochs 2 --sample-length 5"
)


def environment(folder):
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {"RNN_KERAS_RUNS": str(folder), "PYTHONPATH": os.pathsep.join(paths)}
    return {**os.environ, **variables}


def start(folder, line, program=TRAIN):
    """The process of a training; its data are some lines in `folder`."""
    text = folder / "text.txt"
    if not text.exists():
        text.write_text("the quick brown fox jumps over the lazy dog. " * 120)
    words = [sys.executable, "-c", program, *line.split(), "--data", str(text)]
    return subprocess.Popen(
        words, env=environment(folder), cwd=folder, stdout=subprocess.PIPE, text=True
    )


def finish(process):
    output, _ = process.communicate(timeout=500)
    assert process.returncode == 0
    return output


def numbers(folder, name):
    """The weights and the state of the optimizer, and the history without its seconds."""
    run = Run.open("char_lm", name, root=folder)
    with np.load(run.state) as saved:
        arrays = {key: saved[key] for key in saved.files if key != "history"}
    with run.history.open() as file:
        rows = [
            {k: float(v) for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)
        ]
    return arrays, rows


def assert_same(a, b, atol):
    arrays, rows = a
    assert arrays.keys() == b[0].keys()
    for key, array in arrays.items():
        np.testing.assert_allclose(b[0][key], array, atol=atol, err_msg=key)
    for row, other in zip(rows, b[1], strict=True):
        assert other == pytest.approx(row, rel=1e-5)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The folder of a run by one process."""
    folder = tmp_path_factory.mktemp("scale")
    finish(start(folder, f"{FLAGS} --run one"))
    return folder


@pytest.mark.slow
def test_two_devices_have_the_numbers_of_one(one):
    finish(start(one, f"{FLAGS} --run devices --devices 2"))
    assert_same(numbers(one, "one"), numbers(one, "devices"), atol=1e-5)


@pytest.mark.slow
@needs_ray
def test_two_workers_have_the_numbers_of_one_process(one):
    output = finish(start(one, f"{FLAGS} --run workers --workers 2"))
    assert output.count("epoch 1/2") == output.count("epoch 2/2") == 1
    assert_same(numbers(one, "one"), numbers(one, "workers"), atol=1e-5)
    assert not list((one / "char_lm" / "workers").glob("ray*"))


@pytest.mark.slow
@needs_ray
def test_a_lost_worker_does_not_change_the_numbers(one):
    """It is killed in mid-epoch; all workers start again from the epoch before."""
    process = start(one, f"{FLAGS} --run killed --workers 2")
    history = one / "char_lm" / "killed" / "history.csv"
    while not history.exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(worker_processes(one)[-1], signal.SIGKILL)
    assert len(history.read_text().splitlines()) == 2, "the second epoch was over"
    assert finish(process).count("2 workers train") == 2
    assert_same(numbers(one, "one"), numbers(one, "killed"), atol=1e-5)


@pytest.mark.slow
@needs_ray
def test_a_sweep_keeps_the_best_trial_as_a_run(one):
    sweep = f"{FLAGS} --run best --dropout 0.5 --trials 3".replace("--dropout 0 ", "")
    output = finish(start(one, sweep, TUNE))
    assert output.count("trial ") == 3 and output.count("evaluated") == 1
    run = Run.open("char_lm", "best", root=one)
    with (run.path / "tune.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["val_loss"]) for row in rows]
    assert losses == sorted(losses) and len(set(losses)) == 3
    assert {row["epochs"] for row in rows} <= {"1", "2"}
    config = run.read_config(CharLMConfig)
    assert config.learning_rate == float(rows[0]["learning_rate"]) and config.dropout == 0.5
    assert min(row["val_loss"] for row in read_history(run.history)) <= losses[0]
    assert not list(one.glob("char_lm/.tune-*"))


def worker_processes(folder):
    """The workers of Ray with the runs of `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            name, variables = ((path / file).read_bytes() for file in ("cmdline", "environ"))
        except OSError:  # it ended, or is not ours
            continue
        if name.startswith(b"ray::RayTrainWorker") and os.fsencode(folder) in variables:
            found.append(int(path.name))
    return found


def test_what_cannot_be_is_refused(monkeypatch):
    config = toy.PRESETS["tiny"][1]
    with pytest.raises(InputError, match="--batch-size must be a multiple of .* 3, got 32"):
        split_batches(config, 3)
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(InputError, match=r"need Ray: pip install 'rnn-keras\[scale\]'"),
        cluster(config, 2),
    ):
        pass


@pytest.mark.parametrize(
    "line, message",
    [
        ("tiny --trials 0", "a sweep takes --trials, a positive integer"),
        ("tiny --units=512 --dropout 0 --learning_rate 0.1", "nothing to try: the flags set"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(line, message, capsys):
    with pytest.raises(SystemExit) as end:
        commands.tune_command("char_lm", line.split())
    assert end.value.code == 2 and message in capsys.readouterr().err
