import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.char_lm import data, evaluation
from apps.char_lm.config import D2L_STEPS
from apps.char_lm.ngram import witten_bell, witten_bell_nats, witten_bell_windows

V = 4
ids = st.lists(st.integers(0, V - 1), max_size=30)


def brute_force(train, context, character, order):
    """The recursion as written, over tuples in dictionaries."""
    counts = defaultdict(Counter)
    for i in range(order - 1, len(train)):
        counts[tuple(train[i - order + 1 : i])][train[i]] += 1
    lower = brute_force(train, context[1:], character, order - 1) if order > 1 else 1 / V
    after = counts[tuple(context)]
    total, types = sum(after.values()), len(after)
    return (after[character] + types * lower) / (total + types) if total else lower


def test_hand_computed():
    # train a a b, V = 2. P(a) = (2 + 2/2) / (3 + 2) = .6, P(b) = (1 + 1) / 5 = .4.
    # After a: once a, once b, T = 2: P(a|a) = (1 + 2*.6) / 4 = .55, P(b|a) = (1 + 2*.4) / 4 = .45.
    # After b: nothing seen, so P(b|b) = P(b) = .4.
    a, b = 0, 1
    nats = witten_bell_nats([a, a, b], [a, b, b], vocab_size=2, max_order=2, history_ids=[a])
    np.testing.assert_allclose(np.exp(-nats), [[0.6, 0.4, 0.4], [0.55, 0.45, 0.4]])
    expected = -math.log(0.55 * 0.45 * 0.4) / 3
    assert witten_bell([a, a, b], [a, b, b], 2, 2, [a])[1] == pytest.approx(expected)


@given(ids, ids.filter(bool), st.none() | ids)
@example([0, 1, 0, 1], [2, 0, 1], None)
@example([], [3], [])
def test_equals_brute_force(train, validation, history):
    nats = witten_bell_nats(train, validation, V, max_order=6, history_ids=history)
    before = train if history is None else history
    text = before + validation
    for order in range(1, 7):
        for i, character in enumerate(validation):
            position = len(before) + i
            # Where less text precedes than the order asks for, the longest context serves.
            context = text[max(0, position - order + 1) : position]
            p = brute_force(train, context, character, len(context) + 1)
            assert nats[order - 1, i] == pytest.approx(-math.log(p), abs=1e-12)


@given(ids, ids)
def test_probabilities_sum_to_one(train, history):
    p = [np.exp(-witten_bell_nats(train, [c], V, history_ids=history)) for c in range(V)]
    np.testing.assert_allclose(np.sum(p, axis=0), 1)


@given(ids, st.lists(st.integers(0, V - 1), min_size=4, max_size=12))
def test_windows_see_only_themselves(train, validation):
    steps = 3
    windows = [validation[i : i + steps + 1] for i in range(len(validation) - steps)]
    expected = np.mean(
        [witten_bell_nats(train, w[1:], V, history_ids=w[:1]).mean(axis=1) for w in windows],
        axis=0,
    )
    np.testing.assert_allclose(witten_bell_windows(train, validation, V, steps), expected)


def test_a_vocabulary_too_large_to_pack_contexts_into_integers():
    train = [0, 0, 0, 1] * 500  # three characters back decide; 2**32 ** 2 overflows to nothing
    nats = witten_bell_nats(train, train[:40], vocab_size=2**32, max_order=4)
    assert nats[2].mean() > 0.3 and nats[3].max() < 0.01


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: witten_bell([0], [], 2), "no validation character"),
        (lambda: witten_bell([2], [0], 2), r"from 2 to 2, outside \[0, 2\)"),
        (lambda: witten_bell([0], [-1], 2), r"from -1 to -1, outside \[0, 2\)"),
        (lambda: witten_bell([0], [1], 2, max_order=0), "max_order must be at least 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_tiny_shakespeare_last_tenth(shared_data):
    corpus = data.load(str(shared_data / "charlm" / "tinyshakespeare_input.txt"))
    nats = witten_bell(corpus.train_ids, corpus.validation_ids, len(corpus.vocab))
    assert (corpus.unseen, len(corpus.validation_ids)) == (0, 111_540)
    assert nats[4] == min(nats) == pytest.approx(1.669, abs=5e-4)


def test_time_machine_under_the_d2l_protocol(shared_data):
    corpus = data.load(str(shared_data / "charlm" / "timemachine.txt"), protocol="d2l")
    train, validation, size = corpus.train_ids, corpus.validation_ids, len(corpus.vocab)
    assert size == 28
    windows = witten_bell_windows(train, validation, size, D2L_STEPS)
    assert math.exp(windows[3]) == pytest.approx(5.44, abs=5e-3)
    # With all the text before each character the same counts do better: a harder baseline.
    full = witten_bell(train, validation, size, history_ids=corpus.history_ids)
    assert math.exp(full[3]) == pytest.approx(5.305, abs=5e-4)


def test_parts_of_a_long_text_are_scored_as_the_whole(monkeypatch, tmp_path):
    (tmp_path / "a").write_text("the cat sat on the mat, the hat on that cat. " * 20)
    corpus = data.load(str(tmp_path / "a"))
    whole = witten_bell(corpus.train_ids, corpus.validation_ids, len(corpus.vocab))
    monkeypatch.setattr(evaluation, "SCORED", 7)
    assert evaluation.ngram_nats(corpus) == pytest.approx(whole)
    monkeypatch.setattr(evaluation, "COUNTED", 20)
    last = witten_bell(corpus.train_ids[-20:], corpus.validation_ids, len(corpus.vocab))
    assert evaluation.ngram_nats(corpus) == pytest.approx(last) != whole
