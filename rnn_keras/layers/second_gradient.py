"""The gradient of the loop's gradient, for gradient penalties, Hessians and forward mode.

Slower than the compiled loops; it runs only for second and higher derivatives.
"""

import functools

import tensorflow as tf


class SecondGradient:
    """Differentiates the gradient of a loop, any number of times.

    Args:
        loop: `loop(sizes, sequences, mask, arguments, unroll) -> results`, of operations that
            TensorFlow differentiates to any order; arguments and results are lists of tensors.
    """

    def __init__(self, loop):
        self._loop = loop
        self._eager = self._function()

    def __call__(self, sizes, sequences, mask, arguments, d_results, d_gradients):
        """The gradients of `arguments` and of `d_results`, one after the other.

        Args:
            sizes, sequences, mask: passed on to the loop.
            arguments: list of tensors.
            d_results: the gradients of the results, the source of those of the arguments.
            d_gradients: the gradients of the gradients of the arguments.
        """
        # In a graph it is a separate function, as loops are built differently for XLA.
        function = self._eager if tf.executing_eagerly() else self._function()
        # `tape.jacobian` of an eager tape vectorises this; TensorFlow cannot vectorise the second
        # gradient of a while loop.
        unroll = not tf.executing_eagerly() and not tf.is_symbolic_tensor(arguments[0])
        return function(
            sizes, sequences, unroll, mask, list(arguments), list(d_results), list(d_gradients)
        )

    def _function(self):
        # Partial: TensorFlow counts retracing by code object, and this one serves every layer.
        return tf.function(functools.partial(self._differentiate), autograph=False)

    def _differentiate(self, sizes, sequences, unroll, mask, arguments, d_results, d_gradients):
        # Symbolically, as a tape does not record what `ForwardAccumulator` runs.
        zeros = {"unconnected_gradients": "zero"}
        results = self._loop(sizes, sequences, mask, arguments, unroll)
        gradients = tf.gradients(results, arguments, d_results, **zeros)
        return tf.gradients(gradients, [*arguments, *d_results], d_gradients, **zeros)
