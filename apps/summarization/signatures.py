"""The exported functions of the summarizer, which evaluation uses, too."""

import numpy as np
import tensorflow as tf

from apps.common.examples import text_examples
from apps.summarization.summarizers import BOS_ID, EOS_ID, KINDS, PAD_ID, UNKNOWN_ID
from apps.task import Signatures, Trained


def make_summarizer(trained: Trained):
    """The summarizer over the network, and the function of ids that it runs."""
    config, model = trained.config, trained.model

    def score(ids):
        return {"probability": tf.sigmoid(model(ids, training=False))}

    def search(ids):
        found = model.search(
            ids, BOS_ID, EOS_ID, (PAD_ID, UNKNOWN_ID, BOS_ID), config.summary_length,
            beam_width=config.beam, alpha=config.alpha, padded_length=config.summary_length,
        )  # fmt: skip
        return {
            "ids": found.tokens[:, 0],
            "lengths": found.lengths[:, 0],
            "scores": found.scores[:, 0],
        }

    function, rank = (score, 3) if config.model == "extractive" else (search, 2)
    ids = [tf.TensorSpec([None] * rank, tf.int32, "ids")]
    run = tf.function(function, input_signature=ids, autograph=False)
    return KINDS[config.model](config, trained.assets, run), run


def signatures(trained: Trained) -> Signatures:
    """`summarize` texts in the SavedModel, and `score` or `search` of ids in both files.

    Both are compared with the Keras model on validation texts and on unusual ones.
    """
    summarizer, run = make_summarizer(trained)
    text = [tf.TensorSpec([None], tf.string, "text")]
    texts, name = text_examples(trained.run), summarizer.signature
    # The batch of all texts, which is last, and every third text alone.
    ids = [{"ids": np.array(summarizer.read(each["text"])[0])} for each in texts[::-3]]
    summarize = tf.function(summarizer.summarize, input_signature=text, autograph=False)
    shared = {
        "trackables": [trained.model, summarizer.tokenizer.table],
        "vocabulary": trained.assets,
    }
    litert = shared | {"functions": {name: run}, "examples": {name: ids}}
    return Signatures(
        saved_model=shared
        | {
            "functions": {"summarize": summarize, name: run},
            "examples": {"summarize": texts, name: ids},
        },
        litert=litert | ({"searches": (name,)} if name == "search" else {}),
        facts={"texts": len(texts) - 1},
    )
