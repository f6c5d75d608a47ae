"""The textbook's decoder: its context is the encoder's final state."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from rnn_keras.layers import DeepRNN
from rnn_keras.seq2seq.rows import by_row, by_sentence
from rnn_keras.seq2seq.stack import VectorDecoder, layers_config, layers_of, state_sizes


@keras.saving.register_keras_serializable(package="rnn_keras")
class ContextDecoder(VectorDecoder):
    r"""The textbook decoder: the context is the encoder's final state.

    $$c = H_T^{(L)}, \qquad S_t = \mathrm{RNN}([e_t; c], S_{t-1}), \qquad S_0 = H_T$$

    with $e_t$ the vector of the token before, and as many layers and units as the encoder. Source:
    Cho et al. 2014 (arXiv:1406.1078); Dive into Deep Learning, section 10.7.

    Args:
        layers: the recurrent layers, from the bottom up.
        dropout: dropout rate between the layers.
        **options: `name`, `dtype`, `trainable`.

    Call arguments: as those of `AttentionDecoder`; `states` are the initial states of all layers,
        and `values` are not read. The attention is None.
    """

    def __init__(self, layers: Sequence[keras.Layer], dropout: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.dropout = dropout
        self.recurrent = DeepRNN(
            layers, dropout, return_sequences=True, return_state=True, dtype=self.dtype_policy
        )
        self.top = -len(state_sizes(self.recurrent.layers[-1:]))  # index of the top layer's H
        self.output_size = state_sizes(self.recurrent.layers)[self.top]
        self.feature_size = None  # known when it is built

    def build(
        self,
        vectors_shape: Any,
        values_shape: Any,
        states_shape: Any,
        values_mask_shape: Any = None,
    ) -> None:
        context = states_shape[self.top][-1]
        self.feature_size = self.output_size + context + vectors_shape[-1]
        self.recurrent.build((None, None, vectors_shape[-1] + context))
        self.built = True

    def start(
        self, values: Any, states: Sequence[Any], values_mask: Any = None, training: bool = False
    ) -> tuple[dict[str, Any], list[Any]]:
        """As `AttentionDecoder.start`."""
        return {"context": states[self.top]}, list(states)

    def decode(
        self, vectors: Any, states: Sequence[Any], memory: dict[str, Any], training: bool = False
    ) -> tuple[Any, list[Any], None, Any]:
        """As `AttentionDecoder.decode`, without attention."""
        time, context = ops.shape(vectors)[1], ops.expand_dims(memory["context"], 1)
        context = ops.zeros_like(by_sentence(vectors[..., :1], context)) + context
        context = by_row(context, time)
        X = ops.concatenate([vectors, context], axis=-1)
        H, *states = self.recurrent(X, initial_state=list(states), training=training)
        return H, states, None, ops.concatenate([H, context, vectors], axis=-1)

    def get_config(self) -> dict[str, Any]:
        layers = layers_config(self.recurrent.layers)
        return {**super().get_config(), "layers": layers, "dropout": self.dropout}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ContextDecoder":
        return cls(**{**config, "layers": layers_of(config["layers"])})
