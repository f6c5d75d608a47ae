"""The captioner as graph functions, for evaluation and export."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from apps.captioning.data import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID
from apps.captioning.images import decode_image, png_bytes
from apps.task import Signatures, Trained
from rnn_keras import decoding

EXAMPLES = "examples.npz"


def functions(trained: Trained) -> dict[str, Callable]:
    """`caption` of files and `search` of pixels, as `tf.function`s that return dictionaries."""
    config, model, tokenizer = trained.config, trained.model, trained.assets
    side = [config.size, config.size, 3]

    def search(pixels):
        """Float32 `(batch, size, size, 3)` from 0 to 255 to the ids of the best caption."""
        memory, states = model.encode(pixels)
        step = model.decoder.step(memory, excluded=(PAD_ID, UNKNOWN_ID, BOS_ID))
        start, longest = tf.fill(tf.shape(pixels)[:1], BOS_ID), config.max_length
        found = decoding.beam_search(
            step, start, states, longest, EOS_ID, beam_width=config.beam, alpha=config.alpha,
            padded_length=longest,
        )  # fmt: skip
        ids = found.tokens[:, 0]
        before = tf.pad(ids[:, :-1], [[0, 0], [1, 0]], constant_values=BOS_ID)
        _, _, attention = model.decoder.decode(before, states, memory)
        lengths, scores = found.lengths[:, 0], found.scores[:, 0]
        return {"ids": ids, "lengths": lengths, "scores": scores, "attention": attention}

    def caption(image):
        """Strings `(batch,)`, the bytes of JPEG or PNG files of any size, to captions."""
        pixels = tf.map_fn(
            lambda data: decode_image(data, config.size),
            image,
            fn_output_signature=tf.TensorSpec(side, tf.float32),
        )
        found = search(pixels)
        return {"caption": tokenizer.decode(found["ids"]), **found}

    image = [tf.TensorSpec([None], tf.string, "image")]
    pixels = [tf.TensorSpec([None, *side], tf.float32, "pixels")]
    return {
        "caption": tf.function(caption, input_signature=image, autograph=False),
        "search": tf.function(search, input_signature=pixels, autograph=False),
    }


def signatures(trained: Trained) -> Signatures:
    """`caption` of files in the SavedModel, and `search` of pixels in both files.

    Both are compared with the Keras model on validation images, one and several at a time.
    """
    tokenizer, both = trained.assets, functions(trained)
    with np.load(trained.run.path / EXAMPLES) as file:
        pixels = file["pixels"].astype("float32")
    batches = pixels[:1], pixels
    files = [{"image": np.array([png_bytes(each) for each in batch])} for batch in batches]
    examples = {"search": [{"pixels": batch} for batch in batches]}
    shared = {"vocabulary": tokenizer.vocabulary}
    return Signatures(
        saved_model=shared
        | {
            "functions": both,
            "trackables": [trained.model, tokenizer.table],
            "examples": {**examples, "caption": files},
        },
        litert=shared
        | {
            "functions": {"search": both["search"]},
            "trackables": [trained.model],
            "examples": examples,
            "searches": ("search",),
        },
        facts={"images": len(pixels)},
    )
