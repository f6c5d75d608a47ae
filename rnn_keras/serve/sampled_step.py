"""The signature `step` of a language model with a draw of the next token, for streams of text."""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from rnn_keras.decoding import sample_token
from rnn_keras.serve.signature import Feeds, Signature
from rnn_keras.text import Vocabulary

NAME = "step with sampling"
# What a stream adds to the inputs of a step, a value per row.
OPTIONS = {
    "seed": tf.int32,
    "t": tf.int32,
    "temperature": tf.float32,
    "top_k": tf.int32,
    "top_p": tf.float32,
}


class SampledStep:
    """A step of many streams at once: ids and states to the next ids and states.

    A version of a model has one if its signature `step` takes `ids` `(batch,)` and states, and
    returns `logits` `(batch, vocabulary)` and the same states, and if its `assets.extra/vocab.txt`
    is a vocabulary of characters, as `rnn_keras.export` writes it. `<unk>` is never drawn.

    Args:
        step: the signature, of a graph that is the default one; operations are added to it.
        vocabulary: its vocabulary.

    Attributes:
        message: the `SignatureDef`; the inputs are those of `step` and `OPTIONS`, the outputs the
            drawn ids `tokens` and the states. Draw `t` of a row depends on its `seed` and `t` as in
            `rnn_keras.decoding.sample`.
        signature: the same as a `Signature`.
    """

    def __init__(self, step: SignatureDef, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        options = {name: tf.compat.v1.placeholder(dtype, [None]) for name, dtype in OPTIONS.items()}
        logits = tf.compat.v1.get_default_graph().get_tensor_by_name(step.outputs["logits"].name)
        allowed = np.arange(len(vocabulary)) != vocabulary.unk_id
        seeds = tf.stack([options["seed"], options["t"]], axis=1)
        tokens = sample_token(
            tf.where(allowed, logits, -float("inf")),
            seeds,
            *(options[name] for name in ("temperature", "top_k", "top_p")),
        )
        self.message = SignatureDef()
        self.message.CopyFrom(step)
        del self.message.outputs["logits"]
        for name, tensor in options.items():
            self.message.inputs[name].CopyFrom(_info(tensor))
        self.message.outputs["tokens"].CopyFrom(_info(tensor=tokens))
        self.signature = Signature(NAME, self.message)

    @cached_property
    def zero_states(self) -> Feeds:
        """The states before the first character, of one row."""
        return {
            name: np.zeros([1, *spec.shape[1:]], spec.dtype.as_numpy_dtype)
            for name, spec in self.signature.outputs.items()
            if name != "tokens"
        }

    def encode(self, prompt: str) -> np.ndarray:
        """The ids of a prompt, int32; an empty one is read as the start of a line.

        Without a line feed in the vocabulary, it is read as the first character.
        """
        tokens = self.vocabulary.tokens
        start = "\n" if "\n" in tokens else next(token for token in tokens if len(token) == 1)
        return self.vocabulary.encode(re.sub("\r\n?", "\n", prompt) or start)


def add_sampled_step(folder: Path, signatures: Mapping[str, SignatureDef]) -> SampledStep | None:
    """Adds the `SampledStep` of a SavedModel to the default graph, or returns None."""
    file = folder / "assets.extra" / "vocab.txt"
    if "step" not in signatures or not file.is_file():
        return None
    try:
        vocabulary = Vocabulary.load(file)
    except ValueError:  # a file of another program
        return None
    step = Signature("step", signatures["step"])
    states = step.inputs.keys() - {"ids"}
    streamable = (
        step.batchable
        and step.inputs.get("ids") == tf.TensorSpec([None], tf.int32)
        and step.outputs.get("logits") == tf.TensorSpec([None, len(vocabulary)], tf.float32)
        and states == step.outputs.keys() - {"logits"}
        and not states & {*OPTIONS, "tokens"}
        and all(step.inputs[name] == step.outputs[name] for name in states)
        and not any(None in step.inputs[name].shape[1:] for name in states)
        and all(len(token) == 1 or token == "<unk>" for token in vocabulary.tokens)
        and len(vocabulary) > 1
    )
    return SampledStep(signatures["step"], vocabulary) if streamable else None


def _info(tensor) -> TensorInfo:
    return TensorInfo(
        name=tensor.name,
        dtype=tensor.dtype.as_datatype_enum,
        tensor_shape=tensor.shape.as_proto(),
    )
