"""The tagger: word vectors and a convolution over characters, recurrent layers, a CRF."""

import keras
from keras import ops

from apps.common.recurrent import recurrent_stack
from apps.ner.config import NERConfig
from apps.ner.text import PAD_ID, UNKNOWN_ID, Assets
from rnn_keras.layers import CRF, CharacterCNN, crf_constraints
from rnn_keras.text import known_ids


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

    vocabulary, letters = len(assets.lookup.words), len(assets.lookup.characters)
    W = keras.layers.Embedding(vocabulary, config.embedding, dtype=dtype, name="word_vectors")
    C = CharacterCNN(
        letters, config.character_embedding, config.filters, dropout=config.dropout / 2, dtype=dtype
    )
    W, C = (
        W(known_ids(words, vocabulary, UNKNOWN_ID)),
        C(known_ids(characters, letters, UNKNOWN_ID)),
    )
    X = keras.layers.Dropout(config.dropout, dtype=dtype)(ops.concatenate([W, C], -1))
    H = recurrent_stack(
        config.cell, config.layers, config.units, bidirectional=True, dropout=config.dropout,
        return_sequences=True, dtype=dtype, name="recurrent",
    )(X, mask=mask)  # fmt: skip
    H = keras.layers.Dropout(config.dropout, dtype=dtype)(H)
    emissions = keras.layers.Dense(len(assets.tags), dtype="float32", name="emissions")(H)
    crf = CRF(len(assets.tags), allowed=crf_constraints(assets.tags), dtype="float32", name="crf")
    return keras.Model([words, characters], crf(emissions, mask=mask), name="ner")
