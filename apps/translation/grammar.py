"""The builtin pairs: English sentences and their French, written side by side by a grammar.

What has to be learned is what makes French differ from English: gender and number of articles,
adjectives and participles, adjectives before and behind the noun, `ne ... pas` around the verb,
`pas de` for an article, pronouns before the verb, compound tenses with `avoir` and `être`,
`au`, `du`, and the vowels that are dropped (l', j', n', d', qu'). Whoever says `I` or `we` is a man
here, and so are `they`: English does not tell, and each sentence has one translation.
"""

import random
import re

from apps.translation.lexicon import (
    ADVERBS,
    ARTICLES_OF,
    AVOIR,
    BEFORE,
    BEHIND,
    COPULA,
    ENGLISH_SPELLING,
    ETRE,
    FRENCH_SPELLING,
    FUTURE,
    MOVES,
    NOUNS,
    OBJECT_PRONOUNS,
    PLURAL,
    PRONOUNS,
    SINGULAR,
    TIMES,
    VERBS,
    VOWEL,
    Phrase,
    rows,
)
from apps.translation.pairs import Pairs

COUNT = 7_000
MAX_WORDS = 12


def generate(seed: int) -> Pairs:
    """`COUNT` pairs with distinct sources of at most `MAX_WORDS` words on a side.

    Args:
        seed: the same seed gives the same pairs.
    """
    writer = _Writer(random.Random(seed))
    pairs = {}
    while len(pairs) < COUNT:
        english, french = writer.sentence()
        if max(len(english.split()), len(french.split())) <= MAX_WORDS:
            pairs[english] = french
    return Pairs(list(pairs), list(pairs.values()))


class _Writer:
    def __init__(self, source: random.Random):
        self._random = source

    def sentence(self):
        """A sentence and its translation."""
        write = self._random.choices((self._deed, self._move, self._state), (5, 2, 2))[0]
        english, french, is_question = write()
        mark = "?" if is_question else "."
        english = _spelled(english, ENGLISH_SPELLING)
        french = _spelled(f"est-ce que {french}" if is_question else french, FRENCH_SPELLING)
        # French has a no-break space before a question mark.
        return english + mark, french + "\u00a0" * is_question + mark

    def _deed(self):
        agents, kinds, article, *forms = self._pick(rows(VERBS))
        tense, adverb, is_question = self._manner()
        subject, pronoun = self._subject(agents, is_question), None
        if "G" in kinds and self._chance(0.4):
            pronoun = self._pick(OBJECT_PRONOUNS)
            english, french = pronoun.english, ""
        else:
            is_negative = adverb in ("not", "never")
            excluded = ("a", "two") if article == "the" else ("two",) * is_negative
            thing = self._noun_phrase(kinds, excluded, is_negative)
            english, french = thing.english, thing.french
        verb = _french_verb(forms[3:], AVOIR, tense, subject, adverb, pronoun)
        return self._clause(forms, tense, subject, adverb, is_question, verb, english, french)

    def _move(self):
        preposition, translated, *forms = self._pick(rows(MOVES))
        tense, adverb, is_question = self._manner()
        subject, english, french = self._subject("PGNA", is_question), "", ""
        if preposition != "-":
            place = self._noun_phrase("L")
            english, french = f"{preposition} {place.english}", f"{translated} {place.french}"
        verb = _french_verb(forms[3:], ETRE, tense, subject, adverb)
        return self._clause(forms, tense, subject, adverb, is_question, verb, english, french)

    def _clause(self, forms, tense, subject, adverb, is_question, verb, english, french):
        time, heure = self._time(tense) if adverb in ("", "not") else ("", "")
        return (
            f"{_english_clause(forms[:3], tense, subject, adverb, is_question)} {english} {time}",
            f"{subject.french} {verb} {french} {heure}",
            is_question,
        )

    def _state(self):
        tense, adverb, is_question = self._manner()
        adverb = adverb if adverb == "not" else ""
        subject = self._subject("PGNATHFRO", is_question, plain=True)
        adjectives = [row for row in rows(BEFORE + BEHIND) if subject.kind in row[1]]
        stands_with, _, adjective, *forms = self._pick(adjectives)
        of_english, of_french = COPULA[tense]
        be, etre = of_english[subject.person], of_french[subject.person]
        quality = forms[2 * (subject.person >= 2) + subject.feminine]
        if is_question or adverb:
            first, _, rest = be.partition(" ")
            words = (first, subject.english) if is_question else (subject.english, first, adverb)
            english = " ".join((*words, rest, adjective))
        else:
            english = f"{subject.english} {be} {adjective}"
        negated = f"ne {etre} pas" if adverb else etre
        # Only what nothing is called for good may be so today.
        time, heure = self._time(tense) if stands_with == "-" else ("", "")
        return (
            f"{english} {time}",
            f"{subject.french} {negated} {quality} {heure}",
            is_question,
        )

    def _manner(self):
        """Tense, adverb, and whether it is a question."""
        tense = self._random.choices(("present", "past", "future"), (3, 3, 2))[0]
        adverbs = ("", "not", "never", "often" if tense == "present" else "")
        adverb = self._random.choices(adverbs, (6, 4, 1, 1))[0]
        return tense, adverb, not adverb and self._chance(0.25)

    def _time(self, tense):
        return self._pick(TIMES[tense]) if self._chance(0.25) else ("", "")

    def _subject(self, kinds, is_question, plain=False):
        if self._chance(0.5):
            return self._pick(PRONOUNS[is_question:])  # nobody asks what he does himself
        return self._noun_phrase(kinds, plain=plain)

    def _noun_phrase(self, kinds, excluded=(), is_negative=False, plain=False):
        kind, singular, plural, *translated, gender = self._pick(
            [row for row in rows(NOUNS) if row[0] in kinds]
        )
        feminine, many = gender == "f", plural != "-" and self._chance(0.3)
        articles = PLURAL if many else SINGULAR
        fitting = set(ARTICLES_OF.get(kind, articles)) - set(excluded)
        article = self._pick([article for article in articles if article in fitting])
        words, mots = [plural if many else singular], [translated[many]]
        for table, at, share in ((BEFORE, 0, 0.25), (BEHIND, 1, 0.2)):
            fitting = [row for row in rows(table) if kind in row[0]]
            if fitting and not plain and self._chance(share):
                _, _, adjective, *forms = self._pick(fitting)
                bel = not (feminine or many) and _begins_with_vowel(mots[0]) and table is BEFORE
                words.insert(len(words) - 1, adjective)
                mots.insert(at * len(mots), forms[4 if bel else 2 * many + feminine])
        if article == "a" and is_negative:
            determinant = "de"
        elif many:
            determinant = PLURAL[article]
        else:
            determinant = SINGULAR[article][feminine + 2 * _begins_with_vowel(mots[0])]
        return Phrase(
            " ".join((article, *words)),
            " ".join((determinant, *mots)),
            3 if many else 1,
            feminine,
            kind,
        )

    def _chance(self, share):
        return self._random.random() < share

    def _pick(self, choices):
        return self._random.choice(choices)


def _english_clause(forms, tense, subject, adverb, is_question):
    """Subject and verb."""
    base, third, past = (form.replace("_", " ") for form in forms)
    present = third if subject.person == 1 else base
    do = {"present": "does" if subject.person == 1 else "do", "past": "did", "future": "will"}
    if is_question:
        return f"{do[tense]} {subject.english} {base}"
    if adverb == "not" or tense == "future":
        return f"{subject.english} {do[tense]} {adverb} {base}"
    return f"{subject.english} {adverb} {past if tense == 'past' else present}"


def _french_verb(forms, auxiliaries, tense, subject, adverb, pronoun=None):
    """The verb, with what stands around it: ne, the object's pronoun, pas, the participle."""
    *present, participle, stem = forms
    if tense == "past":
        finite = auxiliaries[subject.person]
        agreeing = subject if auxiliaries is ETRE else pronoun
        participle = agreeing.agree(participle) if agreeing else participle
    else:
        finite = present[subject.person] if tense == "present" else stem + FUTURE[subject.person]
        participle = ""
    ne = "ne" if adverb in ("not", "never") else ""
    object_ = pronoun.french if pronoun else ""
    return f"{ne} {object_} {finite} {ADVERBS.get(adverb, '')} {participle}"


def _begins_with_vowel(word):
    return re.match(VOWEL, word) is not None


def _spelled(words, rules):
    """A clause without the marks at its end."""
    text = " ".join(words.split())
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text[0].upper() + text[1:]
