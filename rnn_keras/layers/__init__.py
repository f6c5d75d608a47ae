"""The recurrent layers of the textbooks, as Keras layers."""

from rnn_keras.layers.bidirectional import Bidirectional
from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.deep import DeepRNN
from rnn_keras.layers.gates import record_gates
from rnn_keras.layers.gru import GRU, GRUCell, gru_reset_after_step, gru_step
from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.lstm import LSTM, LSTMCell, lstm_step
from rnn_keras.layers.plans import explain, use_plan
from rnn_keras.layers.streaming import carried_states
from rnn_keras.layers.vanilla import VanillaRNN, VanillaRNNCell, rnn_step

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "DeepRNN",
    "GRUCell",
    "LSTMCell",
    "RecurrentLayer",
    "TextbookCell",
    "VanillaRNN",
    "VanillaRNNCell",
    "carried_states",
    "explain",
    "gru_reset_after_step",
    "gru_step",
    "lstm_step",
    "rnn_step",
    "use_plan",
    "record_gates",
]
