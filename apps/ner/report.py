"""Tables about found entities: by length of the sentence, by frequency, confusion, worst cases."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from apps.common.card import escape_markdown, markdown_table
from apps.common.lengths import length_groups
from apps.common.plots import plot_by_group, plot_by_length
from apps.common.progress import reports
from apps.ner.baselines import feature_crf, tag_per_word
from apps.ner.sentences import Sentence
from rnn_keras.metrics import Entity, EntityScores, entity_scores

FREQUENCIES = {"0": 0, "1": 1, "2–5": 5, "6–20": 20, "over 20": np.inf}  # and their upper ends


@dataclass(frozen=True)
class EntityReport:
    """What a model card says about found entities.

    Attributes:
        scores: by model and type, of the test sentences: see `entity_scores`.
        rows: of the scores' table, a row per model.
        sections, plots: as in `Evaluation`, about the first model.
    """

    scores: dict[str, dict[str, EntityScores]]
    rows: list[dict]
    sections: dict[str, str]
    plots: dict[str, Callable[[Path], None]]


Found = Mapping[str, Sequence[Sequence[Entity]]]
"""By model, the entities of each sentence."""


@reports("fitting the feature CRF")
def report_entities(
    train: Sequence[Sentence], test: Sequence[Sentence], name: str, found: Sequence
) -> EntityReport:
    """Compares the entities of a model with those of `tag_per_word` and `feature_crf`.

    Args:
        train: the sentences that the model was trained on; the baselines are, too.
        test: the sentences to score.
        name: name of the model.
        found: the entities that it found in each of the test sentences.
    """
    by_model = {
        name: found,
        "feature CRF": feature_crf(train, test),
        "tag per word": tag_per_word(train, test),
    }
    true = [sentence.entities for sentence in test]
    scores = {model: entity_scores(true, each) for model, each in by_model.items()}
    columns = ("precision", "recall", "f1")
    lengths = f1_by_length(test, by_model)
    frequencies = f1_by_frequency(train, test, by_model)
    tables = {
        "By type": [{"type": kind, **each._asdict()} for kind, each in scores[name].items()],
        "Confusion of types": confusion(true, found),
        "By length": lengths,
        "By frequency in training": frequencies,
        "Worst sentences (− missed, + invented)": worst_sentences(test, found),
    }
    sections = {title: markdown_table(rows) for title, rows in tables.items()}
    sections["By length"] += "\n\n![](plots/lengths.png)"
    sections["By frequency in training"] += "\n\n![](plots/frequencies.png)"
    return EntityReport(
        scores,
        [{"model": m, **dict(zip(columns, each["all"]))} for m, each in scores.items()],
        sections,
        {
            "lengths": partial(
                plot_by_length, rows=lengths, count="sentences", what="sentence", score="F1"
            ),
            "frequencies": partial(
                plot_by_group, rows=frequencies, group="frequency", count="entities", score="F1",
                title="F1 by frequency of the entity", label="occurrences in training",
            ),
        },
    )  # fmt: skip


def f1_by_length(sentences: Sequence[Sentence], found: Found, parts: int = 5) -> list[dict]:
    """The F1 of each model on the shortest to the longest sentences."""
    true = [sentence.entities for sentence in sentences]
    lengths = np.array([len(sentence.tokens) for sentence in sentences])
    return [
        {
            "words": words,
            "sentences": len(rows),
            **{
                model: entity_scores([true[r] for r in rows], [each[r] for r in rows])["all"].f1
                for model, each in found.items()
            },
        }
        for words, rows in length_groups(lengths, parts).items()
    ]


def f1_by_frequency(
    train: Sequence[Sentence], sentences: Sequence[Sentence], found: Found
) -> list[dict]:
    """The F1 of each model by how often the entity, of any type, occurs in training."""
    seen = Counter(s.tokens[e.start : e.end] for s in train for e in s.entities)
    true = [sentence.entities for sentence in sentences]

    def of_group(entities, low, high):
        return [
            [e for e in each if low < seen[s.tokens[e.start : e.end]] <= high]
            for s, each in zip(sentences, entities)
        ]

    rows = []
    for (name, high), low in zip(FREQUENCIES.items(), (-1, *FREQUENCIES.values())):
        group = of_group(true, low, high)
        scores = {
            model: entity_scores(group, of_group(each, low, high))["all"].f1
            for model, each in found.items()
        }
        if count := sum(map(len, group)):
            rows.append({"frequency": name, "entities": count, **scores})
    return rows


def confusion(true: Sequence[Sequence[Entity]], found: Sequence[Sequence[Entity]]) -> list[dict]:
    """Of the true entities of a type, how many were found as each type, or not as such.

    `other bounds` counts those that only an entity with other bounds overlaps.
    """
    counts = Counter()
    for truth, guess in zip(true, found):
        types = {(e.start, e.end): e.type for e in guess}
        for e in truth:
            overlaps = any(g.start < e.end and e.start < g.end for g in guess)
            missed = "other bounds" if overlaps else "missed"
            counts[e.type, types.get((e.start, e.end), missed)] += 1
    kinds = sorted({kind for kind, _ in counts})
    columns = [*kinds, "other bounds", "missed"]
    return [{"true": kind, **{c: counts[kind, c] for c in columns}} for kind in kinds]


def worst_sentences(
    sentences: Sequence[Sentence], found: Sequence[Sequence[Entity]], count: int = 10
) -> list[dict]:
    """The sentences with most entities that were missed (−) or invented (+)."""
    wrong = [{*s.entities} ^ {*guess} for s, guess in zip(sentences, found)]
    rows = sorted(range(len(wrong)), key=lambda row: -len(wrong[row]))[:count]

    def describe(tokens, truth, entity):
        sign = "−" if entity in truth else "+"
        return f"{sign}{entity.type} {' '.join(tokens[entity.start : entity.end])}"

    return [
        {
            "sentence": escape_markdown(" ".join(tokens)),
            "wrong": escape_markdown(
                ", ".join(describe(tokens, truth, each) for each in sorted(wrong[row]))
            ),
        }
        for row in rows
        if wrong[row]
        for tokens, truth, _ in (sentences[row],)
    ]
