"""Token ids as input of a model."""

from typing import Any

from keras import ops


def known_ids(ids: Any, vocab_size: int, unknown_id: int) -> Any:
    """The ids, with those outside `[0, vocab_size)` replaced by `unknown_id`.

    Otherwise the result depends on the runtime: an invalid id may count from the end, be clipped
    to the range, or give zeros.

    Args:
        ids: int32 tensor.
        vocab_size: number of tokens.
        unknown_id: the id of `<unk>`.

    Returns:
        A tensor of the shape and dtype of `ids`.
    """
    is_known = ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, vocab_size))
    # Not `ops.where`: TFLite Micro selects among floats only.
    return unknown_id + (ids - unknown_id) * ops.cast(is_known, ids.dtype)
