"""Recurrent dropout and zoneout, as other steps around a cell's step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from rnn_keras.layers.types import Tensor, Tensors


def split_by_gate(weights: Tensors, units: int) -> tuple[Tensors, tuple[int, ...]]:
    """Recurrent weights with each matrix split by gate, for `masked_step`.

    Returns:
        The pieces, and how many there are of each weight; 0 for a vector, which is not split.
    """
    counts = tuple(W.shape[1] // units if len(W.shape) == 2 else 0 for W in weights)
    pieces = [ops.split(W, n, axis=-1) if n else [W] for W, n in zip(weights, counts)]
    return tuple(piece for of_one in pieces for piece in of_one), counts


def masked_step(step: Callable, counts: tuple[int, ...]) -> Callable:
    """`step` with recurrent dropout: the state is multiplied by a mask of each gate.

    Its weights are the pieces of `split_by_gate`, then a mask `(batch, units)` for each gate.
    """
    gates = sum(counts)

    def masked(x, state, weights, affine):
        masks = iter([ops.stop_gradient(mask) for mask in weights[-gates:]])
        pieces = iter(weights[:-gates])
        grouped = tuple(
            [(next(pieces), next(masks)) for _ in range(n)] if n else next(pieces) for n in counts
        )

        def product(addend, operand, group):
            is_number = isinstance(addend, float)
            addends = [addend] * len(group) if is_number else ops.split(addend, len(group), axis=-1)
            sums = [affine(a, operand * mask, W) for a, (W, mask) in zip(addends, group)]
            return ops.concatenate(sums, axis=-1)

        return step(x, state, grouped, product)

    return masked


def zoneout_step(step: Callable, rates: Sequence[float], drawn: bool) -> Callable:
    r"""`step` with zoneout, $H_t = D_t \odot H_{t-1} + (1 - D_t) \odot \tilde H_t$ for each state.

    Source: Krueger et al. 2017 (arXiv:1606.01305), equation 3.

    Args:
        step: gives $\tilde H_t$.
        rates: the probability that a unit keeps its value, for each state.
        drawn: whether D is drawn, as in training, and is at the end of `x`, an array
            `(batch, units)` of 0 and 1 for each state; in inference it is the rate.
    """

    def zoned(x, state, weights, affine):
        kept = rates
        if drawn:
            x, kept = x[: -len(rates)], map(ops.stop_gradient, x[-len(rates) :])
        new_state = step(x, state, weights, affine)
        return tuple(
            D * old + (1 - D) * new for D, old, new in zip(kept, state, new_state, strict=True)
        )

    return zoned


def draw_zoneout(X: Tensor, sizes: Sequence[int], rates: Sequence[float], seed: Any) -> Tensors:
    """For each state, 1 for the units that keep their value, and 0 for the others.

    Args:
        X: inputs `(..., inputs)`, of one or all time steps.
        sizes: the size of each state.
        rates: the probability of 1, for each state.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        Tensors `(..., size)`.
    """
    ones = ops.ones_like(X[..., :1])
    changed = [
        keras.random.dropout(ones + ops.zeros((size,), ones.dtype), rate, seed=seed)
        for size, rate in zip(sizes, rates)
    ]
    return tuple(ops.cast(ops.equal(c, 0), c.dtype) for c in changed)
