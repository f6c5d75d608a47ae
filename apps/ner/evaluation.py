"""The entities of the test sentences, compared with a tag per word and with a feature CRF."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from apps.common.card import escape_markdown, markdown_table
from apps.common.lengths import length_groups
from apps.common.plots import plot_by_group, plot_by_length
from apps.common.tagged import Sentence
from apps.ner.baselines import feature_crf, tag_per_word
from apps.ner.data import Data
from apps.task import Evaluation, Trained
from rnn_keras.metrics import Entity, entity_scores

WORST = 10  # sentences in the model card
FREQUENCIES = {"0": 0, "1": 1, "2–5": 5, "6–20": 20, "over 20": np.inf}  # and their upper ends

LIMITS = (
    "The tagger is for sentences like those it was trained on. It reads a sentence in both "
    "directions, so it needs all of it and cannot stream; it does not see the sentences around it."
)


def evaluate(trained: Trained, data: Data) -> Evaluation:
    """Scores the entities of the test sentences: see `rnn_keras.metrics.entity_scores`.

    The baselines are trained on the same sentences: `baselines.tag_per_word`, which knows no
    context, and `baselines.feature_crf`.
    """
    config, test = trained.config, data.test
    true = [sentence.entities for sentence in test]
    name = f"bidirectional {config.cell} {config.layers}x{config.units} and CRF"
    found = {
        name: data.predict(trained.model, test),
        "feature CRF": feature_crf(data.train, test),
        "tag per word": tag_per_word(data.train, test),
    }
    scores = {who: entity_scores(true, predicted) for who, predicted in found.items()}
    ours, features, words = (each["all"] for each in scores.values())
    results = {
        "f1": ours.f1,
        "precision": ours.precision,
        "recall": ours.recall,
        "feature_crf_f1": features.f1,
        "tag_per_word_f1": words.f1,
    }
    lengths = np.array([len(sentence.tokens) for sentence in test])
    by_length = [
        {"words": group, "sentences": len(rows), **_f1(true, found, rows)}
        for group, rows in length_groups(lengths, 5).items()
    ]
    by_frequency = _by_frequency(data.train, test, true, found)
    held_out = "test" if test is not data.validation else "validation, which chose the epoch, too"
    types = [{"type": kind, **each._asdict()} for kind, each in scores[name].items()]
    return Evaluation(
        headline=f"F1 {ours.f1:.2%}, feature CRF {features.f1:.2%}",
        scores=[
            {"model": who, **dict(zip(("precision", "recall", "f1"), each["all"]))}
            for who, each in scores.items()
        ],
        metrics={**results, "sentences": len(test), "entities": ours.entities, "types": types},
        results=results,
        title=f"Named entities {trained.run.name}",
        what=f"Tags named entities: {name}, over {config.embedding}-dimensional vectors of "
        f"{len(trained.assets.words):,} words and a convolution over their characters.",
        data=f"`{config.data}`: {len(data.train):,} sentences for training, "
        f"{len(data.validation):,} for choosing the epoch, {len(test):,} for the scores below "
        f"({held_out}). {' '.join(f'{note}.' for note in data.notes)}",
        limits=LIMITS,
        sections={
            "By type": markdown_table(types),
            "Confusion": "Of the entities of each type: found as which type, within other bounds, "
            "or missed.\n\n" + markdown_table(_confusion(true, found[name])),
            "By length": markdown_table(by_length) + "\n\n![](plots/lengths.png)",
            "By frequency": "F1 by how often an entity occurs in training.\n\n"
            + markdown_table(by_frequency) + "\n\n![](plots/frequencies.png)",
            "Worst sentences": "Those with most entities missed (−) and invented (+).\n\n"
            + markdown_table(_worst(test, found[name])),
        },
        plots={
            "lengths": partial(
                plot_by_length, rows=by_length, count="sentences", what="sentence", score="F1"
            ),
            "frequencies": partial(
                plot_by_group, rows=by_frequency, group="frequency", count="entities",
                title="F1 by frequency of the entity", label="occurrences in training", score="F1",
            ),
        },
    )  # fmt: skip


def _f1(true, found: Mapping[str, Sequence], rows=None, keep: Callable = lambda row, e: True):
    """F1 of each model for some rows, and the entities that `keep` chooses."""
    rows = range(len(true)) if rows is None else rows

    def chosen(sentences):
        return [[entity for entity in sentences[row] if keep(row, entity)] for row in rows]

    return {w: entity_scores(chosen(true), chosen(p))["all"].f1 for w, p in found.items()}


def _by_frequency(train, test, true, found) -> list[dict]:
    seen = Counter(s.tokens[e.start : e.end] for s in train for e in s.entities)

    def group_of(row, entity: Entity):
        count = seen[test[row].tokens[entity.start : entity.end]]
        return next(name for name, most in FREQUENCIES.items() if count <= most)

    sizes = Counter(group_of(row, entity) for row, each in enumerate(true) for entity in each)
    return [
        {
            "frequency": name,
            "entities": sizes[name],
            **_f1(true, found, keep=lambda row, entity: group_of(row, entity) == name),  # noqa: B023
        }
        for name in FREQUENCIES
        if sizes[name]
    ]


def _confusion(true, predicted) -> list[dict]:
    counts = Counter()
    for truth, guess in zip(true, predicted):
        types = {(e.start, e.end): e.type for e in guess}
        for e in truth:
            overlaps = any(g.start < e.end and e.start < g.end for g in guess)
            missed = "other bounds" if overlaps else "missed"
            counts[e.type, types.get((e.start, e.end), missed)] += 1
    kinds = sorted({kind for kind, _ in counts})
    columns = [*kinds, "other bounds", "missed"]
    return [{"true": kind, **{c: counts[kind, c] for c in columns}} for kind in kinds]


def _worst(test: Sequence[Sentence], predicted) -> list[dict]:
    wrong = [{*s.entities} ^ {*guess} for s, guess in zip(test, predicted)]
    rows = sorted(range(len(test)), key=lambda row: -len(wrong[row]))[:WORST]
    return [
        {
            "sentence": escape_markdown(" ".join(test[row].tokens)),
            "wrong": escape_markdown(
                ", ".join(
                    f"{'−' if e in test[row].entities else '+'}{e.type} "
                    + " ".join(test[row].tokens[e.start : e.end])
                    for e in sorted(wrong[row])
                )
            ),
        }
        for row in rows
        if wrong[row]
    ]
