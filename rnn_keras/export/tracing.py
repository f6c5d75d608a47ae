"""From functions to a SavedModel on disk, for both formats."""

import re

import keras
import tensorflow as tf

from rnn_keras.layers import use_plan


def require_tensorflow():
    """Refuses another backend.

    Raises:
        ValueError: Keras does not run on TensorFlow.
    """
    if (backend := keras.backend.backend()) != "tensorflow":
        raise ValueError(f"export runs on TensorFlow: set KERAS_BACKEND=tensorflow, not {backend}.")


def check_functions(functions):
    """Refuses functions that cannot be signatures.

    Raises:
        ValueError: there is none, or one has no `input_signature` or an unnamed input; or Keras
            does not run on TensorFlow.
    """
    require_tensorflow()
    if not functions:
        raise ValueError("`functions` is empty: give at least one function to export.")
    for name, function in functions.items():
        specs = getattr(function, "input_signature", None)
        if specs is None:
            raise ValueError(f"`{name}` must be a tf.function with an `input_signature`.")
        if not all(isinstance(spec, tf.TensorSpec) and spec.name for spec in specs):
            raise ValueError(
                f"`{name}` must have an `input_signature` of `tf.TensorSpec`s with names, "
                f"got {specs}."
            )


def save_traced(functions, trackables, plan, directory, default=None):
    """Traces `functions` under a plan and saves them as the signatures of a SavedModel.

    They are traced anew, because a function that was called before keeps the plan of that call,
    and without AutoGraph.

    Args:
        functions: `tf.function`s by name that pass `check_functions`.
        trackables: the Keras models and layers (of which only the variables are kept), variables
            and tables that the functions use.
        plan: one of `rnn_keras.layers.plans.PLANS`.
        directory: the folder to write.
        default: name of the function that is also `serving_default`.

    Raises:
        ValueError: a function uses a variable that is not among the `trackables`.
    """
    module = tf.Module()
    module.tracked = [_resources(trackable) for trackable in trackables]
    with use_plan(plan):
        signatures = {
            name: tf.function(
                function.python_function, input_signature=function.input_signature, autograph=False
            ).get_concrete_function()
            for name, function in functions.items()
        }
        if default is not None:
            signatures = {"serving_default": signatures[default], **signatures}
        try:
            tf.saved_model.save(module, str(directory), signatures=signatures)
        except AssertionError as error:  # raised by TensorFlow for this
            if found := re.search(r"Trackable referencing this tensor = (.*)", str(error)):
                raise ValueError(f"`trackables` lacks {found[1]}, which is used.") from error
            raise


def _resources(trackable):
    if isinstance(trackable, keras.layers.Layer):
        return [variable.value for variable in trackable.variables]
    return trackable
