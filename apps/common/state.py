"""The state of a training between two epochs: saving, restoring, seeding."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from apps.common.errors import InputError
from apps.common.files import atomic_path
from apps.common.history import Row
from rnn_keras.training import reset_states


def save(path: Path, model: keras.Model, rows: Sequence[Row]) -> None:
    """Write the variables of `model` and of its optimizer, and the history, atomically.

    Args:
        path: the `.npz` file.
        model: a built model with a built optimizer.
        rows: the epochs so far.
    """
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            history=np.array(json.dumps(rows)),
            **{f"variable_{i}": v.numpy() for i, v in enumerate(_variables(model))},
        )


def restore(path: Path, model: keras.Model) -> list[Row]:
    """Restore what `save` wrote.

    Args:
        path: the `.npz` file; when it is missing nothing happens.
        model: the model, built as it was when saved, with a built optimizer.

    Returns:
        The history; empty when there is no file.

    Raises:
        InputError: the file is of a model with other variables.
    """
    if not path.exists():
        return []
    variables = _variables(model)
    with np.load(path) as saved:
        arrays = [saved[f"variable_{i}"] for i in range(len(saved.files) - 1)]
        rows = json.loads(str(saved["history"]))
    if [array.shape for array in arrays] != [tuple(v.shape) for v in variables]:
        raise InputError(
            f"{path} does not fit the model; the data or the program changed since it was saved"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return rows


def start_epoch(model: keras.Model, seed: int, epoch: int, rank: int | None = None) -> None:
    """Seed all randomness from `(seed, epoch)`, and reset carried states to zero.

    It seeds the generators of Python, NumPy, TensorFlow and Keras, and every
    `keras.random.SeedGenerator` that a layer of `model` holds, so that no generator's state needs
    to be saved.

    Args:
        model: a built model.
        seed: the seed of the run.
        epoch: the epoch, counted from 0.
        rank: number of the replica, which has masks of its own; None for a single one.
    """
    own = () if rank is None else (rank,)
    keras.utils.set_random_seed(_mix(seed, epoch, *own))
    generators = [v for v in model.variables if v.name == "seed_generator_state"]
    for position, generator in enumerate(generators):
        generator.assign([_mix(seed, epoch, position, *own), 0])
    reset_states(model)


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Context in which the weights of `model` are the moving average of its optimizer."""
    optimizer = inner_optimizer(model)
    weights = [variable.numpy() for variable in model.trainable_variables]
    keras.optimizers.Optimizer.finalize_variable_values(optimizer, model.trainable_variables)
    try:
        yield
    finally:
        for variable, weight in zip(model.trainable_variables, weights, strict=True):
            variable.assign(weight)


def has_average(model: keras.Model) -> bool:
    """Whether the optimizer of `model` keeps a moving average and has one already."""
    optimizer = inner_optimizer(model)
    # Before the first step (mixed_float16 may skip some) the average is still zero.
    return optimizer.use_ema and int(optimizer.iterations) > 0


def _variables(model: keras.Model) -> list[keras.Variable]:
    return model.variables + model.optimizer.variables


def inner_optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """The optimizer without the loss-scaling wrapper of mixed_float16."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def _mix(*numbers: int) -> int:
    """A 31-bit seed from numbers; neighbouring numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)
