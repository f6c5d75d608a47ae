"""Metadata of an exported model: what it does, who made it, its labels and its signatures.

They are a JSON file next to the vocabulary: in `assets.extra` of a SavedModel, and in the zip
archive of a LiteRT file. A LiteRT file also has the texts as *TFLite Model Metadata*, which Android
Studio and MediaPipe read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rnn_keras.export.record import dtype_name
from rnn_keras.extras import needs_extra

METADATA = "metadata.json"
# Fields of the table ModelMetadata in TFLite's metadata_schema.fbs that are texts.
TEXTS = {"name": 0, "description": 1, "version": 2, "author": 4, "license": 5}
ASSOCIATED_FILES, FIELDS = 6, 8
DESCRIPTIONS, VOCABULARY = 1, 5  # types of an associated file

Metadata = Mapping[str, str | Sequence[str]]
"""Texts under the names in `TEXTS`, and `labels`, the texts of a classifier's outputs in order."""


def check_metadata(metadata: Metadata) -> None:
    """Refuses unknown names and values of the wrong type.

    Raises:
        ValueError: the message names the entry.
    """
    for name, value in metadata.items():
        if name not in (*TEXTS, "labels"):
            raise ValueError(f"`metadata` has {', '.join(TEXTS)} and labels, got {name!r}.")
        texts = [value] if name in TEXTS else value
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            wanted = "a text" if name in TEXTS else "a list of texts"
            raise ValueError(f"`metadata` must have {wanted} as {name}, got {value!r}.")


def metadata_json(
    metadata: Metadata, functions: Mapping[str, Any], outputs: Mapping[str, Any], files: Iterable
) -> str:
    """The content of `metadata.json`.

    Args:
        metadata: the given entries.
        functions: the exported `tf.function`s by signature name.
        outputs: the expected outputs: by name, lists of dictionaries of arrays.
        files: the names of the vocabularies.
    """
    signatures = {
        name: f"{name}({_inputs(function.input_signature)}) -> "
        + ", ".join(f"{key}: {dtype_name(value)}" for key, value in outputs[name][0].items())
        for name, function in functions.items()
    }
    entries = {**metadata, "vocabularies": list(files), "signatures": signatures}
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def add_model_metadata(content: bytes, metadata: Metadata, vocabularies: Iterable[str]) -> bytes:
    """A LiteRT file with TFLite Model Metadata.

    Args:
        content: the file.
        metadata: its entries; `labels` are in `metadata.json` only.
        vocabularies: the names of the vocabularies in its zip archive.
    """
    with needs_extra("litert"):
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    files = dict.fromkeys(vocabularies, VOCABULARY) | {METADATA: DESCRIPTIONS}
    buffer, entry = schema.BufferT(), schema.MetadataT()
    table = _model_metadata(flatbuffers.Builder(), metadata, files)
    buffer.data = np.frombuffer(table, np.uint8)
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _model_metadata(builder, metadata, files):
    texts = {TEXTS[name]: builder.CreateString(metadata[name]) for name in TEXTS & metadata.keys()}
    names = {builder.CreateString(name): kind for name, kind in files.items()}
    tables = []
    for name, kind in names.items():
        builder.StartObject(5)
        builder.PrependUOffsetTRelativeSlot(0, name, 0)
        builder.PrependInt8Slot(2, kind, 0)
        tables.append(builder.EndObject())
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    texts[ASSOCIATED_FILES] = builder.EndVector()
    builder.StartObject(FIELDS)
    for slot, value in texts.items():
        builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    builder.Finish(builder.EndObject(), b"M001")
    return bytes(builder.Output())


def _inputs(specs):
    return ", ".join(
        f"{spec.name}: {spec.dtype.name}{[n if n else '?' for n in spec.shape]}".replace("'", "")
        for spec in specs
    )
