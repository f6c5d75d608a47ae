"""Greedy, exhaustive and beam search against textbook ones, and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.decoding import beam_search, exhaustive_search, greedy_search, penalized_score
from rnn_keras.decoding.hypotheses import IMPOSSIBLE, top_k_log_probs
from tests.decoding import textbook
from tests.decoding.textbook import END, Table, assert_found

SEEDS, ALPHAS = st.integers(0, 2**31), st.sampled_from([0.0, 0.5, 0.75, 1.0])


@given(SEEDS, st.integers(2, 4), st.integers(1, 3), ALPHAS)
def test_exhaustive_and_a_beam_of_unpruned_width_find_the_best_there_are(
    seed, vocabulary, length, alpha
):
    table = Table(seed, 2, vocabulary, length)
    width = vocabulary**length
    everything = table.search(exhaustive_search, length, alpha=alpha, nbest=width)
    beam = table.search(beam_search, length, alpha=alpha, beam_width=width, nbest=width)
    for b in range(2):
        expected = textbook.exhaustive(table, b, length, alpha)
        assert_found(everything, b, expected)
        assert_found(beam, b, expected)


@given(SEEDS, st.integers(2, 6), st.integers(1, 4), ALPHAS, st.data())
def test_a_beam_keeps_what_the_definition_says(seed, vocabulary, width, alpha, data):
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=3, max_size=3))
    nbest = data.draw(st.integers(1, width))
    table = Table(seed, 3, vocabulary, max(lengths))
    found = table.search(
        beam_search, np.array(lengths), alpha=[alpha, 0.0, 1.0], beam_width=width, nbest=nbest
    )
    for b, (length, alpha_of_row) in enumerate(zip(lengths, [alpha, 0.0, 1.0])):
        assert_found(found, b, textbook.beam(table, b, length, alpha_of_row, width)[:nbest])


@given(SEEDS, st.integers(2, 6), ALPHAS)
def test_a_beam_of_one_is_greedy(seed, vocabulary, alpha):
    table = Table(seed, 4, vocabulary, 5)
    limits = np.array([5, 1, 3, 5])
    greedy = table.search(greedy_search, limits, alpha=alpha)
    beam = table.search(beam_search, limits, alpha=alpha, beam_width=1)
    for got, wanted in zip(beam, greedy):
        np.testing.assert_array_equal(got, wanted)
    for b, limit in enumerate(limits):
        assert_found(greedy, b, textbook.beam(table, b, limit, alpha, 1))


@pytest.mark.parametrize(
    "search, options",
    [(greedy_search, {}), (beam_search, {"beam_width": 3, "nbest": 2}), (exhaustive_search, {})],
)
def test_a_batch_is_as_its_rows_and_a_graph_as_eager(search, options):
    table = Table(7, 6, 5, 4)
    together = table.search(search, 4, **options)
    in_graph = table.search(tf.function(search, autograph=False), 4, **options)
    for got, wanted in zip(in_graph, together):
        np.testing.assert_array_equal(got, wanted)
    for b in range(6):
        alone = table.row(b).search(search, 4, **options)
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[b])
        np.testing.assert_allclose(alone.scores[0], together.scores[b], rtol=1e-6)


A, EOS, B, C = 0, END, 2, 3


@pytest.mark.parametrize("search", [greedy_search, beam_search])
def test_a_padded_length_fixes_the_sizes_and_changes_nothing_else(search):
    table, limits = Table(7, 2, 5, 4), np.array([3, 1])
    padded, found = table.search(search, limits, padded_length=6), table.search(search, limits)
    assert padded.tokens.shape == (2, 1, 6)
    np.testing.assert_array_equal(padded.tokens[:, :, :3], found.tokens)
    np.testing.assert_array_equal(padded.tokens[:, :, 3:], END)
    np.testing.assert_array_equal(padded.lengths, found.lengths)
    np.testing.assert_array_equal(padded.scores, found.scores)
    for one, other in zip(table.search(search, 4, padded_length=2), table.search(search, 2)):
        np.testing.assert_array_equal(one, other)


def textbook_example(tokens, state):
    """Dive into Deep Learning, figures 10.8.1 and 10.8.2; where they say nothing, it is even.

    The state is the number of tokens read, and the first three of them.
    """
    t, past = state
    past = tf.where(tf.one_hot(t - 1, 3, True, False), tf.expand_dims(tokens, 1), past)
    known = {  # by prefix, the probabilities of A, <eos>, B, C
        (): (0.5, 0.1, 0.2, 0.2),
        (A,): (0.1, 0.2, 0.4, 0.3),
        (A, B): (0.2, 0.2, 0.2, 0.4),
        (A, B, C): (0.0, 0.6, 0.2, 0.2),
        (A, C): (0.1, 0.1, 0.6, 0.2),
        (A, C, B): (0.1, 0.6, 0.2, 0.1),
    }
    rows = [known.get(tuple(row[:n]), [0.25] * 4) for n, row in zip(t.numpy(), past.numpy())]
    return tf.math.log(tf.constant(rows)), (t + 1, past)


def test_the_textbook_case_where_greedy_is_wrong():
    start = tf.constant([0]), (tf.constant([0]), tf.zeros([1, 3], tf.int32)), 4, EOS
    wrong, right = np.log([0.5 * 0.4 * 0.4 * 0.6, 0.5 * 0.3 * 0.6 * 0.6]) / 4**0.75
    greedy = greedy_search(textbook_example, *start)
    assert greedy.tokens.numpy().tolist() == [[[A, B, C, EOS]]]
    np.testing.assert_allclose(greedy.scores, [[wrong]], rtol=1e-5)
    best = exhaustive_search(textbook_example, *start)
    assert best.tokens.numpy().tolist() == [[[A, C, B, EOS]]]
    np.testing.assert_allclose(best.scores, [[right]], rtol=1e-5)
    beam = beam_search(textbook_example, *start, beam_width=2, nbest=2)
    assert beam.tokens.numpy().tolist() == [[[A, C, B, EOS], [A, B, C, EOS]]]
    np.testing.assert_allclose(beam.scores, [[right, wrong]], rtol=1e-5)
    # Without a penalty short ones win: <eos> alone has probability .1.
    assert beam_search(textbook_example, *start, alpha=0.0).lengths.numpy().tolist() == [[1]]


def always(probabilities, calls=None):
    """A step whose next token never depends on anything; the state counts its own steps."""

    def step(tokens, state):
        if calls is not None:
            calls.append(len(tokens))
        return tf.repeat(tf.math.log([probabilities]), len(tokens), axis=0), state + 1

    return step


def run(search, probabilities, max_length, calls=None, **options):
    zeros = tf.constant([0, 0])
    return search(always(probabilities, calls), zeros, zeros, max_length, END, **options)


@pytest.mark.parametrize("search", [greedy_search, beam_search, exhaustive_search])
def test_the_end_token_first(search):
    found = run(search, [0.05, 0.9, 0.05], 3)
    assert found.tokens.numpy().tolist() == [[[END] * 3]] * 2
    assert found.lengths.numpy().tolist() == [[1]] * 2
    np.testing.assert_allclose(found.scores, np.log([[0.9]] * 2), rtol=1e-5)


@pytest.mark.parametrize("search", [greedy_search, beam_search, exhaustive_search])
def test_none_ends_within_the_maximum_length(search):
    found = run(search, [0.3, 0.0, 0.7], 4, alpha=1.0)
    assert found.tokens.numpy().tolist() == [[[2] * 4]] * 2
    assert found.lengths.numpy().tolist() == [[4]] * 2
    np.testing.assert_allclose(found.scores, np.log([[0.7]] * 2), rtol=1e-5)


@pytest.mark.parametrize("search", [beam_search, exhaustive_search])
def test_finished_ones_come_before_those_cut_off(search):
    options = {"beam_width": 4} if search is beam_search else {}
    found = run(search, [0.0, 0.1, 0.9], 2, nbest=4, alpha=1.0, **options)
    assert found.tokens.numpy()[0].tolist() == [[2, END], [END, END], [2, 2], [END, END]]
    assert found.lengths.numpy()[0].tolist() == [2, 1, 2, 0]
    np.testing.assert_allclose(
        found.scores[0, :3], [np.log(0.09) / 2, np.log(0.1), np.log(0.9)], rtol=1e-5
    )
    assert found.scores.numpy()[0, 3] == tf.float32.min  # there is no fourth


def test_a_beam_stops_when_none_can_become_better():
    calls = []
    found = run(beam_search, [0.1, 0.6, 0.3], 50, calls, alpha=0.0, beam_width=3)
    # After one step <eos> has .6; .3 and .1 can only fall.
    assert calls == [6] and found.lengths.numpy().tolist() == [[1], [1]]
    calls.clear()
    found = run(beam_search, [0.1, 0.6, 0.3], 50, calls, alpha=0.0, beam_width=3, nbest=2)
    # The second, .3 * .6 = .18, ends at the second step.
    assert len(calls) == 2 and found.lengths.numpy().tolist() == [[1, 2]] * 2
    calls.clear()
    run(beam_search, [0.1, 0.6, 0.3], 9, calls, alpha=1.0, beam_width=3)
    # log(.6) = -.51; at most log(.3^t) / 9 can be reached: it is below that from t = 4 on.
    assert len(calls) == 4


def test_greedy_stops_when_all_have_ended():
    calls = []
    run(greedy_search, [0.1, 0.6, 0.3], 50, calls)
    assert calls == [2]


def test_a_dead_end_is_no_hypothesis():
    def step(tokens, state):  # after token 2 nothing is possible, after token 0 only the end
        allowed = tf.gather([[0.0, 1.0, 0.0], [0.0] * 3, [0.0] * 3, [0.3, 0.1, 0.6]], tokens)
        return tf.math.log(allowed), state

    start = tf.constant([3]), (), 4, END
    found = beam_search(step, *start, beam_width=3, nbest=3, alpha=0.0)
    assert found.lengths.numpy().tolist() == [[2, 1, 0]]
    np.testing.assert_allclose(found.scores[0, :2], np.log([0.3, 0.1]), rtol=1e-5)


@given(SEEDS, st.sampled_from([20, 640, 1001]), st.integers(1, 7), st.integers(1, 40))
def test_the_likeliest_of_many_tokens(seed, vocabulary, k, allowed):
    rng = np.random.default_rng(seed)
    logits = np.full((3, vocabulary), -np.inf, "float32")
    for row in logits:
        some = rng.choice(vocabulary, min(allowed, vocabulary), replace=False)
        row[some] = rng.normal(0, 5, len(some))
    log_p, tokens = top_k_log_probs(tf.constant(logits), k)
    order = np.argsort(-logits, axis=1)[:, : min(k, allowed)]
    np.testing.assert_array_equal(tokens[:, :allowed], order)
    expected = (
        logits.astype("float64") - np.logaddexp.reduce(logits.astype("float64"), axis=1)[:, None]
    )
    np.testing.assert_allclose(
        log_p[:, :allowed], np.take_along_axis(expected, order, 1), rtol=1e-5, atol=1e-6
    )
    # What is not allowed is no more than impossible, and still a token.
    assert (log_p[:, allowed:] <= IMPOSSIBLE).numpy().all()
    assert tokens.shape == (3, k) and tokens.numpy().max() < vocabulary


def test_penalized_score_by_hand():
    scores = penalized_score(tf.constant([-8.0, -8.0]), tf.constant([16, 1]))
    np.testing.assert_allclose(scores, [-1.0, -8.0], rtol=1e-6)
    assert float(penalized_score(-8.0, 16, 0.0)) == -8
    assert float(penalized_score(-8.0, 16, 1.0)) == -0.5


@pytest.mark.parametrize(
    "search, changed, message",
    [
        (greedy_search, {"max_length": 0}, "`max_length` must be at least 1, got 0"),
        (beam_search, {"max_length": [2, 0]}, "`max_length` must be at least 1, got 0"),
        (exhaustive_search, {"max_length": 0}, "`max_length` must be at least 1, got 0"),
        (beam_search, {"alpha": -0.5}, "`alpha` must be 0 or more, got -0.5"),
        (beam_search, {"alpha": float("nan")}, "`alpha` must be 0 or more, got nan"),
        (beam_search, {"beam_width": 0}, "`nbest` must be from 1 to `beam_width`, got 1 of 0"),
        (beam_search, {"nbest": 6}, "`nbest` must be from 1 to `beam_width`, got 6 of 5"),
        (
            exhaustive_search,
            {"max_length": 20},
            "`exhaustive_search` would score 2,097,151 sequences for each row .3 tokens, "
            "`max_length` 20., more than `limit` 100,000; use `beam_search`",
        ),
    ],
)
def test_what_is_refused(search, changed, message):
    with pytest.raises(ValueError, match=message):
        run(search, [0.2, 0.2, 0.6], **{"max_length": 2, **changed})


@pytest.mark.parametrize("search", [greedy_search, beam_search])
def test_logits_of_unknown_size_are_refused(search):
    with pytest.raises(ValueError, match=r"must return logits .batch, vocabulary. .*got \(2, 1, 3"):
        search(lambda y, s: (tf.zeros([2, 1, 3]), s), tf.constant([0, 0]), (), 3, END)
