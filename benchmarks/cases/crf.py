"""A CRF's loss with its gradient and its best path: ours, and TensorFlow Addons' algorithm."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.measure.timing import Call
from rnn_keras.export import LiteRTModel, write_litert
from rnn_keras.layers import CRF, crf_loss, viterbi

OURS, ADDONS = "ours", "tf.scan"


def layer(tags: int) -> CRF:
    """A CRF with random weights."""
    crf = CRF(tags, initializer="random_normal")
    crf.build((None, None, tags))
    return crf


def sentences(batch: int, time: int, tags: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Emissions, tags, and lengths from half of `time` on."""
    rng = np.random.default_rng(0)
    emissions = rng.normal(size=(batch, time, tags)).astype("float32")
    return emissions, rng.integers(0, tags, (batch, time)), rng.integers(time // 2, time + 1, batch)


def loss_calls(batch: int, time: int, tags: int) -> dict[str, Call]:
    """By name, a call that gives the mean loss and its gradients, by emissions and weights."""
    crf, (emissions, gold, lengths) = layer(tags), sentences(batch, time, tags)
    arguments = [tf.constant(a) for a in (emissions, gold, lengths)]

    def ours(emissions, gold, lengths):
        return crf_loss(gold, crf(emissions, mask=tf.sequence_mask(lengths, time)))

    def addons(emissions, gold, lengths):
        return plain_loss(*(w.value for w in crf.weights), emissions, gold, lengths)

    def call(loss):
        @tf.function(autograph=False)
        def step(*arguments):
            sources = [arguments[0], *(w.value for w in crf.weights)]
            with tf.GradientTape() as tape:
                tape.watch(arguments[0])
                total = tf.reduce_mean(loss(*arguments))
            return [total, *tape.gradient(total, sources)]

        return lambda: [a.numpy() for a in map(tf.convert_to_tensor, step(*arguments))]

    return {OURS: call(ours), ADDONS: call(addons)}


def plain_loss(transitions, start, end, emissions, gold, lengths):
    """`crf_log_likelihood` of TensorFlow Addons 0.23 in short: a scan over the steps, autodiff.

    Its boundary scores are those of the first and the last step here.
    """
    time = tf.shape(emissions)[1]
    mask = tf.sequence_mask(lengths, time)
    last = tf.one_hot(lengths - 1, time)
    emissions = tf.concat([emissions[:, :1] + start, emissions[:, 1:]], 1)
    emissions += tf.expand_dims(last, 2) * end

    def step(alpha, now):
        emission, valid = now
        new = tf.reduce_logsumexp(tf.expand_dims(alpha, 2) + transitions, 1) + emission
        return tf.where(tf.expand_dims(valid, 1), new, alpha)

    steps = (tf.transpose(emissions[:, 1:], (1, 0, 2)), tf.transpose(mask[:, 1:]))
    alphas = tf.scan(step, steps, emissions[:, 0])
    valid = tf.cast(mask, emissions.dtype)
    unary = tf.gather(emissions, gold, axis=2, batch_dims=2) * valid
    binary = tf.gather_nd(transitions, tf.stack([gold[:, :-1], gold[:, 1:]], 2)) * valid[:, 1:]
    return tf.reduce_logsumexp(alphas[-1], 1) - tf.reduce_sum(unary, 1) - tf.reduce_sum(binary, 1)


def viterbi_calls(batch: int, time: int, tags: int) -> dict[str, Call]:
    """By runtime, a call that gives the best tags."""
    crf, (emissions, _, lengths) = layer(tags), sentences(batch, time, tags)
    inputs = {"emissions": emissions, "lengths": lengths.astype("int32")}

    def tag(emissions, lengths):
        scores = crf(emissions, mask=tf.sequence_mask(lengths, tf.shape(emissions)[1]))
        return {"tags": viterbi(scores)[0]}

    specs = [
        tf.TensorSpec([None, None, tags], tf.float32, "emissions"),
        tf.TensorSpec([None], tf.int32, "lengths"),
    ]
    function = tf.function(tag, input_signature=specs, autograph=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "crf.tflite")
        write_litert({"tag": function}, [crf], file, examples={"tag": [inputs]})
        model = LiteRTModel(file)
    constants = {name: tf.constant(value) for name, value in inputs.items()}
    return {
        "LiteRT": lambda: model.run("tag", **inputs)["tags"],
        "tf.function": lambda: function(**constants)["tags"].numpy(),
    }
