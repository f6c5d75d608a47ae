"""A time step in TensorFlow, and few of them one after the other."""

import tensorflow as tf

# Up to this many steps, to call two compiled functions takes longer than their loops save.
SHORT = 3


def is_short(time):
    """Whether a graph runs this number of time steps without a loop; None is an unknown number."""
    return time is not None and time <= SHORT


def unrolled(step, x, state, weights, mask, sequences):
    """A `Recurrence` in plain operations, which TensorFlow differentiates itself.

    Args:
        step, x, state, weights, mask, sequences: those of `Recurrence`.

    Returns:
        `(H, final_state)`, as a `Recurrence` does.
    """
    H = []
    for t, x_t in enumerate(zip(*(tf.unstack(piece) for piece in x))):
        state = keep_masked(mask, t, step(x_t, state, weights, affine), state)
        H.append(state[0])
    return tf.stack(H) if sequences else None, state


def affine(addend, operand, W):
    """`addend + operand @ W`: the argument of each activation of the equations."""
    return addend + tf.matmul(operand, W)


def at(values, t, axis=0):
    """The values of time step t; without a gather if it is the only one, for TFLite Micro."""
    return tf.squeeze(values, axis) if values.shape[axis] == 1 else tf.gather(values, t, axis=axis)


def keep_masked(mask, t, new_state, state):
    """The new state, but the old one in the rows that `mask` `(batch, time, 1)` leaves out."""
    if mask is None:
        return tuple(new_state)
    valid = at(mask, t, axis=1)
    return tuple(tf.where(valid, new, old) for new, old in zip(new_state, state))
