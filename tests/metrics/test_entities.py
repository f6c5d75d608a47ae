"""Entities and their scores, against the rules of the script conlleval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.metrics import SCHEMES, Entity, entity_scores, find_entities, write_tags

TAGS = st.sampled_from(["O", *(f"{p}-{kind}" for p in "BIES" for kind in ("PER", "LOC"))])
SENTENCES = st.lists(st.tuples(TAGS, TAGS), max_size=12)


def conlleval(true, guessed):
    """Correct, guessed and true chunks of one sentence, by conlleval.pl's rules (IOBES tags)."""

    def split(tag):
        prefix, _, kind = tag.partition("-")
        return prefix, kind

    def ends(before, now):
        (p, kind), (q, other) = before, now
        return (p in "ES") or (p in "BI" and q in "BSO") or (p != "O" and kind != other)

    def starts(before, now):
        (p, kind), (q, other) = before, now
        return (q in "BS") or (p in "ESO" and q in "EI") or (q != "O" and kind != other)

    correct = found = existing = 0
    inside, before = False, (("O", ""), ("O", ""))
    for now in [*zip(map(split, true), map(split, guessed)), (("O", ""), ("O", ""))]:
        end, start = ([rule(b, n) for b, n in zip(before, now)] for rule in (ends, starts))
        if inside:
            if all(end) and before[0][1] == before[1][1]:
                inside, correct = False, correct + 1
            elif end[0] != end[1] or now[0][1] != now[1][1]:
                inside = False
        if all(start) and now[0][1] == now[1][1]:
            inside = True
        existing, found = existing + start[0], found + start[1]
        before = now
    return correct, found, existing


@given(SENTENCES)
def test_scores_are_those_of_conlleval(pairs):
    true, guessed = ([pair[i] for pair in pairs] for i in (0, 1))
    scores = entity_scores([find_entities(true)], [find_entities(guessed)])["all"]
    assert (scores.correct, scores.predicted, scores.entities) == conlleval(true, guessed)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from("XY")), max_size=5))
def test_every_scheme_gives_the_entities_back(parts):
    entities, end = [], 0
    for gap, length, kind in parts:
        entities.append(Entity(end + gap, end + gap + length, kind))
        end = entities[-1].end
    for scheme in SCHEMES:
        tags = write_tags(entities, end + 1, scheme)
        assert len(tags) == end + 1 and find_entities(tags) == entities


@pytest.mark.parametrize(
    "scheme, tags",
    [
        ("IOB1", "I-X I-X B-X O I-Y"),
        ("IOB2", "B-X I-X B-X O B-Y"),
        ("IOBES", "B-X E-X S-X O S-Y"),
        ("BILOU", "B-X L-X U-X O U-Y"),
    ],
)
def test_schemes(scheme, tags):
    entities = [Entity(0, 2, "X"), Entity(2, 3, "X"), Entity(4, 5, "Y")]
    assert write_tags(entities, 5, scheme) == tags.split()


def test_scores_by_hand():
    true = [[Entity(0, 2, "PER"), Entity(3, 4, "LOC")], []]
    found = [[Entity(0, 2, "PER"), Entity(3, 4, "ORG")], [Entity(0, 1, "PER")]]
    scores = entity_scores(true, found)
    assert list(scores) == ["all", "LOC", "ORG", "PER"]
    assert scores["all"] == pytest.approx((1 / 3, 1 / 2, 2 / 5, 1, 3, 2))
    assert scores["LOC"] == (0, 0, 0, 0, 0, 1) and scores["PER"].f1 == pytest.approx(2 / 3)
    assert entity_scores([[]], [[]])["all"].f1 == 0
    with pytest.raises(ValueError, match="2 sentences cannot be compared with 1"):
        entity_scores(true, found[:1])
