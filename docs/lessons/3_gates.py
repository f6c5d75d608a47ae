# %% [markdown]
# # Lesson 3: gates
#
# A vanilla RNN writes its whole state anew at each step. A gate is a number between 0 and 1 for
# each unit, computed from the input and the state, that decides what is kept. In a GRU the update
# gate $Z$ chooses between the old state and a candidate:
#
# $$H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde H_t$$
#
# In an LSTM the forget gate $F$ and the input gate $I$ are separate, and the output gate $O$
# decides how much of the memory $C$ is in the output $H$:
#
# $$C_t = F_t \odot C_{t-1} + I_t \odot \tilde C_t, \qquad H_t = O_t \odot \tanh(C_t)$$

# %%
import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from rnn_keras import inspect
from rnn_keras.layers import GRU, LSTM, record_gates, use_plan

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A task that needs a gate: hold the last marked value
#
# Each step has a random number, and sometimes a mark. The output is the number at the last mark.
# Between two marks, the network has to keep it and to ignore what it reads.

# %%


def sequences(count, steps, rng):
    """Numbers and marks `(count, steps, 2)`, and the held values `(count, steps, 1)`."""
    values = rng.uniform(-1, 1, (count, steps))
    marks = rng.uniform(size=(count, steps)) < 0.15
    marks[:, 0] = True
    last = np.maximum.accumulate(np.where(marks, np.arange(steps), 0), axis=1)
    held = np.take_along_axis(values, last, axis=1)
    return np.stack([values, marks], -1).astype("float32"), held[..., None].astype("float32")


rng = np.random.default_rng(0)
X, Y = sequences(2048, 30, rng)
gru = GRU(4, return_sequences=True, name="gru")
model = keras.Sequential([keras.Input((None, 2)), gru, keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.01), "mse")
history = model.fit(X, Y, batch_size=64, epochs=25, verbose=0)
error = model.evaluate(*sequences(500, 30, rng), verbose=0)
print(f"mean squared error {error:.4f}; of the best constant {Y.var():.4f}")

# %% [markdown]
# ## What the gate learned
#
# `record_gates` stores the gates that the layer's own step computes, and `correlated_units` finds
# the unit whose update gate follows the marks best. At a mark the gate falls, and the unit takes in
# what it reads. Between marks the gate is higher, and the unit keeps its state.

# %%
x, y = sequences(64, 30, np.random.default_rng(5))
with use_plan("graph"), record_gates() as seen:
    output = model(x).numpy()
(unit, r), *_ = inspect.correlated_units(seen["gru"]["Z"], x[..., 1])
Z, marked = seen["gru"]["Z"][..., unit], x[..., 1] > 0
print(f"unit {unit}: the correlation of its update gate with the marks is {r:.2f}")
print(f"its mean update gate at marks {Z[marked].mean():.2f}, elsewhere {Z[~marked].mean():.2f}")

times = np.arange(30)
figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 4), layout="constrained", sharex=True)
top.plot(times, x[0, :, 0], "o", color="0.7", label="input")
top.plot(times[marked[0]], x[0, marked[0], 0], "ks", label="marked input")
top.step(times, y[0, :, 0], "k:", where="mid", label="target")
top.step(times, output[0, :, 0], "k-", where="mid", label="output")
top.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.25))
bottom.bar(times, Z[0], color=np.where(marked[0], "black", "0.75"), edgecolor="black")
bottom.set(xlabel="time step (black: marked)", ylabel=f"update gate Z, unit {unit}", ylim=(0, 1))
figure.savefig("docs/figures/lesson_3.png", dpi=120)

# %% [markdown]
# ![Input, output and update gate over time](../figures/lesson_3.png)
#
# ## How long does it remember?
#
# The product of the update gates over n steps is what a unit keeps of its state after them.
# `memory_table` reports when it falls below 1/e in the unit that keeps most, and compares this with
# the gradient and with a measurement: it changes the first input and watches the state. At the
# beginning, the gates are near 1/2, and the memory is short. Training makes it longer. What is
# measured lasts longer than the gates predict, because the candidate can also repeat a value,
# through the weights.

# %%
fresh = keras.models.clone_model(model)
before, after = (inspect.memory_table(network, X[:32])[0] for network in (fresh, model))
print("before training:", before)
print("after training: ", after)

# %% [markdown]
# ## Exercises
#
# 1. What does a GRU do whose update gate is 1 in all units? And one whose gate is 0?
# 2. With which biases does an LSTM keep its memory $C$ for ever and write nothing?
# 3. A forget gate is 0.9 in each step. After how many steps is less than 1/e of the memory left?

# %%


def constant_gates(layer, **biases):
    """The layer with all weights 0, except the given biases of gates; a state of 0.3."""
    layer.build((1, 7, 2))
    names = {"GRU": "ZRH", "LSTM": "IFCO"}[type(layer).__name__]
    bias = np.repeat([biases.get(name, 0.0) for name in names], layer.units)
    kernel, recurrent, _ = layer.get_weights()
    layer.set_weights([kernel * 0, recurrent * 0, bias])
    return layer(np.ones((1, 7, 2)), initial_state=[np.full((1, 3), 0.3)] * len(layer.state_size))


np.testing.assert_allclose(constant_gates(GRU(3), Z=30.0), 0.3, rtol=1e-6)  # keeps its state
np.testing.assert_allclose(constant_gates(GRU(3), Z=-30.0, H=1.0), np.tanh(1), rtol=1e-6)
_, _, C = constant_gates(LSTM(3, return_state=True), F=30.0, I=-30.0, C=1.0)
np.testing.assert_allclose(C, 0.3, rtol=1e-6)
assert inspect.horizon(0.9 ** np.arange(50)) == 10
assert error < 0.1 * Y.var()
assert r < -0.7 and Z[~marked].mean() > Z[marked].mean() + 0.2
assert after["measured"] > before["measured"]
