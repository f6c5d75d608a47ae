"""Keras models of every kind, form and quantization as LiteRT files."""

import numpy as np
import pytest

from rnn_keras.export import LiteRTModel, write_litert
from rnn_keras.export.litert_file import TOLERANCES
from rnn_keras.export.models import Export
from tests.export import cases
from tests.export.flatbuffer import operators, weight_types

SHAPES = ((1, 5), (3, 5), (3, 9))
PIECES = (1, 3, None)  # time steps that `step` is given at a time; None: all that are left
WEIGHTS = {"none": "FLOAT32", "dynamic": "INT8", "float16": "FLOAT16"}

# Full int8 has a test of its own (test_runtimes.py).


def streamed(model, name, x):
    """The output of `step` after all of `x`, given in pieces from zero states on."""
    sizes = model.signatures[name]
    states = {
        state: np.zeros((len(x), shape[1]), "float32")
        for state, (shape, _) in sizes.items()
        if state != "x"
    }
    outputs, start = [], 0
    for length in PIECES:
        stop = None if length is None else start + length
        result = model.run(name, x=x[:, start:stop], **states)
        states = {state: result[state] for state in states}
        outputs.append(result["y"])
        start = stop
    return np.concatenate(outputs, axis=1) if outputs[0].ndim == 3 else outputs[-1]


@pytest.mark.slow
@pytest.mark.parametrize("quantization", WEIGHTS)
@pytest.mark.parametrize("kind", cases.KINDS)
def test_every_form_of_a_layer(kind, quantization, tmp_path):
    """One conversion for all forms, because each takes a process of its own."""
    exports = {
        form: Export(cases.build(kind, form), cases.signatures(form)) for form in cases.FORMS
    }
    functions = {
        f"{form}_{name}": function
        for form, export in exports.items()
        for name, function in export.functions.items()
    }
    file = tmp_path / "model.tflite"
    write_litert(functions, [export.model for export in exports.values()], file, quantization)

    assert "CUSTOM" not in operators(file)
    assert WEIGHTS[quantization] in weight_types(file)
    converted = LiteRTModel(file)
    for form in cases.FORMS:
        model = cases.build(kind, form, stateful=False)
        for batch, length in SHAPES:
            x = cases.inputs(form, batch, length)
            expected = np.asarray(model(x))
            results = {"whole": converted.run(f"{form}_serving_default", x=x)["y"]}
            if "step" in cases.signatures(form) and form != "masked":
                results["pieces"] = streamed(converted, f"{form}_step", x)
            for name, result in results.items():
                np.testing.assert_allclose(
                    result, expected, rtol=0, atol=TOLERANCES[quantization],
                    err_msg=f"{form}, {name}, {batch} x {length}",
                )  # fmt: skip
