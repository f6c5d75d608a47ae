"""Reads the model and the vocabulary of a finished run."""

from collections.abc import Callable

import keras

from apps.common.errors import InputError
from apps.common.run import Run
from rnn_keras.text import Vocabulary


def load_best(run: Run) -> keras.Model:
    """The model of the kept epoch, not compiled.

    Raises:
        InputError: `best.keras` is missing or damaged.
    """
    try:
        return keras.saving.load_model(run.best, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {run.best}: {str(error).strip().splitlines()[0]}") from error


def load_in_float32(run: Run, build: Callable[[], keras.Model]) -> keras.Model:
    """As `load_best`, computing in float32, for scoring and export.

    Args:
        run: a trained run.
        build: builds the model of the run, in float32.

    Raises:
        InputError: `best.keras` is missing or damaged, or does not fit.
    """
    best, model = load_best(run), build()
    try:
        model.set_weights([variable.numpy() for variable in best.weights])
    except ValueError as error:
        raise InputError(f"cannot read {run.best}: {str(error).strip().splitlines()[0]}") from error
    return model


def load_vocabulary(run: Run, file: str = "vocab.txt") -> Vocabulary:
    """A vocabulary of a run.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return Vocabulary.load(run.path / file)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the vocabulary of {run}: {error}") from error
