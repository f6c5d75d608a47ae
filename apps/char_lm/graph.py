"""Graph functions of the character language model, for export and for samples in training.

Characters are Unicode code points; bytes that are not UTF-8 are read as U+FFFD. `<unk>` is never
generated.
"""

import keras
import numpy as np
import tensorflow as tf

from apps.char_lm.config import MAX_LENGTH, CharLMConfig
from apps.char_lm.model import build_streaming, state_names
from rnn_keras import decoding
from rnn_keras.text import Tokenizer, Vocabulary, known_ids


def start_token(vocabulary: Vocabulary) -> str:
    """The token read for an empty prompt: a line feed if there is one, else the first character.

    Raises:
        ValueError: the vocabulary has no character.
    """
    characters = [token for token in vocabulary.tokens if len(token) == 1]
    if not characters:
        raise ValueError("the vocabulary has no characters")
    return "\n" if "\n" in vocabulary else characters[0]


def without_unknown(logits, unk_id: int):
    """`logits` `(batch, vocabulary)` with that of `<unk>` at minus infinity."""
    return tf.where(tf.range(tf.shape(logits)[-1]) == unk_id, -float("inf"), logits)


def require(ok, message: str, values):
    """An assertion that shows the first value `(batch,)` for which `ok` is false."""
    wrong = tf.boolean_mask(values, ~ok)
    return tf.debugging.Assert(tf.reduce_all(ok), [f"{message}, got", wrong[:1]])


class CharLMGraph:
    """A trained model with its vocabulary, as graph functions.

    Args:
        config: the configuration of `trained`.
        trained: what `apps.char_lm.model.build` returned; its weights are copied.
        vocabulary: its vocabulary.

    Attributes:
        streaming: the model of `build_streaming`.
        functions: all functions by name, `tf.function`s that return dictionaries. A batch has at
            least one row; a state is `(batch, units)` float32 under its name of `state_names`.
            Ids outside the vocabulary are read as `<unk>`.
            `generate` and `score`: text in, see the methods. `step`: ids `(batch,)` int32 and
            the states, to the logits `(batch, vocabulary)` of the next character and the new
            states. `prefill`: ids `(batch, time)` int32 and lengths `(batch,)` int32, from 1 to
            time, to the logits after the last valid character and the states. `score_ids`: ids
            and lengths to what `score` returns.
        saved_model, litert: the functions of each format. In the LiteRT file, which takes no text,
            `score_ids` is called `score`.
        trackables: objects that an export of `saved_model` must track.

    Raises:
        ValueError: the vocabulary has no character.
    """

    def __init__(self, config: CharLMConfig, trained: keras.Model, vocabulary: Vocabulary):
        self.streaming = build_streaming(config, trained)
        self._vocabulary = vocabulary
        self._states, self._units = state_names(config), config.units
        self._start_id = int(vocabulary.encode(start_token(vocabulary))[0])
        self._tokenizer = Tokenizer(vocabulary)

        self.trackables = [self.streaming, self._tokenizer.table]

        text = [tf.TensorSpec([None], tf.string, "text")]
        request = [
            tf.TensorSpec([None], dtype, name)
            for name, dtype in [
                ("prompt", tf.string),
                ("length", tf.int32),
                ("temperature", tf.float32),
                ("top_k", tf.int32),
                ("top_p", tf.float32),
                ("seed", tf.int32),
            ]
        ]
        id_ = [tf.TensorSpec([None], tf.int32, "ids")]
        ids = [
            tf.TensorSpec([None, None], tf.int32, "ids"),
            tf.TensorSpec([None], tf.int32, "lengths"),
        ]
        states = [tf.TensorSpec([None, config.units], tf.float32, name) for name in self._states]
        self.functions = {
            name: tf.function(function, input_signature=signature, autograph=False)
            for name, function, signature in [
                ("generate", self.generate, request),
                ("score", self.score, text),
                ("step", self.step, id_ + states),
                ("prefill", self.prefill, ids + states),
                ("score_ids", self.score_ids, ids),
            ]
        }
        self.saved_model = {name: self.functions[name] for name in ("generate", "score", "step")}
        self.litert = {
            "prefill": self.functions["prefill"],
            "step": self.functions["step"],
            "score": self.functions["score_ids"],
        }

    def generate(self, prompt, length, temperature, top_k, top_p, seed):
        """Continues each prompt; a row's text depends on the values of its own row.

        Args:
            prompt: `(batch,)` strings, UTF-8; an empty one is read as `start_token`.
            length: `(batch,)` int32, characters to generate, at most `MAX_LENGTH`.
            temperature: `(batch,)` float32; 0 always takes the most likely character.
            top_k: `(batch,)` int32; only the k most likely characters; 0 for all.
            top_p: `(batch,)` float32; only the most likely characters that together have this
                probability; 1 for all.
            seed: `(batch,)` int32; the same seed and row give the same text.

        Returns:
            `{"text": (batch,) strings}`, the continuations without their prompts.

        Raises:
            tf.errors.InvalidArgumentError: a value is out of range, such as a length above
                `MAX_LENGTH`, which bounds the memory of a request.
        """
        hot = (temperature >= 1e-3) & tf.math.is_finite(temperature)
        checks = [
            require(length <= MAX_LENGTH, f"length must be at most {MAX_LENGTH}", length),
            require(
                (temperature == 0) | hot,
                "temperature must be 0 (greedy), or a number of at least 0.001",
                temperature,
            ),
            require(top_k >= 0, "top_k must be 0 (all) or more", top_k),
            require((top_p > 0) & (top_p <= 1), "top_p must be above 0 and at most 1", top_p),
        ]
        with tf.control_dependencies(checks):
            length = tf.identity(length)
        ids, lengths = self.encode(prompt)
        zeros = self._zero_states(ids)
        logits, states = self._read(ids, tf.maximum(lengths, 1), zeros)
        unk_id = self._vocabulary.unk_id

        def step(tokens, states):
            logits, states = self._advance(tokens, states)
            return without_unknown(logits, unk_id), states

        longest = tf.maximum(tf.reduce_max(length), 1)
        tokens, _, _ = decoding.sample(
            step, without_unknown(logits, unk_id), states, longest, seed, temperature, top_k, top_p
        )
        characters = tf.gather(tf.constant(self._vocabulary.tokens), tokens)
        wanted = tf.sequence_mask(length, longest)
        return {"text": tf.strings.reduce_join(tf.where(wanted, characters, ""), axis=1)}

    def score(self, text):
        """Scores each text: the mean nats of its characters from the second one on.

        Args:
            text: `(batch,)` strings, UTF-8.

        Returns:
            `nats_per_character`: `(batch,)` float32, the mean of -log P(character | those before
            it); 0 where nothing is predicted. `characters`: `(batch,)` int32, how many are.
        """
        return self.score_ids(*self.encode(text))

    def step(self, ids, *states):
        """Advances by one character, see `functions`."""
        logits, states = self._advance(ids, states)
        return {"logits": logits, **dict(zip(self._states, states))}

    def prefill(self, ids, lengths, *states):
        """Reads a whole prompt, see `functions`."""
        logits, states = self._read(ids, lengths, states)
        return {"logits": logits, **dict(zip(self._states, states))}

    def score_ids(self, ids, lengths):
        """As `score`, for ids `(batch, time)` of which the first `lengths` are valid."""
        predicted = tf.maximum(lengths - 1, 0)
        counted = _before(predicted, ids)
        logits, _ = self._run(ids, counted, self._zero_states(ids))
        targets = tf.concat([ids[:, 1:], ids[:, :1]], axis=1)
        targets = known_ids(targets, len(self._vocabulary), self._vocabulary.unk_id)
        log_p = tf.gather(tf.nn.log_softmax(logits), tf.expand_dims(targets, 2), batch_dims=2)
        nats = -tf.reduce_sum(tf.where(counted, tf.squeeze(log_p, 2), 0.0), axis=1)
        mean = nats / tf.cast(tf.maximum(predicted, 1), tf.float32)
        return {"nats_per_character": mean, "characters": predicted}

    def encode(self, text):
        """Text to ids, those of `Vocabulary.encode` after `text.unix_line_ends`.

        Args:
            text: `(batch,)` strings.

        Returns:
            ids `(batch, longest + 1)` int32, with the id of `start_token` after each end, and
            the lengths `(batch,)` int32.
        """
        rows = self._tokenizer.encode(tf.strings.regex_replace(text, "\r\n?", "\n"))
        ids = rows.to_tensor(self._start_id)
        ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=self._start_id)
        return ids, tf.cast(rows.row_lengths(), tf.int32)

    def examples(self, seed=0):
        """Random inputs of every function at two batch sizes and two lengths.

        Returns:
            By function name, a list of dictionaries of arrays.
        """
        rng = np.random.default_rng(seed)
        examples = {name: [] for name in self.functions}
        for batch, time in ((1, 7), (3, 20)):
            ids = rng.integers(0, len(self._vocabulary), (batch, time), np.int32)
            lengths = np.append(rng.integers(1, time, batch - 1, np.int32), np.int32(time))
            texts = ["".join(self._vocabulary.decode(row[:n])) for row, n in zip(ids, lengths)]
            prompts = np.array([text.encode() for text in texts])
            prompts[1:2] = b""
            states = {
                name: np.tanh(rng.normal(size=(batch, self._units)).astype("float32"))
                for name in self._states
            }
            examples["generate"].append(
                {
                    "prompt": prompts,
                    "length": lengths,
                    "temperature": np.linspace(0, 1, batch, dtype="float32"),
                    "top_k": rng.integers(0, 4, batch, np.int32),
                    "top_p": rng.uniform(0.5, 1, batch).astype("float32"),
                    "seed": np.arange(batch, dtype=np.int32),
                }
            )
            examples["score"].append({"text": prompts})
            examples["step"].append({"ids": ids[:, 0], **states})
            examples["prefill"].append({"ids": ids, "lengths": lengths, **states})
            examples["score_ids"].append({"ids": ids, "lengths": lengths})
        return examples

    def _advance(self, ids, states):
        ids = tf.expand_dims(ids, 1)
        logits, states = self._run(ids, tf.ones_like(ids, tf.bool), states)
        return tf.squeeze(logits, 1), states

    def _read(self, ids, lengths, states):
        logits, states = self._run(ids, _before(lengths, ids), states)
        last = tf.expand_dims(lengths - 1, 1)
        return tf.squeeze(tf.gather(logits, last, batch_dims=1), 1), states

    def _run(self, ids, mask, states):
        logits, *states = self.streaming([ids, mask, *states], training=False)
        return logits, tuple(states)

    def _zero_states(self, ids):
        return tuple(tf.zeros([tf.shape(ids)[0], self._units]) for _ in self._states)


def _before(lengths, ids):
    """Boolean `(batch, time)`: whether a position of `ids` is before the length of its row."""
    return tf.expand_dims(tf.range(tf.shape(ids)[1]), 0) < tf.expand_dims(lengths, 1)
