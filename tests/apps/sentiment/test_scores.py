import numpy as np
import pytest

from apps.sentiment import scores
from apps.sentiment.baseline import bag_of_bigrams
from apps.sentiment.reviews import Reviews

LABELS = np.array([1, 0, 1, 0, 1])
PROBABILITY = np.array([0.95, 0.05, 0.35, 0.65, 0.97])


def test_scores_by_hand():
    found = scores.scores(LABELS, PROBABILITY)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["f1"] == pytest.approx(2 / 3)  # precision and recall 2/3
    assert found["roc_auc"] == pytest.approx(5 / 6)  # one of the six pairs is the wrong way round
    likelihoods = [0.95, 0.95, 0.35, 0.35, 0.97]
    assert found["log_loss"] == pytest.approx(-np.log(likelihoods).mean())
    # Bins: {0.05} none positive, {0.35} all, {0.65} none, {0.95, 0.97} all.
    assert found["ece"] == pytest.approx((0.05 + 0.65 + 0.65 + 2 * 0.04) / 5)


def test_certain_and_constant_probabilities():
    assert scores.scores(LABELS, LABELS.astype(float))["log_loss"] == pytest.approx(0, abs=1e-9)
    constant = scores.scores(LABELS, np.full(5, 0.4))
    assert constant["accuracy"] == 2 / 5 and constant["f1"] == 0 and constant["roc_auc"] == 0.5
    assert constant["ece"] == pytest.approx(0.2)


def test_interval_of_the_accuracy():
    """81 of 100: Wilson's interval by his formula."""
    labels = np.ones(100, int)
    low, high = scores.accuracy_interval(labels, np.where(np.arange(100) < 81, 0.9, 0.1))
    z, p, n = 1.959964, 0.81, 100
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-6)


def test_by_length():
    texts = ["word " * n for n in (1, 2, 3, 4, 5, 6, 7, 8)]
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    rows = scores.by_length(texts, labels, {"always": np.ones(8)}, parts=2)
    assert sum(row["reviews"] for row in rows) == 8
    assert [row["words"] for row in rows] == ["1–4", "5–8"]
    assert rows[0]["always"] > rows[-1]["always"]
    (row,) = scores.by_length(["a b"] * 3, np.array([1, 0, 1]), {"always": np.ones(3)})
    assert row == {"words": "2", "reviews": 3, "always": pytest.approx(2 / 3)}


def test_the_baseline_reads_pairs_of_words():
    """Only the pair tells: "a b" and "b a" have the same words."""
    texts = ["x a b y", "x b a y"] * 30
    reviews = Reviews(texts, np.array([1, 0] * 30, np.int32))
    probability = bag_of_bigrams(reviews, reviews, reviews)
    assert ((probability > 0.5) == reviews.labels).all()
