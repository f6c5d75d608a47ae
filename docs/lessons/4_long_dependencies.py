# %% [markdown]
# # Lesson 4: long dependencies
#
# The gradient of a late loss with respect to an early state is a product of Jacobians, one per
# step. For a vanilla RNN with $a_j = X_j W_{xh} + H_{j-1} W_{hh} + b_h$,
#
# $$\left\| \frac{\partial H_t}{\partial H_k} \right\| \le
#   \prod_{j=k+1}^t \lVert W_{hh} \rVert \, \max_i |\phi'(a_{j,i})|$$
#
# If the factors are below 1 the product vanishes: the loss says nothing about early steps. If they
# are above 1 it can explode.

# %%
import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from rnn_keras import inspect
from rnn_keras.layers import GRU, LSTM, VanillaRNN
from rnn_keras.training import clip_by_global_norm

keras.utils.set_random_seed(0)
TIME, UNITS = 60, 16
X = np.random.default_rng(0).normal(size=(4, TIME, 2))

# %% [markdown]
# ## Three sizes of the recurrent weights
#
# An orthogonal matrix has the norm 1; multiplied by 0.7 or 1.3, it has the norm 0.7 or 1.3. The
# dotted lines are the bounds. The true norm is smaller, as the slope of tanh is below 1 in most
# units.

# %%


def vanilla(scale):
    """A layer whose recurrent weights are `scale` times an orthogonal matrix."""
    initial = keras.initializers.Orthogonal(scale, seed=1)
    return VanillaRNN(UNITS, recurrent_initializer=initial, name="rnn", dtype="float64")


figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained", sharey=True)
norms = {}
for scale, style in ((0.7, "-"), (1.0, "--"), (1.3, "-.")):
    layer = vanilla(scale)
    norms[scale] = inspect.jacobian_norms(layer, X)["rnn"].mean(0)
    bound = inspect.jacobian_bounds(layer, X)["rnn"].mean(0)
    left.semilogy(norms[scale], style, color="black", label=f"norm of W: {scale}")
    left.semilogy(bound, ":", color="0.6")
left.set(xlabel="step k", ylabel="norm of dS_59 / dS_k", title="VanillaRNN")
left.legend(fontsize=8)

# %% [markdown]
# ## Gates
#
# In an LSTM, $\partial C_t / \partial C_{t-1}$ contains the forget gate alone, with no weight
# matrix. With a forget gate of σ(1) = 0.73, from Keras's initial bias of 1, the product still
# vanishes: $0.73^{59}$ is about $10^{-8}$. But the gate can be *learned* to be near 1 for a unit
# that has to remember; a vanilla RNN with tanh has nothing of this kind. A larger initial bias
# makes the memory long from the beginning.

# %%


def lstm(forget_bias):
    """An LSTM whose forget gates start with this bias."""
    layer = LSTM(UNITS, name="rnn", dtype="float64")
    layer.build(X.shape)
    bias = layer.cell.bias.numpy()
    bias[UNITS : 2 * UNITS] = forget_bias
    layer.cell.bias.assign(bias)
    return layer


gated = {
    "LSTM, forget bias 0": lstm(0),
    "LSTM, forget bias 1": lstm(1),
    "LSTM, forget bias 5": lstm(5),
    "GRU": GRU(UNITS, name="rnn", dtype="float64"),
}
for (name, layer), style in zip(gated.items(), ("-", "--", "-.", ":")):
    norms[name] = inspect.jacobian_norms(layer, X)["rnn"].mean(0)
    right.semilogy(norms[name], style, color="black", label=name)
right.set(xlabel="step k", title="gated")
right.legend(fontsize=8)
left.set_ylim(1e-18, 1e6)
figure.savefig("docs/figures/lesson_4.png", dpi=120)

# %% [markdown]
# ![Jacobian norms by time step](../figures/lesson_4.png)
#
# The memory in steps, according to the gates, to the gradient, and to a measurement with a changed
# input:

# %%
for name, layer in {"VanillaRNN": vanilla(1.0), **gated}.items():
    (row,) = inspect.memory_table(layer, X)
    print(f"{name:20}", {way: row[way] for way in ("gates", "gradient", "measured")})

# %% [markdown]
# ## Clipping helps against explosion, not against vanishing
#
# Clipping scales all gradients by the same number, so the *ratio* between early and late steps
# stays as it is. An exploding step becomes a small one in the same direction; a gradient that has
# vanished is not restored.
#
# `python -m benchmarks.memory_tasks` trains such layers on tasks that need memory, and shows these
# curves next to what was learned.
#
# ## Exercises
#
# 1. What is the bound over 59 steps if $\lVert W_{hh} \rVert = 0.7$, with sigmoid instead of tanh?
#    The slope of sigmoid is at most 1/4.
# 2. Two gradients are (3, 0) and (0, 4). What are they after clipping to a global norm of 1?
# 3. With which forget bias is 1/e of the memory left after 100 steps?

# %%
assert np.isclose(np.log10((0.7 / 4) ** 59), -44.66, atol=0.01)
clipped, norm = clip_by_global_norm([np.array([3.0, 0.0]), np.array([0.0, 4.0])], 1.0)
assert float(norm) == 5
np.testing.assert_allclose(clipped, [[0.6, 0], [0, 0.8]])
forget = np.exp(-1 / 100)
bias = np.log(forget / (1 - forget))
assert 4.5 < bias < 4.7 and np.isclose((1 / (1 + np.exp(-bias))) ** 100, np.exp(-1))
assert norms[0.7][0] < 1e-9 and norms[0.7][0] < norms[1.0][0] < norms[1.3][0]
assert norms["LSTM, forget bias 0"][0] < norms["LSTM, forget bias 1"][0] < 1e-3
assert norms["LSTM, forget bias 5"][0] > 0.1
for scale in (0.7, 1.0):
    bound = inspect.jacobian_bounds(vanilla(scale), X)["rnn"].mean(0)
    assert (norms[scale] <= bound * 1.01).all()
