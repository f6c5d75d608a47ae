# %% [markdown]
# # Lesson 6: search
#
# A decoder gives the probabilities of the *next* token. Which *sequence* should be written? Its
# probability is the product over its tokens,
#
# $$P(y_1, \ldots, y_L) = \prod_t P(y_t \mid y_1, \ldots, y_{t-1})$$
#
# and the best first token need not begin the best sequence. This lesson uses the tree of
# [Dive into Deep Learning, 10.8](https://d2l.ai/chapter_recurrent-modern/beam-search.html), with
# the tokens A, B, C and `<eos>`, and at most 4 steps. Where the book gives no numbers, all tokens
# are equally likely.

# %%
import itertools

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from rnn_keras.decoding import beam_search, exhaustive_search, greedy_search

TOKENS = ["A", "<eos>", "B", "C"]
A, EOS, B, C = range(4)
TREE = {  # by prefix, the probabilities of A, <eos>, B, C
    (): (0.5, 0.1, 0.2, 0.2),
    (A,): (0.1, 0.2, 0.4, 0.3),
    (A, B): (0.2, 0.2, 0.2, 0.4),
    (A, B, C): (0.0, 0.6, 0.2, 0.2),
    (A, C): (0.1, 0.1, 0.6, 0.2),
    (A, C, B): (0.1, 0.6, 0.2, 0.1),
}

# %% [markdown]
# A search takes a step, `logits, state = step(tokens, state)`. The state of the step below is what
# was read so far: the number of tokens, and the tokens themselves. The first token that it reads
# stands for the beginning, and is ignored.

# %%


def step(tokens, state):
    count, past = state
    past = tf.where(tf.one_hot(count - 1, 3, True, False), tokens[:, None], past)
    prefixes = [tuple(row[:n]) for n, row in zip(count.numpy(), past.numpy())]
    rows = [TREE.get(prefix, (0.25,) * 4) for prefix in prefixes]
    return tf.math.log(tf.constant(rows)), (count + 1, past)


START = tf.constant([0]), (tf.constant([0]), tf.zeros([1, 3], tf.int32))


def show(name, found):
    """Prints each hypothesis with its probability."""
    for tokens, n, score in zip(found.tokens[0].numpy(), found.lengths[0], found.scores[0]):
        probability = np.exp(float(score) * int(n) ** 0.75)
        print(f"{name:10}", " ".join(TOKENS[i] for i in tokens[: int(n)]), f"{probability:.4f}")


# %% [markdown]
# ## Greedy search
#
# It takes the most likely token at each step: A, B, C, `<eos>`, with
# 0.5 · 0.4 · 0.4 · 0.6 = 0.048.

# %%
greedy = greedy_search(step, *START, 4, EOS)
show("greedy", greedy)

# %% [markdown]
# ## Exhaustive search
#
# It scores every sequence. A, C, B, `<eos>` has 0.5 · 0.3 · 0.6 · 0.6 = 0.054, although C was not
# the most likely second token. With 4 tokens and 4 steps there are 121 sequences; with 10,000
# tokens and 10 steps about $10^{40}$.

# %%
best = exhaustive_search(step, *START, 4, EOS)
show("exhaustive", best)

# %% [markdown]
# ## Beam search
#
# It keeps the k best prefixes at each step. k = 1 is greedy search, and k = 2 is enough here.
# Without a length penalty, short sequences would win, as every further token makes the
# probability smaller: `<eos>` alone has 0.1. So the score is $\frac{1}{L^\alpha} \log P$ with
# $\alpha = 0.75$.

# %%
beam = beam_search(step, *START, 4, EOS, beam_width=2, nbest=2)
show("beam of 2", beam)
short = beam_search(step, *START, 4, EOS, beam_width=4, alpha=0.0)
print("without a length penalty:", TOKENS[int(short.tokens[0, 0, 0])])

# %%
paths = {"greedy": (A, B, C, EOS), "best": (A, C, B, EOS)}
chances = {name: [TREE[path[:t]][path[t]] for t in range(4)] for name, path in paths.items()}
prefixes = {name: np.cumprod([1, *found]) for name, found in chances.items()}
highest = np.maximum(*prefixes.values())
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
for (name, path), style in zip(paths.items(), ("ks--", "ko-")):
    axes.plot(range(5), prefixes[name], style, label=name)
    for t, (token, chance) in enumerate(zip(path, chances[name]), 1):
        place, offset = (t, prefixes[name][t]), 7 if prefixes[name][t] == highest[t] else -14
        label = f"{TOKENS[token]} {chance}"
        axes.annotate(label, place, (6, offset), textcoords="offset points", fontsize=9)
axes.set(
    xlabel="step",
    ylabel="probability of the prefix",
    yscale="log",
    xlim=(-0.2, 4.8),
    ylim=(0.03, 1.3),
)
axes.set_xticks(range(5))
axes.legend()
figure.savefig("docs/figures/lesson_6.png", dpi=120)

# %% [markdown]
# ![Probability along the greedy and the best path](../figures/lesson_6.png)
#
# ## Exercises
#
# 1. How many sequences of at most 4 tokens are there, if only `<eos>` ends one early?
# 2. Which is better with $\alpha = 0.75$: `<eos>` alone, or A, C, B, `<eos>`?
# 3. Compute the best sequence without a search, by a loop over all sequences.

# %%
assert sum(3 ** (t - 1) for t in range(1, 5)) + 3**4 == 121
assert np.log(0.1) / 1**0.75 < np.log(0.054) / 4**0.75


def log_p(path):
    logs = [np.log(TREE.get(path[:t], (0.25,) * 4)[path[t]] or 1e-30) for t in range(len(path))]
    return sum(logs) / len(path) ** 0.75


ended = [(*head, EOS) for t in range(4) for head in itertools.product((A, B, C), repeat=t)] + list(
    itertools.product((A, B, C), repeat=4)
)
assert len(ended) == 121
assert short.lengths.numpy().tolist() == [[1]]
winner = max(ended, key=log_p)
assert winner == (A, C, B, EOS) == tuple(best.tokens[0, 0].numpy())
assert tuple(greedy.tokens[0, 0].numpy()) == (A, B, C, EOS)
assert tuple(beam.tokens[0, 0].numpy()) == winner
