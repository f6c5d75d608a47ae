"""Opens the exported model of a run."""

import shlex
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
    tf = import_tensorflow()
    from rnn_keras.export import load

    try:
        model = load(path)
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"cannot read {path}: {reason}; {export_advice(run)}") from error
    for name in signatures:
        if name not in model.signatures:
            raise InputError(
                f"cannot read {path}: it has no signature {name!r}; {export_advice(run)}"
            )
    return model
