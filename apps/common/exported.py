"""Opens the exported model of a run."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run

if TYPE_CHECKING:
    from rnn_keras.export import LiteRTModel, SavedModel

Source = Annotated[Literal["saved_model", "litert"], tyro.conf.arg(name="from")]
"""The flag `--from` of a command that runs an exported model."""


def export_advice(run: Run) -> str:
    """How to make a missing export, for an error message."""
    return f"make it with python -m apps.{run.app}.export {shlex.quote(str(run))}"


def load_export(run: Run, source: str, *signatures: str) -> "SavedModel | LiteRTModel":
    """The exported model of a run; `best.keras` and the vocabulary files are not read.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".
        *signatures: names of the required signatures.

    Raises:
        InputError: the file is missing or damaged, or lacks a signature.
    """
    path = run.saved_model / "1" if source == "saved_model" else run.tflite
    if not path.exists():
        raise InputError(f"{path} not found; {export_advice(run)}")
    with one_line_export_errors(run, path):
        from rnn_keras.export import load

        model = load(path)
        for name in signatures:
            if name not in model.signatures:
                raise ValueError(f"it has no signature {name!r}")
    return model


@contextmanager
def one_line_export_errors(run: Run, path: Path) -> Iterator[None]:
    """Turns errors of reading the exported model at `path` into one line with the remedy.

    Raises:
        InputError: what is wrong with the model, and how to export it again.
    """
    tf = import_tensorflow()
    try:
        yield
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"cannot read {path}: {reason}; {export_advice(run)}") from error
