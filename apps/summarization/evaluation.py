"""ROUGE of the test summaries, compared with leads, central sentences and an oracle."""

from apps.common.history import best_row, read_history
from apps.common.tokenized import TokenizedData
from apps.summarization.report import report_summaries
from apps.summarization.signatures import make_summarizer
from apps.task import Evaluation, Trained

LIMITS = (
    "It is for texts like those it was trained on. ROUGE counts common words: a high score is no "
    "proof that a summary says what matters, or that a written one is true."
)


def evaluate(trained: Trained, data: TokenizedData) -> Evaluation:
    """Scores the summaries of the test texts, and those of baselines."""
    config, corpus = trained.config, data.splits
    name = f"{config.model} {config.cell} {config.units}"
    report = report_summaries(corpus.train, corpus.test, make_summarizer(trained)[0], name)
    best = best_row(read_history(trained.run.history), "val_loss", "min")
    results = {**report.results, "validation_loss": best["val_loss"]}
    words, texts = len(trained.assets), len(corpus.test)
    return Evaluation(
        headline=f"ROUGE-1 {results['rouge_1']:.1f}, lead {results['lead_rouge_1']:.1f}",
        scores=report.rows,
        metrics={**results, "texts": texts, "words": words},
        results=results,
        title=f"Summarizer {trained.run.name}",
        what=f"Summarizes texts: {name}, over {words:,} words.",
        data=f"`{config.data}`: {len(corpus.train):,} texts for training, "
        f"{len(corpus.validation):,} for choosing the epoch, {texts:,} for the F1 below, with "
        "95 % intervals. Extracts and the lead have as many words as the reference. "
        + "; ".join(corpus.notes),
        limits=LIMITS,
        sections={"Examples": report.examples},
    )
