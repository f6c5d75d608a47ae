"""How translations are judged, and what they are judged beside."""

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from apps.translation import baselines, report
from apps.translation.config import TranslationConfig
from apps.translation.evaluation import TEXTBOOK_SENTENCES, score_textbook_sentences
from apps.translation.pairs import Pairs
from apps.translation.scores import TranslationScorer, by_length

ANCHOR = "BLEU (lower-cased, Moses tokens)"
REFERENCES = [["Il est calme .", "Il est serein."], ["L'homme noir court très vite."]]
PERFECT = ["il est serein.", "l’homme  NOIR court très vite."]
PARTIAL = ["il est", "un homme noir court."]


@pytest.fixture(scope="module")
def scorer():
    return TranslationScorer(REFERENCES, "fr", lowercase=True)


def test_a_translation_may_be_any_reference_in_any_case(scorer):
    assert scorer.exact(PERFECT) == [True, True] and scorer.exact(PARTIAL) == [False, False]
    assert TranslationScorer(REFERENCES, "fr", lowercase=False).exact(PERFECT) == [False, False]
    scores, signatures = scorer.scores(PERFECT)
    assert scores["exact"] == scores["k=4"] == scores["mean textbook BLEU, k=2"] == 1
    assert scores[ANCHOR] == pytest.approx(100) and scorer.anchor(PERFECT, [1]) == scores[ANCHOR]
    assert signatures[ANCHOR].startswith("nrefs:var|") and "|tok:none|" in signatures[ANCHOR]
    assert "|case:lc|" in signatures["sacreBLEU"] and "|tok:13a|" in signatures["sacreBLEU"]


def test_the_anchor_is_bleu_over_moses_tokens(scorer):
    """The apostrophe ends a token in French, and belongs to what is before it."""
    tokens = [["il est calme .", "l' homme noir court très vite ."], ["il est serein .", None]]
    metric = sacrebleu.BLEU(tokenize="none", force=True)
    wanted = metric.corpus_score(["il est", "un homme noir court ."], tokens).score
    scores = scorer.scores(PARTIAL)[0]
    assert scores[ANCHOR] == pytest.approx(wanted) and 20 < wanted < 30
    # By the textbook formula: e^(1 - 4/2), and e^(1 - 7/5) (4/5)^(1/2) (2/4)^(1/4).
    of_second = np.exp(-0.4) * 0.8**0.5 * 0.5**0.25
    assert scores["mean textbook BLEU, k=2"] == pytest.approx((np.exp(-1) + of_second) / 2)
    assert 0 < scores["chrF"] < 100 and 0 < scores["sacreBLEU"] < 100


def test_without_blanks_characters_are_compared():
    references = [["我有三只猫。"], ["对不起。"]]
    scorer = TranslationScorer(references, "zh", lowercase=True)
    scores, signatures = scorer.scores(["我有两只猫。", "对不起。"])
    assert "|tok:zh|" in signatures["sacreBLEU"] and scorer.anchor_name in scores
    tokens = [["我 有 三 只 猫 。", "对 不 起 。"]]
    metric = sacrebleu.BLEU(tokenize="none", force=True)
    wanted = metric.corpus_score(["我 有 两 只 猫 。", "对 不 起 。"], tokens).score
    assert scores["sacreBLEU"] == scores[scorer.anchor_name] == pytest.approx(wanted)
    # By the textbook formula: (5/6)^(1/2) (3/5)^(1/4) and 1.
    of_first = (5 / 6) ** 0.5 * (3 / 5) ** 0.25
    assert scores["mean textbook BLEU, k=2"] == pytest.approx((of_first + 1) / 2)
    (row,) = report.worst(scorer, ["a", "b"], references, ["我有两只猫。", "对不起。"])
    assert 0 < row["BLEU"] < 100


def test_nothing_said_scores_nothing(scorer):
    assert set(scorer.scores(["", ""])[0].values()) == {0}


def test_the_worst_sentences_are_those_of_the_lowest_bleu(scorer):
    sentences = ["He is calm.", "The black man runs very fast."]
    rows = report.worst(scorer, sentences, REFERENCES, ["rien", "l'homme noir court vite."])
    assert [row["source"] for row in rows] == sentences and rows[0]["BLEU"] < rows[1]["BLEU"]
    (row,) = report.worst(scorer, sentences, REFERENCES, [PERFECT[0], "rien"])
    assert row["reference"] == REFERENCES[1][0] and row["translation"] == "rien"


def test_by_length():
    sentences = ["a " * n for n in (5, 1, 2, 4, 3)]
    scorer = TranslationScorer([["un deux trois quatre"]] * 5, "fr", lowercase=True)
    rows = by_length(scorer, sentences, {"ours": ["un deux trois quatre"] * 2 + ["rien"] * 3}, 2)
    assert [(row["words"], row["sentences"]) for row in rows] == [("1–3", 3), ("4–5", 2)]
    assert 0 < rows[0]["ours"] < rows[1]["ours"] < 100
    (row,) = by_length(scorer, ["a b"] * 5, {"ours": ["rien"] * 5})
    assert (row["words"], row["sentences"]) == ("2", 5)


def test_the_nearest_training_sentence():
    train = Pairs(["the cat sleeps", "the cat sees the dog", "a dog !"], ["un", "deux", "trois"])
    asked = ["The dog sees a cat.", "the dog is a dog", "cat sleeps", "?"]
    assert baselines.nearest(train, asked) == ["deux", "trois", "un", "un"]


def test_the_textbook_sentences():
    answers = {b"Go.": "Va!", b"I lost.": "j'ai perdu.", b"He's calm.": "il est malade ."}

    def function(texts):
        return {"translation": tf.constant([answers.get(text, "") for text in texts.numpy()])}

    train = Pairs(["GO.", "i lost."], ["Va !", "J'ai perdu."])
    rows = score_textbook_sentences(function, TranslationConfig(), train)
    assert [row["source"] for row in rows] == list(TEXTBOOK_SENTENCES)
    assert [row["trained on"] for row in rows] == ["yes", "yes", "no", "no"]
    of_third = (3 / 4) ** (1 / 2) * (1 / 3) ** (1 / 4)
    assert [row["BLEU, k=2"] for row in rows] == pytest.approx([1, 1, of_third, 0])
    assert score_textbook_sentences(function, TranslationConfig(target="de"), train) == []
    assert (
        score_textbook_sentences(
            function, TranslationConfig(), Pairs(["Be calm."], ["Sois calme !"])
        )
        == []
    )
