"""Two replicas train like one: a process of its own, as devices are set before anything else."""

import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import numpy as np, tensorflow as tf, keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from rnn_keras.layers import GRU, LSTM

X = np.random.default_rng(0).normal(size=(8, 6, 3)).astype("float32")
Y = np.ones((8, 1), "float32")

def trained(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential([
            keras.Input((None, 3)), LSTM(5, return_sequences=True), GRU(4), keras.layers.Dense(1),
        ])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()

two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
for a, b in zip(trained(tf.distribute.get_strategy()), trained(two)):
    np.testing.assert_allclose(a, b, atol=1e-6)
"""


@pytest.mark.slow
def test_mirrored_strategy_trains_like_one_device():
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-2000:]
