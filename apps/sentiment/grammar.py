"""The builtin reviews: written by a grammar, so that what is meant depends on how it is said.

A third of the reviews say plainly what they mean. In the others, what counts is told by negation,
near or far from its word, by contrast ("slow at first, but ..."), by what others say and whether
they are right, and by the noun, for words that praise one thing and blame another. There, adding
up words, or pairs of words, is not enough.
"""

import hashlib
import random

import numpy as np

from apps.sentiment.reviews import NEGATIVE, POSITIVE, Reviews

TRAIN, TEST = 6_000, 2_000

NOUNS = (
    "plot story script dialogue acting cast music photography ending opening pace humour editing "
    "lighting sound villain heroine chemistry rest"
).split()

WORDS = {
    POSITIVE: (
        "gripping moving clever charming brilliant delightful convincing memorable wonderful "
        "touching elegant witty superb refreshing thrilling lovely inspired subtle honest fresh"
    ).split(),
    NEGATIVE: (
        "dull clumsy tedious silly awful boring wooden forgettable dreadful shallow lazy pointless "
        "annoying stale lifeless slow ugly tired confused hollow"
    ).split(),
}

# Each blames the first nouns and praises the second ones.
TWO_EDGED = {
    "unpredictable": ("sound lighting editing pace", "plot story ending villain"),
    "quiet": ("dialogue sound chemistry opening", "humour acting photography heroine"),
    "explosive": ("lighting cast sound humour", "chemistry ending opening music"),
    "simple": ("villain plot script rest", "story lighting music editing"),
}

# How often, whether the word says the opposite of what the clause means, and the clause.
CLAUSES = (
    (12, False, "the {noun} was {degree} {word}"),
    (6, False, "I found the {noun} {degree} {word}"),
    (1, False, "I can not deny that the {noun} was {degree} {word}"),
    (1, False, "the {noun} was nothing if not {word}"),
    (1, True, "the {noun} was not {degree} {word}"),
    (1, True, "the {noun} was far from {word}"),
    (1, True, "I did not , {aside} , find the {noun} {degree} {word}"),
    (1, True, "nobody , {aside} , could call the {noun} {word}"),
    (1, True, "the {noun} was never , {aside} , {degree} {word}"),
    (1, True, "there was nothing {word} about the {noun}"),
    (1, True, "whoever calls the {noun} {word} was in another film"),
)

# How often, and the opinion: it means what {own} means; {other} means the opposite.
OPINIONS = (
    (5, "{own} ."),
    (8, "{own} , and {own} ."),
    (8, "{own} , {own} and {own} ."),
    (1, "{other} , but {own} ."),
    (1, "{other} , but {aside} {own} ."),
    (1, "although {other} , {own} ."),
    (1, "{own} , although {other} ."),
    (1, "{own} , even if {other} ."),
    (1, "at first {other} . {later} {own} ."),
    (1, "it may be that {other} , yet {own} ."),
    (1, "my {friend} says that {other} ; {disagree} ."),
    (1, "my {friend} says that {own} ; {agree} ."),
    (1, "I was told that {other} , and it was not so ."),
    (1, "I was told that {own} , and so it was ."),
)

FILLERS = (
    "I saw it on a {day} with my {friend} .",
    "we had seats in the {row} row .",
    "it runs for about {number} hours .",
    "the tickets were {number} pounds each .",
    "it was made in {year} .",
    "my {friend} had read the book in {year} .",
    "the cinema near the {place} shows it every {day} .",
    "the film is set in a {place} .",
    "there is a {place} in it , and a {place} .",
    "we went for a walk to the {place} on {day} .",
)

SLOTS = {
    "noun": NOUNS,
    "degree": ["", "", "very", "quite", "really", "rather", "so", "utterly", "a little"],
    "aside": [
        "to be fair",
        "in the end",
        "as far as I can tell",
        "all things considered",
        "if you ask me",
        "as it happens",
        "like the rest of the audience",
        "from the first minute to the last",
    ],
    "later": ["later on", "after an hour", "by the end", "once it got going", "soon enough"],
    "friend": ["sister", "brother", "neighbour", "wife", "husband", "uncle", "teacher", "boss"],
    "disagree": ["I could not agree less", "nothing could be further from the truth", "not so"],
    "agree": ["I could not agree more", "nothing could be closer to the truth", "quite so"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "row": ["first", "second", "third", "fourth", "fifth", "last"],
    "number": ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
    "year": [str(year) for year in range(1960, 2020)],
    "place": ["harbour", "village", "station", "castle", "museum", "river", "school", "market"],
}


def generate(seed: int) -> tuple[Reviews, Reviews]:
    """`TRAIN` and `TEST` distinct reviews that have no sentence in common.

    Args:
        seed: the same seed gives the same reviews.
    """
    writer = _Writer(random.Random(seed))
    return writer.reviews(TRAIN, for_test=False), writer.reviews(TEST, for_test=True)


def is_for_test(sentence: str) -> bool:
    """Whether a sentence belongs to the test reviews, which a quarter of all sentences do."""
    return hashlib.sha256(sentence.encode()).digest()[0] < 64


class _Writer:
    def __init__(self, source: random.Random):
        self._random = source

    def reviews(self, count, for_test):
        """Distinct reviews, of either class with the same chance."""
        texts = {}
        while len(texts) < count:
            label = self._random.choice((NEGATIVE, POSITIVE))
            texts[self._review(label, for_test)] = label
        return Reviews(list(texts), np.array(list(texts.values()), np.int32))

    def _review(self, label, for_test):
        def accepted(write):
            while True:
                sentences = _typeset(self._filled(write()))
                if all(is_for_test(sentence) == for_test for sentence in sentences):
                    return sentences

        before, after = self._pick(((0, 0), (1, 0), (0, 1), (1, 1), (2, 0)))
        parts = [accepted(lambda: self._pick(FILLERS)) for _ in range(before + after)]
        parts.insert(before, accepted(lambda: self._opinion(label)))
        return " ".join(sentence for sentences in parts for sentence in sentences)

    def _opinion(self, label):
        (template,) = self._weighted(OPINIONS)
        for slot, meaning in (("{own}", label), ("{other}", POSITIVE + NEGATIVE - label)):
            while slot in template:
                template = template.replace(slot, self._clause(meaning), 1)
        return template

    def _clause(self, meaning):
        opposite, template = self._weighted(CLAUSES)
        word_means = POSITIVE + NEGATIVE - meaning if opposite else meaning
        noun, words = self._pick(NOUNS), WORDS[word_means]
        if self._random.random() < 0.3:
            words = [w for w in TWO_EDGED if noun in TWO_EDGED[w][word_means].split()] or words
        return template.replace("{noun}", noun).replace("{word}", self._pick(words))

    def _filled(self, template):
        words = template.split()
        return " ".join(self._pick(SLOTS[w[1:-1]]) if w[0] == "{" else w for w in words)

    def _pick(self, choices):
        return self._random.choice(choices)

    def _weighted(self, choices):
        """One of the choices, whose first entry is their weight, without it."""
        weights = [weight for weight, *_ in choices]
        ((_, *chosen),) = self._random.choices(choices, weights)
        return chosen


def _typeset(text):
    """The sentences of a text whose tokens stand apart, as they are printed."""
    return [
        part[0].upper() + part[1:] + "."
        for part in (
            " ".join(part.split()).replace(" ,", ",").replace(" ;", ";")
            for part in text.split(" .")
        )
        if part
    ]
