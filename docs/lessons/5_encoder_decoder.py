# %% [markdown]
# # Lesson 5: encoder-decoder, teacher forcing, attention
#
# An **encoder** reads one sequence, a **decoder** writes another one. The task here is to write a
# number backwards: 3 1 4 1 5 9 becomes 9 5 1 4 1 3. It is small enough to be learned in a minute,
# and we know where a good network should look.

# %%
import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from rnn_keras.decoding import greedy_search
from rnn_keras.layers import GRU

keras.utils.set_random_seed(0)
LENGTH, START, END, UNITS = 6, 10, 11, 64  # the digits are the tokens 0 to 9


def numbers(count, rng):
    """Digits `(count, LENGTH)`, and the same backwards with the end token."""
    digits = rng.integers(0, 10, (count, LENGTH))
    return digits, np.concatenate([digits[:, ::-1], np.full((count, 1), END)], axis=1)


# %% [markdown]
# ## Teacher forcing
#
# In training, the decoder reads the *right* previous token, not its own guess: its input is the
# target, moved by one step, with a start token in front. So all steps are trained at once.

# %%
source, target = numbers(6000, np.random.default_rng(0))
shifted = np.concatenate([np.full((len(target), 1), START), target[:, :-1]], axis=1)
print("encoder reads", source[0], "decoder reads", shifted[0], "decoder should write", target[0])

# %% [markdown]
# ## Attention
#
# Without attention, all that the decoder knows of the source is the encoder's last state. With it,
# the decoder's state is a **query** $q$ that is compared with the encoder's states $H_s$. The mean
# of the $H_s$, weighted by
#
# $$\alpha_s = \mathrm{softmax}_s(q^\top H_s)$$
#
# is the **context**, a second input of the output layer.

# %%
embedding = keras.layers.Embedding(12, 16)
encoder = GRU(UNITS, return_sequences=True, return_state=True, name="encoder")
decoder = GRU(UNITS, return_sequences=True, return_state=True, name="decoder")
attention = keras.layers.Attention(use_scale=True)
output = keras.layers.Dense(12)


def decode(tokens, memory, state):
    """Logits, the new state, and the weights α of each step."""
    query, state = decoder(embedding(tokens), initial_state=[state])
    context, alpha = attention([query, memory], return_attention_scores=True)
    return output(keras.ops.concatenate([query, context], -1)), state, alpha


source_in, target_in = keras.Input((LENGTH,), dtype="int32"), keras.Input((None,), dtype="int32")
memory_out, state_out = encoder(embedding(source_in))
logits, _, alphas = decode(target_in, memory_out, state_out)
model = keras.Model([source_in, target_in], logits)
looking = keras.Model([source_in, target_in], alphas)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])
history = model.fit([source, shifted], target, batch_size=64, epochs=10, verbose=2)

# %% [markdown]
# ## Without a teacher
#
# After training there is no target to read: the decoder reads its own last token. `greedy_search`
# calls a step, `logits, state = step(tokens, state)`, until the end token.

# %%


def write(digits):
    """The decoder's tokens for each source, `(count, LENGTH + 1)`."""
    memory, state = encoder(embedding(digits))

    def step(tokens, state):
        logits, state, _ = decode(tokens[:, None], memory, state)
        return logits[:, 0], state

    start = tf.fill([len(digits)], START)
    return greedy_search(step, start, state, LENGTH + 1, END).tokens[:, 0].numpy()


unseen, backwards = numbers(200, np.random.default_rng(1))
written = write(unseen)
right = (written == backwards).all(axis=1).mean()
print(f"written {written[0]} for {unseen[0]}; {right:.0%} of unseen numbers are right")

# %% [markdown]
# ## Where it looks
#
# The first token that is written is the last digit of the source, the second the one before it, and
# so on. The weights should lie on the diagonal that goes up.

# %%
start = np.full((1, 1), START)
alpha = looking.predict([unseen[:1], np.append(start, backwards[:1, :-1], 1)], verbose=0)[0]
figure, axes = plt.subplots(figsize=(4.5, 4), layout="constrained")
image = axes.imshow(alpha, cmap="gray_r", vmin=0, vmax=1)
axes.set(xlabel="source token", ylabel="written token")
axes.set_xticks(range(LENGTH), unseen[0])
axes.set_yticks(range(LENGTH + 1), [*written[0][:-1], "end"])
figure.colorbar(image, label="attention weight")
figure.savefig("docs/figures/lesson_5.png", dpi=120)

# %% [markdown]
# ![Attention of each written token](../figures/lesson_5.png)
#
# ## Exercises
#
# 1. Three encoder states are compared with a query, with the scores 0, 0 and ln 2. What are the
#    weights?
# 2. What does the decoder read at its third step in training, for the source 3 1 4 1 5 9?
# 3. If one token in ten is wrong, independently of the others, what fraction of the sequences of 7
#    tokens is right?

# %%
scores = np.array([0, 0, np.log(2)])
np.testing.assert_allclose(np.exp(scores) / np.exp(scores).sum(), [1 / 4, 1 / 4, 1 / 2])
assert [START, *[3, 1, 4, 1, 5, 9][::-1]][2] == 5
assert np.isclose(0.9**7, 0.478, atol=0.001)
assert right > 0.8
np.testing.assert_allclose(alpha.sum(axis=1), 1, rtol=1e-5)
