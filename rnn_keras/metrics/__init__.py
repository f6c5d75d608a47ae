"""Metrics: perplexity, BLEU, chrF, and the F1 of entities."""

from rnn_keras.metrics.bleu import CorpusBLEU, bleu, corpus_bleu, corpus_chrf
from rnn_keras.metrics.entities import (
    SCHEMES,
    Entity,
    EntityScores,
    entity_scores,
    find_entities,
    write_tags,
)
from rnn_keras.metrics.perplexity import Perplexity

__all__ = [
    "SCHEMES",
    "CorpusBLEU",
    "Entity",
    "EntityScores",
    "Perplexity",
    "bleu",
    "corpus_bleu",
    "corpus_chrf",
    "entity_scores",
    "find_entities",
    "write_tags",
]
