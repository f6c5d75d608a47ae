"""The one time loop behind every recurrent layer.

A *step* is one textbook equation and nothing else:

    new_state = step(x, state, weights, affine)

`x` is the tuple of projected inputs of this time step, `state` and `new_state` are tuples whose
first entry is the hidden state `H`, `weights` are the recurrent weights, and

    affine(addend, operand, W) = addend + operand @ W

is how a step multiplies. Because the caller supplies `affine`, the same step has three uses:

* **forward**: `affine` multiplies, and keeps each sum for the backward pass;
* **backward**: `affine` returns the kept sum instead of multiplying, and its gradient rule
  extracts the gradient of that sum. So automatic differentiation of the step itself gives the
  gate gradients, and each weight's gradient is a single product over all time steps after the
  loop, instead of one small product per step;
* **operands**: run over all time steps at once, it gives the operands of the products.

No derivative is written by hand, and a cell of your own gets the same speed. Its step may use any
elementwise operation, must address features by their last axis (`split(..., axis=-1)`), and pass
every product with a weight matrix through `affine`.

The buffers of a loop depend on the runtime: see `buffers.py`.
"""

import functools

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util  # the only access to its tangents

from rnn_keras.layers.buffers import InPlace
from rnn_keras.layers.replay import Replay, index
from rnn_keras.layers.second_gradient import SecondGradient
from rnn_keras.layers.unrolled import affine, at, is_short, keep_masked, unrolled


class Recurrence:
    """Runs a step over time, compiled by XLA, with the gradient described above.

    Args:
        step: `step(x, state, weights, affine) -> new_state`, see the module's docstring.
    """

    def __init__(self, step):
        self.step = step
        compiled = {"jit_compile": True, "autograph": False, "reduce_retracing": True}
        # Partials, as TensorFlow counts the traces of a code object and would warn of retracing in
        # a model of six layers, each traced once.
        self._forward = tf.function(functools.partial(self._forward_loop), **compiled)
        self._backward = tf.function(functools.partial(self._backward_loop), **compiled)
        self._second_gradient = SecondGradient(self._plain_loop)

    def __call__(self, x, state, weights, mask=None, *, sequences, record):
        """Runs the step over all time steps.

        Args:
            x: tuple of projected inputs, each `(time, batch, features)`.
            state: tuple of initial states, each `(batch, units)`.
            weights: tuple of recurrent weights.
            mask: optional boolean `(batch, time, 1)`; a False step keeps the state. Not time-major,
                as oneDNN does not transpose booleans, and warns the user.
            sequences: whether to return `H` of every step.
            record: whether a gradient is expected. If not, nothing is kept for it, and a gradient
                runs the forward loop again.

        Returns:
            `(H, final_state)`, with `H` of shape `(time, batch, units)`, or None.
        """
        if is_short(x[0].shape[0]) and not tf.executing_eagerly():
            return unrolled(self.step, x, state, weights, mask, sequences)
        sizes = (len(x), len(state), len(weights))

        @tf.custom_gradient
        def run(*arguments):
            # An outer tape must record neither the loops nor the values that they keep.
            x, state, weights = _unflatten([tf.stop_gradient(a) for a in arguments], sizes)
            loop = (x, state, weights, mask, sequences)
            final_state, *kept = self._forward(*loop, record)
            kept = tf.nest.map_structure(tf.stop_gradient, kept)

            def gradient(*upstream):
                # Copies, as a gradient of this one may be computed in another graph.
                valid = None if mask is None else tf.identity(mask)

                @tf.custom_gradient
                def differentiate(*inputs):
                    arguments, d_results = inputs[: sum(sizes)], inputs[sum(sizes) :]
                    d = [tf.stop_gradient(d) for d in d_results]
                    d_H, d_final = (d[0], d[1:]) if sequences else (None, d)
                    history_and_sums = kept if record else self._forward(*loop, True)[1:]
                    gradients = self._gradient(
                        x, state, weights, mask, history_and_sums, d_H, d_final
                    )
                    again = functools.partial(
                        self._second_gradient, sizes, sequences, valid, arguments, d_results
                    )
                    return gradients, lambda *d_gradients: again(d_gradients)

                return differentiate(*map(tf.identity, (*arguments, *upstream)))

            H = (kept[0][0][1:],) if sequences else ()
            return (*H, *final_state), gradient

        arguments = [tf.convert_to_tensor(a) for a in (*x, *state, *weights)]
        if not tf.executing_eagerly() and forwardprop_util.pack_tangents(arguments).tangents:
            raise NotImplementedError(
                "ForwardAccumulator inside a tf.function ignores custom gradients; open it outside "
                "the function, or call a layer with unroll=True in use_plan('reference')."
            )
        results = run(*arguments)
        return (results[0], results[1:]) if sequences else (None, results)

    def _plain_loop(self, sizes, sequences, mask, arguments, unroll):
        """H of every step if `sequences`, and the final states, differentiable to any order."""
        x, state, weights = _unflatten(arguments, sizes)
        if unroll:
            H, final_state = unrolled(self.step, x, state, weights, mask, sequences)
            return [H] * sequences + list(final_state)

        def advance(state, now):
            t, x_t = now
            return keep_masked(mask, t, self.step(x_t, state, weights, affine), state)

        history = tf.scan(advance, (tf.range(tf.shape(x[0])[0]), x), state)
        return [history[0]] * sequences + [states[-1] for states in history]

    def exportable(self, x, state, weights, mask=None, *, sequences, buffers):
        """The forward loop in plain graph operations, without the gradient above.

        Args:
            x, state, weights, mask, sequences: as in `__call__`.
            buffers: `Arrays` for a graph of core operations, `InPlace` for LiteRT's converter.
        """
        loop = (x, state, weights, mask, sequences, False, buffers)
        final_state, history, _ = self._forward_loop(*loop)
        if not sequences:
            return None, final_state
        one = x[0].shape[0] == 1  # a single step needs no stack
        return (tf.expand_dims(final_state[0], 0) if one else history[0][1:]), final_state

    def _forward_loop(self, x, state, weights, mask, sequences, record, buffers=InPlace):
        T = tf.shape(x[0])[0]

        def advance(t, state):
            kept = []

            def keeping_affine(addend, operand, W):
                kept.append(affine(addend, operand, W))
                return kept[-1]

            x_t = tuple(at(piece, t) for piece in x)
            new_state = self.step(x_t, state, weights, keeping_affine)
            return keep_masked(mask, t, new_state, state), tuple(kept)

        # History is indexed so that entry t is the state *before* step t.
        remembered = len(state) if record else int(sequences)
        if x[0].shape[0] == 1:  # streaming: one step needs neither a loop nor buffers
            new_state, kept = advance(0, state)
            history = tuple(tf.stack(pair) for pair in zip(state[:remembered], new_state))
            return new_state, history, tuple(a[None] for a in kept) if record else ()

        def started(value):
            return buffers.write(buffers.allocate(T + 1, value), 0, value)

        history = tuple(started(s) for s in state[:remembered])
        sums = tuple(buffers.allocate(T, a) for a in advance(0, state)[1]) if record else ()

        def body(t, state, history, sums):
            state, kept = advance(t, state)
            history = tuple(buffers.write(h, t + 1, s) for h, s in zip(history, state))
            sums = tuple(buffers.write(b, t, a) for b, a in zip(sums, kept))
            return t + 1, state, history, sums

        _, final_state, history, sums = tf.while_loop(
            lambda t, *_: t < T, body, (0, state, history, sums), maximum_iterations=T
        )
        history, sums = [tuple(buffers.read(b) for b in kept) for kept in (history, sums)]
        return final_state, history, sums

    def _gradient(self, x, state, weights, mask, kept, d_H, d_final):
        """The gradients of x, state and weights, one after the other."""
        history, sums = kept
        # A product with a matrix that is transposed on the fly takes up to twice the time.
        transposed = tuple(tf.transpose(W) if W.shape.rank == 2 else W for W in weights)
        arguments = (x, weights, transposed, mask, history, sums, d_H, d_final)
        d_state, d_sums, operands, d_x, d_weights = self._backward(*arguments)

        # The first step, outside of the loop, gives the operands of the sums.
        replay = Replay(*(tuple(a[0] for a in kept) for kept in (sums, x)), weights, transposed)
        self.step(replay.x, state, weights, replay.affine)
        for i, k in replay.absorbed.items():
            d_x[i] = _add(d_x.get(i), d_sums[k])
        for k, (addend, operand, W) in enumerate(replay.calls):
            if operands[k] is None:
                operand = history[index(operand, state)][:-1]
            else:
                operand = operands[k]
            # Outside the compiled loop, as XLA first transposes the operand on a CPU.
            d_W = tf.matmul(_rows(operand), _rows(d_sums[k]), transpose_a=True)
            i = index(W, weights)
            d_weights[i] = _add(d_weights.get(i), d_W)
            i = index(addend, weights)
            if i is not None:
                d_weights[i] = _add(d_weights.get(i), tf.reduce_sum(d_sums[k], (0, 1)))
        return (
            *(d_x.get(i, tf.zeros_like(a)) for i, a in enumerate(x)),
            *d_state,
            *(d_weights.get(i, tf.zeros_like(a)) for i, a in enumerate(weights)),
        )

    def _backward_loop(self, x, weights, transposed, mask, history, sums, d_H, d_final):
        """Differentiates the steps from the last to the first.

        Returns:
            `(d_state, d_sums, operands, d_x, d_weights)`: the gradient of the initial state; of
            each sum, over all time steps; what each sum multiplied, None where that is a state;
            and by index, where there are any, the gradients of x and weights that did not pass
            through a sum.
        """
        T = tf.shape(x[0])[0]

        def reverse(t, d_state):
            """The vector-Jacobian product of step t."""
            state_t = tuple(tf.gather(h, t) for h in history)
            sums_t, x_t = (tuple(tf.gather(a, t) for a in all_t) for all_t in (sums, x))
            replay = Replay(sums_t, x_t, weights, transposed)
            watched = (replay.x, state_t, weights)
            with tf.GradientTape() as tape:
                tape.watch(watched)
                new_state = self.step(replay.x, state_t, weights, replay.affine)
                new_state = keep_masked(mask, t, new_state, state_t)
            if d_H is not None:
                d_state = (d_state[0] + tf.gather(d_H, t), *d_state[1:])
            d_x, d_state, d_weights = tape.gradient(new_state, watched, output_gradients=d_state)
            d_state = tuple(tf.zeros_like(s) if d is None else d for d, s in zip(d_state, state_t))
            return d_state, d_x, d_weights, replay.d_sums

        # One step outside of the loop shows which gradients exist.
        _, some_d_x, some_d_weights, _ = reverse(T - 1, d_final)
        d_x = {i: tf.zeros_like(x[i]) for i, d in enumerate(some_d_x) if d is not None}
        d_weights = {
            i: tf.zeros_like(weights[i]) for i, d in enumerate(some_d_weights) if d is not None
        }

        def body(t, d_state, d_sums, d_x, d_weights):
            d_state, d_x_t, d_weights_t, d_sums_t = reverse(t, d_state)
            d_sums = tuple(InPlace.write(b, t, d) for b, d in zip(d_sums, d_sums_t))
            d_x = {i: InPlace.write(b, t, d_x_t[i]) for i, b in d_x.items()}
            d_weights = {i: total + d_weights_t[i] for i, total in d_weights.items()}
            return t - 1, d_state, d_sums, d_x, d_weights

        d_sums = tuple(tf.zeros_like(a) for a in sums)
        _, d_state, d_sums, d_x, d_weights = tf.while_loop(
            lambda t, *_: t >= 0,
            body,
            (T - 1, tuple(d_final), d_sums, d_x, d_weights),
            maximum_iterations=T,
        )
        past = tuple(h[:-1] for h in history)
        replay = Replay(sums, x, weights, transposed)
        self.step(x, past, weights, replay.affine)
        operands = tuple(
            operand if index(operand, past) is None else None for _, operand, _ in replay.calls
        )
        return d_state, d_sums, operands, d_x, d_weights


def _add(total, value):
    return value if total is None else total + value


def _rows(a):
    return tf.reshape(a, (-1, a.shape[-1]))


def _unflatten(values, sizes):
    parts, start = [], 0
    for size in sizes:
        parts.append(tuple(values[start : start + size]))
        start += size
    return parts
