"""What cannot be converted is named in one line, before anything is built."""

import keras
import numpy as np
import pytest
from keras import layers

from rnn_keras.interop import from_keras, to_keras
from rnn_keras.layers import GRU, LSTM, Bidirectional, DeepRNN, LSTMCell, RecurrentLayer

registered = keras.saving.register_keras_serializable(package="test_refusals")


@registered
class CustomLSTM(layers.LSTM):
    """A subclass may compute anything."""


class CustomCell(layers.GRUCell):
    """As may this."""


class CustomStack(layers.StackedRNNCells):
    """And this."""


class Reader(keras.Model):
    """A subclassed model: its `call` is code."""

    def __init__(self, layer, **options):
        super().__init__(**options)
        self.read = layer

    def call(self, x):
        return self.read(x)


class Doubling(keras.Model):
    """A functional model whose `call` does something else."""

    def call(self, x):
        return 2 * super().call(x)


class OwnCell(LSTMCell):
    """A cell of the user's."""


@registered
class OwnLSTM(RecurrentLayer):
    cell_class = OwnCell


def doubling():
    x = keras.Input((None, 4))
    return Doubling(x, layers.LSTM(3, name="inside")(x), name="doubling")


FROM_KERAS = {
    "subclass": (lambda: CustomLSTM(3, name="mine"), "`mine` .CustomLSTM. .*RecurrentLayer"),
    "cell": (lambda: layers.RNN(CustomCell(3), name="mine"), "`mine` .RNN. .*CustomCell"),
    "stacked_cell": (
        lambda: layers.RNN([layers.LSTMCell(3), CustomCell(3)], name="mine"),
        "`mine` .RNN. .*CustomCell",
    ),
    "stack": (
        lambda: layers.RNN(CustomStack([layers.LSTMCell(3)]), name="mine"),
        "`mine` .RNN. .*CustomStack",
    ),
    "convolution": (lambda: layers.ConvLSTM1D(3, 2, name="film"), "`film` .ConvLSTM1D."),
    "within_bidirectional": (
        lambda: layers.Bidirectional(CustomLSTM(3, name="mine")),
        "`forward_mine` .CustomLSTM.",
    ),
    "subclassed_model": (
        lambda: Reader(layers.GRU(3, name="inside"), name="reader"),
        "`reader` .Reader. .*GRU, `inside`",
    ),
    "functional_subclass": (doubling, "`doubling` .Doubling. .*LSTM, `inside`"),
    "dropout": (lambda: layers.LSTM(3, dropout=1.0, name="all"), "`all` .LSTM. .*`dropout`"),
    "dtypes": (
        lambda: layers.RNN(layers.LSTMCell(3, dtype="float16"), dtype="float32", name="two"),
        "`two` .RNN. .*float32.*float16",
    ),
    "no_model": (lambda: "model.keras", "must be a Keras model or layer, got str"),
}
TO_KERAS = {
    "cell": (lambda: OwnLSTM(3, name="mine"), "`mine` .OwnLSTM. .*no layer"),
    "stack": (lambda: DeepRNN([GRU(3), OwnLSTM(3, name="mine")]), "`mine` .OwnLSTM. .*OwnCell"),
    "states": (
        lambda: DeepRNN([Bidirectional(GRU(3))], return_state=True, name="both"),
        "`both` .DeepRNN. .*states",
    ),
    "zoneout": (lambda: GRU(3, zoneout=0.5, name="mine"), "`mine` .GRU. .*zoneout"),
    "weight_drop": (lambda: GRU(3, weight_drop=0.5, name="mine"), "`mine` .GRU. .*weight_drop"),
    "subclassed_model": (
        lambda: Reader(LSTM(3, name="inside"), name="reader"),
        "`reader` .Reader. .*LSTM, `inside`",
    ),
}


@pytest.mark.parametrize("place", ["alone", "nested"])
@pytest.mark.parametrize(
    "convert, make, message",
    [(from_keras, *case) for case in FROM_KERAS.values()]
    + [(to_keras, *case) for case in TO_KERAS.values()],
    ids=[*FROM_KERAS, *(f"back_{name}" for name in TO_KERAS)],
)
def test_refused_in_one_line(convert, make, message, place, monkeypatch):
    layer = make()
    if place == "nested" and isinstance(layer, layers.Layer):
        layer = keras.Sequential([layers.Dense(3), keras.Sequential([layer])])

    def build(*_, **__):
        raise AssertionError("something was built")

    monkeypatch.setattr(layers.Dense, "build", build)
    monkeypatch.setattr(layers.RNN, "build", build)
    with pytest.raises(ValueError, match=message) as raised:
        convert(layer)
    assert "\n" not in str(raised.value)


def test_states_given_to_a_stack_of_both_directions():
    """`Sequential`, which it would become, takes no states."""
    x, state = keras.Input((None, 4)), [keras.Input((3,)) for _ in range(2)]
    deep = DeepRNN([Bidirectional(GRU(3))], name="both")
    with pytest.raises(ValueError, match="`both` .DeepRNN. .*states"):
        to_keras(keras.Model([x, *state], deep(x, initial_state=state)))


def test_code_without_recurrent_layers_of_the_other_kind_is_copied():
    """A subclassed layer over ours is as good as one of ours."""

    @registered
    class Block(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.read = GRU(3)

        def build(self, shape):
            self.read.build(shape)

        def call(self, x):
            return self.read(x)

    x = np.ones((2, 3, 4), "float32")
    model = keras.Sequential([keras.Input((None, 4)), Block()])
    np.testing.assert_array_equal(from_keras(model)(x), model(x))
