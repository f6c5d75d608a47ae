"""BLEU against the formula, and against sacreBLEU as it is called directly."""

import doctest
import importlib
import math

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.metrics import bleu, corpus_bleu

TOKENS = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)


def textbook_bleu(prediction, label, k):
    """Dive into Deep Learning's own way: a matched n-gram of the label is crossed out."""
    score = math.exp(min(0, 1 - len(label) / len(prediction)))
    for n in range(1, min(k, len(prediction)) + 1):
        left = [label[i : i + n] for i in range(len(label) - n + 1)]
        matches, count = 0, len(prediction) - n + 1
        for i in range(count):
            if prediction[i : i + n] in left:
                left.remove(prediction[i : i + n])
                matches += 1
        score *= math.pow(matches / count, math.pow(0.5, n))
    return score


@given(TOKENS, TOKENS, st.integers(1, 5))
def test_the_textbook_formula(prediction, label, k):
    assert bleu(prediction, label, k) == pytest.approx(textbook_bleu(prediction, label, k))


def test_by_hand():
    # The example of the book: p_1 = 4/5, p_2 = 3/4, p_3 = 1/3, p_4 = 0.
    prediction, label = "A B B C D", "A B C D E F"
    short = math.exp(1 - 6 / 5)
    assert bleu(prediction, label, 1) == pytest.approx(short * 0.8**0.5)
    assert bleu(prediction, label) == pytest.approx(short * 0.8**0.5 * 0.75**0.25)
    assert bleu(prediction, label, 3) == pytest.approx(
        short * 0.8**0.5 * 0.75**0.25 * (1 / 3) ** 0.125
    )
    assert bleu(prediction, label, 4) == 0
    assert bleu("va !", "va !", 4) == 1  # it has no 3-grams to miss
    assert bleu([7, 7, 7], [7], 1) == pytest.approx((1 / 3) ** 0.5)  # 7 matches but once
    assert bleu("", "va !") == bleu([], ["va", "!"]) == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("va !", ""), "`label` must have at least one token"),
        (("", []), "`label` must have at least one token"),
        (("va !", "va !", 0), "`k` must be at least 1, got 0"),
    ],
)
def test_what_bleu_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        bleu(*arguments)


HYPOTHESES = ["The cat is here, now.", "A dog runs in the park", ""]
FIRST = ["The cat is there now.", "A dog ran in a park", "Nothing at all"]


@pytest.mark.parametrize("references", [FIRST, [[one] for one in FIRST]])
def test_corpus_bleu_with_one_reference_each(references):
    score, signature = corpus_bleu(HYPOTHESES, references)
    assert score == sacrebleu.corpus_bleu(HYPOTHESES, [FIRST]).score > 0
    assert signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_corpus_bleu_with_unequal_numbers_of_references():
    references = [[FIRST[0], "my cat is here, now."], (FIRST[1],), FIRST[2]]
    score, signature = corpus_bleu(HYPOTHESES, references, lowercase=True, tokenize="none")
    # A reference given twice adds nothing.
    second = ["my cat is here, now.", *FIRST[1:]]
    expected = sacrebleu.corpus_bleu(HYPOTHESES, [FIRST, second], lowercase=True, tokenize="none")
    assert score == expected.score > corpus_bleu(HYPOTHESES, FIRST, tokenize="none").score
    assert signature.startswith("nrefs:var|case:lc|eff:no|tok:none|")


@pytest.mark.parametrize(
    "hypotheses, references, message",
    [
        ([], [], "at least one, got 0 and 0"),
        (["a", "b"], ["a"], "as many hypotheses as entries of references, .* got 2 and 1"),
        (["a", "b"], ["a", []], "Sentence 1 has no reference"),
    ],
)
def test_what_corpus_bleu_refuses(hypotheses, references, message):
    with pytest.raises(ValueError, match=message):
        corpus_bleu(hypotheses, references)


def test_the_examples_of_the_docstrings():
    results = doctest.testmod(importlib.import_module("rnn_keras.metrics.bleu"))
    assert results.attempted == 4 and results.failed == 0
