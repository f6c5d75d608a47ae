"""From a sentence to the ids of its translation, for a Keras model or an exported file."""

import tensorflow as tf

from apps.translation.config import TranslationConfig
from apps.translation.text import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID
from rnn_keras import decoding
from rnn_keras.seq2seq import exclude
from rnn_keras.text import Tokenizer

SPARE = 10  # tokens that a translation may have beyond the ratio


def source_ids(tokenizer: Tokenizer, text):
    """The encoder's input for each text.

    Args:
        tokenizer: the tokenizer of the source language.
        text: `(batch,)` strings.

    Returns:
        int32 `(batch, time)`, `EOS_ID` after the last token and `PAD_ID` behind it.
    """
    tokens = tokenizer.read(text)
    ids = tokens.to_tensor(PAD_ID)
    # At least two steps, as Keras warns of attention over one.
    ids = tf.pad(ids, [[0, 0], [0, tf.maximum(2 - tf.shape(ids)[1], 1)]], constant_values=PAD_ID)
    lengths = tf.cast(tokens.row_lengths(), tf.int32)
    return tf.where(tf.range(tf.shape(ids)[1]) == tf.expand_dims(lengths, 1), EOS_ID, ids)


def search(config: TranslationConfig, step, states, ids, beam: int, alpha, nbest: int = 1):
    """The best translations of each sentence.

    Neither `<pad>` nor `<bos>` is ever chosen, and `<unk>` only where tokens are words and
    attention can replace it; the probabilities are those of the other tokens. A sentence without
    words has one translation, which is empty and has score 0.

    Args:
        config: its `max_length_ratio` limits the length of a translation.
        step: the step callable, `logits, states = step(tokens, states)`.
        states: the states that the first step reads, each `(batch, units)`.
        ids: the sentences, from `source_ids`.
        beam: hypotheses that beam search keeps; 1 is greedy search.
        alpha: exponent of the length by which their log-probability is divided.
        nbest: number of translations to return, up to `beam`.

    Returns:
        `rnn_keras.decoding.Hypotheses`, padded beyond the longest.
    """
    words = tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), axis=1) - 1
    longest = tf.cast(config.max_length_ratio * tf.cast(words, tf.float32), tf.int32) + SPARE
    limits = {"max_length": longest, "end_id": EOS_ID, "alpha": alpha}
    if ids.shape[1] is not None:  # the sizes of a result then depend on those of `ids` only
        limits["padded_length"] = int(config.max_length_ratio * (ids.shape[1] - 1)) + SPARE
    replaceable = config.tokens == "word" and config.attention != "none"
    never = [PAD_ID, BOS_ID] + [UNKNOWN_ID] * (not replaceable)

    def masked_step(tokens, states):
        logits, states = step(tokens, states)
        return exclude(logits, never), states

    start = tf.ones_like(words) * BOS_ID
    if beam == 1:
        hypotheses = decoding.greedy_search(masked_step, start, states, **limits)
    else:
        limits |= {"beam_width": beam, "nbest": nbest}
        hypotheses = decoding.beam_search(masked_step, start, states, **limits)
    is_empty = tf.reshape(words == 0, [-1, 1])
    no_words = tf.where(tf.range(nbest) == 0, 0.0, tf.float32.min)
    return decoding.Hypotheses(
        tf.where(tf.expand_dims(is_empty, 2), EOS_ID, hypotheses.tokens),
        tf.where(is_empty, 0, hypotheses.lengths),
        tf.where(is_empty, no_words, hypotheses.scores),
    )


def source_words(tokenizer: Tokenizer, text, ids):
    """The tokens of the ids of `source_ids`: strings `(batch, time)`, empty after the last.

    Args:
        tokenizer: of the source language.
        text: `(batch,)` strings.
        ids: their `source_ids`.
    """
    words = tokenizer.split(text).to_tensor("")[:, : tf.shape(ids)[1] - 1]
    return tf.pad(words, [[0, 0], [0, tf.shape(ids)[1] - tf.shape(words)[1]]])


def most_attended(words, weights):
    """The source word with the largest attention, for each token of a translation.

    It replaces an unknown word, such as a name (Luong et al. 2015, "Addressing the Rare Word
    Problem").

    Args:
        words: `source_words`, strings `(batch, source)`.
        weights: the attention, `(batch, time, source)`.

    Returns:
        Strings `(batch, time)`.
    """
    weights = tf.where(tf.expand_dims(words == "", 1), -1.0, weights)
    return tf.gather(words, tf.argmax(weights, axis=2), batch_dims=1)
