"""BLEU of the test sentences, compared with the nearest training sentence and the source itself."""

import re
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from apps.common.card import markdown_table
from apps.common.history import best_row, read_history
from apps.common.plots import plot_by_length
from apps.common.progress import chunks
from apps.common.tokenized import TokenizedData
from apps.task import Evaluation, Trained
from apps.translation import baselines, plots, report
from apps.translation.batches import TokenizedPairs
from apps.translation.config import TranslationConfig
from apps.translation.graph import TranslatorGraph
from apps.translation.pairs import Pairs
from apps.translation.scores import TranslationScorer, by_length
from apps.translation.text import PAD_ID, identities
from rnn_keras import use_plan
from rnn_keras.metrics import Perplexity, bleu
from rnn_keras.seq2seq import TokenCrossentropy

MONITOR = "val_perplexity"
RESULTS = ("bleu", "bleu_greedy", "sacrebleu", "chrf", "exact", "test_perplexity",
           "validation_perplexity", "nearest_bleu", "copy_bleu")  # fmt: skip
PICTURED = 4  # sentences with a picture of the attention
BATCH = 64  # sentences translated at a time

# The sentences of Dive into Deep Learning, section 10.7, with tokenized references.
TEXTBOOK_SENTENCES = {
    "Go.": "va !",
    "I lost.": "j'ai perdu .",
    "He's calm.": "il est calme .",
    "I'm home.": "je suis chez moi .",
}


def monitor(config: TranslationConfig) -> tuple[str, str]:
    """The metric that selects the best epoch, and "min" or "max", whichever is best."""
    return ("epoch", "max") if config.keep == "last" else (MONITOR, "min")


def evaluate(trained: Trained, data: TokenizedData) -> Evaluation:
    """Translates each distinct test source by greedy and by beam search, and scores them.

    They are compared with all translations of the source. The baselines are the source itself,
    and `baselines.nearest`.
    """
    config, (source, target), corpus = trained.config, trained.assets, data.splits
    sentences, references = corpus.test.distinct_sources, corpus.test.references
    graph = TranslatorGraph(config, trained.model, source, target)
    name = report.network(config)
    ours = f"{name}, beam {config.beam}"
    translations = {
        ours: translate(graph.functions["translate"], sentences),
        f"{name}, greedy": translate(graph.functions["greedy"], sentences),
        baselines.NEAREST: baselines.nearest(corpus.train, sentences),
        "copy of the source": sentences,
    }
    scorer = TranslationScorer(references, config.target, config.lowercase)
    scores = {who: scorer.scores(texts) for who, texts in translations.items()}
    beam, greedy, nearest, copy = (each.figures for each in scores.values())
    history = read_history(trained.run.history)
    seconds = sum(row["seconds"] for row in history)
    metrics = {
        "bleu": beam[scorer.anchor_name],
        "bleu_greedy": greedy[scorer.anchor_name],
        "sacrebleu": beam["sacreBLEU"],
        "chrf": beam["chrF"],
        "exact": beam["exact"],
        "test_perplexity": perplexity(trained.model, data.test),
        "validation_perplexity": best_row(history, *monitor(config))[MONITOR],
        "nearest_bleu": nearest[scorer.anchor_name],
        "copy_bleu": copy[scorer.anchor_name],
        "tokens_per_second": data.train.tokens * len(history) / seconds,
        "sentences": len(sentences),
        "pairs": len(corpus.test),
        "source_tokens": len(source.vocabulary),
        "target_tokens": len(target.vocabulary),
        "signatures": scores[ours].signatures,
        "textbook_sentences": score_textbook_sentences(
            graph.functions["translate"], config, corpus.train
        ),
    }
    remarks = []
    if metrics["textbook_sentences"]:
        remarks = ["", "Textbook sentences (D2L), a smoke test, as most are training sentences:",
                   markdown_table(metrics["textbook_sentences"])]  # fmt: skip
    shown = {who: translations[who] for who in (ours, baselines.NEAREST)}
    lengths = by_length(scorer, sentences, shown)
    charts = {
        "lengths": partial(
            plot_by_length, rows=lengths, count="sentences", what="source", score="BLEU"
        )
    }
    if config.attention != "none":
        pictured = sentences[:: max(1, len(sentences) // PICTURED)][:PICTURED]
        with use_plan("graph"):
            maps = [best.attention for (best,) in graph.pipeline.translate(pictured, 1, 0.0)]
        charts["attention"] = partial(plots.attention_maps, maps=maps)
    errors = report.worst(scorer, sentences, references, translations[ours])
    return Evaluation(
        headline=f"BLEU {metrics['bleu']:.2f}, greedy {metrics['bleu_greedy']:.2f}",
        scores=[{"model": who, **each.figures} for who, each in scores.items()],
        metrics=metrics,
        results={key: metrics[key] for key in RESULTS},
        title=f"Translator {trained.run.name}",
        what=f"Translates {config.source} to {config.target}: {name}, over "
        f"{metrics['source_tokens']:,} and {metrics['target_tokens']:,} {config.tokens}s, trained "
        f"at {metrics['tokens_per_second']:,.0f} target tokens per second.",
        data=f"`{config.data}`: {len(corpus.train):,} pairs for training, "
        f"{len(corpus.validation):,} for validation, {len(corpus.test):,} for the "
        f"scores below, of {metrics['sentences']:,} distinct sources. {corpus.about}",
        limits=report.LIMITS,
        sections=report.sections(config, metrics, lengths, errors),
        plots=charts,
        remarks=remarks,
    )


def translate(function: Callable, sentences: list[str]) -> list[str]:
    """Translations of sentences, in batches of similar length.

    Args:
        function: of `TranslatorGraph`, such as `translate`.
        sentences: the sentences.
    """
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    found = [""] * len(sentences)
    with use_plan("graph"):  # compiled for each length, it would take longer
        for rows in chunks(order, "translating", "sentences", BATCH):
            texts = function(tf.constant([sentences[row] for row in rows]))["translation"]
            for row, text in zip(rows, texts.numpy()):
                found[row] = text.decode()
    return found


def perplexity(model: keras.Model, pairs: TokenizedPairs) -> float:
    """The perplexity of the reference translations, per token."""
    model.compile(loss=TokenCrossentropy(), metrics=[Perplexity(ignore_class=PAD_ID)])
    return model.evaluate(pairs.batches(), verbose=0, return_dict=True)["perplexity"]


def score_textbook_sentences(
    function: Callable, config: TranslationConfig, train: Pairs
) -> list[dict]:
    """The four textbook sentences (D2L) and their BLEU (k=2), if any of them was trained on."""
    is_known = np.isin(identities(list(TEXTBOOK_SENTENCES)), train.keys)
    if (config.source, config.target) != ("en", "fr") or not is_known.any():
        return []
    return [
        {
            "source": sentence,
            "trained on": "yes" if trained_on else "no",
            "reference": reference,
            "translation": translation,
            "BLEU, k=2": bleu(space_marks(translation.lower()), reference, k=2),
        }
        for (sentence, reference), trained_on, translation in zip(
            TEXTBOOK_SENTENCES.items(), is_known, translate(function, list(TEXTBOOK_SENTENCES))
        )
    ]


def space_marks(text: str) -> str:
    """The textbook's tokens: words, and a blank before each mark that ends a sentence."""
    return re.sub(r"\s*([,.!?])", r" \1", text)
