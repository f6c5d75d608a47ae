"""An export that does not succeed says why in one line, and what was there before stays."""

import os
from functools import partial
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.export import ExportError, litert_file, write_litert, write_saved_model
from rnn_keras.export.verify import max_differences
from rnn_keras.layers import LSTM
from tests.export.models import linear

X = tf.TensorSpec([None, 2], tf.float32, "x")


def signature(function, spec=X):
    return tf.function(function, input_signature=[spec], autograph=False)


@pytest.fixture
def old_file(tmp_path):
    """What an earlier export left; the test fails if it is not there alone afterwards."""
    file = tmp_path / "model.tflite"
    file.write_bytes(b"the old one")
    yield file
    assert file.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == ["model.tflite"]


@pytest.fixture
def old_version(tmp_path):
    version = tmp_path / "saved_model" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"the old one")
    yield version
    assert (version / "saved_model.pb").read_bytes() == b"the old one"
    assert os.listdir(version.parent) == ["1"]


def converter(monkeypatch, tmp_path_factory, program):
    """Puts a Python program in the place of the converter."""
    script = tmp_path_factory.mktemp("converter") / "convert.py"
    script.write_text(program)
    monkeypatch.setattr(litert_file, "convert", SimpleNamespace(__file__=script))


def test_no_builtin_for_an_operation(old_file):
    function = signature(lambda x: {"y": tf.linalg.matmul(x, tf.math.bessel_i0e(x), False, True)})
    with pytest.raises(ExportError, match="LiteRT failed: no LiteRT builtin for BesselI0e$"):
        write_litert({"f": function}, [], old_file)


def test_the_converter_crashes(old_file, monkeypatch, tmp_path_factory):
    program = (
        "import os, signal, sys\n"
        "print('I0000 00:00:17 log.cc:1] chatter', file=sys.stderr)\n"
        "print('free(): invalid pointer', file=sys.stderr, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    converter(monkeypatch, tmp_path_factory, program)
    with pytest.raises(ExportError, match=r"crashed with SIGSEGV: free\(\): invalid pointer$"):
        write_litert({"f": signature(lambda x: {"y": x})}, [], old_file)


@pytest.mark.parametrize("entry, words", [(2.0, "differs .* by"), (np.nan, "not finite")])
def test_a_file_with_other_values(entry, words, old_file, monkeypatch, tmp_path_factory, tflite):
    W, file = tflite
    converter(
        monkeypatch, tmp_path_factory,
        f"import shutil, sys; shutil.copyfile({str(file)!r}, sys.argv[2])",
    )  # fmt: skip
    other = tf.Variable(W * entry)
    with pytest.raises(ExportError, match=words):
        write_litert({"f": linear(other)}, [other], old_file)


@pytest.mark.slow
def test_what_is_chosen_with_rounded_weights_may_be_otherwise(tmp_path):
    W = tf.Variable(np.random.default_rng(0).normal(size=(32, 64)).astype("float32"))
    spec = tf.TensorSpec([None, 32], tf.float32, "x")
    choose = signature(lambda x: {"id": tf.argmax(x @ W, axis=1, output_type=tf.int32)}, spec)
    x = np.random.default_rng(1).normal(size=(500, 32)).astype("float32")
    export = partial(
        write_litert, {"f": choose}, [W], tmp_path / "model.tflite", "dynamic",
        examples={"f": [{"x": x}]},
    )  # fmt: skip
    with pytest.raises(ExportError, match=r"^f: id differs from the model's, first at \[\d+\]: \d"):
        export()
    assert export(searches=["f"]).differences == {}


@pytest.mark.slow
def test_a_file_that_answers_otherwise_when_called_again(
    old_file, monkeypatch, tmp_path_factory, tflite
):
    W, file = tflite
    converter(
        monkeypatch, tmp_path_factory,
        f"import shutil, sys; shutil.copyfile({str(file)!r}, sys.argv[2])",
    )  # fmt: skip
    run, calls = litert_file.LiteRTModel.run, count()

    def stale(self, signature, **arrays):
        return {k: v + (next(calls) % 2) * 1e-5 for k, v in run(self, signature, **arrays).items()}

    monkeypatch.setattr(litert_file.LiteRTModel, "run", stale)
    with pytest.raises(ExportError, match="'f' gives another result when called again"):
        write_litert({"f": linear(W)}, [W], old_file)


def test_a_variable_that_was_not_named(old_version):
    with pytest.raises(ValueError, match=r"`trackables` lacks .*W:0"):
        write_saved_model({"f": linear(tf.Variable(tf.eye(2), name="W"))}, [], old_version.parent)


@pytest.fixture(scope="module")
def tflite(tmp_path_factory):
    """Weights, and the file that they were exported to."""
    W = np.eye(2, dtype="float32")
    file = tmp_path_factory.mktemp("tflite") / "model.tflite"
    variable = tf.Variable(W)
    report = write_litert({"f": linear(variable)}, [variable], file, "none")
    assert report.differences == {"f": 0.0}
    return W, file


def test_functions_that_are_none(tmp_path):
    for functions, words in [
        ({}, "empty"),
        ({"f": lambda x: {"y": x}}, "must be a tf.function"),
        ({"f": signature(lambda x: {"y": x}, tf.TensorSpec([2], tf.float32))}, "with names"),
    ]:
        for write in (write_saved_model, write_litert):
            with pytest.raises(ValueError, match=words):
                write(functions, [], tmp_path / "model")
    function = {"f": signature(lambda x: {"y": x})}
    with pytest.raises(ValueError, match="none, dynamic, float16, int8, got 'int4'"):
        write_litert(function, [], tmp_path / "model", "int4")
    with pytest.raises(ValueError, match="positive integer, got 0"):
        write_saved_model(function, [], tmp_path / "model", version=0)
    with pytest.raises(ValueError, match="there are not: g"):
        write_saved_model(function, [], tmp_path / "model", examples={"g": []})
    text = {"f": signature(lambda x: {"y": x}, tf.TensorSpec([None], tf.string, "x"))}
    with pytest.raises(ValueError, match="type string.*give `examples`"):
        write_saved_model(text, [], tmp_path / "model")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_saved_model_with_other_values(old_version):
    """What Python computes while tracing is frozen; the model goes on."""
    counter = count()
    function = signature(lambda x: {"y": x + float(next(counter))})
    with pytest.raises(ExportError, match="f: y differs from the model's by"):
        write_saved_model({"f": function}, [], old_version.parent)


def test_saved_model_that_demands_xla(old_version):
    compiled = tf.function(tf.square, jit_compile=True)
    with pytest.raises(ExportError, match="demand XLA.*square"):
        write_saved_model({"f": signature(lambda x: {"y": compiled(x)})}, [], old_version.parent)


def test_saved_model_with_an_operation_of_xla(old_version):
    from tensorflow.compiler.tf2xla.python import xla

    function = signature(lambda x: {"y": xla.dynamic_update_slice(x, x[:1], [0, 0])})
    with pytest.raises(ExportError, match="outside core TensorFlow: XlaDynamicUpdateSlice"):
        write_saved_model({"f": function}, [], old_version.parent)


@pytest.mark.slow
def test_a_function_that_was_called_before_is_traced_afresh(tmp_path):
    layer = LSTM(3)
    layer.build((None, None, 2))
    spec = tf.TensorSpec([None, None, 2], tf.float32, "x")
    function = signature(lambda x: {"y": layer(x)}, spec)
    function(tf.ones((1, 2, 2)))  # compiled by XLA, as layers are outside of exports
    report = write_saved_model({"f": function}, [layer], tmp_path)
    assert report.differences["f"] < 1e-6


@pytest.mark.parametrize(
    "got, words",
    [
        ([1.0, 2.5], r"a: y differs from the model's by 0\.5"),
        ([1.0, np.nan], "a: y has values that are not finite"),
        ([1.0], r"a: y has shape \(1,\) instead of \(2,\)"),
        (np.array([1, 2]), "a: y is of type int64"),
    ],
)
def test_max_differences_refuses(got, words):
    want = {"a": [{"y": np.array([1.0, 2.0])}]}
    with pytest.raises(ExportError, match=words):
        max_differences(want, {"a": [{"y": np.asarray(got)}]}, 0.2)


def test_max_differences():
    """The tolerance is relative to the largest value above 1; the figure is absolute."""
    want = {"a": [{"y": np.array([1.0, -20.0])}, {"y": np.zeros(0)}], "b": [{"n": np.array([3])}]}
    got = {"a": [{"y": np.array([1.5, -20.0])}, {"y": np.zeros(0)}], "b": [{"n": np.array([3])}]}
    assert max_differences(want, got, 0.03) == {"a": 0.5, "b": 0.0}
    with pytest.raises(ExportError, match="b: n differs"):
        max_differences(want, {**got, "b": [{"n": np.array([4])}]}, 0.03)
    with pytest.raises(ExportError, match=r"b returns \[\] instead of \['n'\]"):
        max_differences(want, {**got, "b": [{}]}, 0.03)
