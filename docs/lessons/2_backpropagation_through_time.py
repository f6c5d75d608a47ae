# %% [markdown]
# # Lesson 2: back-propagation through time, by hand
#
# The smallest recurrent network has one unit, one input and no bias:
#
# $$h_t = w \, h_{t-1} + u \, x_t, \qquad h_0 = 0$$
#
# Let $w = 1/2$, $u = 1$ and $x = (1, 1, 1, 1)$. On paper: $h_1 = 1$,
# $h_2 = 1/2 \cdot 1 + 1 = 1.5$, $h_3 = 1.75$, $h_4 = 1.875$.

# %%
import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from rnn_keras import inspect
from rnn_keras.layers import VanillaRNN

w, u, x = 0.5, 1.0, [1.0, 1.0, 1.0, 1.0]
h = [0.0]
for x_t in x:
    h.append(w * h[-1] + u * x_t)
print(h)
assert h == [0, 1, 1.5, 1.75, 1.875]

# %% [markdown]
# ## Backwards
#
# The loss is the last state, $L = h_4$. How does it change with an earlier state? One step back
# multiplies by $w$, so
#
# $$\frac{\partial L}{\partial h_k} = w^{4-k}: \qquad 1/8, \; 1/4, \; 1/2, \; 1$$
#
# The weight $w$ was used in every step. Step $k$ used it to multiply $h_{k-1}$, so that step's part
# of the gradient is $\frac{\partial L}{\partial h_k} h_{k-1}$, and the whole gradient is the sum:
#
# $$\frac{\partial L}{\partial w} = \tfrac18 \cdot 0 + \tfrac14 \cdot 1 + \tfrac12 \cdot 1.5
#   + 1 \cdot 1.75 = 2.75$$

# %%
d_h = [w ** (4 - k) for k in (1, 2, 3, 4)]
parts_w = [d * before for d, before in zip(d_h, h)]
parts_u = [d * x_t for d, x_t in zip(d_h, x)]
print("dL/dh:", d_h)
print("parts of dL/dw:", parts_w, "sum", sum(parts_w))
print("parts of dL/du:", parts_u, "sum", sum(parts_u))
assert sum(parts_w) == 2.75 and sum(parts_u) == 1.875

# %% [markdown]
# ## The layer computes the same
#
# `VanillaRNN` with a linear activation is this network. `gradient_norms` gives the size of
# $\partial L / \partial h_k$ at every step, and `weight_gradient_norms` the size of each
# step's part of the gradient of each weight. Both come from the layer's own loop.

# %%
layer = VanillaRNN(1, activation="linear", use_bias=False, name="rnn", dtype="float64")
layer.build((1, 4, 1))
layer.set_weights([np.array([[u]]), np.array([[w]])])
X = np.array(x).reshape(1, 4, 1)


def loss(output):
    """The output is the last state, `(batch, 1)`."""
    return output[:, 0]


norms = inspect.gradient_norms(layer, X, loss)["rnn"]["H"][0]
parts = inspect.weight_gradient_norms(layer, X, loss)["rnn"]
print("layer, dL/dh:", norms)
print("layer, parts of dL/dw:", parts["recurrent_kernel"])
np.testing.assert_allclose(norms, d_h)
np.testing.assert_allclose(parts["recurrent_kernel"], parts_w)
np.testing.assert_allclose(parts["kernel"], parts_u)

with tf.GradientTape() as tape:
    value = loss(layer(X))
d_u, d_w = tape.gradient(value, [weight.value for weight in layer.trainable_variables])
assert d_w.numpy() == 2.75 and d_u.numpy() == 1.875

# %% [markdown]
# ## Truncated: only the last steps count
#
# Truncated back-propagation stops after τ steps. With τ = 2 the parts of the steps 3 and 4 are
# left, $0.75 + 1.75 = 2.5$ instead of 2.75. The state still comes from all steps; only the gradient
# is cut.

# %%
_, h_2 = keras.layers.RNN(layer.cell, return_state=True)(X[:, :2])
with tf.GradientTape() as tape:
    value = loss(layer(X[:, 2:], initial_state=[tf.stop_gradient(h_2)]))
truncated = tape.gradient(value, layer.trainable_variables[1].value)
assert truncated.numpy() == 2.5

# %% [markdown]
# ## When w grows
#
# $w^{4-k}$ is harmless for 4 steps. For 100 steps, $0.5^{99}$ is about $10^{-30}$, and $1.1^{99}$
# about 12,500: the gradient **vanishes** or **explodes**.

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for value, style in ((0.5, "-"), (0.9, "--"), (1.0, "-."), (1.1, ":")):
    layer.set_weights([np.array([[u]]), np.array([[value]])])
    curve = inspect.gradient_norms(layer, np.ones((1, 100, 1)), loss)["rnn"]["H"][0]
    axes.semilogy(range(1, 101), curve, style, color="black", label=f"w = {value}")
axes.set(xlabel="step k", ylabel="size of dL / dh at step k")
axes.legend()
figure.savefig("docs/figures/lesson_2.png", dpi=120)

# %% [markdown]
# ![Gradient by time step for four weights](../figures/lesson_2.png)
#
# ## Exercises
#
# 1. Let $L = h_2$ instead. What are $\partial L / \partial h_1$ and $\partial L / \partial w$?
# 2. With $w = 1.1$, how large is $\partial h_{100} / \partial h_1$?
# 3. With φ = tanh, each step back multiplies by $w (1 - h_t^2)$. Is the gradient larger or smaller
#    than without it?

# %%
layer.set_weights([np.array([[u]]), np.array([[w]])])
np.testing.assert_allclose(inspect.gradient_norms(layer, X[:, :2], loss)["rnn"]["H"], [[0.5, 1]])
parts = inspect.weight_gradient_norms(layer, X[:, :2], loss)["rnn"]["recurrent_kernel"]
np.testing.assert_allclose(parts.sum(), 1)
layer.set_weights([np.array([[u]]), np.array([[1.1]])])
growth = inspect.jacobian_norms(layer, np.ones((1, 100, 1)))["rnn"][0, 0]
np.testing.assert_allclose(growth, 1.1**99)
curved = VanillaRNN(1, use_bias=False, name="rnn", dtype="float64")
curved.build((1, 4, 1))
curved.set_weights([np.array([[u]]), np.array([[w]])])
assert (inspect.gradient_norms(curved, X, loss)["rnn"]["H"][0, :3] < d_h[:3]).all()
