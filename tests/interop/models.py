"""Models of Keras's own layers, each with its inputs, as people build them."""

import keras
import numpy as np
from keras import layers

BATCH, TIME, INPUTS = 3, 5, 4
RNG = np.random.default_rng(5)
X = RNG.normal(size=(BATCH, TIME, INPUTS)).astype("float32")
IDS = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [1, 1, 2, 3, 4]])  # zeros are masked
FRAMES = RNG.normal(size=(BATCH, 3, TIME, INPUTS)).astype("float32")


def randomised(model, scale=0.5):
    """The model with random weights, biases too: zeros would hide a wrong one."""
    rng = np.random.default_rng(7)
    for weight in model.weights:
        if weight.trainable or weight.name == "moving_mean":  # rather than a variance
            weight.assign(scale * rng.normal(size=weight.shape))
    return model


def masked(*rest):
    return keras.Sequential(
        [keras.Input((None,)), layers.Embedding(6, INPUTS, mask_zero=True), *rest]
    )


def stacked_cells(**options):
    return layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], **options)


def every_layer():
    """In one branch each, over a mask."""
    ids = keras.Input((None,), name="ids")
    words = layers.Embedding(6, INPUTS, mask_zero=True)(ids)
    branches = [
        layers.LSTM(4, recurrent_activation="hard_sigmoid"),
        layers.GRU(4, use_bias=False),
        layers.GRU(4, reset_after=False, go_backwards=True),
        layers.SimpleRNN(4, activation="relu"),
        layers.RNN(layers.LSTMCell(4), zero_output_for_mask=True),
        layers.RNN(layers.SimpleRNNCell(4, trainable=False)),
        stacked_cells(),
        stacked_cells(go_backwards=True, return_sequences=True, name="backwards"),
        layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="sum"),
        layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(3, go_backwards=True)),
        layers.Bidirectional(stacked_cells()),
    ]
    return keras.Model(ids, [branch(words) for branch in branches]), IDS


def encoder_decoder():
    """States handed over: of a layer, of both directions, and nested ones of a stack."""
    source, target = keras.Input((None,), name="source"), keras.Input((None, INPUTS), name="target")
    words = layers.Embedding(6, INPUTS, mask_zero=True)(source)
    _, h, c = layers.LSTM(4, return_state=True, name="encoder")(words)
    both = layers.Bidirectional(layers.GRU(4, return_state=True), name="both")
    _, forward, backward = both(words)
    _, *stack = stacked_cells(return_state=True, name="stack")(words)
    decoded = [
        layers.LSTM(4, return_sequences=True, name="decoder")(target, initial_state=[h, c]),
        layers.GRU(4)(target, initial_state=forward + backward),
        stacked_cells(name="decoder_stack")(target, stack),
    ]
    outputs = {"decoded": decoded[0], "last": decoded[1], "top": decoded[2], "h": h}
    return keras.Model({"source": source, "target": target}, outputs), {"source": IDS, "target": X}


def nested_and_shared():
    """A layer used twice, one shared by two nested models, a model in `TimeDistributed`."""
    embedding = layers.Embedding(6, INPUTS, mask_zero=True, name="embedding")

    def reader(name):
        ids = keras.Input((None,))
        return keras.Model(ids, layers.SimpleRNN(4)(embedding(ids)), name=name)

    ids, frames = keras.Input((None,), name="ids"), keras.Input((3, TIME, INPUTS), name="frames")
    frame = keras.Sequential([keras.Input((TIME, INPUTS)), layers.GRU(4)], name="frame")
    over_time = layers.TimeDistributed(frame, name="over_time")(frames)
    twice = layers.LSTM(4, name="twice")
    texts = reader("question")(ids) * reader("answer")(ids)
    film = layers.Lambda(lambda x: SCALE * x)(twice(over_time) + twice(over_time[:, ::-1]))
    model = keras.Model([ids, frames], [texts, film])
    model.get_layer("question").trainable = False
    return model, [IDS, FRAMES]


SCALE = 3.0  # of a lambda, which Keras's own copy of it would not find


def with_state_outside_weights():
    """Statistics and tables that a layer learned from data."""
    text = keras.Input((), dtype="string", name="text")
    number = keras.Input((None, INPUTS), name="number")
    words = layers.TextVectorization(output_sequence_length=TIME, name="words")
    words.adapt(["the cat sat", "the dog"])
    scale = layers.Normalization(name="scale")
    scale.adapt(X)
    read = layers.LSTM(4)(layers.Embedding(9, INPUTS, mask_zero=True)(words(text)))
    seen = layers.BatchNormalization()(layers.GRU(4)(scale(number)))
    texts = np.array(["the cat", "a dog sat", "cat"])
    return keras.Model([text, number], read + seen), [texts, X]


def half_precision():
    policy = keras.DTypePolicy("mixed_float16")
    inputs = [keras.Input((None, INPUTS))]
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True, dtype=policy), dtype=policy)
    return keras.Sequential([*inputs, hidden, layers.GRU(4, dtype=policy)]), X


MODELS = {
    build.__name__: build
    for build in (
        every_layer,
        encoder_decoder,
        nested_and_shared,
        with_state_outside_weights,
        half_precision,
    )
}
