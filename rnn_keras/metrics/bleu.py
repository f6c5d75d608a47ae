"""BLEU: the textbook formula for a sentence, sacreBLEU for a corpus."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from rnn_keras.extras import needs_extra


def bleu(prediction: str | Sequence[Any], label: str | Sequence[Any], k: int = 2) -> float:
    r"""BLEU of one sentence, by the textbook formula.

    $$\exp\left(\min\left(0, 1 - \frac{\mathrm{len}_{label}}{\mathrm{len}_{pred}}\right)\right)
      \prod_{n=1}^{k} p_n^{1/2^n}$$

    with p_n the precision of n-grams: the number of matched n-grams, each n-gram of the label
    matched at most once, over the number of n-grams of the prediction. n is at most the length of
    the prediction. Source: Dive into Deep Learning, section 10.7.6. For the BLEU of a corpus, see
    `corpus_bleu`.

    Args:
        prediction, label: sequences of tokens, without the end token; a string is split at white
            space.
        k: the longest n-grams to match, an int.

    Returns:
        A float from 0 to 1; an empty prediction has 0.

    Raises:
        ValueError: an empty label, or k below 1.

    Example:

    >>> bleu("il est calme .", "il est calme .")
    1.0
    >>> round(bleu("A B B C D".split(), "A B C D E F".split()), 3)  # p_1 = 4/5, p_2 = 3/4
    0.681
    """
    prediction, label = (x.split() if isinstance(x, str) else list(x) for x in (prediction, label))
    if not label:
        raise ValueError("`label` must have at least one token.")
    if k < 1:
        raise ValueError(f"`k` must be at least 1, got {k}.")
    if not prediction:
        return 0.0
    score = math.exp(min(0, 1 - len(label) / len(prediction)))
    for n in range(1, min(k, len(prediction)) + 1):
        matched = _ngrams(prediction, n) & _ngrams(label, n)
        score *= (matched.total() / (len(prediction) - n + 1)) ** (1 / 2**n)
    return score


def _ngrams(tokens, n):
    return Counter(zip(*(tokens[i:] for i in range(n))))


class CorpusBLEU(NamedTuple):
    """The BLEU of a corpus, from 0 to 100, and sacreBLEU's signature, which describes it."""

    score: float
    signature: str


def corpus_bleu(
    hypotheses: Sequence[str], references: Sequence[str | Sequence[str]], **options: Any
) -> CorpusBLEU:
    """BLEU of a corpus, by sacreBLEU (Post 2018), comparable with published results.

    Args:
        hypotheses: a list of strings, one per sentence; they may be empty.
        references: by sentence, its reference, a string, or its references, a list of strings,
            whose number may vary.
        **options: of `sacrebleu.metrics.BLEU`, such as `lowercase=True`, or `tokenize="none"` for
            text whose tokens are separated by spaces already.

    Returns:
        A `CorpusBLEU`, `(score, signature)`.

    Raises:
        ValueError: no sentence, lists of different length, or a sentence without a reference.
        ModuleNotFoundError: the extra `text` is not installed.

    Example:

    >>> score, signature = corpus_bleu(["Il est calme ."], [["Il est calme .", "Il est serein ."]])
    >>> round(score, 6), signature  # doctest: +ELLIPSIS
    (100.0, 'nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:...')
    """
    with needs_extra("text"):
        from sacrebleu.metrics import BLEU

    metric = BLEU(**options)
    score = metric.corpus_score(list(hypotheses), _streams(hypotheses, references)).score
    return CorpusBLEU(score, str(metric.get_signature()))


def corpus_chrf(
    hypotheses: Sequence[str], references: Sequence[str | Sequence[str]], **options: Any
) -> float:
    """ChrF of a corpus, from 0 to 100, by sacreBLEU: the F-score of n-grams of characters.

    Args:
        hypotheses, references: as in `corpus_bleu`.
        **options: of `sacrebleu.metrics.CHRF`, such as `lowercase=True`.

    Raises:
        ValueError, ModuleNotFoundError: as `corpus_bleu`.

    Reference: Popović 2015, *chrF: character n-gram F-score for automatic MT evaluation*.
    """
    with needs_extra("text"):
        from sacrebleu.metrics import CHRF

    return CHRF(**options).corpus_score(list(hypotheses), _streams(hypotheses, references)).score


def _streams(hypotheses, references):
    """References as sacreBLEU takes them: the first of all sentences, the second, ...

    Raises:
        ValueError: no sentence, lists of different length, or a sentence without a reference.
    """
    references = [[of_one] if isinstance(of_one, str) else list(of_one) for of_one in references]
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            "There must be as many hypotheses as entries of references, and at least one, got "
            f"{len(hypotheses)} and {len(references)}."
        )
    for i, of_one in enumerate(references):
        if not of_one:
            raise ValueError(f"Sentence {i} has no reference.")
    most = max(map(len, references))
    return [[r[i] if i < len(r) else None for r in references] for i in range(most)]
