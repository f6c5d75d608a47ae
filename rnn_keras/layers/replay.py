"""The `affine` of the backward pass."""

import tensorflow as tf


class Replay:
    """An `affine` that returns kept sums and extracts their gradients.

    Attributes:
        x: the projected inputs, for the step.
        calls: `(addend, operand, W)` of each call, in order.
        d_sums: the gradient of each sum, once the step was differentiated.
        absorbed: `{i: k}`: the projected input `i` is the addend of call `k`, and there gets the
            gradient of the sum, which is not carried twice.
    """

    def __init__(self, sums, x, weights, transposed):
        self.x, self.calls, self.absorbed = x, [], {}
        self.d_sums = [tf.zeros_like(a) for a in sums]
        self._sums, self._weights, self._transposed = sums, weights, transposed

    def affine(self, addend, operand, W):
        k = len(self.calls)
        self.calls.append((addend, operand, W))

        @tf.custom_gradient
        def recall(operand):
            def gradient(d_sum):
                self.d_sums[k] = d_sum
                return tf.matmul(d_sum, self._transposed[index(W, self._weights)])

            return tf.identity(self._sums[k]), gradient

        kept = recall(operand)
        i = index(addend, self.x)
        if i is not None and i not in self.absorbed:
            self.absorbed[i] = k
        elif tf.is_tensor(addend) and index(addend, self._weights) is None:
            kept += addend - tf.stop_gradient(addend)  # nothing, but with the addend's gradient
        return kept


def index(value, values):
    """Where `values` holds this very object, or None."""
    return next((i for i, other in enumerate(values) if other is value), None)
