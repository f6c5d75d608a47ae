"""The exported functions of the tagger."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from apps.common.examples import text_examples
from apps.task import Signatures, Trained
from rnn_keras.layers import marginals, viterbi
from rnn_keras.text import TextTagger, find_words


def onnx(trained: Trained) -> Mapping[str, Any]:
    """Ids of words and characters to the CRF's scores, of which Viterbi's path is best."""
    exported = signatures(trained).litert
    examples = {"serving_default": exported["examples"]["score"]}
    return {"model": trained.model, "vocabulary": exported["vocabulary"], "examples": examples}


def signatures(trained: Trained) -> Signatures:
    """`tag` texts in the SavedModel, and `score` ids in both files, with the vocabularies.

    Both are compared with the Keras model on validation sentences and on unusual texts.
    """
    model, (files, lookup, tags) = trained.model, trained.assets

    def score(words, characters):
        scores = model([words, characters], training=False)
        best, _ = viterbi(scores)
        probability = tf.reduce_sum(marginals(scores) * tf.one_hot(best, len(tags)), -1)
        return {"tags": best, "probability": probability}

    tagger = TextTagger(score, lookup, tags)
    text = [tf.TensorSpec([None], tf.string, "text")]
    ids = [tf.TensorSpec([None] * n, tf.int32, x) for n, x in ((2, "words"), (3, "characters"))]
    functions = {
        "tag": tf.function(tagger.tag, input_signature=text, autograph=False),
        "score": tf.function(score, input_signature=ids, autograph=False),
    }
    texts = text_examples(trained.run)
    # The batch of all texts, which is last, and every third text alone.
    inputs = (tagger.ids(find_words(tf.constant(each["text"]))[0]) for each in texts[::-3])
    as_ids = [{"words": np.array(w), "characters": np.array(c)} for w, c in inputs]
    part = {"functions": {"score": functions["score"]}, "examples": {"score": as_ids}}
    whole = {"functions": functions, "examples": {"tag": texts, "score": as_ids}}
    shared = {"trackables": [model, *lookup.tables], "vocabulary": files}
    facts = {"sentences": len(texts) - 1}
    return Signatures(
        saved_model=whole | shared, litert=part | shared, facts=facts, lengths=[32], labels=tags
    )
