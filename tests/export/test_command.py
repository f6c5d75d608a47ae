"""`python -m rnn_keras.export`."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.export import LiteRTModel
from rnn_keras.export.__main__ import main


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A `.keras` file of Keras's own layers, and the model in it."""
    model = keras.Sequential(
        [keras.Input((None, 3), name="x"), keras.layers.GRU(4), keras.layers.Dense(2, name="y")]
    )
    file = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(file)
    return file, model


def test_both_formats(saved, tmp_path, capsys):
    file, model = saved
    main([
        str(file), "--saved-model", str(tmp_path / "served"), "--version", "3",
        "--litert", str(tmp_path / "model.tflite"), "--quantization", "float16",
    ])  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all("largest difference from the Keras model" in x for x in lines)
    assert lines[0].startswith(f"{tmp_path / 'served' / '3'}: ")

    x = np.ones((2, 4, 3), "float32")
    found = LiteRTModel(tmp_path / "model.tflite").run("serving_default", x=x)["y"]
    np.testing.assert_allclose(found, model(x), atol=5e-3)
    served = tf.saved_model.load(str(tmp_path / "served/3")).signatures["serving_default"]
    np.testing.assert_allclose(served(x=tf.constant(x))["y"], model(x), atol=1e-6)
    record = json.loads((tmp_path / "served/3/assets.extra/export.json").read_text("utf-8"))
    assert record["signatures"]["serving_default"]["max_difference"] < 1e-6


@pytest.mark.slow
def test_check_keeps_nothing(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main([str(saved[0]), "--check", "--litert", "model.tflite", "--signatures", "step"])
    assert capsys.readouterr().out.startswith("LiteRT: ")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_examples_of_the_users_own(tmp_path, capsys):
    """For a model that random ones are too short for, with causal attention of both kinds."""
    L = keras.layers
    x = keras.Input((None, 3), name="x")
    H = L.MaxPooling1D(300)(L.Conv1D(8, 5, strides=40)(x))
    H = L.MultiHeadAttention(2, 4)(H, H, use_causal_mask=True)
    H = L.GroupQueryAttention(4, 4, 2)(H, H, use_causal_mask=True)
    model = keras.Model(x, L.LSTM(4, return_sequences=True, name="y")(H))
    model.save(tmp_path / "model.keras")
    values = np.random.default_rng(0).normal(size=(2, 36_500, 3)).astype("float32")
    np.savez(tmp_path / "examples.npz", x=values)
    command = [str(tmp_path / "model.keras"), "--litert", str(tmp_path / "model.tflite")]
    main([*command, "--examples", str(tmp_path / "examples.npz")])
    assert "largest difference" in capsys.readouterr().out
    found = LiteRTModel(tmp_path / "model.tflite").run("serving_default", x=values[:, :24_500])
    expected = model(values[:, :24_500])
    assert expected.shape == (2, 2, 4)
    np.testing.assert_allclose(found["y"], expected, atol=1e-5)


def test_bad_input_is_one_line(saved, tmp_path, capsys):
    (tmp_path / "damaged.keras").write_bytes(b"nothing of the kind")
    (tmp_path / "model.h5").write_bytes(b"")
    target = ["--litert", str(tmp_path / "model.tflite")]
    for arguments, words in [
        ([str(tmp_path / "nothing.keras"), *target], "must be an existing .keras file"),
        ([str(tmp_path / "model.h5"), *target], "must be an existing .keras file"),
        ([str(tmp_path / "damaged.keras"), *target], "cannot read"),
        ([str(saved[0]), *target, "--vocabulary", str(tmp_path / "no.txt")], "no.txt"),
        ([str(tmp_path), *target], "must be an existing .keras file"),
        ([str(saved[0]), *target, "--examples", str(tmp_path / "no.npz")], "no.npz must be"),
        ([str(saved[0]), *target, "--examples", str(saved[0])], "got metadata.json"),
        ([str(saved[0]), *target, "--examples", str(tmp_path / "model.h5")], "model.h5 must be"),
        ([str(saved[0]), *target, "--quantization", "int8"], "--examples"),
        ([str(saved[0]), *target, "--import", "no_such_module"], "no_such_module"),
    ]:
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and words in line
    for arguments in ([str(saved[0])], [str(saved[0]), *target, "--quantization", "int4"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert "error: " in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "model.tflite").exists()


def test_no_code_in_a_file_is_run(tmp_path, capsys):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "model.keras"), "--check"])
    assert "cannot read" in capsys.readouterr().err


def test_help_needs_no_tensorflow():
    program = (
        "import sys; from rnn_keras.export import __main__ as command\n"
        "try: command.main(['--help'])\n"
        "except SystemExit: print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]", run.stderr
