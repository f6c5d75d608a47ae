"""What is in a LiteRT file, read by its schema."""

from ai_edge_litert import schema_py_generated as schema


def _read(file):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))


def _names(enumeration):
    return {value: name for name, value in vars(enumeration).items() if name[0] != "_"}


def operators(file):
    """The names of the operators; "CUSTOM" is any that is no builtin, so Flex ones too."""
    names = _names(schema.BuiltinOperator)
    return {names[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in _read(file).operatorCodes}


def weight_types(file):
    """The types of the tensors that have values in the file, "FLOAT32", "INT8", ..."""
    model, names = _read(file), _names(schema.TensorType)
    return {
        names[tensor.type]
        for graph in model.subgraphs
        for tensor in graph.tensors
        if model.buffers[tensor.buffer].data is not None
    }
