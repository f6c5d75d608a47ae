"""The decoder with attention, over any recurrent layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from rnn_keras.layers import DeepRNN
from rnn_keras.seq2seq.rows import dense, over_rows, sentence_dropout
from rnn_keras.seq2seq.stack import (
    VectorDecoder,
    cell_step,
    check_decoder_layers,
    layers_config,
    layers_of,
    state_sizes,
)


@keras.saving.register_keras_serializable(package="rnn_keras")
class AttentionDecoder(VectorDecoder):
    r"""A conditional recurrent decoder with attention.

    $$S^{(0)}_t = \mathrm{RNN}(e_t, S^{(0)}_{t-1}), \qquad
      c_t, a_t = \mathrm{attention}(S^{(0)}_t, V), \qquad
      S_t = \mathrm{RNN}([S^{(0)}_t; c_t], S_{t-1})$$
    $$o_t = \tanh([S^{(L)}_t; c_t; e_t] W + b)$$

    The lowest layer's output is the query; the layers above read the context. As queries do not
    depend on the context, those of a whole sequence are computed at once, and the only loops are
    those of the layers. With input feeding, the lowest layer reads $[e_t; c_{t-1}]$; with coverage,
    the attention depends on its earlier weights. Either needs a loop over the attention.

    One function, `decode`, serves teacher forcing over whole sequences and a step of a search.

    Args:
        layers: the recurrent layers, from the bottom up; the first one makes the queries.
        attention: `AdditiveAttention` or `MultiplicativeAttention`.
        output_size: size of the output.
        input_feeding: whether the context is an input of the next time step.
        dropout: dropout rate of the values, between the layers, and of the output.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        vectors: `(batch, time, embedding)`, the vectors of the previous tokens.
        values: the memory, `(batch, positions, features)`.
        states: a list of tensors `(batch, n)`, such as final states of the encoder: the initial
            states are a dense layer of them.
        values_mask: bool `(batch, positions)`; by default Keras's mask of `values`.
        training: whether dropout applies.

    Returns:
        `(output, weights)`: `(batch, time, output_size)` and `(batch, time, positions)`.

    References: the lowest layer as in GNMT (Wu et al. 2016) and in Nematus's conditional GRU
    (Sennrich et al. 2017); input feeding: Luong et al. 2015 (arXiv:1508.04025), section 3.3.
    """

    def __init__(
        self,
        layers: Sequence[keras.Layer],
        attention: keras.Layer,
        output_size: int,
        *,
        input_feeding: bool = False,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        dtype = self.dtype_policy
        self.is_looped = input_feeding or attention.coverage
        check_decoder_layers(layers, self.is_looped)
        stack = {"return_sequences": True, "return_state": True, "dtype": dtype}
        self.query_rnn = DeepRNN(layers[:1], **stack)
        self.recurrent = DeepRNN(layers[1:], dropout, **stack) if layers[1:] else None
        self.attention, self.output_size = attention, output_size
        self.input_feeding, self.dropout = input_feeding, dropout
        self.drop_values = sentence_dropout(dropout, dtype)
        self.drop_output = sentence_dropout(dropout, dtype)
        self.sizes = state_sizes(self._stack)
        self.first = len(state_sizes(self.query_rnn.layers))  # number of its states
        self.feature_size = None  # known when it is built

    @property
    def _stack(self):
        upper = self.recurrent.layers if self.recurrent else []
        return [*self.query_rnn.layers, *upper]

    def build(
        self,
        vectors_shape: Any,
        values_shape: Any,
        states_shape: Any,
        values_mask_shape: Any = None,
    ) -> None:
        dtype, embedding, features = self.dtype_policy, vectors_shape[-1], values_shape[-1]
        self.features = features
        given = sum(shape[-1] for shape in states_shape)
        self.bridge = dense(sum(self.sizes), given, dtype, activation="tanh")
        self.query_rnn.build((None, None, embedding + features * self.input_feeding))
        query, top = self.sizes[0], state_sizes(self._stack[-1:])[0]
        if not self.attention.built:  # it is, when it comes from a file
            self.attention.build((None, None, query), (None, None, features))
        if self.recurrent:
            self.recurrent.build((None, None, query + features))
        self.feature_size = top + features + embedding
        self.read = dense(self.output_size, self.feature_size, dtype, activation="tanh")
        self.built = True

    def start(
        self, values: Any, states: Sequence[Any], values_mask: Any = None, training: bool = False
    ) -> tuple[dict[str, Any], list[Any]]:
        """The tensors that the decoder reads in every step, and its initial states.

        Args: as those of a call.

        Returns:
            `(memory, states)`: a dictionary of tensors that no step changes, batch first, and the
            list of the initial states `(batch, n)`.
        """
        bridge = self.bridge(ops.concatenate(list(states), axis=-1))
        starts = [sum(self.sizes[:i]) for i in range(1, len(self.sizes))]
        initial = ops.split(bridge, starts, axis=-1) if starts else [bridge]
        values = self.drop_values(values, training=training)
        memory = self.attention.start(values, values_mask)
        if self.input_feeding:
            initial.append(ops.zeros_like(memory["values"][:, 0]))
        if self.attention.coverage:
            initial.append(ops.zeros_like(memory["values"][:, :, 0]))
        return memory, initial

    def decode(
        self, vectors: Any, states: Sequence[Any], memory: dict[str, Any], training: bool = False
    ) -> tuple[Any, list[Any], Any, Any]:
        """Some time steps: one in a search, all in training.

        Args:
            vectors: `(rows, time, embedding)`, vectors of the tokens before; k consecutive rows of
                each sentence.
            states: the states before, each `(rows, n)`.
            memory: the memory of the `batch = rows / k` sentences.
            training: whether dropout applies.

        Returns:
            `(output, states, weights, features)`: `(rows, time, output_size)`, the states after,
            the attention `(rows, time, positions)`, and $[S_t; c_t; e_t]$.
        """
        if self.is_looped:
            S, context, weights, states = self._loop(vectors, states, memory, training)
        else:
            S, context, weights, states = self._at_once(vectors, states, memory, training)
        features = ops.concatenate([S, context, vectors], axis=-1)
        output = self.drop_output(over_rows(self.read, features), training=training)
        return output, states, weights, features

    def _at_once(self, E, states, memory, training):
        before, above = list(states[: self.first]), list(states[self.first :])
        S, *states = self.query_rnn(E, initial_state=before, training=training)
        context, weights = self.attention.read(S, memory)
        if self.recurrent:
            X = ops.concatenate([S, context], axis=-1)
            S, *upper = self.recurrent(X, initial_state=above, training=training)
            states += upper
        return S, context, weights, states

    def _loop(self, E, states, memory, training):
        """As `_at_once`, a time step at a time; the buffers are written as LiteRT can."""
        E = ops.cast(E, self.compute_dtype)
        masks = self._dropout_masks(E, training)

        def advance(e, states):
            states = list(states)
            coverage = states.pop() if self.attention.coverage else None
            x = ops.concatenate([e, states.pop()], axis=-1) if self.input_feeding else e
            before, above = states[: self.first], states[self.first :]
            S, states = cell_step(self.query_rnn.layers, x, before, None, training)
            context, weights = self.attention.read(ops.expand_dims(S, 1), memory, coverage)
            context, weights = ops.squeeze(context, 1), ops.squeeze(weights, 1)
            if self.recurrent:
                X = ops.concatenate([S, context], axis=-1)
                S, upper = cell_step(self.recurrent.layers, X, above, masks, training)
                states = states + upper
            if self.input_feeding:
                states = [*states, context]
            if self.attention.coverage:
                states = [*states, coverage + weights]
            return (S, context, weights), states

        if E.shape[1] == 1:
            steps, states = advance(ops.squeeze(E, 1), states)
            return *(ops.expand_dims(x, 1) for x in steps), states
        steps, states = scan(
            advance, E, [ops.cast(s, E.dtype) for s in states], self._widths(memory)
        )
        return *steps, list(states)

    def _dropout_masks(self, E, training):
        """The masks between the upper layers, the same in all steps."""
        if not (self.recurrent and training):
            return None
        ones = ops.ones_like(E[:, :1, :1])
        sizes = [state_sizes([layer])[0] for layer in self.recurrent.layers[:-1]]
        drops = zip(self.recurrent.dropouts, sizes)
        return [
            ops.squeeze(drop(ops.repeat(ones, n, axis=-1), training=training), 1)
            for drop, n in drops
        ]

    def _widths(self, memory):
        """The sizes of what a step of the loop returns."""
        positions = ops.shape(memory["values"])[1]
        return state_sizes(self._stack[-1:])[0], self.features, positions

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layers": layers_config(self._stack),
            "attention": keras.saving.serialize_keras_object(self.attention),
            "output_size": self.output_size,
            "input_feeding": self.input_feeding,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AttentionDecoder":
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "layers": layers_of(config["layers"]), "attention": attention})


def scan(
    step: Callable, X: tf.Tensor, states: Sequence[tf.Tensor], widths: Sequence[int]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Runs `outputs, states = step(x, states)` over time.

    Args:
        step: the step.
        X: `(rows, time, n)`, with a gradient.
        states: list of tensors `(rows, n)`.
        widths: size of each output.

    Returns:
        `(outputs, states)`: each output `(rows, time, width)`, and the states after.
    """
    time = tf.shape(X)[1]
    buffers = [tf.zeros(tf.concat([tf.shape(X)[:2], [width]], 0), X.dtype) for width in widths]

    def advance(t, states, buffers):
        outputs, states = step(X[:, t], states)
        # Selected, not written to an array: LiteRT converts it, for any batch size.
        is_now = tf.reshape(tf.range(time) == t, [1, -1, 1])
        buffers = [tf.where(is_now, tf.expand_dims(y, 1), b) for y, b in zip(outputs, buffers)]
        return t + 1, states, buffers

    def shapes(tensors):
        return [tf.TensorShape([None] * (x.shape.rank - 1) + [x.shape[-1]]) for x in tensors]

    _, states, buffers = tf.while_loop(
        lambda t, *_: t < time,
        advance,
        (tf.constant(0), states, buffers),
        shape_invariants=(tf.TensorShape([]), shapes(states), shapes(buffers)),
        maximum_iterations=time,
    )
    return buffers, states
