"""Files for browsers and microcontrollers, in LiteRT.js and in TFLite Micro."""

import functools
import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from rnn_keras import layers as own
from rnn_keras.export import ExportError, LiteRTModel, MicroModel, litert, write_litert
from rnn_keras.text import Vocabulary
from tests.export import litert_js, models

PROJECT = Path(__file__).parents[2]
UNITS, INPUTS, LENGTH, TOKENS = 12, 4, 40, 9


@pytest.fixture(scope="session")
def chromium():
    """The test skips where LiteRT.js cannot run."""
    if reason := litert_js.missing():
        pytest.skip(reason)


def sequence_model(*recurrent):
    model = keras.Sequential(
        [keras.Input((None, INPUTS), name="x"), *recurrent, keras.layers.Dense(3, name="y")]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) / w.shape[0] ** 0.5 for w in model.weights])
    return model


def masked_model():
    ids = keras.Input((None,), dtype="int32", name="x")
    embedded = keras.layers.Embedding(TOKENS, INPUTS, mask_zero=True)(ids)
    return keras.Model(ids, keras.layers.Dense(3, name="y")(own.GRU(UNITS, name="r")(embedded)))


def random_sequence(model):
    rng = np.random.default_rng(1)
    if model.inputs[0].dtype == "int32":
        return rng.integers(0, TOKENS, (1, LENGTH), np.int32)
    return rng.normal(size=(1, LENGTH, INPUTS)).astype("float32")


def stream(exported, x):
    """The output after the last step, from the states of `step`."""
    inputs = exported.signatures["step"]
    states = {
        name: np.zeros(shape, "float32") for name, (shape, _) in inputs.items() if name != "x"
    }
    for t in range(x.shape[1]):
        outputs = exported.run("step", x=x[:, t : t + 1], **states)
        states = {name: outputs[name] for name in states}
    return outputs["y"]


def borders(file):
    """The types of all inputs and outputs of the signatures, and their open dimensions."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    tensors = [
        model.subgraphs[each.subgraphIndex].tensors[one.tensorIndex]
        for each in model.signatureDefs
        for one in [*each.inputs, *each.outputs]
    ]
    names = {value: name for name, value in vars(schema.TensorType).items()}
    return {names[t.type] for t in tensors}, [t for t in tensors if t.shapeSignature is not None]


def test_the_web_has_fixed_sizes_and_no_booleans(tmp_path, chromium):
    """A mask is int32 there, each length has its signature, and LiteRT.js gives the same."""
    model = models.build("gru")
    function, file = models.function(model), tmp_path / "web.tflite"
    write_litert({"run": function}, [model], file, target="web", batch=2, times=(4, 7))
    assert borders(file) == ({"FLOAT32", "INT32"}, [])
    inputs = models.inputs(model, 2, 7)
    expected = function(*inputs.values())
    inputs["mask"] = inputs["mask"].astype("int32")
    with litert_js.LiteRTJS(tmp_path) as browser:
        (found,), _ = browser.run(file.name, "run_7", [inputs])
        short = {name: x[:, :4] if x.shape[1] == 7 else x for name, x in inputs.items()}
        (found_4,), _ = browser.run(file.name, "run_4", [short])
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)
    np.testing.assert_allclose(found_4["H"], expected["H"][:, :4], atol=1e-5)


@pytest.mark.slow
def test_a_keras_model_in_a_browser(tmp_path, chromium):
    model, file = masked_model(), tmp_path / "model.tflite"
    litert(model, file, signatures=("serving_default", "step"), target="web", times=[LENGTH])
    x = random_sequence(model)
    state = np.zeros((1, UNITS), "float32")
    with litert_js.LiteRTJS(tmp_path) as browser:
        (found,), _ = browser.run(file.name, "serving_default", [{"x": x}])
        (step,), _ = browser.run(file.name, "step", [{"x": x[:, -1:], "r_h": state}])
    np.testing.assert_allclose(found["y"], model(x), atol=1e-5)
    np.testing.assert_allclose(step["y"], model(x[:, -1:]), atol=1e-5)


@pytest.mark.slow
def test_the_javascript_of_the_documentation_runs(tmp_path, chromium):
    page = (PROJECT / "docs/export.md").read_text("utf-8")
    script = re.search(r"^```js\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    ids = keras.Input((None,), dtype="int32", name="ids")
    H = keras.layers.Embedding(96, 32)(ids)
    H = keras.layers.LSTM(64, return_sequences=True, name="lstm")(H)
    model = keras.Model(ids, keras.layers.Dense(96, name="logits")(H))
    litert(model, tmp_path / "model.tflite", target="web", signatures=("step",))
    tokens = [5, 17, 42]
    with litert_js.LiteRTJS(tmp_path, f"{script}\nwindow.step = step;") as js:
        found = [js.browser.run(f"step({token}).then(Array.from)") for token in tokens]
    np.testing.assert_allclose([found], model(np.array([tokens])), atol=1e-5)


MICRO = {
    "lstm": lambda: sequence_model(own.LSTM(UNITS, name="r")),
    "gru_reset_after": lambda: sequence_model(own.GRU(UNITS, reset_after=True)),
    "deep": lambda: sequence_model(own.DeepRNN([own.VanillaRNN(UNITS), own.GRU(UNITS)])),
    "masked": masked_model,
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model of `MICRO`, its report and its file run by TFLite Micro, by name and quantization."""
    pytest.importorskip("tflite_micro", reason="TFLite Micro has wheels for Linux on x86-64 only")

    @functools.cache
    def export(name, quantization="none"):
        model, file = MICRO[name](), tmp_path_factory.mktemp(name) / "model.tflite"
        examples = {"x": random_sequence(model)}
        options = {"examples": examples, "vocabulary": Vocabulary.from_tokens("a")}
        report = litert(model, file, quantization, target="micro", **options)
        return model, report, MicroModel(file)

    return export


@pytest.mark.parametrize(
    "name", ["lstm", *(pytest.param(name, marks=pytest.mark.slow) for name in [*MICRO][1:])]
)
def test_micro_streams_like_the_model(exported, name):
    model, report, micro = exported(name)
    x = random_sequence(model)
    np.testing.assert_allclose(stream(micro, x), model(x), atol=1e-5)
    assert not {"WHILE", "SHAPE", "PACK", "FILL", "REDUCE_PROD"} & set(micro.operators)
    runtime = import_module("tflite_micro.python.tflite_micro.runtime")
    runtime.Interpreter.from_file(report.file, arena_size=report.arena_bytes)


@pytest.mark.slow
@pytest.mark.parametrize(
    "quantization, tolerance",
    [("int8", 0.1), ("int16", 0.01)],
)
def test_micro_in_integers(exported, quantization, tolerance):
    """Inputs, outputs and states are integers, and no operation computes in floats."""
    model, report, micro = exported("lstm", quantization)
    tensors = [*micro.inputs.values(), *micro.outputs.values()]
    assert all(t.dtype == quantization and t.scale > 0 for t in tensors)
    assert not {"DEQUANTIZE", "QUANTIZE"} & set(micro.operators)
    assert 0 < report.differences["step"] < 2 * tolerance
    x = random_sequence(model)
    expected = np.asarray(model(x))
    assert np.abs(stream(micro, x) - expected).max() < tolerance * np.abs(expected).max()


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["none", "int16"])
def test_the_header_compiles_and_holds_the_model(exported, quantization):
    _, report, micro = exported("lstm", quantization)
    folder = report.file.parent
    (folder / "print.cc").write_text(PRINT)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "print.cc", "-o", "print"]
    subprocess.run(command, cwd=folder, check=True)
    printed = json.loads(subprocess.check_output([folder / "print"]))
    before, after = micro.inputs["r_c"], micro.outputs["r_c"]
    assert printed["arena"] == report.arena_bytes
    assert printed["state"] == ["r_c", before.index, after.index, UNITS]
    assert report.file.read_bytes().startswith(bytes(printed["start"]))
    assert 0 < printed["bytes"] < report.bytes  # without the vocabulary
    assert printed["carried"] == before.quantize(after.dequantize(np.array(5, after.dtype)))
    main = (folder / "model_main.cc").read_text("utf-8")
    methods = set(re.findall(r"resolver\.(\w+)\(\)", main))
    assert methods >= {"AddFullyConnected", "AddStridedSlice", "AddAdd"}

    # The sketch, against declarations of what it uses of TFLite Micro, which are not the library's.
    include = folder / "include" / "tensorflow" / "lite"
    for name in ("micro/micro_interpreter", "micro/micro_mutable_op_resolver"):
        (include / name).parent.mkdir(parents=True, exist_ok=True)
        adding = "".join(f"  TfLiteStatus {method}();\n" for method in methods)
        (include / f"{name}.h").write_text(TFLITE_MICRO.replace("METHODS", adding))
    (include / "schema").mkdir(exist_ok=True)
    (include / "schema" / "schema_generated.h").write_text("")
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Iinclude"]
    subprocess.run(["g++", *options, "model_main.cc"], cwd=folder, check=True)


TFLITE_MICRO = """
#ifndef TFLITE_MICRO
#define TFLITE_MICRO
#include <cstddef>
#include <cstdint>
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
namespace tflite {
struct Model;
const Model* GetModel(const void* buffer);
struct MicroOpResolver {};
template <unsigned int count>
struct MicroMutableOpResolver : MicroOpResolver {
METHODS};
struct MicroInterpreter {
  MicroInterpreter(const Model*, const MicroOpResolver&, std::uint8_t*, std::size_t);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  template <class T> T* typed_input_tensor(int);
  template <class T> T* typed_output_tensor(int);
};
}  // namespace tflite
#endif
"""


PRINT = """
#include <cstdio>
#include "model.h"
int main() {
  const auto& state = model::kStates[0];  // the first name is r_c
  std::printf("{\\"arena\\": %zu, \\"state\\": [\\"%s\\", %d, %d, %zu], \\"bytes\\": %zu, ",
              model::kArenaBytes, state.input.name, state.input.index, state.output.index,
              state.input.size, sizeof(model::kModel));
  std::printf("\\"start\\": [%d, %d, %d, %d, %d, %d, %d, %d], \\"carried\\": %g}",
              model::kModel[0], model::kModel[1], model::kModel[2], model::kModel[3],
              model::kModel[4], model::kModel[5], model::kModel[6], model::kModel[7],
              static_cast<double>(model::Carry(state, 5)));
}
"""


def test_what_cannot_be_is_said_in_one_line(tmp_path):
    both = sequence_model(own.Bidirectional(own.GRU(UNITS), name="both"))
    lstm, file = sequence_model(own.LSTM(UNITS)), tmp_path / "model.tflite"
    for model, options, words in [
        (both, {"target": "micro"}, "layer `both` .Bidirectional. needs the whole sequence"),
        (lstm, {"target": "micro", "signatures": ("serving_default",)}, "one time step"),
        (
            lstm,
            {"target": "micro", "quantization": "dynamic"},
            "for micro must be one of none, int8, int16",
        ),
        (lstm, {"target": "micro", "quantization": "int8"}, "takes its scales from `examples`"),
        (lstm, {"target": "web"}, "`serving_default` is for any length: give the one to fix"),
        (lstm, {"target": "web", "times": [0]}, "batch and time must be at least 1, got 1 and .0."),
        (lstm, {"target": "desktop"}, "`target` must be one of mobile, web, micro"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            litert(model, file, **options)
        assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_an_operation_that_micro_lacks_is_named(tmp_path):
    pytest.importorskip("tflite_micro")
    spec = [tf.TensorSpec([1, 3], tf.float32, "x")]
    step = tf.function(lambda x: {"y": tf.math.erf(x)}, input_signature=spec, autograph=False)
    with pytest.raises(ExportError, match="Didn't find op for builtin opcode|CUSTOM|Erf"):
        write_litert({"step": step}, [], tmp_path / "model.tflite", target="micro")


@pytest.mark.slow
def test_examples_fit_fixed_sizes(tmp_path):
    """They are cut into batches and padded; an example that is larger is an error."""
    model, file = models.build("vanilla"), tmp_path / "web.tflite"
    functions, examples = {"run": models.function(model)}, [models.inputs(model, 3, 4)]
    options = {"target": "web", "examples": {"run": examples}}
    report = write_litert(functions, [model], file, batch=2, times=[6], **options)
    assert LiteRTModel(file).signatures["run"]["x"][0] == (2, 6, models.INPUTS)
    assert report.differences["run"] < 1e-5
    with pytest.raises(ValueError, match="`examples` of run are all larger than batch 2, time 3"):
        write_litert(functions, [model], file, batch=2, times=[3], **options)
