"""Entities: the spans of tags, tagging schemes, and precision, recall and F1 as in CoNLL."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Prefixes of an entity's first, inner and last token, and of an entity of one token.
SCHEMES = {"IOB2": "BIIB", "IOBES": "BIES", "BILOU": "BILU", "IOB1": "IIII"}


class Entity(NamedTuple):
    """An entity: its type, and the tokens `[start, end)`."""

    start: int
    end: int
    type: str


class EntityScores(NamedTuple):
    """Fractions from 0 to 1, and the numbers of entities they are made of."""

    precision: float
    recall: float
    f1: float
    correct: int
    predicted: int
    entities: int


def find_entities(tags: Iterable[str]) -> list[Entity]:
    """The entities of a sentence, as the script `conlleval` of the CoNLL shared tasks finds them.

    An entity begins with `B-`, `S-` or `U-`, and where a tag follows `O`, another type, or the end
    of an entity; it ends with `E-`, `L-`, `S-` or `U-`, and before the next beginning or `O`. So
    the function reads tags of all `SCHEMES`, even if they break the rules of their scheme.

    Args:
        tags: `O`, or a prefix of the scheme, a hyphen and the type.

    Example:

    >>> find_entities(["I-PER", "I-PER", "O", "S-LOC"])
    [Entity(start=0, end=2, type='PER'), Entity(start=3, end=4, type='LOC')]
    """
    entities, start, current = [], 0, ""
    for i, tag in enumerate((*tags, "O")):
        prefix, _, kind = tag.partition("-")
        if current and (prefix in ("O", "B", "S", "U") or kind != current):
            entities.append(Entity(start, i, current))
            current = ""
        if prefix != "O" and not current:
            start, current = i, kind
        if prefix in ("E", "L", "S", "U"):
            entities.append(Entity(start, i + 1, kind))
            current = ""
    return entities


def write_tags(entities: Iterable[Entity], length: int, scheme: str = "IOBES") -> list[str]:
    """The tags of a sentence of `length` tokens, the inverse of `find_entities`.

    Args:
        entities: entities that do not overlap, in order.
        length: number of tokens.
        scheme: a key of `SCHEMES`.
    """
    tags, before = ["O"] * length, None
    first, inner, last, only = SCHEMES[scheme]
    for entity in entities:
        size = entity.end - entity.start
        prefixes = only if size == 1 else first + inner * (size - 2) + last
        if scheme == "IOB1" and before and (before.end, before.type) == (entity.start, entity.type):
            prefixes = "B" + prefixes[1:]  # only where two of one type touch
        tags[entity.start : entity.end] = [f"{prefix}-{entity.type}" for prefix in prefixes]
        before = entity
    return tags


def entity_scores(
    true: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]]
) -> dict[str, EntityScores]:
    """Precision, recall and F1 of whole entities: type, start and end must be right.

    These are the figures of `conlleval`, and of seqeval's strict mode where the tags keep the rules
    of their scheme. A fraction of nothing is 0.

    Args:
        true, predicted: the entities of each sentence.

    Returns:
        By type, in alphabetical order, and for all together as `"all"`, the first one.

    Raises:
        ValueError: the numbers of sentences differ.
    """
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} sentences cannot be compared with {len(predicted)}.")
    counts = [
        Counter(kind for each in group for kind in (each.type, "all"))
        for group in (
            [e for a, b in zip(true, predicted) for e in {*a} & {*b}],
            [e for sentence in predicted for e in sentence],
            [e for sentence in true for e in sentence],
        )
    ]
    kinds = sorted({kind for each in counts for kind in each} - {"all"})
    return {kind: _scores(*(each[kind] for each in counts)) for kind in ("all", *kinds)}


def _scores(correct: int, predicted: int, entities: int) -> EntityScores:
    precision, recall = (correct / n if n else 0.0 for n in (predicted, entities))
    f1 = 2 * correct / (predicted + entities) if predicted + entities else 0.0
    return EntityScores(precision, recall, f1, correct, predicted, entities)
