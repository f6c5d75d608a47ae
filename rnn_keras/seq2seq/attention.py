"""Additive and multiplicative attention over a memory of any length."""

from typing import Any

import keras
from keras import ops

from rnn_keras.seq2seq.rows import by_row, by_sentence, over_rows


class _Attention(keras.layers.Layer):
    """What both have in common: keys, masked softmax, and rows that share a memory."""

    def start(self, values: Any, mask: Any = None) -> dict[str, Any]:
        """What no step changes: `values`, their `keys`, and the `mask`, by name.

        Args:
            values: `(batch, positions, features)`.
            mask: bool `(batch, positions)`; a False position has no weight. None for no mask.
        """
        memory = {"values": values, "keys": self.key(values)}
        return memory if mask is None else {**memory, "mask": mask}

    def read(self, queries: Any, memory: dict[str, Any], coverage: Any = None) -> tuple[Any, Any]:
        """The context and the weights of each query.

        Args:
            queries: `(rows, time, n)`; k consecutive rows of each of the `batch = rows / k`.
            memory: the result of `start`.
            coverage: `(rows, positions)`, for one query per row, with `coverage=True`.

        Returns:
            `(context, weights)`: `(rows, time, features)` and `(rows, time, positions)`.
        """
        time, values = ops.shape(queries)[1], memory["values"]
        queries = by_sentence(self.project_queries(queries), values)
        if coverage is not None:
            coverage = by_sentence(ops.expand_dims(coverage, 1), values)
        scores = self.score(queries, memory["keys"], coverage)
        mask = memory.get("mask")
        weights = self.softmax(scores, mask=None if mask is None else ops.expand_dims(mask, 1))
        return by_row(ops.matmul(weights, values), time), by_row(weights, time)

    def call(self, queries: Any, values: Any, values_mask: Any = None) -> tuple[Any, Any]:
        return self.read(queries, self.start(values, values_mask))


@keras.saving.register_keras_serializable(package="rnn_keras")
class AdditiveAttention(_Attention):
    r"""Bahdanau's attention, with a projection of the values as keys; it returns its weights.

    $$a_{ts} = \mathrm{softmax}_s\, w^\top \tanh(q_t W_q + b + v_s W_k), \qquad
      c_t = \sum_s a_{ts} v_s$$

    With coverage, $C_{ts} = \sum_{t' < t} a_{t's}$ times a vector is added inside the tanh.

    Args:
        units: size of the sum inside the tanh.
        coverage: whether `read` takes the coverage, the sum of the weights of earlier steps.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        queries: `(rows, time, n)`; a row per sentence, or k consecutive rows of each.
        values: `(batch, positions, features)`, of `batch = rows / k` sentences.
        values_mask: bool `(batch, positions)`; a False position has no weight. By default Keras's
            mask of `values`.

    Returns:
        `(context, weights)`: `(rows, time, features)` and `(rows, time, positions)`.

    Example:

    >>> context, weights = AdditiveAttention(8)(ops.ones((2, 3, 4)), ops.ones((2, 5, 6)))
    >>> context.shape, weights.shape
    (TensorShape([2, 3, 6]), TensorShape([2, 3, 5]))

    References: Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473); with coverage See, Liu & Manning 2017
    (arXiv:1704.04368), equation 11.
    """

    def __init__(self, units: int, coverage: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.coverage = units, coverage
        dtype = self.dtype_policy
        self.query = keras.layers.Dense(units, dtype=dtype)
        self.key = keras.layers.Dense(units, use_bias=False, dtype=dtype)
        self.softmax = keras.layers.Softmax(dtype=dtype)

    def build(self, queries_shape: Any, values_shape: Any, values_mask_shape: Any = None) -> None:
        self.query.build(queries_shape)
        self.key.build(values_shape)
        self.scale = self.add_weight((self.units,), "glorot_uniform", name="scale")
        if self.coverage:
            self.coverage_kernel = self.add_weight(
                (self.units,), "glorot_uniform", name="coverage_kernel"
            )
        self.built = True

    def project_queries(self, queries: Any) -> Any:
        """The queries as the score takes them, `(rows, time, units)`."""
        return over_rows(self.query, queries)

    def score(self, queries: Any, keys: Any, coverage: Any = None) -> Any:
        """`(batch, n, positions)` of queries `(batch, n, units)`, before the softmax.

        Args:
            queries: of `project_queries`.
            keys: `(batch, positions, units)`.
            coverage: `(batch, n, positions)` or None.
        """
        sums = ops.expand_dims(queries, 2) + ops.expand_dims(keys, 1)
        if coverage is not None:
            kernel = ops.cast(self.coverage_kernel, sums.dtype)
            sums += ops.expand_dims(coverage, 3) * kernel
        # One product of matrices, as its gradient is faster than that of a sum of products.
        scale = ops.expand_dims(ops.cast(self.scale, sums.dtype), 1)
        rows = ops.reshape(ops.tanh(sums), (-1, self.units))
        return ops.reshape(ops.matmul(rows, scale), ops.shape(sums)[:3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "coverage": self.coverage}


@keras.saving.register_keras_serializable(package="rnn_keras")
class MultiplicativeAttention(_Attention):
    r"""Luong's general attention, scaled, with a projection of the values as keys.

    $$a_{ts} = \mathrm{softmax}_s\, \frac{q_t (v_s W_k)^\top}{\sqrt d}, \qquad
      c_t = \sum_s a_{ts} v_s$$

    with d the size of the queries. Call arguments and results are those of `AdditiveAttention`.

    Args:
        **options: `name`, `dtype`, `trainable`.

    References: Luong, Pham & Manning 2015 (arXiv:1508.04025); the scale: Vaswani et al. 2017.
    """

    coverage = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.softmax = keras.layers.Softmax(dtype=self.dtype_policy)

    def build(self, queries_shape: Any, values_shape: Any, values_mask_shape: Any = None) -> None:
        self.units = queries_shape[-1]
        self.key = keras.layers.Dense(self.units, use_bias=False, dtype=self.dtype_policy)
        self.key.build(values_shape)
        self.built = True

    def project_queries(self, queries: Any) -> Any:
        """The queries as the score takes them, `(rows, time, units)`."""
        return queries / self.units**0.5

    def score(self, queries: Any, keys: Any, coverage: Any = None) -> Any:
        """As `AdditiveAttention.score`; there is no coverage."""
        return ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
