"""The baseline: interpolated Witten-Bell character n-grams."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def witten_bell(
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    vocab_size: int,
    max_order: int = 6,
    history_ids: Sequence[int] | np.ndarray | None = None,
) -> list[float]:
    """Mean nats per character of `validation_ids` under n-grams of orders 1 to `max_order`.

    Every validation character counts, the first included. Arguments and errors are those of
    `witten_bell_nats`; entry k-1 of the result belongs to the order k.
    """
    nats = witten_bell_nats(train_ids, validation_ids, vocab_size, max_order, history_ids)
    return nats.mean(axis=1).tolist()


def witten_bell_windows(
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    vocab_size: int,
    steps: int,
    max_order: int = 6,
) -> list[float]:
    """Mean nats over all stride-1 windows, each scored from its own characters alone.

    The fair baseline for a model whose state is zero at the start of every window, as in D2L:
    the target j = 0, 1, ... of `sliding_windows(validation_ids, steps)` has the j+1 characters
    of its window before it and no more. `witten_bell` with a history is the harder baseline.

    Returns:
        `max_order` figures, entry k-1 for the order k.

    Raises:
        ValueError: as `witten_bell_nats`, or no window fits.
    """
    nats = witten_bell_nats(train_ids, validation_ids, vocab_size, max_order, history_ids=())
    windows = sliding_window_view(nats, steps + 1, axis=1)[:, :, 1:]  # (order, window, target)
    target = np.arange(steps)
    return [float(windows[np.minimum(k, target + 1), :, target].mean()) for k in range(max_order)]


def witten_bell_nats(
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    vocab_size: int,
    max_order: int = 6,
    history_ids: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """`-log P(c | h)` of every validation character under every order up to `max_order`.

    With h' the context h without its oldest character, T(h) the number of distinct characters
    seen after h in training, and the uniform 1/V below the empty context,

        P(c | h) = (count(h, c) + T(h) P(c | h')) / (count(h) + T(h)),

    and P(c | h) = P(c | h') for a context never seen. A character unseen in training gets its
    share of the uniform distribution, so the result is finite.

    Args:
        train_ids: shape `(n,)`; all counts come from here.
        validation_ids: shape `(m,)`, the characters to score, m >= 1.
        vocab_size: V, the number of symbols `<unk>` included; ids are in `[0, V)`.
        max_order: largest order; the order k uses k-1 characters of context.
        history_ids: the text that stands before `validation_ids`, of which the last
            `max_order - 1` are context for the first characters. None: `train_ids`, right for a
            validation part that continues the training part. A character with less text before it
            than the order needs uses the longest context there is.

    Returns:
        float64, shape `(max_order, m)`.

    Raises:
        ValueError: nothing to score, an id outside `[0, V)`, or `max_order` below 1.

    References:
        Witten and Bell 1991, "The zero-frequency problem", method C; in the interpolated form of
        Chen and Goodman 1998, "An empirical study of smoothing techniques", section 2.
    """
    if max_order < 1:
        raise ValueError(f"max_order must be at least 1, got {max_order}")
    train = _check_ids(train_ids, vocab_size)
    history = train if history_ids is None else _check_ids(history_ids, vocab_size)
    history = history[max(0, len(history) - (max_order - 1)) :]
    text = np.concatenate([history, _check_ids(validation_ids, vocab_size)])
    if len(text) == len(history):
        raise ValueError("there is no validation character to score")

    probability = np.full(len(text), 1 / vocab_size)
    nats = np.empty((max_order, len(text) - len(history)))
    # Entry i of a context array is the context of length k that ends before character k + i. It
    # is an index into the distinct ones, since ids packed as digits would overflow an integer.
    train_context = np.zeros(len(train) + 1, dtype=np.int64)
    text_context = np.zeros(len(text) + 1, dtype=np.int64)
    for k in range(max_order):
        train_context, text_context = train_context[:-1], text_context[:-1]
        train_gram = train_context * vocab_size + train[k:]
        text_gram = text_context * vocab_size + text[k:]
        grams, index = np.unique(np.concatenate([train_gram, text_gram]), return_inverse=True)
        train_gram, text_gram = np.split(index, [len(train_gram)])

        gram_count = np.bincount(train_gram, minlength=len(grams))
        n_contexts = grams[-1] // vocab_size + 1 if len(grams) else 0
        context_count = np.bincount(train_context, minlength=n_contexts)
        context_types = np.bincount(grams[gram_count > 0] // vocab_size, minlength=n_contexts)

        count, types = context_count[text_context], context_types[text_context]
        seen = count > 0
        known = probability[k:]  # a view: where the context is unseen, the lower order stays
        known[seen] = (gram_count[text_gram] + types * known)[seen] / (count + types)[seen]
        nats[k] = -np.log(probability[len(history) :])
        train_context, text_context = train_gram, text_gram
    return nats


def _check_ids(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    ids = np.asarray(ids, dtype=np.int64)
    if ids.size and not (0 <= ids.min() and ids.max() < vocab_size):
        raise ValueError(f"ids run from {ids.min()} to {ids.max()}, outside [0, {vocab_size})")
    return ids
