"""What is in a LiteRT file, read by its schema."""

from ai_edge_litert import schema_py_generated as schema
from flatbuffers.number_types import Int8Flags
from flatbuffers.table import Table


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


def model_metadata(file):
    """TFLite Model Metadata by TFLite's metadata_schema.fbs: its texts, and its files' types."""
    model = _read(file)
    (entry,) = (each for each in model.metadata if each.name == b"TFLITE_METADATA")
    content = bytes(model.buffers[entry.buffer].data)
    assert content[4:8] == b"M001"
    table = Table(content, int.from_bytes(content[:4], "little"))
    slots = {"name": 0, "description": 1, "version": 2, "author": 4, "license": 5}
    texts = {name: _text(table, slot) for name, slot in slots.items()}
    files, offset = {}, table.Offset(4 + 2 * 6)
    for i in range(table.VectorLen(offset)):
        each = Table(content, table.Indirect(table.Vector(offset) + 4 * i))
        files[_text(each, 0)] = each.Get(Int8Flags, each.Pos + each.Offset(4 + 2 * 2))
    return {name: text for name, text in texts.items() if text is not None} | {"files": files}


def _text(table, slot):
    offset = table.Offset(4 + 2 * slot)
    return table.String(table.Pos + offset).decode() if offset else None
