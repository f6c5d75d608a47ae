"""Rebuilds a model on new layers with the same weights, with some layers exchanged."""

import tempfile

import keras


def rebuild(model, exchange, call):
    """Copies a model or layer, and exchanges some layers.

    The copy has layers and weights of its own, and the names, sharing, `trainable` flags and
    carried states of the original, which is not changed. It is not compiled.

    Args:
        model: a Keras model or layer. Sequential and functional models, nested ones included, and
            wrappers such as `TimeDistributed` are searched; all other layers are copied whole.
        exchange: `exchange(layer)` returns the unbuilt layer that replaces `layer`, with the same
            weights in the same order, or None to copy it.
        call: `call(layer, *args, **kwargs)` calls a layer of the copy with the arguments of the
            original one.

    Returns:
        The new model or layer.

    Raises:
        ValueError: for a layer that cannot be exchanged; before anything is built.
    """
    if not isinstance(model, keras.layers.Layer):
        raise ValueError(
            f"`model` must be a Keras model or layer, got {type(model).__name__}; a file is read "
            "with keras.saving.load_model."
        )
    copies = {}  # (old, new) by id(old), inner layers before outer ones
    _exchange_all(model, exchange, copies)
    exchanged = set(copies)
    result = _copy(model, copies, call)
    for key, (old, new) in reversed(copies.items()):
        if isinstance(old, keras.layers.Layer):  # rather than a function of keras.ops
            _transfer(old, new, key in exchanged)
    return result


def refusal(layer, why):
    """The error for a layer that cannot be converted."""
    return ValueError(f"`{layer.name}` ({type(layer).__name__}) cannot be converted: {why}")


def _is_graph(layer):
    """Whether the model's graph of layers is all of its computation."""
    is_model = isinstance(layer, (keras.Sequential, keras.Function))
    return is_model and type(layer).call.__module__.startswith("keras.")


def _exchange_all(layer, exchange, copies):
    new = exchange(layer)
    if new is not None:
        copies[id(layer)] = layer, new
        return
    if _is_graph(layer):
        parts = layer.layers
    elif isinstance(layer, keras.layers.Wrapper):
        parts = [layer.layer]
    else:
        _refuse_hidden(layer, exchange)
        return
    for part in parts:
        if id(part) not in copies:
            _exchange_all(part, exchange, copies)


def _refuse_hidden(layer, exchange):
    for part in layer._flatten_layers(include_self=False):
        if isinstance(part, keras.layers.RNN) and exchange(part) is not None:
            raise refusal(
                layer,
                f"its code holds a {type(part).__name__}, `{part.name}`, that cannot be reached "
                "from outside; change that code, or build a functional model in its place.",
            )


def _copy(layer, copies, call):
    if id(layer) in copies:
        return copies[id(layer)][1]

    def copy(part):
        return _copy(part, copies, call)

    if not _is_graph(layer):
        new = _copy_layer(layer, copy)
    elif isinstance(layer, keras.Sequential):
        inputs = map(_input_like, getattr(layer, "inputs", []))  # none if it is not built
        new = keras.Sequential([*inputs, *map(copy, layer.layers)], name=layer.name)
    else:
        # Not the model itself: clone_model would compile the copy, and fails if the loss is a
        # function that is not registered.
        graph = keras.Model(layer.input, layer.output, name=layer.name)
        inputs = keras.tree.map_structure(_input_like, layer.input)
        new = keras.models.clone_model(graph, inputs, clone_function=copy, call_function=call)
    copies[id(layer)] = layer, new
    return new


def _copy_layer(layer, copy):
    if isinstance(layer, keras.layers.Wrapper):
        config = layer.get_config()
        del config["layer"]
        return type(layer)(copy(layer.layer), **config)
    if type(layer) is keras.layers.Lambda:  # its config would lose variables that the function uses
        return keras.layers.Lambda(
            layer.function,
            output_shape=layer._output_shape,
            mask=layer.mask,
            arguments=layer.arguments,
            name=layer.name,
            dtype=layer.dtype_policy,
        )
    return type(layer).from_config(layer.get_config())


def _input_like(x):
    return keras.Input(
        batch_shape=x.shape,
        dtype=x.dtype,
        sparse=x.sparse,
        name=x.name,
        optional=x._keras_history.operation.optional,
    )


def _transfer(old, new, exchanged):
    """Gives a copied layer the attributes that a configuration does not hold."""
    if new.trainable != old.trainable:
        new.trainable = old.trainable
    if _is_graph(old) or not old.built:
        return
    if not new.built:
        new.build_from_config(old.get_build_config())
    for old_weight, new_weight in zip(old.weights, new.weights, strict=True):
        new_weight.trainable = old_weight.trainable
    if exchanged:
        new.set_weights(old.get_weights())
        _assign(_carried(old), _carried(new))
    elif isinstance(old, keras.layers.Wrapper):
        _load(old, new)
    else:
        for old_part, new_part in zip(old._flatten_layers(), new._flatten_layers(), strict=True):
            _load(old_part, new_part)
            if isinstance(old_part, keras.layers.RNN):
                _assign(_carried(old_part), _carried(new_part))


def _load(old, new):
    """Weights and tables, by the hooks that Keras's files use."""
    store = {}
    old.save_own_variables(store)
    new.load_own_variables(store)
    if hasattr(old, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            new.load_assets(folder)


def _carried(layer):
    """The states that a stateful layer carries, those of the layers in a stack in order."""
    if hasattr(layer, "layers"):
        return [state for part in layer.layers for state in _carried(part)]
    return keras.tree.flatten(getattr(layer, "states", None) or ())


def _assign(old, new):
    for source, target in zip(old, new, strict=True):
        target.assign(source)
