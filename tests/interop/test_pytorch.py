"""Weights of PyTorch: outputs and states equal those of its documented equations, and its own."""

import itertools

import numpy as np
import pytest

import rnn_keras
from rnn_keras.interop import from_torch, to_keras
from tests.oracle import relu, sigmoid

BATCH, TIME, INPUTS, UNITS, SIZE = 2, 4, 3, 5, 2  # SIZE is `proj_size`
X = np.random.default_rng(0).normal(size=(BATCH, TIME, INPUTS))
GATES = {"tanh": 1, "relu": 1, "gru": 3, "lstm": 4, "projected": 4}
NAMES = {"tanh": "VanillaRNN", "relu": "VanillaRNN", "gru": "GRU", "lstm": "LSTM"}


def state_dict(kind, depth=1, directions=1, bias=True, prefix=""):
    """Random weights under PyTorch's names, in its shapes."""
    rng, rows = np.random.default_rng(depth), GATES[kind] * UNITS
    size = SIZE if kind == "projected" else UNITS
    weights = {}
    for i, way in itertools.product(range(depth), ["", "_reverse"][:directions]):
        weights[f"weight_ih_l{i}{way}"] = (rows, directions * size if i else INPUTS)
        weights[f"weight_hh_l{i}{way}"] = (rows, size)
        if bias:
            weights[f"bias_ih_l{i}{way}"] = weights[f"bias_hh_l{i}{way}"] = (rows,)
        if kind == "projected":
            weights[f"weight_hr_l{i}{way}"] = (SIZE, UNITS)
    return {prefix + key: 0.5 * rng.normal(size=shape) for key, shape in weights.items()}


def step(kind, x, h, c):
    """The equations of torch.nn.RNN, GRU and LSTM; x and h are W_i x + b_i and W_h h + b_h."""
    if kind in ("tanh", "relu"):
        return (np.tanh if kind == "tanh" else relu)(x + h), c
    (x_1, x_2, x_3, *x_4), (h_1, h_2, h_3, *h_4) = (np.split(a, GATES[kind], -1) for a in (x, h))
    if kind == "gru":
        r, z = sigmoid(x_1 + h_1), sigmoid(x_2 + h_2)
        n = np.tanh(x_3 + r * h_3)
        return (1 - z) * n + z * c, None  # c is h_{t-1} here, which x and h do not hold
    i, f, g = sigmoid(x_1 + h_1), sigmoid(x_2 + h_2), np.tanh(x_3 + h_3)
    c = f * c + i * g
    return sigmoid(x_4[0] + h_4[0]) * np.tanh(c), c


def pytorch(kind, weights, depth, directions):
    """Outputs `(batch, time, directions * units)` and the flat list of final states."""
    inputs, states = X, []
    for i in range(depth):
        outputs = []
        for way in ["", "_reverse"][:directions]:
            W_i, W_h = weights[f"weight_ih_l{i}{way}"], weights[f"weight_hh_l{i}{way}"]
            b_i, b_h = (weights.get(f"bias_{name}_l{i}{way}", 0.0) for name in ("ih", "hh"))
            h, c = np.zeros((BATCH, W_h.shape[1])), np.zeros((BATCH, UNITS))
            steps = []
            for x in np.moveaxis(inputs[:, ::-1] if way else inputs, 1, 0):
                previous = h if kind == "gru" else c
                h, c = step(kind, x @ W_i.T + b_i, h @ W_h.T + b_h, previous)
                if kind == "projected":
                    h = h @ weights[f"weight_hr_l{i}{way}"].T
                steps.append(h)
            outputs.append(np.stack(steps[::-1] if way else steps, axis=1))
            states += [h, c] if GATES[kind] == 4 else [h]
        inputs = np.concatenate(outputs, axis=-1)
    return inputs, states


SHAPES = [(1, 1, True), (1, 2, False), (2, 1, False), (2, 2, True)]


@pytest.fixture(autouse=True)
def keras_loop():
    """That the plans agree is tested with the layers; this one need not be compiled."""
    with rnn_keras.use_plan("reference"):
        yield


@pytest.mark.parametrize("depth, directions, bias", SHAPES)
@pytest.mark.parametrize("kind", GATES)
def test_equations_of_the_documentation(kind, depth, directions, bias):
    weights = state_dict(kind, depth, directions, bias)
    nonlinearity = kind if GATES[kind] == 1 else None
    layer = from_torch(
        weights, nonlinearity=nonlinearity, return_state=True, dtype="float64", name="mine"
    )
    assert layer.name == "mine"
    expected, expected_states = pytorch(kind, weights, depth, directions)
    outputs, *states = layer(X)
    np.testing.assert_allclose(outputs, expected, atol=1e-10)
    for a, b in zip(states, expected_states, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("depth, directions, bias", SHAPES)
@pytest.mark.parametrize("kind", GATES)
def test_modules(kind, depth, directions, bias):
    """Of PyTorch itself; and on to Keras's own layers."""
    torch = pytest.importorskip("torch", reason="PyTorch is a benchmark extra")
    options = {"nonlinearity": kind} if GATES[kind] == 1 else {}
    options |= {"proj_size": SIZE} if kind == "projected" else {}
    module = getattr(torch.nn, {1: "RNN", 3: "GRU", 4: "LSTM"}[GATES[kind]])(
        INPUTS, UNITS, depth, bias=bias, batch_first=True, bidirectional=directions == 2, **options
    )
    with torch.no_grad():
        outputs, states = module(torch.tensor(X, dtype=torch.float32))
    ours, *our_states = from_torch(module, return_state=True)(X)
    np.testing.assert_allclose(ours, outputs.numpy(), atol=1e-5)
    states = states if GATES[kind] == 4 else [states]
    expected = [part[k].numpy() for k in range(depth * directions) for part in states]
    for a, b in zip(our_states, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    if kind != "projected":  # which Keras does not have
        np.testing.assert_allclose(to_keras(from_torch(module))(X), outputs.numpy(), atol=1e-5)


def test_a_module_within_another_of_any_precision():
    torch = pytest.importorskip("torch", reason="PyTorch is a benchmark extra")
    model = torch.nn.ModuleDict({"embed": torch.nn.Embedding(4, INPUTS), "read": torch.nn.GRU(
        INPUTS, UNITS, 2, dropout=0.3
    )})  # fmt: skip
    expected = model["read"].state_dict()["weight_ih_l0"].numpy()
    layer = from_torch(model.to(torch.bfloat16), prefix="read.")
    np.testing.assert_allclose(layer.get_weights()[0][:, :UNITS].T, expected[UNITS : 2 * UNITS],
                               atol=1e-2)  # fmt: skip
    assert layer.dropout == 0.0 and from_torch(model["read"]).dropout == 0.3


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_kind_and_place_are_found(kind):
    weights = state_dict(kind, prefix="encoder.rnn.")
    layer = from_torch(weights, return_sequences=False)
    assert type(layer).__name__ == NAMES[kind] and layer(X).shape == (BATCH, UNITS)
    both = {**weights, **state_dict("tanh", prefix="decoder.")}
    assert type(from_torch(both, prefix="encoder.rnn.")).__name__ == NAMES[kind]
    with pytest.raises(ValueError, match="`prefix` must be one of 'encoder.rnn.', 'decoder.'"):
        from_torch(both)


def test_other_weights_are_not_left_out_without_a_word():
    others = {f"{name}.weight": np.ones((4, 3)) for name in ("embed", "norm", "a", "b", "fc")}
    weights = {**others, **state_dict("lstm", prefix="rnn.")}
    words = r"embed.weight, norm.weight, a.weight, b.weight and 1 more: give `prefix='rnn.'`"
    with pytest.raises(ValueError, match=words):
        from_torch(weights)
    with pytest.raises(ValueError, match=r"fc.weight: give `prefix=''`"):
        from_torch({**state_dict("lstm"), "fc.weight": np.ones((4, 3))})
    assert from_torch(weights, prefix="rnn.").units == UNITS


class ReluModule:
    """What is asked of an nn.RNN."""

    nonlinearity = "relu"

    def state_dict(self):
        return state_dict("relu")


def without(key):
    weights = state_dict("lstm", depth=2, directions=2)
    del weights[key]
    return weights


@pytest.mark.parametrize(
    "source, options, message",
    [
        (7, {}, "`source` must be a module or a state_dict, got int"),
        ({"weight_ih": np.ones((4, 3))}, {}, "no nn.RNN, nn.GRU or nn.LSTM: .*weight_ih_l0"),
        (state_dict("gru"), {"prefix": "a."}, "`prefix` must be one of '', got 'a.'"),
        (state_dict("tanh"), {}, "`nonlinearity`.*'tanh' or 'relu'.*None"),
        (state_dict("tanh"), {"nonlinearity": "sin"}, "`nonlinearity`.*'sin'"),
        (state_dict("gru"), {"nonlinearity": "tanh"}, "`nonlinearity` is for an nn.RNN.*nn.GRU"),
        (ReluModule(), {"nonlinearity": "tanh"}, "of the module.*'tanh'"),
        ({**state_dict("lstm"), "weight_hr_l0": np.ones((2, 5))}, {}, "`weight_hr_l0`.*5, 5.*2, 5"),
        (without("weight_hh_l1_reverse"), {}, "`weight_hh_l1_reverse` .*20, 5.*is none"),
        (without("bias_hh_l0"), {}, "`bias_hh_l0`.*there is none"),
        (without("weight_hh_l0"), {}, "`weight_hh_l0`"),
        (without("bias_ih_l0"), {}, "`bias_ih_l0`.*there is none"),
        ({**state_dict("gru"), "weight_ih_l0": np.ones((14, 3))}, {}, "`weight_ih_l0` has 14 rows"),
        ({**state_dict("gru"), "bias_hh_l0": np.ones(4)}, {}, "`bias_hh_l0`.*15.*4"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(source, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        from_torch(source, **options)
    assert "\n" not in str(raised.value)
