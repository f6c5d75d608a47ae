"""Models as files that need none of this code: SavedModel, and LiteRT with builtin operations.

What is exported is a set of named functions, the *signatures*: `tf.function`s with an
`input_signature` of named `TensorSpec`s that return a dictionary of tensors. Everything is
written beside the old export, compared with the functions themselves on examples, and only then
put in its place.
"""

from rnn_keras.export.litert import LiteRTReport, write_litert
from rnn_keras.export.litert_model import LiteRTModel
from rnn_keras.export.saved_model import SavedModelReport, write_saved_model
from rnn_keras.export.verify import ExportError, random_examples

__all__ = [
    "ExportError",
    "LiteRTModel",
    "LiteRTReport",
    "SavedModelReport",
    "random_examples",
    "write_litert",
    "write_saved_model",
]
