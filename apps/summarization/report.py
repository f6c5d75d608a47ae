"""Summaries of test texts by a summarizer and by baselines, and their ROUGE."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from apps.common.card import escape_markdown
from apps.common.progress import chunks
from apps.common.tokenized import by_chunks
from apps.summarization.scores import TextRank, extract, oracle, rouge, words
from apps.summarization.summaries import Summaries
from apps.summarization.summarizers import Abstraction, Extraction
from rnn_keras import use_plan
from rnn_keras.text import find_sentences

BATCH = 32  # texts at a time
SHOWN, LONGEST = 3, 400  # examples, and characters of each


class SummaryReport(NamedTuple):
    """What a model card says about summaries.

    Attributes:
        rows: of the scores' table: the F1 of ROUGE by model, such as `64.5 [63.3, 65.7]`.
        results: the means by name; those of the baselines begin with their names.
        examples: some summaries, Markdown.
    """

    rows: list[dict[str, str]]
    results: dict[str, float]
    examples: str


def report_summaries(
    train: Summaries, test: Summaries, summarizer: Extraction | Abstraction, name: str
) -> SummaryReport:
    """Compares the summaries of a model with the references, and with those of baselines.

    Extracts have as many words as the reference, those of the model and all others: sentences are
    taken in the order of their scores, and the last one is cut.

    Args:
        train: of their texts TextRank counts the words.
        test: the texts and the references.
        summarizer: the model.
        name: its name in the table.
    """
    found = [row for p in by_chunks(find_sentences, test.texts, "splitting") for row in p.to_list()]
    sentences = [[s.decode() for s in row] or [""] for row in found]
    outputs = []
    with use_plan("graph"):
        for part in chunks(test.texts, "summarizing", "texts", BATCH):
            outputs.append(summarizer.summarize(tf.constant(part)))
    sizes = [len(words(text)) for text in test.summaries]

    def extracts(orders):
        return [extract(*each) for each in zip(sentences, orders, sizes)]

    leads = [range(len(row)) for row in sentences]
    central = map(TextRank(train.texts).order, sentences)
    if isinstance(summarizer, Extraction):
        rows = [row for each in outputs for row in each["probability"].numpy()]
        candidates = {
            name: extracts(_model_order(p, len(s)) for p, s in zip(rows, sentences)),
            "lead": extracts(leads),
            "TextRank": extracts(central),
            "oracle": extracts(map(oracle, sentences, test.summaries)),
        }
    else:
        candidates = {
            name: [text.decode() for each in outputs for text in each["summary"].numpy()],
            "lead": extracts(leads),
            "first sentence": [row[0] for row in sentences],
            "central sentence": [row[next(iter(o))] for row, o in zip(sentences, central)],
        }
    figures = {who: rouge(each, test.summaries) for who, each in candidates.items()}
    results = {
        (f"{_snake(who)}_" if who != name else "") + _snake(metric): mean
        for who, each in figures.items()
        for metric, (_, mean, _) in each.items()
    }
    rows = [
        {"model": who, **{n: f"{m:.1f} [{a:.1f}, {b:.1f}]" for n, (a, m, b) in each.items()}}
        for who, each in figures.items()
    ]
    examples = [
        "\n".join(
            f"- {what}: {escape_markdown(text[:LONGEST])}"
            for what, text in zip(("Text", "Reference", "Summary"), each)
        )
        for each in zip(test.texts[:SHOWN], test.summaries, candidates[name])
    ]
    return SummaryReport(rows, results, "\n\n".join(examples))


def _model_order(probability: np.ndarray, count: int) -> Sequence[int]:
    """The sentences by falling probability; those that the model did not read are last."""
    read = probability[:count]
    return [*np.argsort(-read, kind="stable"), *range(len(read), count)]


def _snake(name):
    return name.lower().replace("-", "_").replace(" ", "_")
