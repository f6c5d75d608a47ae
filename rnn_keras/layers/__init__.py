"""The recurrent layers of the textbooks, as Keras layers."""

from rnn_keras.layers.bidirectional import Bidirectional
from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.characters import CharacterCNN
from rnn_keras.layers.crf import CRF, Constraints, crf_constraints, crf_loss, marginals, viterbi
from rnn_keras.layers.deep import DeepRNN
from rnn_keras.layers.gates import record_gates
from rnn_keras.layers.gru import GRU, GRUCell, gru_reset_after_step, gru_step
from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.layer_norm import (
    LayerNormGRU,
    LayerNormGRUCell,
    LayerNormLSTM,
    LayerNormLSTMCell,
    layer_norm_gru_step,
    layer_norm_lstm_step,
)
from rnn_keras.layers.lstm import LSTM, LSTMCell, lstm_step
from rnn_keras.layers.mgu import MGU, MGUCell, mgu_step
from rnn_keras.layers.minimal import (
    MinGRU,
    MinGRUCell,
    MinLSTM,
    MinLSTMCell,
    min_gru_gates,
    min_lstm_gates,
)
from rnn_keras.layers.packed import PackedCell
from rnn_keras.layers.peephole import PeepholeLSTM, PeepholeLSTMCell, peephole_lstm_step
from rnn_keras.layers.plans import explain, use_plan
from rnn_keras.layers.probes import LayerCall, probe_states
from rnn_keras.layers.projected import ProjectedLSTM, ProjectedLSTMCell, projected_lstm_step
from rnn_keras.layers.slstm import SLSTM, SLSTMCell, slstm_step
from rnn_keras.layers.streaming import carried_states, state_names
from rnn_keras.layers.vanilla import VanillaRNN, VanillaRNNCell, rnn_step

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "MGU",
    "SLSTM",
    "Bidirectional",
    "CharacterCNN",
    "Constraints",
    "DeepRNN",
    "GRUCell",
    "LSTMCell",
    "LayerCall",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "MGUCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "PackedCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "ProjectedLSTM",
    "ProjectedLSTMCell",
    "RecurrentLayer",
    "SLSTMCell",
    "TextbookCell",
    "VanillaRNN",
    "VanillaRNNCell",
    "carried_states",
    "crf_constraints",
    "crf_loss",
    "explain",
    "gru_reset_after_step",
    "gru_step",
    "layer_norm_gru_step",
    "layer_norm_lstm_step",
    "lstm_step",
    "marginals",
    "mgu_step",
    "min_gru_gates",
    "min_lstm_gates",
    "peephole_lstm_step",
    "probe_states",
    "projected_lstm_step",
    "rnn_step",
    "slstm_step",
    "state_names",
    "use_plan",
    "viterbi",
    "record_gates",
]
