"""Metrics: perplexity and BLEU."""

from rnn_keras.metrics.bleu import CorpusBLEU, bleu, corpus_bleu
from rnn_keras.metrics.perplexity import Perplexity

__all__ = ["CorpusBLEU", "Perplexity", "bleu", "corpus_bleu"]
