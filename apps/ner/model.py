"""The tagger: word vectors and a convolution over characters, recurrent layers, a CRF."""

import keras
from keras import ops

from apps.common.ids import known_ids
from apps.common.recurrent import recurrent_stack
from apps.ner.config import NERConfig
from apps.ner.text import PAD_ID, UNKNOWN_ID, Assets
from rnn_keras.layers import CRF, crf_constraints


def build(config: NERConfig, assets: Assets, dtype: str | None = None) -> keras.Model:
    """Words `(batch, time)` and characters `(batch, time, characters)`, int32, to CRF scores.

    A step whose word is `PAD_ID` is masked. Ids outside the vocabularies are read as `<unk>`.

    Args:
        config: the configuration.
        assets: vocabularies and tags.
        dtype: precision of all layers; None takes the policy that `environment.prepare` has set.
    """
    words = keras.Input((None,), dtype="int32", name="words")
    characters = keras.Input((None, None), dtype="int32", name="characters")
    mask = ops.not_equal(words, PAD_ID)

    def embed(ids, vocabulary, size, name):
        ids = known_ids(ids, len(vocabulary), UNKNOWN_ID)
        return keras.layers.Embedding(len(vocabulary), size, dtype=dtype, name=name)(ids)

    W = embed(words, assets.lookup.words, config.embedding, "word_vectors")
    C = embed(characters, assets.lookup.characters, config.character_embedding, "character_vectors")
    is_character = ops.expand_dims(ops.not_equal(characters, PAD_ID), -1)
    C = keras.layers.Dropout(config.dropout / 2, dtype=dtype)(C)
    C *= ops.cast(is_character, C.dtype)
    C = keras.layers.Conv2D(
        config.filters,
        (1, 3),
        padding="same",
        activation="relu",
        dtype=dtype,
        name="characters_cnn",
    )(C)
    C = ops.max(C * ops.cast(is_character, C.dtype), axis=2)
    X = keras.layers.Dropout(config.dropout, dtype=dtype)(ops.concatenate([W, C], -1))
    H = recurrent_stack(
        config.cell,
        config.layers,
        config.units,
        bidirectional=True,
        dropout=config.dropout,
        return_sequences=True,
        dtype=dtype,
        name="recurrent",
    )(X, mask=mask)
    H = keras.layers.Dropout(config.dropout, dtype=dtype)(H)
    emissions = keras.layers.Dense(len(assets.tags), dtype="float32", name="emissions")(H)
    crf = CRF(len(assets.tags), allowed=crf_constraints(assets.tags), dtype="float32", name="crf")
    return keras.Model([words, characters], crf(emissions, mask=mask), name="ner")
