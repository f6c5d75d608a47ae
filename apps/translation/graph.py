"""Graph functions of the translator, for export: whole sentences, and step by step."""

import tensorflow as tf

from apps.translation.config import TranslationConfig
from apps.translation.model import Translator
from apps.translation.pipeline import Pipeline
from apps.translation.text import BOS_ID
from rnn_keras.text import Tokenizer


class TranslatorGraph:
    """A trained model with both its vocabularies, as graph functions.

    Args:
        config: the configuration of the model.
        model: the model.
        source, target: the tokenizers.

    Attributes:
        pipeline: from text to translations.
        functions: all functions by name, `tf.function`s that return dictionaries; see the
            methods. A batch has at least one row. Ids outside a vocabulary are read as `<unk>`.
        saved_model, litert: the functions of each format. LiteRT files take no text.
        trackables: objects that an export must track.
    """

    def __init__(
        self, config: TranslationConfig, model: Translator, source: Tokenizer, target: Tokenizer
    ):
        self._config, self._model = config, model
        attends = config.attention != "none"
        self.pipeline = Pipeline(
            config, source, target, model.encode, self._step, self._attention if attends else None
        )
        ids = [tf.TensorSpec([None, None], tf.int32, "ids")]
        memory, states = tf.function(
            model.encode, input_signature=ids, autograph=False
        ).get_concrete_function().structured_outputs  # fmt: skip
        self._memory = {name: _spec(name, spec) for name, spec in memory.items()}
        self._states = {f"state_{i}": _spec(f"state_{i}", spec) for i, spec in enumerate(states)}
        text = [tf.TensorSpec([None], tf.string, "text")]
        carried = [*self._states.values(), *self._memory.values()]
        last = [tf.TensorSpec([None], tf.int32, "ids")]

        def export(signature, *functions):
            return {
                each.__name__: tf.function(each, input_signature=signature, autograph=False)
                for each in functions
            }

        searches = export(ids, self.greedy_ids, self.beam_ids)
        parts = export(ids, self.encode) | export(last + carried, self.step)
        if attends:
            parts |= export(ids + carried, self.align)
        self.saved_model = export(text, self.translate, self.greedy, self.nbest) | parts
        self.litert = {"greedy": searches["greedy_ids"], "beam": searches["beam_ids"], **parts}
        self.functions = self.saved_model | searches
        self.trackables = [model, source.table, target.table]

    def translate(self, text):
        """The best translation that beam search finds of each text.

        Args:
            text: `(batch,)` strings, UTF-8; other bytes count as blanks.

        Returns:
            `translation`, `(batch,)` strings; `score`, `(batch,)` float32, its log-probability
            over L^alpha. An empty text has an empty translation and score 0.
        """
        return self._best_text(text, self._config.beam)

    def greedy(self, text):
        """As `translate`, by greedy search."""
        return self._best_text(text, 1)

    def nbest(self, text):
        """All translations that beam search keeps of each text.

        Args:
            text: as in `translate`.

        Returns:
            `translations`, `(batch, beam)` strings, and their `scores`, float32, the best first.
            Where there are fewer, the others are empty and have the lowest float as score.
        """
        beam, alpha = self._config.beam, self._config.alpha
        found = self.pipeline(text, beam, alpha, nbest=beam)
        return {"translations": found.texts, "scores": found.hypotheses.scores}

    def greedy_ids(self, ids):
        """Greedy search, see `beam_ids`."""
        return self._best_ids(ids, 1)

    def beam_ids(self, ids):
        """The best translation that beam search finds.

        Args:
            ids: int32 `(batch, source)`, each row with `EOS_ID` after its last token and `PAD_ID`
                behind it.

        Returns:
            `ids`, int32 `(batch, time)`, and `lengths`, `(batch,)`, including the final
            `EOS_ID`, after which there is nothing else. `scores`, `(batch,)` float32.
        """
        return self._best_ids(ids, self._config.beam)

    def encode(self, ids):
        """The inputs of `step` for a source: the memory, which never changes, and the states.

        Args:
            ids: as in `beam_ids`.

        Returns:
            Tensors by name: those of the memory, and `state_0`, `state_1`, ...
        """
        memory, states = self._model.encode(ids)
        return {**memory, **dict(zip(self._states, states))}

    def step(self, ids, *carried):
        """The next token.

        Args:
            ids: int32 `(rows,)`, the tokens before; `BOS_ID` at first.
            *carried: the states, each `(rows, units)`; the memory of the `rows / k` sentences,
                with k consecutive rows each.

        Returns:
            `logits`, float32 `(rows, vocabulary)`, and the new states by their names.
        """
        logits, states = self._step(ids, *self._unpack(carried))
        return {"logits": logits, **dict(zip(self._states, states))}

    def align(self, ids, *carried):
        """The attention of each token of translations.

        Args:
            ids: int32 `(rows, time)`, the translations, such as `beam_ids` returns.
            *carried: what `encode` returned, with rows as in `step`.

        Returns:
            `attention`, float32 `(rows, time, source)`, which sums to 1 over the source.
        """
        return {"attention": self._attention(ids, *self._unpack(carried))}

    def _unpack(self, carried):
        """`(states, memory)` of the inputs of a signature."""
        count = len(self._states)
        return list(carried[:count]), dict(zip(self._memory, carried[count:]))

    def _best_text(self, text, beam):
        found = self.pipeline(text, beam, self._config.alpha)
        return {"translation": found.texts[:, 0], "score": found.hypotheses.scores[:, 0]}

    def _best_ids(self, ids, beam):
        found, _, _ = self.pipeline.search(ids, beam, self._config.alpha)
        return {
            "ids": found.tokens[:, 0],
            "lengths": found.lengths[:, 0],
            "scores": found.scores[:, 0],
        }

    def _step(self, tokens, states, memory):
        logits, states, _ = self._model.decode(tf.expand_dims(tokens, 1), list(states), memory)
        return tf.squeeze(logits, 1), states

    def _attention(self, tokens, states, memory):
        start = tf.ones_like(tokens[:, :1]) * BOS_ID
        before = tf.concat([start, tokens[:, :-1]], axis=1)
        return self._model.decode(before, states, memory)[2]


def _spec(name, spec):
    return tf.TensorSpec(spec.shape, spec.dtype, name)
