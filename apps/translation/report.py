"""Parts of the translator's model card, with its worst sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.common.card import markdown_table
from apps.translation.config import TranslationConfig
from apps.translation.scores import TranslationScorer

WORST = 8  # sentences in the table of the worst
LIMITS = (
    "The model is for sentences like those it was trained on; its translations of others may be "
    "fluent and wrong. It reads only the first tokens of a long sentence (`max_length`), and no "
    "context before the sentence."
)


def sections(
    config: TranslationConfig,
    metrics: Mapping[str, Any],
    lengths: Sequence[Mapping[str, Any]],
    errors: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
    """The sections of the card after the scores, Markdown by heading.

    Args:
        config: the configuration.
        metrics: the content of `metrics.json`.
        lengths: the result of `scores.by_length`.
        errors: the result of `worst`.
    """
    found = {
        "Metrics": _figures(config, metrics),
        "By length": markdown_table(lengths) + "\n\n![](plots/lengths.png)",
        "Worst sentences": "The translations of the lowest BLEU (of beam search).\n\n"
        + markdown_table(errors),
    }
    if config.attention != "none":
        found["Attention"] = "![](plots/attention.png)"
    if metrics["textbook_sentences"]:
        found["Textbook sentences"] = (
            "Most of them are trained on: a smoke test, and no measure of quality.\n\n"
            + markdown_table(metrics["textbook_sentences"])
        )
    return found


def network(config: TranslationConfig) -> str:
    """The network in a few words."""
    if config.attention == "none":
        return f"{config.cell} {config.layers}x{config.units}, no attention"
    both = "bidirectional " * config.bidirectional
    return f"{both}{config.cell} {config.layers}x{config.units}, {config.attention} attention"


def worst(
    scorer: TranslationScorer,
    sentences: Sequence[str],
    references: Sequence[Sequence[str]],
    translations: Sequence[str],
) -> list[dict]:
    """The translations of the lowest BLEU that are not exact."""
    scores, exact = scorer.sentence_bleu(translations), scorer.exact(translations)
    rows = [row for row in np.argsort(scores, kind="stable") if not exact[row]][:WORST]
    return [
        {
            "BLEU": float(scores[row]),
            "source": sentences[row],
            "reference": references[row][0],
            "translation": translations[row],
        }
        for row in rows
    ]


def _figures(config, metrics):
    """Explanations of the columns of the scores."""
    case = "in lower case and " * config.lowercase
    signatures = "\n".join(f"- {name}: `{text}`" for name, text in metrics["signatures"].items())
    return f"""\
{signatures}

Both are computed by sacreBLEU with all {metrics["pairs"]:,} references of {metrics["sentences"]:,}
sentences: the first on lower-cased tokens of Moses, as figures for Multi30k are published (on
characters where a language is written without blanks); the second on the translations as they are
written. The textbook BLEU is the mean over sentences, the best reference of each. `exact` is the
part of sentences that are one of their references, {case}normalised. The perplexity of the
references is {metrics["test_perplexity"]:.2f} per token."""
