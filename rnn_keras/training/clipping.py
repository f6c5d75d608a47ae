"""Gradient clipping."""

from collections.abc import Sequence

import tensorflow as tf


def clip_by_global_norm(
    gradients: Sequence[tf.Tensor | tf.IndexedSlices | None], theta: float
) -> tuple[list[tf.Tensor | None], tf.Tensor]:
    r"""Scales the gradients so that their joint norm is at most θ.

    $$g \leftarrow \min\left(1, \frac{\theta}{\lVert g \rVert}\right) g$$

    with the norm over all gradients together. A Keras optimizer's `global_clipnorm` does the same
    for dense gradients; for an embedding it counts the rows of a repeated token separately, while
    here they are summed first, as in the formula. Source: Dive into Deep Learning, section 9.5.

    Args:
        gradients: list of tensors, `tf.IndexedSlices` or None (which stays None).
        theta: θ, a positive number.

    Returns:
        `(clipped, norm)`: the list of dense gradients, and the norm before clipping, a scalar.

    Raises:
        ValueError: if `theta` is not positive.
    """
    if not theta > 0:
        raise ValueError(f"`theta` must be positive, got {theta!r}.")
    dense = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    return tf.clip_by_global_norm(dense, theta)
