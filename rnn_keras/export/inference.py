"""A model in the form that is exported: any batch size, no carried variables, float32."""

import keras

from rnn_keras.export.folded import FoldedTime
from rnn_keras.export.lookup import Lookup
from rnn_keras.export.masked_attention import MaskedGroupedAttention, MaskedMultiHeadAttention

# Keras's layers that do not convert, and equivalent ones that do.
REPLACEMENTS = {
    ("keras.layers", "TimeDistributed"): FoldedTime,
    ("keras.layers", "MultiHeadAttention"): MaskedMultiHeadAttention,
    ("keras.layers", "GroupQueryAttention"): MaskedGroupedAttention,
}
MICRO_REPLACEMENTS = {**REPLACEMENTS, ("keras.layers", "Embedding"): Lookup}


def as_functional(model):
    """A sequential model as a functional one, of the same layers.

    Raises:
        ValueError: the model is neither, or is not built.
    """
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"`{model.name}` ({type(model).__name__}) must be a functional or sequential model "
            "that was built: give it a `keras.Input`, or call it once."
        )
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def for_inference(model, open_time=False, replacements=REPLACEMENTS):
    """The same model for an open batch size, without `stateful`, in float32, time folded.

    Args:
        model: a functional model.
        open_time: whether it must take sequences of any length. Time is the second dimension of
            the inputs where it is open; if it is open in none, of the inputs with three or more
            dimensions and of integer inputs with two.
        replacements: classes of layers by module and name, each with the class that replaces it.

    Returns:
        A functional model; `model` itself if nothing changes.

    Raises:
        ValueError: it cannot be built in this form.
    """
    config = keras.saving.serialize_keras_object(model)
    fixed = open_time and not any(x.shape[1:2] == (None,) for x in model.inputs)
    changed = _change_config(config, fixed, replacements)
    if changed == config:
        return model
    changed.pop("compile_config", None)
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    try:
        # A model of this process needs no safe mode: its code does not come from outside.
        rebuilt = keras.saving.deserialize_keras_object(changed, classes, safe_mode=False)
        rebuilt.set_weights(model.get_weights())
    except (TypeError, ValueError) as error:
        kind = "sequences of any length" if fixed else "batches of any size"
        words = " ".join(str(error).split())
        raise ValueError(f"`{model.name}` cannot be built for {kind}: {words}") from error
    return rebuilt


def _change_config(config, open_time, replacements):
    """A copy of a serialized object with the changes of `for_inference`, at any depth."""
    if isinstance(config, (list, tuple)):
        return [_change_config(part, open_time, replacements) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and "float" in config["config"]["name"]:
        return {**config, "config": {**config["config"], "name": "float32"}}
    changed = {key: _change_config(value, open_time, replacements) for key, value in config.items()}
    replacement = replacements.get((config.get("module"), config.get("class_name")))
    if replacement:
        changed |= {
            "module": replacement.__module__,
            "class_name": replacement.__name__,
            "registered_name": keras.saving.get_registered_name(replacement),
        }
    if changed.get("stateful"):
        changed["stateful"] = False
    for key in ("batch_shape", "build_input_shape"):
        if changed.get(key):
            changed[key] = _any_size(changed[key], open_time, changed.get("dtype"))
    return changed


def _any_size(shape, open_time, dtype):
    _, *rest = shape
    if open_time and (len(rest) > 1 or (len(rest) == 1 and "int" in str(dtype))):
        rest[0] = None
    return [None, *rest]
