"""Cutting one long id sequence into inputs and next-token targets.

Both ways of the textbooks: *sequential partitioning* into contiguous streams, for truncated
backpropagation through time with carried state, and overlapping *sliding windows*, each of which
starts from a fresh state. The target is always the input shifted by one position.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def contiguous_streams(
    ids: np.ndarray, batch_size: int, steps: int, offset: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Partition `ids` sequentially into `batch_size` streams, cut into chunks of `steps`.

    Row b of chunk k+1 continues row b of chunk k, so a state carried from chunk to chunk covers
    its stream from the beginning. All streams have the same length, the largest multiple of
    `steps` that fits; stream b+1 begins where stream b ends. Hence every id from `offset + 1` on
    is a target exactly once, except the fewer than `batch_size * steps` left over at the end
    (vary `offset` between epochs to cover those too).

    Args:
        ids: shape `(n,)`.
        batch_size: number of parallel streams.
        steps: chunk length, the τ of truncated backpropagation through time.
        offset: number of leading ids to skip.

    Returns:
        `X, Y`, each of shape `(n_chunks, batch_size, steps)` and the dtype of `ids`; views, so
        they cost no memory and must not be written to.

    Raises:
        ValueError: an argument is not positive (offset: negative), or `ids` is too short.

    References:
        Zhang et al., Dive into Deep Learning, "Sequential Partitioning"; Zaremba et al. 2014.
    """
    ids = _sequence(ids, batch_size=batch_size, steps=steps)
    if offset < 0:
        raise ValueError(f"offset must not be negative, got {offset}")
    n_chunks = (len(ids) - offset - 1) // (batch_size * steps)
    if n_chunks < 1:
        raise ValueError(
            f"{batch_size} streams of {steps} steps from offset {offset} need at least "
            f"{offset + batch_size * steps + 1} ids, got {len(ids)}"
        )
    n = n_chunks * batch_size * steps

    def chunks(start):
        streams = ids[start : start + n].reshape(batch_size, n_chunks, steps)
        return streams.swapaxes(0, 1)

    return chunks(offset), chunks(offset + 1)


def sliding_windows(ids: np.ndarray, steps: int, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """All windows `ids[i : i + steps + 1]` for i = 0, `stride`, 2 `stride`, ...

    With `stride=steps` every target position is predicted once; with `stride=1` (D2L's choice)
    an inner position is predicted `steps` times, with 1 to `steps` ids of context.

    Args:
        ids: shape `(n,)`.
        steps: number of inputs, and of targets, per window.
        stride: distance between the starts of neighbouring windows.

    Returns:
        `X, Y`, each of shape `((n - steps - 1) // stride + 1, steps)` and the dtype of `ids`:
        the first and the last `steps` ids of each window. Read-only views.

    Raises:
        ValueError: an argument is not positive, or `ids` is too short for one window.
    """
    ids = _sequence(ids, steps=steps, stride=stride)
    if len(ids) < steps + 1:
        raise ValueError(
            f"a window of {steps} steps needs at least {steps + 1} ids, got {len(ids)}"
        )
    windows = sliding_window_view(ids, steps + 1)[::stride]
    return windows[:, :-1], windows[:, 1:]


def window_starts(rows: int, lookback: int, horizon: int = 1, stride: int = 1) -> np.ndarray:
    """First rows of all windows of `lookback` rows to read and `horizon` rows to forecast.

    Only these are kept; the rows of a window are gathered when its batch is made, so that
    overlapping windows cost no memory.

    Args:
        rows: length of the series.
        lookback: number of rows to read.
        horizon: number of rows after them, to forecast.
        stride: distance between the starts of neighbouring windows.

    Returns:
        `0, stride, 2 stride, ...`, int64, shape `((rows - lookback - horizon) // stride + 1,)`.

    Raises:
        ValueError: an argument is not positive, or the series is too short for one window.
    """
    for name, value in {"lookback": lookback, "horizon": horizon, "stride": stride}.items():
        if value < 1:
            raise ValueError(f"{name} must be positive, got {value}")
    if rows < lookback + horizon:
        raise ValueError(
            f"a window of {lookback} + {horizon} rows needs at least {lookback + horizon} rows, "
            f"got {rows}"
        )
    return np.arange(0, rows - lookback - horizon + 1, stride, dtype=np.int64)


def _sequence(ids, **positive: int) -> np.ndarray:
    for name, value in positive.items():
        if value < 1:
            raise ValueError(f"{name} must be positive, got {value}")
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f"ids must be one sequence of shape (n,), got shape {ids.shape}")
    return ids
