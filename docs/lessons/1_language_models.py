# %% [markdown]
# # Lesson 1: from n-grams to a recurrent language model
#
# A language model gives each possible next character a probability, from the characters before it:
# $P(x_t \mid x_1, \ldots, x_{t-1})$. Its score is the **perplexity** on text that it has not seen,
#
# $$\exp\Big(-\frac 1n \sum_{t=1}^n \log P(x_t \mid x_1, \ldots, x_{t-1})\Big)$$
#
# A perplexity of 5 means that the model is as uncertain as if it chose among 5 equally likely
# characters at each step. A model that gives every character the same probability has a perplexity
# equal to the number of different characters.

# %%
from collections import Counter, defaultdict
from pydoc_data import topics

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from rnn_keras.data import sliding_windows
from rnn_keras.layers import GRU
from rnn_keras.metrics import Perplexity

keras.utils.set_random_seed(0)

# %% [markdown]
# The text comes with every Python: the help pages about the language, in English.

# %%
text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
text = " ".join(text.lower().split())[:200_000]
characters = sorted(set(text))
ids = np.array([characters.index(c) for c in text])
split = int(0.9 * len(ids))
train, test = ids[:split], ids[split:]
print(len(characters), "different characters;", text[:60])

# %% [markdown]
# ## n-grams
#
# An n-gram model counts: how often did each character follow these $n - 1$ characters? The longer
# the context, the better it fits, and the more often it has never been seen. So the counts of a
# context are mixed with the model of the shorter context, which gets the weight of `strength`
# further counts:
#
# $$P_n(c \mid h) = \frac{\mathrm{count}(h, c) + s \, P_{n-1}(c \mid h')}{\mathrm{count}(h) + s}$$
#
# where $h'$ is $h$ without its first character, and $P_0$ is the same for all characters.

# %%


def ngram_counts(ids, n):
    """By context of up to n - 1 ids, how often each id followed it."""
    counts = defaultdict(Counter)
    for length in range(n):
        for t in range(length, len(ids)):
            counts[tuple(ids[t - length : t])][ids[t]] += 1
    return counts


def probability(counts, context, c, strength=5):
    """Of the id c after a context, the formula above from the shortest context to the longest."""
    p = 1 / len(characters)
    for length in range(len(context) + 1):
        seen = counts[tuple(context[len(context) - length :])]
        p = (seen[c] + strength * p) / (seen.total() + strength)
    return p


def ngram_perplexity(n):
    """On the first 10,000 characters of the test text."""
    counts, some = ngram_counts(train, n), test[:10_000]
    logs = [
        np.log(probability(counts, some[max(0, t - n + 1) : t], some[t])) for t in range(len(some))
    ]
    return np.exp(-np.mean(logs))


perplexities = {f"{n}-gram": ngram_perplexity(n) for n in (1, 2, 3, 4, 5)}
print({name: round(p, 2) for name, p in perplexities.items()})

# %% [markdown]
# ## A recurrent network
#
# It reads one character after the other, and its state can keep what was read before, however
# long ago. The training text is cut into windows of 50 characters.

# %%
X, Y = sliding_windows(train, 50, stride=25)
model = keras.Sequential(
    [
        keras.Input((None,), dtype="int32"),
        keras.layers.Embedding(len(characters), 32),
        GRU(128, return_sequences=True, name="gru"),
        keras.layers.Dense(len(characters)),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.005, global_clipnorm=1.0), loss, metrics=[Perplexity()])
model.fit(X, Y, batch_size=64, epochs=4, verbose=2)
some = test[:10_001]
perplexities["GRU"] = model.evaluate(some[None, :-1], some[None, 1:], verbose=0)[1]

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
bars = axes.bar(list(perplexities), list(perplexities.values()), color="0.6", edgecolor="black")
axes.bar_label(bars, fmt="%.2f")
axes.set_ylabel("perplexity, lower is better")
figure.savefig("docs/figures/lesson_1.png", dpi=120)

# %% [markdown]
# ![Perplexity of each model](../figures/lesson_1.png)
#
# ## Exercises
#
# 1. What is the perplexity of a model that gives each character the same probability?
# 2. Do the probabilities of all characters after a context sum to 1, even after a context that does
#    not occur in the training text?
# 3. A model is right with probability 1/2 for the first character and 1/8 for the second. What is
#    its perplexity on the two?

# %%
uniform = np.full(100, 1 / len(characters))
assert np.isclose(np.exp(-np.log(uniform).mean()), len(characters))
counts = ngram_counts(train, 3)
assert np.isclose(sum(probability(counts, [0, 1], c) for c in range(len(characters))), 1)
assert np.isclose(np.exp(-np.mean(np.log([1 / 2, 1 / 8]))), 4)
assert perplexities["3-gram"] < perplexities["2-gram"] < perplexities["1-gram"]
assert perplexities["GRU"] < perplexities["3-gram"]
