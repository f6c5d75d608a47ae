"""A few translations after each epoch."""

import keras
import tensorflow as tf

from apps.translation.config import TranslationConfig
from apps.translation.graph import TranslatorGraph
from apps.translation.pairs import Pairs
from rnn_keras import use_plan
from rnn_keras.text import Tokenizer

SHOWN = 3


class SampleTranslations(keras.callbacks.Callback):
    """Prints some validation sentences, the same in each epoch, and their greedy translations."""

    def __init__(
        self, config: TranslationConfig, source: Tokenizer, target: Tokenizer, pairs: Pairs
    ):
        super().__init__()
        self._config, self._source, self._target = config, source, target
        step = max(1, len(pairs.distinct_sources) // SHOWN)
        self._sentences = pairs.distinct_sources[::step][:SHOWN]
        self._translate = None

    def on_epoch_end(self, epoch, logs=None):
        """Keras's hook; the model holds the weights that were validated."""
        with use_plan("graph"):  # for sentences so few, compiling would take longest
            if self._translate is None:
                graph = TranslatorGraph(self._config, self.model, self._source, self._target)
                self._translate = graph.functions["greedy"]
            found = self._translate(tf.constant(self._sentences))["translation"].numpy()
        for sentence, translation in zip(self._sentences, found):
            print(f"  | {sentence}\n  > {translation.decode()}", flush=True)
