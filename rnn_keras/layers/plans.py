"""The plans: which loop a layer runs, why, and how to select another one."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras

from rnn_keras.layers import loops
from rnn_keras.layers.cell import own_computation

PLANS = {
    "fused": loops.FUSED or "on TensorFlow and JAX only",
    "reference": "Keras's loop over the cell's call, one step at a time",
    "graph": "one plain graph loop of core operations, for a SavedModel",
    "litert": "one plain graph loop that converts to LiteRT builtins; it has no gradient",
}

_forced = contextvars.ContextVar("forced_plan", default=None)


@contextlib.contextmanager
def use_plan(plan: str) -> Iterator[None]:
    """Context in which every layer that is called runs the named plan.

    A model that was compiled or traced before keeps the plan of its trace.

    Args:
        plan: one of `PLANS`. Where it does not apply, as for a cell with its own `call`, the
            reference plan runs instead; `explain` shows the plan.

    Raises:
        ValueError: if there is no such plan.
    """
    if plan not in PLANS:
        raise ValueError(f"`plan` must be one of {', '.join(PLANS)}, got {plan!r}.")
    token = _forced.set(plan)
    try:
        yield
    finally:
        _forced.reset(token)


def forced():
    """The plan that `use_plan` set, or None."""
    return _forced.get()


def may_train(training):
    """Whether a call may be in training: a tensor may be True; False and None may not."""
    return training is not False and training is not None


def choose(layer):
    """The plan of a recurrent layer and the reason, as a pair of strings."""
    plan = forced()
    if plan == "reference":
        return plan, "use_plan('reference') is in force"
    if (reason := own_computation(layer.cell)) is not None:
        return "reference", f"{reason}: only Keras's loop runs it"
    if plan in ("graph", "litert"):
        if plan not in loops.EXPORTABLE:
            return "reference", f"only TensorFlow has the {plan} plan"
        return plan, f"use_plan({plan!r}) is in force"
    if loops.FUSED is None:
        return "reference", f"the backend is {keras.backend.backend()}"
    return "fused", PLANS["fused"] + ("; unroll=True has no effect" if layer.unroll else "")


def explain(layer: keras.Layer) -> str:
    """Describes which plan a recurrent layer uses, and why.

    Args:
        layer: a layer of `rnn_keras.layers`, or a model, for all its recurrent layers.

    Returns:
        A text with one line per recurrent layer.

    Raises:
        ValueError: if there is no recurrent layer of `rnn_keras` in it.
    """
    found = [part for part in layer._flatten_layers() if hasattr(part, "_recurrence")]
    if not found:
        raise ValueError(f"`{layer.name}` holds no recurrent layer of rnn_keras.")
    lines = []
    for part in found:
        plan, reason = choose(part)
        lines.append(f"{part.name} ({type(part).__name__}): {plan} plan ({reason})")
    return "\n".join(lines)
