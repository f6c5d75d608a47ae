"""SavedModels over HTTP and gRPC: the APIs of TensorFlow Serving, for one machine.

`python -m rnn_keras.serve saved_models/sentiment/RUN` is the command, docs/serving.md the manual.
The engine is TensorFlow Serving's: a `tf.compat.v1.Session` runs the graph, which can be stopped
after a time limit and frees everything when a version is unloaded.
"""

import importlib
from typing import TYPE_CHECKING

from rnn_keras.extras import needs_extra

if TYPE_CHECKING:  # what `__getattr__` finds
    from rnn_keras.serve.api import create_app as create_app
    from rnn_keras.serve.batching import Runner as Runner
    from rnn_keras.serve.limits import Limits as Limits
    from rnn_keras.serve.models import ModelStore as ModelStore
    from rnn_keras.serve.sources import locate as locate

_MODULES = {
    "Limits": "limits",
    "ModelStore": "models",
    "Runner": "batching",
    "create_app": "api",
    "locate": "sources",
}

__all__ = list(_MODULES)


def __getattr__(name):
    # On first use, so that the command answers `--help` without TensorFlow.
    if name in _MODULES:
        with needs_extra("serve"):
            return getattr(importlib.import_module(f"rnn_keras.serve.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'rnn_keras.serve' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
