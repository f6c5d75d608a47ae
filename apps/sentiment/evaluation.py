"""The scores of the test reviews, compared with a bag of bigrams and the majority class."""

from functools import partial

import keras
import numpy as np
from scipy.special import expit

from apps.common.card import escape_markdown, markdown_table
from apps.common.history import best_row, read_history
from apps.common.plots import plot_by_length
from apps.common.tokenized import TokenizedData
from apps.sentiment import plots
from apps.sentiment.baseline import bag_of_bigrams
from apps.sentiment.config import SentimentConfig
from apps.sentiment.reviews import Reviews
from apps.sentiment.scores import accuracy_interval, by_length, calibration, scores
from apps.task import Evaluation, Trained

MONITOR = "val_accuracy", "max"
WORST, SHOWN = 8, 240  # errors in the model card, and characters of each

LIMITS = (
    "The model is for reviews like those it was trained on; its probabilities mean little for "
    "other kinds of text. It recognises irony only as far as the training reviews show it. It "
    "reads only the beginning and the end of a long review (`max_length`)."
)


def evaluate(trained: Trained, data: TokenizedData) -> Evaluation:
    """Scores the test reviews.

    The baselines, trained on the same training reviews, are the share of positive ones and
    `baseline.bag_of_bigrams`.
    """
    config, reviews = trained.config, data.splits
    test = reviews.test
    classifiers = _classifiers(config, trained.model)
    name = next(iter(classifiers))
    probabilities = {
        **{who: expit(data.test.logits(model)) for who, model in classifiers.items()},
        "bag of bigrams, logistic regression": bag_of_bigrams(
            reviews.train, reviews.validation, test
        ),
        "majority class": np.full(len(test), reviews.train.labels.mean()),
    }
    figures = {who: scores(test.labels, p) for who, p in probabilities.items()}
    ours, *_, bigrams, majority = figures.values()
    low, high = accuracy_interval(test.labels, probabilities[name])
    metrics = {
        **ours,
        "accuracy_low": low,
        "accuracy_high": high,
        "baseline": "bag of words and bigrams, TF-IDF, logistic regression",
        **{f"baseline_{key}": value for key, value in bigrams.items()},
        "majority_accuracy": majority["accuracy"],
        "validation_accuracy": best_row(read_history(trained.run.history), *MONITOR)[MONITOR[0]],
        "reviews": len(test),
        "calibration": calibration(test.labels, probabilities[name]),
    }
    lengths = by_length(test.texts, test.labels, probabilities)
    return Evaluation(
        headline=f"accuracy {ours['accuracy']:.2%}, 95 % interval {low:.2%} to {high:.2%}",
        scores=[{"model": who, **values} for who, values in figures.items()],
        metrics=metrics,
        results={
            **ours,
            **{f"baseline_{key}": bigrams[key] for key in ("accuracy", "log_loss")},
            "validation_accuracy": metrics["validation_accuracy"],
        },
        title=f"Sentiment classifier {trained.run.name}",
        what=f"Classifies reviews as positive or negative: {name}, {config.pooling} pooling, over "
        f"{config.embedding}-dimensional vectors of {len(trained.assets):,} {config.tokens}s. "
        f"95 % interval of its accuracy: {low:.2%} to {high:.2%}.",
        data=f"`{config.data}`: {len(reviews.train):,} reviews for training, "
        f"{len(reviews.validation):,} for choosing the epoch, {len(test):,} for the scores "
        f"below. {reviews.about}",
        limits=LIMITS,
        sections={
            "Calibration": "The predicted probability, and the fraction of these reviews that is "
            "positive.\n\n" + markdown_table(metrics["calibration"])
            + "\n\n![](plots/reliability.png)",
            "By length": markdown_table(lengths) + "\n\n![](plots/lengths.png)",
            "Worst errors": "The wrong predictions of the highest confidence.\n\n"
            + markdown_table(_worst(test, probabilities[name])),
        },
        plots={
            "reliability": partial(
                plots.reliability, labels=test.labels, probabilities=probabilities
            ),
            "lengths": partial(
                plot_by_length, rows=lengths, count="reviews", what="review", score="Accuracy"
            ),
        },
    )  # fmt: skip


def _classifiers(config: SentimentConfig, model: keras.Model) -> dict[str, keras.Model]:
    """By name, the model; and its parts alone, if it has any."""
    network = (
        f"{'bidirectional ' * config.bidirectional}{config.cell} {config.layers}x{config.units}"
    )
    if not config.ngrams:
        return {network: model}
    ngrams = keras.Model(model.input, model.get_layer("ngrams").output)
    return {
        f"{network} and n-grams": model,
        "the network alone": model.get_layer("sentiment"),
        "its n-grams alone": ngrams,
    }


def _worst(test: Reviews, probability: np.ndarray) -> list[dict]:
    error = np.abs(probability - test.labels)
    return [
        {
            "probability": float(probability[row]),
            "is": ("negative", "positive")[test.labels[row]],
            "review": _shorten(test.texts[row]),
        }
        for row in np.argsort(-error, kind="stable")[:WORST]
        if error[row] > 0.5
    ]


def _shorten(text: str) -> str:
    """The beginning and the end, escaped for Markdown."""
    text = " ".join(text.replace("<br />", " ").split())
    if len(text) > SHOWN:
        text = f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}"
    return escape_markdown(text)
