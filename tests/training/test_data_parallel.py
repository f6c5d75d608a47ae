"""Two replicas train like one device: a process of its own, as devices are set before the rest."""

import subprocess
import sys

import pytest

TWO_DEVICES = """
import keras, numpy as np, tensorflow as tf
from rnn_keras.training import DataParallel
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
random = np.random.default_rng(0)
"""

STREAM = """
from apps.common.config import TrainingConfig
from apps.common.optimizer import adamw

config = TrainingConfig(epochs=1, learning_rate=0.02, clip_norm=0.05, ema=0.9)
ids = random.integers(0, 9, (20, 8, 5))  # 20 batches of 8 streams
batches = tf.data.Dataset.from_tensor_slices((ids, ids // 2))

def build(rows=8):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((None,), rows, "int32"), keras.layers.Embedding(9, 3),
        keras.layers.SimpleRNN(4, stateful=True, return_sequences=True), keras.layers.Dense(5),
    ])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(adamw(config, 20), loss, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    return model

one, model = build(), build()
figures = one.fit(batches, shuffle=False, verbose=0).history
before = [v.numpy() for v in model.trainable_variables]
parallel = DataParallel(model, lambda: build(4), two)
assert parallel.ranks == range(2)
losses = list(parallel.train(batches))
assert len(losses) == 20 and int(model.optimizer.iterations) == 20
for a, b in zip(one.optimizer.variables, model.optimizer.variables, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)
for a, b, old in zip(one.trainable_variables, model.trainable_variables, before, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(a - old).max() > 1e-2
for name, value in parallel.metrics().items():
    np.testing.assert_allclose(value, figures[name][0], rtol=1e-5)
"""

TOKENS = """
from rnn_keras.metrics import Perplexity
from rnn_keras.seq2seq import TokenCrossentropy

shapes = [(3, 4), (8, 2), (1, 5)]  # the last batch has a row for one replica only
batches = [np.concatenate([np.ones((rows, 1)), random.integers(0, 5, (rows, n - 1))], 1)
           for rows, n in shapes]
spec = (tf.TensorSpec((None, None), tf.int32),) * 2
dataset = tf.data.Dataset.from_generator(lambda: ((y, y) for y in batches), output_signature=spec)

class Doubled(keras.Model):
    def train_step(self, data):
        with tf.GradientTape() as tape:
            logits = self(data[0], training=True)
            loss = 2 * self.optimizer.scale_loss(self.compute_loss(*data, logits))
        gradients = tape.gradient(loss, self.trainable_variables)
        dense = [tf.convert_to_tensor(g) for g in gradients]
        self.optimizer.apply(dense, self.trainable_variables)
        return self.compute_metrics(*data, logits)

def build():
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32")
    model = Doubled(ids, keras.layers.Dense(5)(keras.layers.Embedding(5, 3)(ids)))
    optimizer = keras.optimizers.SGD(0.5, global_clipnorm=0.5)
    model.compile(optimizer, TokenCrossentropy(), metrics=[Perplexity(ignore_class=0)])
    model.optimizer.build(model.trainable_variables)
    return model

one, model = build(), build()
perplexity = one.fit(dataset, shuffle=False, verbose=0).history["perplexity"][0]
parallel = DataParallel(model, build, two, tf.math.count_nonzero)
list(parallel.train(dataset))
for a, b in zip(one.get_weights(), model.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)
np.testing.assert_allclose(parallel.metrics()["perplexity"], perplexity, rtol=1e-5)
assert [int(n) for n in parallel.sum([3, 0])] == [3, 0]

def build():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((40,)), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    return model

model = build()
parallel = DataParallel(model, build, two)
parallel.start()
masks = [m(np.ones((1, 40)), training=True).numpy() for m in (model, *parallel.replicas)]
assert (masks[0] == masks[1]).all() and (masks[0] != masks[2]).any()
"""


@pytest.mark.slow
def test_two_replicas_have_the_numbers_of_one_device():
    """The stream: clipped, averaged, with carried states. The tokens: ragged, with padding and a
    `train_step` of their own. And masks of dropout differ."""
    result = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES + STREAM + TOKENS],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
