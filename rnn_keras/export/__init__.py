"""Export of models to files that do not need this code: SavedModel, LiteRT (builtins only), ONNX.

`saved_model`, `litert` and `onnx` take a Keras model. `write_saved_model` and `write_litert`, which
the first two use, take named functions, the *signatures*: `tf.function`s with an `input_signature`
of named `TensorSpec`s that return a dictionary of tensors. An export is written to a temporary
place, compared with the model on examples, and only then replaces the old one. `load` opens all
formats.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` finds
    from rnn_keras.export.exported import load as load
    from rnn_keras.export.litert_file import LiteRTReport as LiteRTReport
    from rnn_keras.export.litert_file import Target as Target
    from rnn_keras.export.litert_file import write_litert as write_litert
    from rnn_keras.export.litert_model import LiteRTModel as LiteRTModel
    from rnn_keras.export.loaded_saved_model import SavedModel as SavedModel
    from rnn_keras.export.micro_model import MicroModel as MicroModel
    from rnn_keras.export.models import litert as litert
    from rnn_keras.export.models import saved_model as saved_model
    from rnn_keras.export.onnx_file import ONNXReport as ONNXReport
    from rnn_keras.export.onnx_file import onnx as onnx
    from rnn_keras.export.onnx_model import ONNXModel as ONNXModel
    from rnn_keras.export.saved_model_folder import SavedModelReport as SavedModelReport
    from rnn_keras.export.saved_model_folder import write_saved_model as write_saved_model
    from rnn_keras.export.verify import ExportError as ExportError
    from rnn_keras.export.verify import random_examples as random_examples

_MODULES = {
    "ExportError": "verify",
    "LiteRTModel": "litert_model",
    "LiteRTReport": "litert_file",
    "MicroModel": "micro_model",
    "ONNXModel": "onnx_model",
    "ONNXReport": "onnx_file",
    "SavedModel": "loaded_saved_model",
    "SavedModelReport": "saved_model_folder",
    "Target": "litert_file",
    "litert": "models",
    "load": "exported",
    "onnx": "onnx_file",
    "random_examples": "verify",
    "saved_model": "models",
    "write_litert": "litert_file",
    "write_saved_model": "saved_model_folder",
}

__all__ = list(_MODULES)


def __getattr__(name):
    # On first use, so that the command answers `--help` without TensorFlow.
    if name in _MODULES:
        return getattr(importlib.import_module(f"rnn_keras.export.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'rnn_keras.export' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
