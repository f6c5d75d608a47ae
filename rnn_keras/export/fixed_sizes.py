"""Signatures of fixed sizes, which browsers and microcontrollers need."""

import numpy as np
import tensorflow as tf


def fix_sizes(functions, examples, batch, times):
    """The same functions for one batch size and given lengths, with float32 and int32 values only.

    Args:
        functions: `tf.function`s by name, each with an `input_signature` of named specs.
        examples: lists of dictionaries of arrays by function name, of any sizes.
        batch: the size of the first dimension, where it is open.
        times: lengths, the sizes of the other open dimensions. With several, there is a function
            `NAME_LENGTH` of each; a function without such dimensions keeps its name.

    Returns:
        `(functions, examples)`. Inputs and outputs of other integers and booleans (0 or 1) are
        int32. The examples are cut into batches and padded with zeros at the end; those that are
        still larger are left out.

    Raises:
        ValueError: a size is not positive, a function has open lengths and there are no `times`,
            or all its examples are larger.
    """
    if min(batch, *times, 1) < 1:
        raise ValueError(f"batch and time must be at least 1, got {batch} and {[*times]}.")
    fixed, fitted = {}, {}
    for name, function in functions.items():
        lengths = times if _has_open_lengths(function) else (None,)
        if not lengths:
            raise ValueError(f"`{name}` is for any length: give the one to fix (`times=`, --time).")
        for time in lengths:
            new = name if len(lengths) == 1 else f"{name}_{time}"
            fixed[new] = _fix(function, batch, time)
            if name in examples:
                specs = function.input_signature, fixed[new].input_signature
                # A batch may have had the rows of other examples.
                fitted[new] = list(
                    {
                        tuple(value.tobytes() for value in example.values()): example
                        for example in _fit(*specs, batch, examples[name])
                    }.values()
                )
                if not fitted[new]:
                    raise ValueError(
                        f"`examples` of {name} are all larger than batch {batch}, time {time}."
                    )
    return fixed, fitted


def _has_open_lengths(function):
    return any(None in spec.shape[1:] for spec in function.input_signature)


def _fix(function, batch, time):
    given = function.input_signature
    specs = [
        tf.TensorSpec(
            [(time if i else batch) if n is None else n for i, n in enumerate(spec.shape)],
            _border_type(spec.dtype),
            spec.name,
        )
        for spec in given
    ]

    def run(*arguments):
        outputs = function.python_function(
            *(tf.cast(argument, spec.dtype) for argument, spec in zip(arguments, given))
        )
        return {name: tf.cast(x, _border_type(x.dtype)) for name, x in outputs.items()}

    return tf.function(run, input_signature=specs, autograph=False)


def _border_type(dtype):
    return tf.float32 if dtype.is_floating else tf.int32


def _fit(given, fixed, batch, examples):
    """Examples for the specs `given` as examples for the specs `fixed`."""
    by_row = [spec.name for spec in given if spec.shape.rank and spec.shape[0] is None]
    for example in examples:
        example = {name: np.asarray(value) for name, value in example.items()}
        counts = {len(example[name]) for name in by_row} or {batch}
        if len(counts) > 1:  # rows of several kinds, such as sentences and their hypotheses
            continue
        (rows,) = counts
        for start in range(0, rows, batch):
            chosen = np.minimum(np.arange(start, start + batch), rows - 1)
            piece = {n: x[chosen] if n in by_row else x for n, x in example.items()}
            widths = {
                spec.name: [(0, n - k) for n, k in zip(spec.shape, piece[spec.name].shape)]
                for spec in fixed
            }
            if all(missing >= 0 for pairs in widths.values() for _, missing in pairs):
                yield {
                    spec.name: np.pad(piece[spec.name], widths[spec.name]).astype(
                        spec.dtype.as_numpy_dtype
                    )
                    for spec in fixed
                }
