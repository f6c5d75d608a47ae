"""Three decoders, from a window to every step of the horizon; and monotonic quantiles.

Each network takes `(batch, time, columns)`, the scaled window, and gives `(batch, horizon,
targets, outputs)`.
"""

import keras
import numpy as np
from keras import ops

from apps.common.recurrent import CELLS, recurrent_stack
from rnn_keras.layers import GRU

SMALLEST_GAP = 1e-2  # between two quantiles at the start, in network units


@keras.saving.register_keras_serializable(package="rnn_keras")
class Direct(keras.layers.Layer):
    r"""All steps from one output layer: $O = H_T W_{hq} + b_q$.

    The output layer starts at zero, which with residual scaling is persistence.

    Args:
        cell: `vanilla`, `gru` or `lstm`.
        layers: number of recurrent layers.
        units: size of the hidden states.
        dropout: rate, between the layers and before the output.
        horizon, targets, outputs: as in the result.
    """

    def __init__(self, cell, layers, units, dropout, horizon, targets, outputs, **options):
        super().__init__(**options)
        self.options = dict(cell=cell, layers=layers, units=units, dropout=dropout,
                            horizon=horizon, targets=targets, outputs=outputs)  # fmt: skip
        dtype = self.dtype_policy
        self.rnn = recurrent_stack(cell, layers, units, dtype=dtype, dropout=dropout)
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.head = _head(horizon * targets * outputs)
        self.shape = keras.layers.Reshape((horizon, targets, outputs))

    def build(self, shape):
        self.rnn.build(shape)
        self.head.build((None, self.options["units"]))

    def call(self, x, training=False):
        H = self.rnn(x, training=training)
        return self.shape(self.head(self.drop(H, training=training)))

    def get_config(self):
        return {**super().get_config(), **self.options}


@keras.saving.register_keras_serializable(package="rnn_keras")
class Autoregressive(keras.layers.Layer):
    """Step by step: a decoder starts from the encoder's states and reads its own last forecast.

    The same happens in training, so that it never gets inputs that it was not trained on. Its first
    input is zero, the forecast of persistence.

    Args:
        cell, layers, units, dropout, horizon, targets, outputs: as in `Direct`.
        point: the index of the output that the next step reads.
    """

    def __init__(self, cell, layers, units, dropout, horizon, targets, outputs, point, **options):
        super().__init__(**options)
        self.options = dict(cell=cell, layers=layers, units=units, dropout=dropout, point=point,
                            horizon=horizon, targets=targets, outputs=outputs)  # fmt: skip
        dtype = self.dtype_policy
        self.encoder = recurrent_stack(
            cell, layers, units, dtype=dtype, dropout=dropout, return_state=True
        )
        self.cells = [CELLS[cell](units, dtype=dtype) for _ in range(layers)]
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.head = _head(targets * outputs)
        self.shape = keras.layers.Reshape((targets, outputs))

    def build(self, shape):
        units, width = self.options["units"], self.options["targets"]
        self.encoder.build(shape)
        for cell in self.cells:
            cell.build((None, width))
            width = units
        self.head.build((None, units))

    def call(self, x, training=False):
        _, *states = self.encoder(x, training=training)
        per_layer = len(states) // len(self.cells)
        forecast = ops.zeros_like(x[:, 0, : self.options["targets"]])
        steps = []
        for _ in range(self.options["horizon"]):
            H, new_states = ops.cast(forecast, self.compute_dtype), []
            for i, cell in enumerate(self.cells):
                H, new = cell(H, states[i * per_layer :][:per_layer], training=training)
                new_states += new
            states = new_states
            output = self.shape(self.head(self.drop(H, training=training)))
            forecast = output[:, :, self.options["point"]]
            steps.append(output)
        return ops.stack(steps, axis=1)

    def get_config(self):
        return {**super().get_config(), **self.options}


@keras.saving.register_keras_serializable(package="rnn_keras")
class Segments(keras.layers.Layer):
    r"""A GRU over segments, for long horizons; every column from its own past, by shared weights.

    The window is cut into segments of `segment` rows, each projected, $X_i = \mathrm{ReLU}(x_i W +
    b)$, so that the GRU takes `lookback / segment` steps instead of `lookback`. From its last state
    one step of the same GRU, which reads the position of a segment of the horizon and the column,
    gives each of those segments, all in parallel. The output layer starts at zero. So does the
    optional linear map of the whole window that is added to the result (as in NLinear, Zeng et al.
    2022), for horizons so long that the GRU overfits.

    Args:
        segment: rows of a segment; divides the number of rows.
        units: size of the hidden state, even.
        dropout: rate before the output.
        horizon, outputs: as in the result.
        column_embedding: whether the decoding step reads an embedding of the column, too.
        linear_penalty: adds the linear map, with this L2 penalty on its kernel in training; None
            adds none.
        reset_after: which GRU to use.

    Reference: Lin et al., *SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
    Forecasting*, 2023 (arXiv:2308.11200).
    """

    def __init__(
        self,
        segment,
        units,
        dropout,
        horizon,
        outputs,
        column_embedding=True,
        linear_penalty=None,
        reset_after=True,
        **options,
    ):
        super().__init__(**options)
        self.options = dict(segment=segment, units=units, dropout=dropout, horizon=horizon,
                            outputs=outputs, column_embedding=column_embedding,
                            linear_penalty=linear_penalty, reset_after=reset_after)  # fmt: skip
        self.project = keras.layers.Dense(units, activation="relu", dtype=self.dtype_policy)
        self.gru = GRU(units, reset_after=reset_after, dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.head = _head(segment * outputs)
        self.linear = None if linear_penalty is None else _head(horizon * outputs)

    def build(self, shape):
        units, segment = self.options["units"], self.options["segment"]
        self.project.build((None, None, segment))
        self.gru.build((None, None, units))
        self.head.build((None, units))
        pieces = -(-self.options["horizon"] // segment)
        normal = keras.initializers.RandomNormal(stddev=1.0)
        width = units // 2 if self.options["column_embedding"] else units
        self.position = self.add_weight((pieces, width), normal, name="position")
        if self.options["column_embedding"]:
            self.column = self.add_weight((shape[-1], units - width), normal, name="column")
        if self.linear is not None:
            self.linear.build((None, shape[1]))

    def call(self, x, training=False):
        segment, horizon = self.options["segment"], self.options["horizon"]
        units, outputs = self.options["units"], self.options["outputs"]
        (_, rows, columns), pieces = x.shape, self.position.shape[0]
        own = ops.reshape(ops.transpose(x, (0, 2, 1)), (-1, rows // segment, segment))
        H = self.gru(self.project(own), training=training)

        # One decoding step for each (window, column, piece).
        where = ops.tile(self.position, (columns, 1))
        if self.options["column_embedding"]:
            where = ops.concatenate([where, ops.repeat(self.column, pieces, axis=0)], axis=-1)
        H = ops.reshape(ops.repeat(H, pieces, axis=0), (-1, columns * pieces, units))
        where = ops.reshape(where + ops.zeros_like(H), (-1, units))
        H, _ = self.gru.cell(where, [ops.reshape(H, (-1, units))], training=training)
        y = self.head(self.drop(H, training=training))
        y = ops.reshape(y, (-1, columns, pieces * segment, outputs))[:, :, :horizon]
        if self.linear is not None:
            line = self.linear(ops.reshape(own, (-1, rows)))
            y = y + ops.reshape(line, (-1, columns, horizon, outputs))
            if training:  # not in validation
                penalty = self.options["linear_penalty"]
                self.add_loss(penalty * ops.sum(ops.square(self.linear.kernel)))
        return ops.transpose(y, (0, 2, 1, 3))

    def get_config(self):
        return {**super().get_config(), **self.options}


@keras.saving.register_keras_serializable(package="rnn_keras")
class MonotonicQuantiles(keras.layers.Layer):
    r"""Turns outputs into quantiles that never cross.

    $q_{j+1} = q_j + \mathrm{softplus}(o_{j+1} + a_{j+1})$ upwards from the point output, which
    is unchanged, and the same downwards. For outputs of zero, the constants $a$ give
    `initial_quantiles` around a point of zero: persistence and its errors in training.

    Args:
        point: position of the median among the outputs.
        initial_quantiles: increasing quantiles by step, `(horizon, outputs)`; None for $a = 0$.
    """

    def __init__(self, point, initial_quantiles=None, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.point, self.initial_quantiles = point, initial_quantiles

    def call(self, outputs):
        return self.from_gaps(self.gaps(outputs))

    def gaps(self, outputs):
        """$o + a$: the point and, before their softplus, the gaps between the quantiles."""
        return outputs if self.initial_quantiles is None else outputs + self._constants()

    def from_gaps(self, gaps):
        """The quantiles of `gaps`."""
        o = [gaps[..., j : j + 1] for j in range(gaps.shape[-1])]
        q = list(o)
        for j in range(self.point + 1, len(o)):
            q[j] = q[j - 1] + ops.softplus(o[j])
        for j in reversed(range(self.point)):
            q[j] = q[j + 1] - ops.softplus(o[j])
        return ops.concatenate(q, axis=-1)

    def _constants(self):
        """`a`, `(horizon, 1, outputs)`."""
        quantiles = np.array(self.initial_quantiles)
        quantiles[:, self.point] = 0
        gaps = np.maximum(np.diff(quantiles, axis=1), SMALLEST_GAP)
        a = np.insert(np.log(np.expm1(gaps)), self.point, 0, axis=1)
        return a[:, None].astype("float32")

    def get_config(self):
        return {
            **super().get_config(),
            "point": self.point,
            "initial_quantiles": self.initial_quantiles,
        }


def _head(size):
    return keras.layers.Dense(size, kernel_initializer="zeros", dtype="float32", name="head")
