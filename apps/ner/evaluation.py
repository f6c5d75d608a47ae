"""The entities of the test sentences, compared with a tag per word and with a feature CRF."""

from apps.common.tokenized import TokenizedData
from apps.ner.report import report_entities
from apps.task import Evaluation, Trained

LIMITS = (
    "The tagger is for sentences like those it was trained on. It reads a sentence in both "
    "directions, so it needs all of it and cannot stream; it does not see the sentences around it."
)


def evaluate(trained: Trained, data: TokenizedData) -> Evaluation:
    """Scores the entities of the test sentences, and of baselines with the same training."""
    config, corpus = trained.config, data.splits
    name = f"bidirectional {config.cell} {config.layers}x{config.units} and CRF"
    found = data.test.predict(trained.model)
    report = report_entities(corpus.train, corpus.test, name, found)
    ours, features, words = (each["all"] for each in report.scores.values())
    results = {"f1": ours.f1, "precision": ours.precision, "recall": ours.recall}
    results |= {"feature_crf_f1": features.f1, "tag_per_word_f1": words.f1}
    is_same = corpus.test is corpus.validation
    return Evaluation(
        headline=f"F1 {ours.f1:.2%}, feature CRF {features.f1:.2%}",
        scores=report.rows,
        metrics={**results, "sentences": len(corpus.test), "entities": ours.entities},
        results=results,
        title=f"Named entities {trained.run.name}",
        what=f"Tags named entities: {name}, over {len(trained.assets.lookup.words):,} words and "
        "their characters.",
        data=f"`{config.data}`: {len(corpus.train):,} sentences for training, "
        f"{len(corpus.validation):,} for choosing the epoch, {len(corpus.test):,} for the scores "
        f"below{', the same ones' * is_same}. {'; '.join(corpus.notes)}",
        limits=LIMITS,
        sections=report.sections,
        plots=report.plots,
    )
