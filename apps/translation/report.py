"""What an evaluation says: the model card of a translator, with its worst sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.common.card import markdown_table, model_card
from apps.common.run import Run
from apps.translation.config import TranslationConfig
from apps.translation.data import Corpus
from apps.translation.scores import Judge

WORST = 8  # sentences in the table of the worst
LIMITS = (
    "The model translates sentences like those it was trained on; of others it makes fluent text "
    "that may say something else. Of a long sentence it reads the first tokens only "
    "(`max_length`), and it never sees the sentence before."
)


def card(
    run: Run,
    config: TranslationConfig,
    corpus: Corpus,
    metrics: Mapping[str, Any],
    lengths: Sequence[Mapping[str, Any]],
    errors: Sequence[Mapping[str, Any]],
) -> str:
    """The model card.

    Args:
        run: the run.
        config: its configuration.
        corpus: its data.
        metrics: what `metrics.json` holds.
        lengths: of `scores.by_length`.
        errors: of `worst`.

    Returns:
        Markdown.
    """
    sections = {
        "What the figures are": _figures(config, metrics),
        "By length": markdown_table(lengths) + "\n\n![](plots/lengths.png)",
        "Worst sentences": "The translations of the lowest BLEU (of beam search).\n\n"
        + markdown_table(errors),
    }
    if config.attention != "none":
        sections["Attention"] = "![](plots/attention.png)"
    if metrics["documented"]:
        sections["Documented sentences"] = (
            "Most of them are trained on: a smoke test, and no measure of quality.\n\n"
            + markdown_table(metrics["documented"])
        )
    return model_card(
        f"Translator {run.name}",
        what=f"Translates {config.source} to {config.target}: {network(config)}, over "
        f"{metrics['source_tokens']:,} and {metrics['target_tokens']:,} {config.tokens}s; "
        f"{metrics['weights']:,} weights, trained in {metrics['training_minutes']:.1f} "
        f"minutes at {metrics['tokens_per_second']:,.0f} target tokens per second.",
        command=run.command,
        config=config.to_json(),
        data=f"`{config.data}`: {len(corpus.train):,} pairs for training, "
        f"{len(corpus.validation):,} for validation, {len(corpus.test):,} for the "
        f"scores below, of {metrics['sentences']:,} distinct sources. {corpus.about}",
        scores=metrics["scores"],
        limits=LIMITS,
        machine=run.machine,
        kept=metrics["kept"],
        picture="plots/loss.png",
        sections=sections,
    )


def network(config: TranslationConfig) -> str:
    """What the network is, in a few words."""
    if config.attention == "none":
        return f"{config.cell} {config.layers}x{config.units}, no attention"
    both = "bidirectional " * config.bidirectional
    return f"{both}{config.cell} {config.layers}x{config.units}, {config.attention} attention"


def worst(
    judge: Judge,
    sentences: Sequence[str],
    references: Sequence[Sequence[str]],
    translations: Sequence[str],
) -> list[dict]:
    """The translations of the lowest BLEU that are not exact."""
    scores, exact = judge.of_sentences(translations), judge.exact(translations)
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
    """What the columns of the scores mean."""
    case = "in lower case and " * config.lowercase
    signatures = "\n".join(f"- {name}: `{text}`" for name, text in metrics["signatures"].items())
    return f"""\
{signatures}

Both are computed by sacreBLEU with all {metrics["pairs"]:,} references of {metrics["sentences"]:,}
sentences: the first on lower-cased tokens of Moses, as figures for Multi30k are published (on
characters where a language is written without blanks); the second on the translations as they are
written. The documented BLEU is the mean over sentences, the best reference of each. `exact` is the
part of sentences that are one of their references, {case}normalised. The perplexity of the
references is {metrics["test_perplexity"]:.2f} per token."""
