"""Scores that the field reports."""

from rnn_keras.metrics.perplexity import Perplexity

__all__ = ["Perplexity"]
