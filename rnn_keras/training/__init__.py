"""Additions to `Model.fit` for recurrent networks: gradient clipping, truncated BPTT."""

from rnn_keras.training.clipping import clip_by_global_norm
from rnn_keras.training.tbptt import ResetStates, reset_states

__all__ = ["ResetStates", "clip_by_global_norm", "reset_states"]
