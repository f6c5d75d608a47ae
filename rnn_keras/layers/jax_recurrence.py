"""The time loop on JAX: `lax.scan`, with the gradient that `recurrence.py` describes."""

from rnn_keras.extras import needs_extra

with needs_extra("jax"):
    import jax
    import jax.numpy as jnp
    from jax import lax


@jax.custom_vjp
def _recall(operand, probe, kept, transposed):
    """The kept sum; its gradient reaches the operand, and the probe as it is."""
    return kept


_recall.defvjp(
    lambda operand, probe, kept, transposed: (kept, transposed),
    lambda transposed, d: (d @ transposed, d, None, None),
)


class Recurrence:
    """Runs a step over time, with the gradients of weights as one product after the loop.

    Args:
        step: `step(x, state, weights, affine) -> new_state`.
    """

    def __init__(self, step):
        self.step = step
        self._compiled = jax.jit(self._differentiable, static_argnums=4)

    def __call__(self, x, state, weights, mask=None, *, sequences, record):
        """As on TensorFlow; without `record`, as JAX knows what is differentiated."""
        valid = None if mask is None else jnp.moveaxis(mask, 1, 0)
        arguments = [tuple(map(jnp.asarray, tensors)) for tensors in (x, state, weights)]
        return self._compiled(*arguments, valid, sequences)

    def _differentiable(self, x, state, weights, valid, sequences):
        @jax.custom_vjp
        def run(x, state, weights, valid):
            final, (history, _) = self._forward(x, state, weights, valid, int(sequences), False)
            return history, final

        def forward(x, state, weights, valid):
            loop = (x, state, weights, valid)
            final, (history, sums) = self._forward(*loop, len(state), True)
            return (history[: int(sequences)], final), (*loop, history, sums)

        def backward(kept, upstream):
            return (*self._gradient(*kept, *upstream), None)

        run.defvjp(forward, backward)
        H, final = run(x, state, weights, valid)
        return (H[0] if sequences else None), final

    def _forward(self, x, state, weights, valid, remembered, record):
        """The final state; and over time the first `remembered` states, and the sums."""

        def body(state, now):
            x_t, valid_t = now
            kept = []

            def keeping_affine(addend, operand, W):
                kept.append(addend + operand @ W)
                return kept[-1]

            new = _keep_masked(valid_t, self.step(x_t, state, weights, keeping_affine), state)
            return new, (new[:remembered], tuple(kept) if record else ())

        return lax.scan(body, state, (x, valid))

    def _gradient(self, x, state, weights, valid, history, sums, d_H, d_final):
        """The gradients of x, state and weights."""
        past = tuple(jnp.concatenate([s[None], h[:-1]]) for s, h in zip(state, history))
        transposed = [W.T for W in weights]
        calls = []  # of `affine` in the step that was traced last

        def replay(x, weights, sums, probes):
            calls.clear()

            def affine(addend, operand, W):
                k, i = len(calls), _index(W, weights)
                absorbed = _index(addend, x), _index(addend, weights)
                calls.append((*absorbed, operand, i))
                kept = _recall(operand, probes[k], sums[k], transposed[i])
                if absorbed == (None, None) and not isinstance(addend, float):
                    kept += addend - lax.stop_gradient(addend)
                return kept

            return affine

        def body(carry, now):
            d_state, d_weights = carry
            x_t, past_t, valid_t, sums_t, d_H_t = now

            def step(x_t, past_t, weights, probes):
                new = self.step(x_t, past_t, weights, replay(x_t, weights, sums_t, probes))
                return _keep_masked(valid_t, new, past_t)

            probes = tuple(map(jnp.zeros_like, sums_t))
            _, pull = jax.vjp(step, x_t, past_t, weights, probes)
            if d_H_t is not None:
                d_state = (d_state[0] + d_H_t, *d_state[1:])
            d_x, d_state, d_direct, d_sums = pull(d_state)
            # What did not pass through a sum; XLA removes what is zero.
            d_weights = tuple(total + d for total, d in zip(d_weights, d_direct))
            absorbed = {x_index for x_index, *_ in calls}
            d_x = {i: d for i, d in enumerate(d_x) if i not in absorbed}
            return (d_state, d_weights), (d_sums, d_x)

        steps = (x, past, valid, sums, d_H[0] if d_H else None)
        start = (tuple(d_final), tuple(map(jnp.zeros_like, weights)))
        (d_state, d_weights), (d_sums, d_x) = lax.scan(body, start, steps, reverse=True)
        self.step(x, past, weights, replay(x, weights, sums, sums))  # gives the operands
        d_weights = list(d_weights)
        for (x_index, bias, operand, k), d in zip(calls, d_sums):
            if x_index is not None:
                d_x[x_index] = d_x[x_index] + d if x_index in d_x else d
            if bias is not None:
                d_weights[bias] += d.sum((0, 1))
            d_weights[k] += jnp.einsum("tbi,tbj->ij", operand, d)
        return tuple(d_x[i] for i in range(len(x))), d_state, tuple(d_weights)


def _index(value, values):
    return next((i for i, other in enumerate(values) if other is value), None)


def _keep_masked(valid, new_state, state):
    if valid is None:
        return tuple(new_state)
    return tuple(jnp.where(valid, new, old) for new, old in zip(new_state, state))
