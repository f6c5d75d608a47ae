"""A sample of generated text after each epoch."""

import keras
import numpy as np

from apps.char_lm.config import CharLMConfig
from apps.char_lm.graph import CharLMGraph
from rnn_keras import use_plan
from rnn_keras.text import Vocabulary

TEMPERATURE = 0.8


class SampleText(keras.callbacks.Callback):
    """Prints a continuation of `config.sample` after each epoch, always with the same seed."""

    def __init__(self, config: CharLMConfig, vocabulary: Vocabulary):
        super().__init__()
        self._config, self._vocabulary = config, vocabulary
        self._graph = None

    def on_epoch_end(self, epoch, logs=None):
        """Keras's hook; the model holds the weights that were validated."""
        if self._graph is None:
            self._graph = CharLMGraph(self._config, self.model, self._vocabulary)
        self._graph.streaming.set_weights([v.numpy() for v in self.model.weights])
        with use_plan("graph"):  # for a text this short, compiling would take longest
            text = self._graph.functions["generate"](
                prompt=np.array([self._config.sample.encode()]),
                length=np.array([self._config.sample_length], np.int32),
                temperature=np.array([TEMPERATURE], np.float32),
                top_k=np.array([0], np.int32),
                top_p=np.array([1.0], np.float32),
                seed=np.array([self._config.seed % 2**31], np.int32),
            )["text"]
        print(_indent(self._config.sample + text.numpy()[0].decode()), flush=True)


def _indent(text):
    return "\n".join("  | " + line for line in text.strip().splitlines())
