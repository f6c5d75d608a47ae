"""Graph functions of the translator, for export: whole sentences, and step by step."""

import tensorflow as tf

from apps.translation.config import TranslationConfig
from apps.translation.model import Translator
from apps.translation.search import most_attended, search, source_ids, source_words
from apps.translation.text import BOS_ID
from rnn_keras.text import Tokenizer


class TranslatorGraph:
    """A trained model with both its vocabularies, as graph functions.

    Args:
        config: the configuration of the model.
        model: the model.
        source, target: the tokenizers.

    Attributes:
        functions: all functions by name, `tf.function`s that return dictionaries; see the
            methods. A batch has at least one row. Ids outside a vocabulary are read as `<unk>`.
        saved_model, litert: the functions of each format. LiteRT files take no text.
        trackables: objects that an export must track.
    """

    def __init__(
        self, config: TranslationConfig, model: Translator, source: Tokenizer, target: Tokenizer
    ):
        self._config, self._model, self._source, self._target = config, model, source, target
        self._copies = config.tokens == "word" and config.attention != "none"
        text = [tf.TensorSpec([None], tf.string, "text")]
        # Once in a SavedModel, however many functions call it: its tables are large.
        self._read = tf.function(self._read_text, input_signature=text, autograph=False)
        ids = [tf.TensorSpec([None, None], tf.int32, "ids")]
        memory, states = tf.function(
            model.encode, input_signature=ids, autograph=False
        ).get_concrete_function().structured_outputs  # fmt: skip
        self._memory = {name: _spec(name, spec) for name, spec in memory.items()}
        self._states = {f"state_{i}": _spec(f"state_{i}", spec) for i, spec in enumerate(states)}
        carried = [*self._states.values(), *self._memory.values()]
        last = [tf.TensorSpec([None], tf.int32, "ids")]
        pair = [*ids, tf.TensorSpec([None, None], tf.int32, "target_ids")]
        self.functions = {
            name: tf.function(function, input_signature=signature, autograph=False)
            for name, function, signature in [
                ("translate", self.translate, text),
                ("greedy", self.greedy, text),
                ("nbest", self.nbest, text),
                ("greedy_ids", self.greedy_ids, ids),
                ("beam_ids", self.beam_ids, ids),
                ("encode", self.encode, ids),
                ("step", self.step, last + carried),
                ("align", self.align, pair),
            ]
            if name != "align" or config.attention != "none"
        }
        parts = {name: self.functions[name] for name in ("encode", "step", "align")
                 if name in self.functions}  # fmt: skip
        whole = {name: self.functions[name] for name in ("translate", "greedy", "nbest")}
        self.saved_model = whole | parts
        self.litert = {
            "greedy": self.functions["greedy_ids"],
            "beam": self.functions["beam_ids"],
            **parts,
        }
        self.trackables = [model, source.table, target.table]

    def translate(self, text):
        """The best translation that beam search finds of each text.

        Args:
            text: `(batch,)` strings, UTF-8; other bytes count as blanks.

        Returns:
            `translation`, `(batch,)` strings; `score`, `(batch,)` float32, its log-probability
            over L^alpha. An empty text has an empty translation and score 0.
        """
        found, translations = self._translations(text, self._config.beam)
        return {"translation": translations[:, 0], "score": found.scores[:, 0]}

    def greedy(self, text):
        """As `translate`, by greedy search."""
        found, translations = self._translations(text, 1)
        return {"translation": translations[:, 0], "score": found.scores[:, 0]}

    def nbest(self, text):
        """All translations that beam search keeps of each text.

        Args:
            text: as in `translate`.

        Returns:
            `translations`, `(batch, beam)` strings, and their `scores`, float32, the best first.
            Where there are fewer, the others are empty and have the lowest float as score.
        """
        found, translations = self._translations(text, self._config.beam, self._config.beam)
        return {"translations": translations, "scores": found.scores}

    def greedy_ids(self, ids):
        """Greedy search, see `beam_ids`."""
        return _best(self._search(ids, 1)[0])

    def beam_ids(self, ids):
        """The best translation that beam search finds.

        Args:
            ids: int32 `(batch, source)`, each row with `EOS_ID` after its last token and `PAD_ID`
                behind it.

        Returns:
            `ids`, int32 `(batch, time)`, and `lengths`, `(batch,)`, including the final
            `EOS_ID`, after which there is nothing else. `scores`, `(batch,)` float32.
        """
        return _best(self._search(ids, self._config.beam)[0])

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
        states, memory = carried[: len(self._states)], carried[len(self._states) :]
        logits, states = self._step(dict(zip(self._memory, memory)))(ids, states)
        return {"logits": logits, **dict(zip(self._states, states))}

    def align(self, ids, target_ids):
        """The attention of each token of a translation.

        Args:
            ids: as in `beam_ids`.
            target_ids: int32 `(batch, time)`, the translations, as returned by `beam_ids`.

        Returns:
            `attention`, float32 `(batch, time, source)`, which sums to 1 over the source.
        """
        memory, states = self._model.encode(ids)
        return {"attention": self._attention(memory, states, target_ids)}

    def _translations(self, text, beam, nbest=1):
        """The hypotheses of a search, and their texts `(batch, nbest)`."""
        ids, words = self._read(text)
        found, memory, states = self._search(ids, beam, nbest)
        if not self._copies:
            return found, self._target.decode(found.tokens)
        shape = tf.shape(found.tokens)
        rows = tf.reshape(found.tokens, [-1, shape[2]])
        weights = self._attention(memory, [tf.repeat(s, nbest, axis=0) for s in states], rows)
        weights = tf.reshape(weights, [shape[0], -1, tf.shape(ids)[1]])
        unknown = tf.reshape(most_attended(words, weights), shape)
        return found, self._target.decode(found.tokens, unknown)

    def _read_text(self, text):
        ids = source_ids(self._source, text)
        return ids, source_words(self._source, text, ids)

    def _search(self, ids, beam, nbest=1):
        memory, states = self._model.encode(ids)
        step = self._step(memory)
        found = search(self._config, step, states, ids, beam, self._config.alpha, nbest)
        return found, memory, states

    def _step(self, memory):
        """The step callable of every search."""

        def step(tokens, states):
            tokens = tf.expand_dims(tokens, 1)
            logits, states, _ = self._model.decode(tokens, list(states), memory)
            return tf.squeeze(logits, 1), states

        return step

    def _attention(self, memory, states, target_ids):
        start = tf.ones_like(target_ids[:, :1]) * BOS_ID
        tokens = tf.concat([start, target_ids[:, :-1]], axis=1)
        return self._model.decode(tokens, states, memory)[2]


def _spec(name, spec):
    return tf.TensorSpec(spec.shape, spec.dtype, name)


def _best(found):
    return {
        "ids": found.tokens[:, 0], "lengths": found.lengths[:, 0], "scores": found.scores[:, 0]
    }  # fmt: skip
