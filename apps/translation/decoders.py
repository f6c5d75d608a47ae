"""Two decoders: with the encoder's final state as context, and with attention.

Both run over the whole target at once, so one function serves training (all tokens) and search (one
token at a time). Rows are hypotheses: a sentence may have k consecutive rows, which share one copy
of its memory.
"""

import keras
import tensorflow as tf
from keras import ops

from apps.common.recurrent import recurrent_stack

STATES = {"vanilla": 1, "gru": 1, "lstm": 2}


class ContextDecoder(keras.layers.Layer):
    r"""The textbook decoder: the context is the encoder's final state.

    $$c = H_T^{(L)}, \qquad S_t = \mathrm{RNN}([e_t; c], S_{t-1}), \qquad S_0 = H_T$$

    with $e_t$ the vector of the token before, and as many layers and units as the encoder. Source:
    Cho et al. 2014 (arXiv:1406.1078); Dive into Deep Learning, section 10.7.

    Args:
        cell: `vanilla`, `gru` or `lstm`.
        layers: number of recurrent layers.
        units: size of the hidden states.
        embedding: size of the token vectors.
        dropout: rate, between the layers.

    Attributes:
        output_size: size of the input of the output layer.
    """

    def __init__(self, cell, layers, units, embedding, dropout, **options):
        super().__init__(**options)
        self.top = -STATES[cell]  # among the final states, the top layer's H
        self.recurrent = stack(cell, layers, units, dropout, self.dtype_policy)
        self.recurrent.build((None, None, embedding + units))
        self.output_size = units
        self.built = True

    def init_memory(self, H, mask, final_states, training=False):
        """The tensors that the decoder reads in every step, and its initial states.

        Args:
            H: `(batch, source, units)`, the outputs of the encoder.
            mask: bool `(batch, source)`.
            final_states: the final states of its layers, each `(batch, units)`, bottom up.
            training: whether dropout applies.

        Returns:
            `(memory, states)`: a dictionary of tensors that no step changes, batch first, and the
            list of the initial states.
        """
        return {"context": final_states[self.top]}, list(final_states)

    def call(self, E, states, memory, training=False):
        """The decoder over some time steps.

        Args:
            E: `(rows, time, embedding)`, vectors of the tokens before; k rows of each sentence.
            states: the states before, each `(rows, units)`.
            memory: the memory of the `batch = rows / k` sentences.
            training: whether dropout applies.

        Returns:
            `(output, states, weights)`: `(rows, time, output_size)`, the states after, and None
            for the attention.
        """
        time, context = ops.shape(E)[1], memory["context"][:, None]
        context = ops.zeros_like(by_sentence(E[..., :1], context)) + context
        X = ops.concatenate([E, by_row(context, time)], axis=-1)
        H, *states = self.recurrent(X, initial_state=list(states), training=training)
        return H, states, None


class AttentionDecoder(keras.layers.Layer):
    r"""A conditional recurrent decoder with attention, whose only loops are those of its layers.

    $$S^{(0)}_t = \mathrm{RNN}(e_t, S^{(0)}_{t-1}), \qquad
      a_t = \mathrm{softmax}_s\, \mathrm{score}(S^{(0)}_t, H_s), \qquad c_t = \sum_s a_{ts} H_s$$
    $$S_t = \mathrm{RNN}([S^{(0)}_t; c_t], S_{t-1}), \qquad
      o_t = \tanh([S^{(L)}_t; c_t; e_t] W + b)$$

    where the score is additive, $w^\top \tanh(S W_q + H W_k)$ (Bahdanau et al. 2015), or
    multiplicative, $S (H W_k)^\top / \sqrt d$ (Luong et al. 2015). Attention queries do not depend
    on the context vector (no input feeding), so all queries of a sentence are computed at once; the
    layers above the query layer read the context. Source: GNMT's lowest decoder layer (Wu et al.
    2016), and Nematus's conditional GRU (Sennrich et al. 2017), which feeds the context back.

    Args:
        cell: `vanilla`, `gru` or `lstm`.
        layers: number of recurrent layers above the query layer.
        units: size of the hidden states, the queries and the keys.
        embedding: size of the token vectors, and of the output.
        dropout: rate: of the encoder's outputs, between the layers, and of the output.
        attention: `additive` or `multiplicative`.
        written: size of the encoder's outputs.
        bridged: size of the final states of the encoder's top layer, concatenated.

    Attributes:
        output_size: size of the input of the output layer.
    """

    def __init__(
        self, cell, layers, units, embedding, dropout, attention, written, bridged, **options
    ):
        super().__init__(**options)
        dtype = self.dtype_policy
        self.units, self.count, self.bridged = units, STATES[cell], bridged
        self.bridge = dense(units * self.count * (layers + 1), bridged, dtype, activation="tanh")
        self.query_rnn = stack(cell, 1, units, dropout, dtype)
        self.query_rnn.build((None, None, embedding))
        self.key = dense(units, written, dtype, use_bias=False)
        if attention == "additive":
            self.query = dense(units, units, dtype)
            self.score = keras.layers.AdditiveAttention(dtype=dtype)
        else:
            self.query = None
            self.score = keras.layers.Attention(dtype=dtype)
        self.score.build([(None, None, units), (None, None, written), (None, None, units)])
        self.recurrent = stack(cell, layers, units, dropout, dtype)
        self.recurrent.build((None, None, units + written))
        self.read = dense(embedding, units + written + embedding, dtype, activation="tanh")
        self.drop_memory = sentence_dropout(dropout, dtype)
        self.drop_output = sentence_dropout(dropout, dtype)
        self.output_size = embedding
        self.built = True

    def init_memory(self, H, mask, final_states, training=False):
        """As `ContextDecoder.init_memory`."""
        top = final_states[-(self.bridged // self.units) :]
        bridge = self.bridge(ops.concatenate(top, axis=-1))
        states = ops.split(bridge, bridge.shape[-1] // self.units, axis=-1)
        H = self.drop_memory(H, training=training)
        return {"values": H, "keys": self.key(H), "mask": mask}, states

    def call(self, E, states, memory, training=False):
        """As `ContextDecoder.call`; the weights are `(rows, time, source)`."""
        time = ops.shape(E)[1]
        S, *bottom = self.query_rnn(E, initial_state=list(states[: self.count]), training=training)
        Q = over_rows(self.query, S) if self.query else S / self.units**0.5
        context, weights = self.score(
            [by_sentence(Q, memory["values"]), memory["values"], memory["keys"]],
            mask=[None, memory["mask"]],
            return_attention_scores=True,
        )
        context, weights = by_row(context, time), by_row(weights, time)
        X = ops.concatenate([S, context], axis=-1)
        S, *upper = self.recurrent(X, initial_state=list(states[self.count :]), training=training)
        output = over_rows(self.read, ops.concatenate([S, context, E], axis=-1))
        return self.drop_output(output, training=training), bottom + upper, weights


def over_rows(function, X):
    """A function of the last axis, applied to `(rows, time, n)`.

    With a static time axis, as in a step of a search, it is called with a matrix: LiteRT then has
    static shapes, which it needs (docs/export.md).
    """
    time = X.shape[1]
    if time is None:
        return function(X)
    Y = function(ops.reshape(X, (-1, X.shape[-1])))
    return ops.reshape(Y, (-1, time, Y.shape[-1]))


def by_sentence(rows, memory):
    """`(rows, time, n)` as `(batch, rows / batch * time, n)`, batch being that of `memory`."""
    # By a concatenation, whose shape LiteRT infers statically; it does not for a stack.
    shape = tf.concat([tf.shape(memory)[:1], [-1, rows.shape[-1]]], axis=0)
    return tf.reshape(rows, shape)


def by_row(values, time):
    """The inverse of `by_sentence`, for values of `time` steps: `(rows, time, n)`."""
    return ops.reshape(values, (-1, time, ops.shape(values)[-1]))


def stack(cell, layers, units, dropout, dtype, bidirectional=False):
    """Stacked recurrent layers, which return all outputs and their states."""
    options = {"bidirectional": bidirectional, "dropout": dropout, "dtype": dtype}
    return recurrent_stack(cell, layers, units, return_sequences=True, return_state=True, **options)


def dense(units, inputs, dtype, **options):
    """A dense layer that is built already."""
    layer = keras.layers.Dense(units, dtype=dtype, **options)
    layer.build((None, None, inputs))
    return layer


def sentence_dropout(rate, dtype):
    """Dropout with one mask for all time steps of a sentence (Gal & Ghahramani 2016)."""
    return keras.layers.Dropout(rate, noise_shape=(None, 1, None), dtype=dtype)
