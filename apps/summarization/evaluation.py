"""ROUGE of the test summaries, compared with leads, central sentences and an oracle."""

import numpy as np
import tensorflow as tf

from apps.common.history import best_row, read_history
from apps.common.progress import chunks
from apps.common.summary_scores import central_order, extract, oracle, rouge, rows_of, words
from apps.common.tokenized import TokenizedData, by_chunks
from apps.summarization.signatures import make_summarizer
from apps.task import Evaluation, Trained
from rnn_keras import use_plan
from rnn_keras.text import find_sentences

BATCH = 32  # texts at a time
SHOWN = 3  # examples in the model card
LIMITS = (
    "It is for texts like those it was trained on. ROUGE counts common words: a high score is no "
    "proof that a summary says what matters, or that a written one is true."
)


def evaluate(trained: Trained, data: TokenizedData) -> Evaluation:
    """Scores the summaries of the test texts and of baselines.

    Extracts have as many words as the reference, for the model and for all others.
    """
    config, corpus = trained.config, data.splits
    texts, references = corpus.test.texts, corpus.test.summaries
    found = [
        row for part in by_chunks(find_sentences, texts, "splitting") for row in part.to_list()
    ]
    sentences = [[s.decode() for s in row] or [""] for row in found]
    summarizer, outputs = make_summarizer(trained)[0], []
    with use_plan("graph"):
        for part in chunks(texts, "summarizing", "texts", BATCH):
            outputs.append(summarizer.summarize(tf.constant(part)))
    sizes = [len(words(text)) for text in references]

    def extracts(orders):
        return [extract(*each) for each in zip(sentences, orders, sizes)]

    leads, central = [range(len(row)) for row in sentences], map(central_order, sentences)
    name = f"{config.model} {config.cell} {config.units}"
    if config.model == "extractive":
        rows = [row for each in outputs for row in each["probability"].numpy()]
        ours = [np.argsort(-p[: len(s)], kind="stable") for p, s in zip(rows, sentences)]
        read = [[*o, *range(config.max_sentences, len(s))] for o, s in zip(ours, sentences)]
        candidates = {
            name: extracts(read),
            "lead": extracts(leads),
            "TextRank": extracts(central),
            "oracle": extracts(map(oracle, sentences, references)),
        }
    else:
        candidates = {
            name: [text.decode() for each in outputs for text in each["summary"].numpy()],
            "lead": extracts(leads),
            "first sentence": [row[0] for row in sentences],
            "most central sentence": [row[next(iter(o))] for row, o in zip(sentences, central)],
        }
    figures = {who: rouge(each, references) for who, each in candidates.items()}
    results = {
        "_".join([*who.lower().split(), *metric.lower().split("-")]).removeprefix(f"{key}_"): mid
        for key in ["_".join(name.lower().split())]
        for who, each in figures.items()
        for metric, (_, mid, _) in each.items()
    }
    best = best_row(read_history(trained.run.history), "val_loss", "min")
    results["validation_loss"] = best["val_loss"]
    examples = (
        f"- Text: {text[:200]} ...\n- Reference: {reference[:300]}\n- Summary: {ours[:300]}"
        for text, reference, ours in zip(texts[:SHOWN], references, candidates[name])
    )
    ours, lead = figures[name]["ROUGE-1"][1], figures["lead"]["ROUGE-1"][1]
    return Evaluation(
        headline=f"ROUGE-1 {ours:.1f}, lead {lead:.1f}",
        scores=rows_of(figures),
        metrics={**results, "texts": len(texts), "words": len(trained.assets)},
        results=results,
        title=f"Summarizer {trained.run.name}",
        what=f"Summarizes texts: {name}, over {len(trained.assets):,} words.",
        data=f"`{config.data}`: {len(corpus.train):,} texts for training, "
        f"{len(corpus.validation):,} for choosing the epoch, {len(texts):,} for the scores below, "
        "F1 with 95 % intervals. Extracts and the lead have as many words as the reference. "
        + "; ".join(corpus.notes),
        limits=LIMITS,
        sections={"Examples": "\n\n".join(examples)},
    )
