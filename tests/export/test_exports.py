"""All recurrent layers in one SavedModel and one LiteRT file, against the Keras models."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from rnn_keras.export import LiteRTModel, load, write_litert, write_saved_model
from rnn_keras.export.saved_model_folder import replay_outputs
from rnn_keras.layers import use_plan
from rnn_keras.text import Vocabulary
from tests.export import flatbuffer, models

VOCABULARY = Vocabulary.from_tokens("ab\n\\é😀")
METADATA = {"name": "all", "description": "Every layer, é.", "license": "MIT", "labels": ["a", "b"]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The models, and both exports of them."""
    folder = tmp_path_factory.mktemp("exported")
    every = {name: models.build(name) for name in models.LAYERS}
    functions = {name: models.function(model) for name, model in every.items()}
    saved_model = write_saved_model(
        functions, every.values(), folder / "saved_model", metadata=METADATA
    )
    litert = write_litert(
        functions, every.values(), folder / "model.tflite", "none", VOCABULARY, metadata=METADATA
    )
    return every, saved_model, litert


@pytest.fixture(scope="module")
def examples(exported):
    every, _, _ = exported
    return {
        name: [models.inputs(model, b, t, seed=b) for b, t in ((1, 6), (3, 6), (3, 2), (2, 1))]
        for name, model in every.items()
    }


@pytest.fixture(scope="module")
def expected(exported, examples):
    """The outputs of the Keras models on Keras's own loop."""
    every, _, _ = exported
    with use_plan("reference"):
        return {
            name: [model(list(example.values())) for example in examples[name]]
            for name, model in every.items()
        }


def assert_equal(expected, results):
    for name in expected:
        for (H, *states), result in zip(expected[name], results[name], strict=True):
            np.testing.assert_allclose(result["H"], H, atol=1e-5)
            for i, state in enumerate(states):
                np.testing.assert_allclose(result[f"s{i}"], state, atol=1e-5)


def test_saved_model_equals_keras(exported, examples, expected, tmp_path):
    _, report, _ = exported
    first = next(iter(examples))
    wanted = {**examples, "serving_default": examples[first]}
    results = replay_outputs(report.directory, wanted, tmp_path)
    assert_equal({**expected, "serving_default": expected[first]}, results)


def test_litert_equals_keras(exported, examples, expected):
    _, _, report = exported
    model = LiteRTModel(report.file)
    results = {name: [model.run(name, **one) for one in examples[name]] for name in examples}
    assert_equal(expected, results)


def test_litert_gets_a_new_interpreter_for_larger_inputs(exported, monkeypatch):
    """Grown, an interpreter with XNNPACK now and then returns wrong values (docs/export.md)."""
    every, _, report = exported
    name = next(iter(every))
    model, opened = LiteRTModel(report.file), []
    open_file = LiteRTModel._open
    monkeypatch.setattr(LiteRTModel, "_open", lambda self: opened.append(1) or open_file(self))
    for sizes, count in [((2, 5), 0), ((1, 4), 0), ((2, 5), 0), ((3, 2), 1), ((1, 9), 2)]:
        model.run(name, **models.inputs(every[name], *sizes, seed=0))
        assert len(opened) == count


@pytest.mark.slow
def test_saved_model_needs_nothing_of_this_project(exported):
    """It loads in Python's isolated mode, and no module of ours is imported by that."""
    _, report, _ = exported
    program = (
        "import sys, tensorflow as tf; tf.saved_model.load(sys.argv[1]);"
        "print([m for m in sys.modules if m.startswith('rnn_keras') or m.startswith('apps.')])"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", program, str(report.directory)],
        cwd=os.path.dirname(report.directory),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_reports_and_leaves_nothing_else_behind(exported):
    every, saved_model, litert = exported
    assert saved_model.directory.name == "1"
    assert litert.bytes == litert.file.stat().st_size
    for report in (saved_model, litert):
        assert report.differences.keys() == every.keys()
        assert max(report.differences.values()) < 1e-5
    assert sorted(os.listdir(litert.file.parent)) == [
        "model.tflite",
        "model.tflite.json",
        "saved_model",
    ]
    assert os.listdir(saved_model.directory.parent) == ["1"]


def test_the_vocabulary_is_in_the_file(exported, tmp_path):
    _, _, report = exported
    assert LiteRTModel(report.file).vocabulary() == VOCABULARY
    with zipfile.ZipFile(report.file) as archive:
        (tmp_path / "vocab.txt").write_bytes(archive.read("vocab.txt"))
    assert Vocabulary.load(tmp_path / "vocab.txt") == VOCABULARY
    # As a file that was made without one: a zip archive is found at a file's end.
    (tmp_path / "bare.tflite").write_bytes(report.file.read_bytes().partition(b"PK\x03\x04")[0])
    with pytest.raises(ValueError, match="bare.tflite holds no vocab.txt"):
        LiteRTModel(tmp_path / "bare.tflite").vocabulary()


def test_litert_model_says_what_it_takes(exported):
    every, _, report = exported
    model = LiteRTModel(report.file)
    assert model.signatures["gru"]["x"] == ((None, None, models.INPUTS), np.float32)
    example = models.inputs(every["gru"], 1, 2)
    with pytest.raises(ValueError, match="no signature 'steps', it has gru, "):
        model.run("steps", **example)
    with pytest.raises(ValueError, match="gru takes mask, s0, s1, x, got x"):
        model.run("gru", x=example["x"])
    with pytest.raises(TypeError, match="Cannot cast"):
        model.run("gru", **{**example, "mask": example["x"]})
    with pytest.raises(FileNotFoundError, match="nothing.tflite not found"):
        LiteRTModel(report.file.with_name("nothing.tflite"))


def test_the_metadata_are_in_both_files(exported):
    every, saved_model, litert = exported
    for path, files in ((saved_model.directory, []), (litert.file, ["vocab.txt"])):
        metadata = load(path).metadata
        signatures = metadata.pop("signatures")
        assert metadata == {**METADATA, "vocabularies": files}
        assert signatures.keys() == every.keys()
        for name, line in signatures.items():
            assert line.startswith(f"{name}(") and ") -> " in line and "float32" in line
    standard = flatbuffer.model_metadata(litert.file)
    assert standard == {
        "name": "all", "description": "Every layer, é.", "license": "MIT",
        "files": {"vocab.txt": 5, "metadata.json": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "message"),
    [({"licence": "MIT"}, "got 'licence'"), ({"labels": "ab"}, "a list of texts as labels")],
)
def test_unknown_metadata_are_refused(metadata, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_saved_model(
            {"gru": models.function(models.build("gru"))}, [], tmp_path, metadata=metadata
        )
