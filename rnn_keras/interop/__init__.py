"""Conversion from and to Keras's own recurrent layers, and weights and networks from PyTorch."""

from rnn_keras.interop.builtin import from_keras, to_keras
from rnn_keras.interop.pytorch import from_torch
from rnn_keras.interop.pytorch_model import model_from_torch

__all__ = ["from_keras", "from_torch", "model_from_torch", "to_keras"]
