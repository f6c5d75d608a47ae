"""The words of the builtin pairs, with their French grammar."""

import functools
from typing import NamedTuple

# Kinds: young Person, Grown-up, Near one, Animal, Food, Reading, Thing, big thing (House), Opening,
# pLace.
NOUNS = """
P boy boys garçon garçons m
P girl girls fille filles f
G man men homme hommes m
G woman women femme femmes f
N friend friends ami amis m
N sister sisters sœur sœurs f
P child children enfant enfants m
A cat cats chat chats m
A dog dogs chien chiens m
A bird birds oiseau oiseaux m
A cow cows vache vaches f
F apple apples pomme pommes f
F orange oranges orange oranges f
F egg eggs œuf œufs m
F cake cakes gâteau gâteaux m
R book books livre livres m
R letter letters lettre lettres f
R newspaper newspapers journal journaux m
T key keys clé clés f
T flower flowers fleur fleurs f
H car cars voiture voitures f
H house houses maison maisons f
H hat hats chapeau chapeaux m
O door doors porte portes f
O window windows fenêtre fenêtres f
L market - marché - m
L school - école - f
L station - gare - f
L hospital - hôpital - m
L church - église - f
"""

# The kinds of nouns it precedes, and those it is a predicate of; masculine, feminine, their
# plurals, and the masculine before a vowel.
BEFORE = """
PAT P little petit petite petits petites petit
GAHO GAHO old vieux vieille vieux vieilles vieil
ATH ATH beautiful beau belle beaux belles bel
FR FR good bon bonne bons bonnes bon
HO HO big grand grande grands grandes grand
PGN PGN young jeune jeune jeunes jeunes jeune
"""
BEHIND = """
AH AH black noir noire noirs noires noir
ATHO ATHO white blanc blanche blancs blanches blanc
FTHO FTHO red rouge rouge rouges rouges rouge
FHO FHO green vert verte verts vertes vert
- PGNA tired fatigué fatiguée fatigués fatiguées fatigué
- PGNA sick malade malade malades malades malade
- PGN happy content contente contents contentes content
"""

# Kinds of subjects, kinds of objects, article of the object; infinitive, present and past;
# je, il, nous, ils, participle, and the stem of the future.
VERBS = """
PGNA F a eat eats ate | mange mange mangeons mangent mangé manger
PGNA PGNATHRO a see sees saw | vois voit voyons voient vu verr
PGNA PGNAFTH the like likes liked | aime aime aimons aiment aimé aimer
PGNA PGNATR a look_for looks_for looked_for | cherche cherche cherchons cherchent cherché chercher
PGNA ATR a find finds found | trouve trouve trouvons trouvent trouvé trouver
PGN FTHR a buy buys bought | achète achète achetons achètent acheté achèter
PGN FTH a sell sells sold | vends vend vendons vendent vendu vendr
PGN RT a lose loses lost | perds perd perdons perdent perdu perdr
PGN O a open opens opened | ouvre ouvre ouvrons ouvrent ouvert ouvrir
PGNA PGN a wait_for waits_for waited_for | attends attend attendons attendent attendu attendr
"""
# The same for verbs with être; first, the prepositions before a place.
MOVES = """
to à go goes went | vais va allons vont allé ir
from de come_back comes_back came_back | reviens revient revenons reviennent revenu reviendr
at à arrive arrives arrived | arrive arrive arrivons arrivent arrivé arriver
- - leave leaves left | pars part partons partent parti partir
"""

SINGULAR = {  # masculine, feminine, and the same before a vowel
    "the": ("le", "la", "le", "la"),
    "a": ("un", "une", "un", "une"),
    "my": ("mon", "ma", "mon", "mon"),
    "his": ("son", "sa", "son", "son"),
    "this": ("ce", "cette", "cet", "cette"),
}
PLURAL = {"the": "les", "my": "mes", "his": "ses", "these": "ces", "two": "deux"}

ARTICLES_OF = {  # where not every article makes sense
    "G": ("the", "a", "this", "these", "two"),
    "N": ("my", "his"),
    "L": ("the",),
}

AVOIR = ("ai", "a", "avons", "ont")
ETRE = ("suis", "est", "sommes", "sont")
FUTURE = ("ai", "a", "ons", "ont")
COPULA = {
    "present": (("am", "is", "are", "are"), ETRE),
    "past": (("was", "was", "were", "were"), ("étais", "était", "étions", "étaient")),
    "future": (("will be",) * 4, [f"ser{ending}" for ending in FUTURE]),
}
TIMES = {
    "present": (("today", "aujourd'hui"), ("now", "maintenant")),
    "past": (("yesterday", "hier"),),
    "future": (("tomorrow", "demain"),),
}
ADVERBS = {"not": "pas", "never": "jamais", "often": "souvent"}

ENGLISH_SPELLING = ((r"\ba (?=[aeiou])", "an "),)
VOWEL = "[aeiouhàâéèêîôœ]"  # no h of these words is aspirated
FRENCH_SPELLING = (
    (rf"\b([ljnd]|qu)[ea] (?={VOWEL})", r"\1'"),
    (r"\bà le\b", "au"),
    (r"\bde le\b", "du"),
)


@functools.cache
def rows(table: str) -> list[list[str]]:
    """The fields of each line of a table."""
    return [line.replace("|", " ").split() for line in table.split("\n") if line]


class Phrase(NamedTuple):
    """A subject or an object.

    The person is 0 to 3, conjugated like je, il, nous, ils. The kind is that of `NOUNS`.
    """

    english: str
    french: str
    person: int
    feminine: bool
    kind: str

    def agree(self, masculine: str) -> str:
        """A participle that agrees with the phrase."""
        return masculine + "e" * self.feminine + "s" * (self.person >= 2)


PRONOUNS = (
    Phrase("I", "je", 0, False, "G"),
    Phrase("he", "il", 1, False, "G"),
    Phrase("she", "elle", 1, True, "G"),
    Phrase("we", "nous", 2, False, "G"),
    Phrase("they", "ils", 3, False, "G"),
)
OBJECT_PRONOUNS = (
    Phrase("him", "le", 1, False, "G"),
    Phrase("her", "la", 1, True, "G"),
    Phrase("them", "les", 3, False, "G"),
)
