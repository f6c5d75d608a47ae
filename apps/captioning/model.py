"""The captioner: features of the image as memory, and a decoder with attention."""

import keras
from keras import ops

from apps.captioning.config import CaptioningConfig
from apps.captioning.data import UNKNOWN_ID
from apps.common.recurrent import LAYERS
from rnn_keras.seq2seq import AdditiveAttention, AttentionDecoder, TokenDecoder

FROM_CONFIG = ("size", "encoder", "filters", "cell", "units", "embedding", "dropout", "flip")


@keras.saving.register_keras_serializable(package="rnn_keras")
class Captioner(keras.Model):
    """Pixels and the tokens before to the logits of the next token.

    Args:
        tokens: size of the vocabulary.
        size, encoder, filters, cell, units, embedding, dropout, flip: as in `CaptioningConfig`.
        **options: those of `keras.Model`.

    Call arguments:
        inputs: `(pixels, tokens)`: `(batch, size, size, 3)` from 0 to 255, and int32
            `(batch, time)`.
        training: whether dropout applies and images are mirrored.

    Returns:
        Logits `(batch, time, tokens)`, float32.
    """

    def __init__(
        self, tokens, *, size=96, encoder="cnn", filters=64, cell="gru", units=256, embedding=128,
        dropout=0.0, flip=False, **options,
    ):  # fmt: skip
        super().__init__(**options)
        self.options = dict(
            tokens=tokens, size=size, encoder=encoder, filters=filters, cell=cell, units=units,
            embedding=embedding, dropout=dropout, flip=flip,
        )  # fmt: skip
        dtype = self.dtype_policy
        self.mirror = keras.layers.RandomFlip("horizontal", dtype=dtype) if flip else None
        self.network = _cnn(filters, dtype) if encoder == "cnn" else _pretrained(size)
        if not self.network.built:
            self.network.build((None, size, size, 3))
        _, self.rows, self.columns, features = self.network.compute_output_shape(
            (None, size, size, 3)
        )
        self.decoder = TokenDecoder(
            tokens,
            embedding,
            AttentionDecoder(
                [LAYERS[cell](units, dtype=dtype) for _ in range(2)],
                AdditiveAttention(units, dtype=dtype),
                units,
                dropout=dropout,
                dtype=dtype,
            ),
            unknown_id=UNKNOWN_ID,
            dropout=dropout,
            dtype=dtype,
        )
        self.decoder.build((None, None), (None, None, features + 2), [(None, features + 2)])
        self.built = True

    def encode(self, pixels, training=False):
        """The memory and the initial states of the decoder (Xu et al. 2015, section 3.1)."""
        X = ops.cast(pixels, "float32")
        if self.mirror is not None:
            X = self.mirror(X, training=training)
        if self.options["encoder"] == "cnn":
            X = X / 127.5 - 1
        H = self.network(X, training=training)
        H = ops.reshape(H, (-1, self.rows * self.columns, H.shape[-1]))
        y, x = ops.meshgrid(
            ops.linspace(-1.0, 1.0, self.rows), ops.linspace(-1.0, 1.0, self.columns), indexing="ij"
        )
        # Attention has no order of its own: each position has its two coordinates.
        places = ops.reshape(ops.stack([x, y], axis=-1), (1, -1, 2))
        places = ops.cast(places, H.dtype) + ops.zeros_like(H[:, :, :2])
        values = ops.concatenate([H, places], axis=-1)
        return self.decoder.start(values, [ops.mean(values, axis=1)], training=training)

    def call(self, inputs, training=False):
        pixels, tokens = inputs
        memory, states = self.encode(pixels, training=training)
        return self.decoder.decode(tokens, states, memory, training=training)[0]

    def get_config(self):
        return {**super().get_config(), **self.options}


def _cnn(filters, dtype):
    """Four convolutions, three of which halve the image; eight pixels become a position."""
    parts = []
    for i, stride in enumerate((2, 2, 2, 1)):
        parts += [
            keras.layers.Conv2D(
                filters * min(2**i, 4), 3, stride, padding="same", use_bias=False, dtype=dtype
            ),
            keras.layers.LayerNormalization(dtype=dtype),
            keras.layers.ReLU(dtype=dtype),
        ]
    return keras.Sequential(parts, name="cnn")


def _pretrained(size):
    """A network of `keras.applications` without its top, which is not trained."""
    network = keras.applications.EfficientNetV2B0(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    network.trainable = False
    return network


def build(config: CaptioningConfig, tokens: int, dtype: str | None = None) -> Captioner:
    """The captioner with the settings of `config`, without pretrained weights.

    Args:
        config: the configuration.
        tokens: size of the vocabulary.
        dtype: precision of all layers; None takes the policy that `environment.prepare` set.
    """
    options = {name: getattr(config, name) for name in FROM_CONFIG}
    return Captioner(tokens, **options, dtype=dtype, name="captioner")
