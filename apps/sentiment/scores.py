"""Metrics of probabilities: accuracy and its interval, F1, ROC-AUC, log loss, calibration."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics

from apps.common.lengths import length_groups

BINS = 10


def scores(labels: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """The metrics of one classifier.

    Args:
        labels: `(n,)`, 0 or 1, both of them.
        probability: `(n,)`, of label 1; above 0.5 predicts 1.

    Returns:
        `accuracy`, `f1` (of label 1), `roc_auc`, `log_loss` in nats, and `ece`, the expected
        calibration error: over `BINS` bins of equal width, the mean distance between the mean
        probability and the fraction of ones, weighted by the size of the bin (Guo et al. 2017).
    """
    predicted = probability > 0.5
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "f1": float(metrics.f1_score(labels, predicted, zero_division=0.0)),
        "roc_auc": float(metrics.roc_auc_score(labels, probability)),
        "log_loss": float(metrics.log_loss(labels, probability, labels=[0, 1])),
        "ece": sum(
            row["reviews"] * abs(row["mean probability"] - row["part positive"])
            for row in calibration(labels, probability)
        )
        / len(labels),
    }


def calibration(labels: np.ndarray, probability: np.ndarray) -> list[dict[str, float]]:
    """The bins of equal width that are not empty: their size, mean probability, share of ones."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [
        {
            "reviews": int((bins == i).sum()),
            "mean probability": float(probability[bins == i].mean(dtype="float64")),
            "part positive": float(labels[bins == i].mean()),
        }
        for i in np.unique(bins)
    ]


def accuracy_interval(labels: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """The 95 % Wilson score interval of the accuracy."""
    right = int(((probability > 0.5) == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def by_length(
    texts: Sequence[str], labels: np.ndarray, probabilities: dict[str, np.ndarray], parts: int = 4
) -> list[dict[str, object]]:
    """The accuracy of each classifier on the shortest to the longest texts.

    Args:
        texts: the texts.
        labels: `(n,)`.
        probabilities: `(n,)` by name of the classifier.
        parts: number of parts, of about equal size.

    Returns:
        By part: the range of `words` (between blanks), such as `6–10`, the number of `reviews`, the
        accuracies.
    """
    lengths = np.array([len(text.split()) for text in texts])
    return [
        {
            "words": words,
            "reviews": len(rows),
            **{
                name: float(((probability > 0.5) == labels)[rows].mean())
                for name, probability in probabilities.items()
            },
        }
        for words, rows in length_groups(lengths, parts).items()
    ]
