"""The one time loop behind every recurrent layer.

A *step* states one documented equation and nothing else:

    new_state = step(x, state, weights, affine)

`x` is the tuple of projected inputs of this time step, `state` and `new_state` are tuples whose
first entry is the hidden state `H`, `weights` are the recurrent weights, and

    affine(addend, operand, W) = addend + operand @ W

is how a step multiplies. Because the caller supplies `affine`, the same step serves three
purposes:

* **forward**: `affine` multiplies, and keeps each sum for the backward pass;
* **backward**: `affine` hands back the kept sum instead of multiplying, and its gradient rule
  takes out the gradient of that sum. So automatic differentiation of the step itself gives the
  gate gradients, and each weight's gradient is a single product over all time steps after the
  loop, instead of one small product per step;
* **operands**: run over all time steps at once, it tells what was multiplied.

No derivative is written by hand, and a cell of your own gets the same speed. Its step may use any
elementwise operation, must address features by their last axis (`split(..., axis=-1)`), and pass
every product with a weight matrix through `affine`.

How a loop keeps a value per time step depends on what runs it: see `InPlace` and `Arrays`.
"""

import functools

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla  # the only door to DynamicUpdateSlice


def affine(addend, operand, W):
    """`addend + operand @ W`: what stands inside each activation of the equations."""
    return addend + tf.matmul(operand, W)


class InPlace:
    """Buffers as one tensor, an entry replaced at a time: in place under XLA and in LiteRT.

    In a plain graph each write copies the whole buffer, quadratic in the number of time steps.
    """

    @staticmethod
    def allocate(length, like):
        return tf.zeros(tf.concat([[length], tf.shape(like)], 0), like.dtype)

    @staticmethod
    def write(buffer, t, value):
        start = tf.concat([[t], tf.zeros([value.shape.rank], tf.int32)], 0)
        return xla.dynamic_update_slice(buffer, tf.expand_dims(value, 0), start)

    @staticmethod
    def read(buffer):
        return buffer


class Arrays:
    """Buffers as `tf.TensorArray`: for plain graphs, where its writes cost no copy."""

    @staticmethod
    def allocate(length, like):
        return tf.TensorArray(like.dtype, length, element_shape=like.shape)

    @staticmethod
    def write(buffer, t, value):
        return buffer.write(t, value)

    @staticmethod
    def read(buffer):
        return buffer.stack()


class Recurrence:
    """Runs a step over time, compiled by XLA, with the gradient described above.

    Args:
        step: `step(x, state, weights, affine) -> new_state`, see the module's docstring.
    """

    def __init__(self, step):
        self._step = step
        compiled = {"jit_compile": True, "autograph": False, "reduce_retracing": True}
        # Partials, as TensorFlow warns of retracing by counting the traces of a code object: a
        # model of six layers, each traced once, would be told to mend its ways.
        self._forward = tf.function(functools.partial(self._forward_loop), **compiled)
        self._backward = tf.function(functools.partial(self._backward_loop), **compiled)

    def __call__(self, x, state, weights, mask=None, *, sequences, record):
        """Runs the step over all time steps.

        Args:
            x: tuple of projected inputs, each `(time, batch, features)`.
            state: tuple of initial states, each `(batch, units)`.
            weights: tuple of recurrent weights.
            mask: optional boolean `(batch, time, 1)`; a False step keeps the state. Not time-major,
                as oneDNN does not transpose booleans, and says so to the user.
            sequences: whether `H` of every step is wanted.
            record: whether a gradient is expected. If not, nothing is kept for it, and a
                gradient asked for nevertheless runs the forward loop again.

        Returns:
            `(H, final_state)`, with `H` of shape `(time, batch, units)`, or None.
        """
        sizes = (len(x), len(state), len(weights))

        @tf.custom_gradient
        def run(*arguments):
            # An outer tape must not look into the loops: their gradient is the one below.
            x, state, weights = _unflatten([tf.stop_gradient(a) for a in arguments], sizes)
            H, final_state, tape = self._forward(x, state, weights, mask, sequences, record)

            def gradient(*upstream):
                kept = tape if record else self._forward(x, state, weights, mask, False, True)[2]
                d_H, d_final = (upstream[0], upstream[1:]) if sequences else (None, upstream)
                return self._backward(x, state, weights, mask, kept, d_H, d_final)

            return ((H,) if sequences else ()) + tuple(final_state), gradient

        results = run(*(tf.convert_to_tensor(a) for a in (*x, *state, *weights)))
        return (results[0], results[1:]) if sequences else (None, results)

    def exportable(self, x, state, weights, mask=None, *, sequences, buffers):
        """The forward loop in plain graph operations, without the gradient above.

        Args:
            x, state, weights, mask, sequences: as in `__call__`.
            buffers: `Arrays` for a graph of core operations, `InPlace` for LiteRT's converter.
        """
        return self._forward_loop(x, state, weights, mask, sequences, False, buffers)[:2]

    def _forward_loop(self, x, state, weights, mask, sequences, record, buffers=InPlace):
        T = tf.shape(x[0])[0]

        def advance(t, state):
            kept = []

            def keeping_affine(addend, operand, W):
                kept.append(affine(addend, operand, W))
                return kept[-1]

            x_t = tuple(tf.gather(piece, t) for piece in x)
            new_state = self._step(x_t, state, weights, keeping_affine)
            return _keep_masked(mask, t, new_state, state), tuple(kept)

        def started(value):
            return buffers.write(buffers.allocate(T + 1, value), 0, value)

        # History is indexed so that entry t is the state *before* step t.
        remembered = len(state) if record else int(sequences)
        history = tuple(started(s) for s in state[:remembered])
        sums = tuple(buffers.allocate(T, a) for a in advance(0, state)[1]) if record else ()

        def body(t, state, history, sums):
            state, kept = advance(t, state)
            history = tuple(buffers.write(h, t + 1, s) for h, s in zip(history, state))
            sums = tuple(buffers.write(b, t, a) for b, a in zip(sums, kept))
            return t + 1, state, history, sums

        loop = (0, state, history, sums)
        if x[0].shape[0] == 1:  # streaming: one step needs no loop around it
            loop = body(*loop)
        else:
            loop = tf.while_loop(lambda t, *_: t < T, body, loop, maximum_iterations=T)
        _, final_state, history, sums = loop
        history, sums = [tuple(buffers.read(b) for b in kept) for kept in (history, sums)]
        H = history[0][1:] if sequences else None
        return H, final_state, (history, sums)

    def _backward_loop(self, x, state, weights, mask, kept, d_H, d_final):
        history, sums = kept
        T = tf.shape(x[0])[0]
        transposed = {id(W): tf.transpose(W) for W in weights if W.shape.rank == 2}

        def reverse(t, d_state):
            """The vector-Jacobian product of step t."""
            x_t = tuple(tf.gather(piece, t) for piece in x)
            state_t = tuple(tf.gather(h, t) for h in history)
            replay = _Replay(tuple(tf.gather(a, t) for a in sums), x_t, weights, transposed)
            with tf.GradientTape() as tape:
                tape.watch((x_t, state_t, weights))
                new_state = self._step(x_t, state_t, weights, replay.affine)
                new_state = _keep_masked(mask, t, new_state, state_t)
            if d_H is not None:
                d_state = (d_state[0] + tf.gather(d_H, t), *d_state[1:])
            d_x, d_state, d_weights = tape.gradient(
                new_state, (x_t, state_t, weights), output_gradients=d_state
            )
            d_state = tuple(tf.zeros_like(s) if d is None else d for d, s in zip(d_state, state_t))
            return d_state, d_x, d_weights, replay

        # One step in the open tells which gradients there are at all.
        _, d_x0, d_weights0, replay0 = reverse(T - 1, d_final)
        direct = [i for i, d in enumerate(d_x0) if d is not None]
        elementwise = [i for i, d in enumerate(d_weights0) if d is not None]

        def body(t, d_state, d_sums, d_direct, d_elementwise):
            d_state, d_x, d_weights, replay = reverse(t, d_state)
            d_sums = tuple(InPlace.write(b, t, d) for b, d in zip(d_sums, replay.d_sums))
            d_direct = tuple(InPlace.write(b, t, d_x[i]) for b, i in zip(d_direct, direct))
            d_elementwise = tuple(
                total + d_weights[i] for total, i in zip(d_elementwise, elementwise)
            )
            return t - 1, d_state, d_sums, d_direct, d_elementwise

        loop = (
            T - 1,
            tuple(d_final),
            tuple(tf.zeros_like(a) for a in sums),
            tuple(tf.zeros_like(x[i]) for i in direct),
            tuple(tf.zeros_like(weights[i]) for i in elementwise),
        )
        _, d_state, d_sums, d_direct, d_elementwise = tf.while_loop(
            lambda t, *_: t >= 0, body, loop, maximum_iterations=T
        )

        d_x = dict(zip(direct, d_direct))
        for i, k in replay0.absorbed.items():
            d_x[i] = d_x[i] + d_sums[k] if i in d_x else d_sums[k]
        d_weights = dict(zip(elementwise, d_elementwise))
        replay = _Replay(sums, x, weights, transposed)
        past = tuple(h[:-1] for h in history)
        self._step(x, past, weights, replay.affine)
        for (addend, operand, W), d_sum in zip(replay.calls, d_sums):
            for i, weight in enumerate(weights):
                if weight is W:
                    d = tf.einsum("tbi,tbj->ij", operand, d_sum)
                elif weight is addend:
                    d = tf.reduce_sum(d_sum, (0, 1))
                else:
                    continue
                d_weights[i] = d_weights[i] + d if i in d_weights else d
        return (
            *(d_x.get(i, tf.zeros_like(piece)) for i, piece in enumerate(x)),
            *d_state,
            *(d_weights.get(i, tf.zeros_like(w)) for i, w in enumerate(weights)),
        )


class _Replay:
    """An `affine` that returns kept sums and takes the gradients of those sums out.

    Attributes:
        calls: `(addend, operand, W)` of each call, in order.
        d_sums: the gradient of each sum, once the step was differentiated.
        absorbed: `{i: k}`: the projected input `i` is the addend of call `k`, and there gets the
            gradient of the sum, which is not carried twice.
    """

    def __init__(self, sums, x, weights, transposed):
        self.calls, self.absorbed = [], {}
        self.d_sums = [tf.zeros_like(a) for a in sums]
        self._sums, self._transposed = sums, transposed
        self._inputs = {id(piece): i for i, piece in enumerate(x)}
        self._weights = {id(weight) for weight in weights}

    def affine(self, addend, operand, W):
        k = len(self.calls)
        self.calls.append((addend, operand, W))

        @tf.custom_gradient
        def recall(operand):
            def gradient(d_sum):
                self.d_sums[k] = d_sum
                return tf.matmul(d_sum, self._transposed[id(W)])

            return tf.identity(self._sums[k]), gradient

        kept = recall(operand)
        i = self._inputs.get(id(addend))
        if i is not None and i not in self.absorbed:
            self.absorbed[i] = k
        elif tf.is_tensor(addend) and id(addend) not in self._weights:
            kept += addend - tf.stop_gradient(addend)  # nothing, but with the addend's gradient
        return kept


def _keep_masked(mask, t, new_state, state):
    if mask is None:
        return tuple(new_state)
    valid = tf.gather(mask, t, axis=1)
    return tuple(tf.where(valid, new, old) for new, old in zip(new_state, state))


def _unflatten(values, sizes):
    parts, start = [], 0
    for size in sizes:
        parts.append(tuple(values[start : start + size]))
        start += size
    return parts
