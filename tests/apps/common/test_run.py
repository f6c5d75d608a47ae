"""The run directory: what is refused, what is stored, that nothing is half written."""

import errno
import json
import os

import pytest

from apps.common.config import TrainingConfig
from apps.common.environment import describe_machine, package_versions
from apps.common.errors import InputError
from apps.common.files import atomic_path, write_text
from apps.common.run import Run


def test_create_stores_what_is_needed_to_repeat_the_run(tmp_path):
    config = TrainingConfig(preset="tiny", run="first", epochs=3)
    run = Run.create(
        "toy", config, command="python -m apps.toy.train tiny", data_sha256="ab", root=tmp_path
    )
    assert str(run) == str(tmp_path / "toy" / "first")
    stored = json.loads(run.config_file.read_text(encoding="utf-8"))
    assert stored["machine"] == run.machine == describe_machine()
    assert stored["data_sha256"] == run.data_sha256 == "ab"
    assert {"python", "tensorflow", "keras"} <= stored["versions"].keys()
    assert Run.open("toy", "first", trained=False, root=tmp_path).read_config(TrainingConfig) == (
        config
    )
    assert run.command == "python -m apps.toy.train tiny"
    assert os.listdir(run.path) == ["config.json"]


def test_an_existing_name_is_refused_and_unnamed_runs_never_collide(tmp_path):
    Run.create("toy", TrainingConfig(run="a"), root=tmp_path)
    with pytest.raises(InputError, match="exists already; .* --resume a"):
        Run.create("toy", TrainingConfig(run="a"), root=tmp_path)
    names = {Run.create("toy", TrainingConfig(preset="p"), root=tmp_path).name for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("p-2") for name in names)


def test_a_place_that_cannot_hold_runs_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "toy").touch()
    for root, name, reason in [
        (tmp_path, "a", "Not a directory"),  # toy is a file
        (tmp_path / "file", None, "Not a directory"),
        (tmp_path / "new", "太" * 100, "File name too long"),
    ]:
        with pytest.raises(InputError, match=f"cannot make a run in .*: {reason}"):
            Run.create("toy", TrainingConfig(run=name), root=root)
    with pytest.raises(InputError, match="cannot open the run .*: File name too long"):
        Run.open("toy", "x" * 300, root=tmp_path / "new")
    with pytest.raises(InputError, match="no run 'a' of toy; there is none"):
        Run.open("toy", "a", root=tmp_path / "file")


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(self, name, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Run, "write_text", full)
    with pytest.raises(InputError, match="cannot make a run in .*toy: No space left"):
        Run.create("toy", TrainingConfig(run="a"), root=tmp_path)
    assert not (tmp_path / "toy" / "a").exists()


def test_open_by_name_or_path_and_what_it_refuses(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_KERAS_RUNS", str(tmp_path))
    with pytest.raises(InputError, match="there is none in .*toy .RNN_KERAS_RUNS names the fold"):
        Run.open("toy", "a")
    run = Run.create("toy", TrainingConfig(run="a"))
    with pytest.raises(InputError, match=r"has no best.keras, .* apps.toy.train --resume .*a"):
        Run.open("toy", "a")
    run.best.touch()
    monkeypatch.chdir(run.path.parent)
    for name in ("a", run.path, "./a"):
        assert Run.open("toy", name).path.resolve() == run.path
    with pytest.raises(InputError, match="is a run of toy, not of other"):
        Run.open("other", run.path)
    (tmp_path / "toy" / "empty").mkdir()
    with pytest.raises(InputError, match="no run 'empty' of toy; the runs in .* are: a"):
        Run.open("toy", "empty")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"app": "toy", "config": {"wings": 2}}'])
def test_a_damaged_configuration_is_one_line(tmp_path, text):
    run = Run.create("toy", TrainingConfig(run="a"), root=tmp_path)
    run.config_file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"^[^\n]*config.json[^\n]*$"):
        Run.open("toy", "a", trained=False, root=tmp_path).read_config(TrainingConfig)


def test_write_config_changes_nothing_else(tmp_path):
    run = Run.create("toy", TrainingConfig(run="a"), root=tmp_path)
    before = json.loads(run.config_file.read_text(encoding="utf-8"))
    run.write_config(TrainingConfig(run="a", epochs=99))
    after = json.loads(run.config_file.read_text(encoding="utf-8"))
    assert after.pop("config") == before.pop("config") | {"epochs": 99}
    assert after == before


def test_other_epochs_add_the_command_that_repeats_them(tmp_path):
    first = "python -m apps.toy.train tiny"
    for name in (None, "a"):
        config = TrainingConfig(epochs=2, run=name)
        run = Run.create("toy", config, command=first, root=tmp_path)
        run.write_config(config)
        assert run.command == first
        run.history.write_text("epoch,loss\n1,3.0\n2,2.0\n", encoding="utf-8")
        for epochs in (5, 5, 9):
            run.write_config(TrainingConfig(epochs=epochs, run=name))
        assert run.command.splitlines() == [
            first if name else f"{first} --run {run.name}",
            f"python -m apps.toy.train --resume {run.name} --epochs 5  # stopped after 2 epochs",
            f"python -m apps.toy.train --resume {run.name} --epochs 9",
        ]


def test_writing_replaces_all_or_nothing(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "één\n")
    assert path.read_bytes() == "één\n".encode()
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert path.read_bytes() == "één\n".encode()
    assert os.listdir(path.parent) == ["a.txt"]


def test_scores_that_json_cannot_hold_are_refused(tmp_path):
    run = Run.create("toy", TrainingConfig(run="a"), root=tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        run.write_json("metrics.json", {"perplexity": float("nan")})
    assert not run.metrics.exists()


def test_the_machine_in_one_line():
    import keras
    import tensorflow as tf

    text = describe_machine()
    assert f"TensorFlow {tf.__version__}, Keras {keras.__version__}, " in text
    assert text.split()[1] in ("core", "cores") and "\n" not in text
    assert package_versions()["keras"] == keras.__version__
