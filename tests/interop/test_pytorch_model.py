"""Whole networks of PyTorch, and their LiteRT files by one command."""

import re
import subprocess
import sys

import numpy as np
import pytest

from rnn_keras.export import LiteRTModel
from rnn_keras.export.__main__ import main
from rnn_keras.interop import from_torch, model_from_torch
from tests.interop.test_pytorch import GATES, INPUTS, SIZE, UNITS, state_dict

TOKENS, CLASSES = 7, 4
IDS = np.array([[3, 1, 6, 2, 0], [5, 0, 4, 4, 1]])


def network(kind, depth=1, directions=1, bias=True):
    """The state_dict of an Embedding, a recurrent layer and a Linear layer."""
    rng = np.random.default_rng(1)
    outputs = directions * (SIZE if kind == "projected" else UNITS)
    linear = {"fc.weight": rng.normal(size=(CLASSES, outputs))}
    return {
        "encoder.embedding.weight": rng.normal(size=(TOKENS, INPUTS)),
        **state_dict(kind, depth, directions, prefix="encoder.rnn."),
        **(linear | {"fc.bias": rng.normal(size=CLASSES)} if bias else linear),
    }


@pytest.mark.parametrize("final", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "kind, depth, directions, bias",
    [("tanh", 1, 1, True), ("gru", 2, 1, False), ("lstm", 1, 2, True), ("projected", 2, 1, True)],
)
def test_equations(kind, depth, directions, bias, final):
    weights = network(kind, depth, directions, bias)
    nonlinearity = kind if GATES[kind] == 1 else None
    model = model_from_torch(weights, nonlinearity=nonlinearity, final_state=final)
    assert [layer.name for layer in model.layers] == [
        "ids", "encoder_embedding", "encoder_rnn", "fc"
    ]  # fmt: skip
    layer = from_torch(
        weights, prefix="encoder.rnn.", nonlinearity=nonlinearity, return_sequences=not final
    )
    H = np.asarray(layer(weights["encoder.embedding.weight"][IDS]))
    expected = H @ weights["fc.weight"].T + weights.get("fc.bias", 0)
    np.testing.assert_allclose(model(IDS), expected, atol=1e-5)


def test_without_the_layers_around():
    X = np.random.default_rng(2).normal(size=(2, 5, INPUTS)).astype("float32")
    model = model_from_torch(state_dict("gru"))
    np.testing.assert_allclose(model(X), from_torch(state_dict("gru"))(X), atol=1e-6)


def changed(**changes):
    return {**network("lstm"), **changes}


@pytest.mark.parametrize(
    "source, words",
    [
        (7, "`source` must be a module or a state_dict, got int"),
        ({"fc.weight": np.ones((4, 3))}, "holds no nn.RNN, nn.GRU or nn.LSTM"),
        ({**network("gru"), **state_dict("gru", prefix="decoder.")}, "several.*encoder.*decoder"),
        (changed(**{"fc.weight": np.ones((4, 6))}), "`fc` cannot.*3 columns.*5 inputs"),
        (changed(**{"last.weight": np.ones((4, 5))}), "`last` cannot be converted"),
        ({"norm.weight": np.ones(3), **network("gru")}, "`norm` cannot be converted"),
        ({"in.weight": np.ones((3, 3)), "in.bias": np.ones(3), **state_dict("gru")}, "`in` cannot"),
        ({"scale": np.ones(3), **network("gru")}, "`scale` cannot be converted"),
    ],
)
def test_what_is_wrong_is_named(source, words):
    with pytest.raises(ValueError, match=words):
        model_from_torch(source)


@pytest.mark.slow
def test_a_command_makes_a_litert_file(tmp_path, capsys):
    weights = network("projected", 2)
    np.savez(tmp_path / "net.npz", **weights)
    main([str(tmp_path / "net.npz"), "--litert", str(tmp_path / "net.tflite")])
    assert "largest difference from the Keras model" in capsys.readouterr().out
    (found,) = LiteRTModel(tmp_path / "net.tflite").run("serving_default", ids=IDS).values()
    np.testing.assert_allclose(found, model_from_torch(weights)(IDS), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm", "projected"])
def test_a_module_of_pytorch_as_a_litert_file(kind, tmp_path):
    """The file of `torch.save` through the command; compared with PyTorch's own outputs."""
    pytest.importorskip("torch", reason="PyTorch is a benchmark extra")
    program = f"""
import numpy as np, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding({TOKENS}, 6)
        self.rnn = torch.nn.{ {1: "RNN", 3: "GRU", 4: "LSTM"}[GATES[kind]] }(
            6, 8, 2, batch_first=True, dropout=0.3{", proj_size=3" if kind == "projected" else ""})
        self.fc = torch.nn.Linear({3 if kind == "projected" else 8}, {CLASSES})
    def forward(self, ids):
        return self.fc(self.rnn(self.embedding(ids))[0])
torch.manual_seed(0)
net = Net().eval()
torch.save(net.state_dict(), r"{tmp_path}/net.pt")
with torch.no_grad():
    np.save(r"{tmp_path}/expected.npy", net(torch.tensor({IDS.tolist()})).numpy())
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    options = ["--nonlinearity", kind] if GATES[kind] == 1 else []
    main([str(tmp_path / "net.pt"), "--litert", str(tmp_path / "net.tflite"), *options])
    (found,) = LiteRTModel(tmp_path / "net.tflite").run("serving_default", ids=IDS).values()
    np.testing.assert_allclose(found, np.load(tmp_path / "expected.npy"), atol=1e-5)


@pytest.mark.parametrize(
    "name, content, options, words",
    [
        ("net.pt", None, [], "does not exist"),
        ("net.npz", b"PK nothing of the kind", [], "net.npz.*numpy.savez"),
        ("net.keras", b"", ["--final-state"], "are for a PyTorch network"),
    ],
)
def test_bad_files_are_one_line(name, content, options, words, tmp_path, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / name), "--litert", str(tmp_path / "net.tflite"), *options])
    assert stop.value.code == 2
    assert re.search(words, capsys.readouterr().err.strip().splitlines()[-1])
    assert not (tmp_path / "net.tflite").exists()
