"""Additions to `Model.fit` for recurrent networks: clipping, truncated BPTT, several devices."""

from rnn_keras.training.clipping import clip_by_global_norm
from rnn_keras.training.data_parallel import DataParallel
from rnn_keras.training.tbptt import ResetStates, reset_states

__all__ = ["DataParallel", "ResetStates", "clip_by_global_norm", "reset_states"]
