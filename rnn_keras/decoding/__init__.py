"""From next-token distributions to sequences.

Every strategy works on a *step callable* and a state, never on a model:

    logits, state = step(tokens, state)

with tokens `(batch,)` int32, logits `(batch, vocabulary)` float32, and any structure of tensors,
batch first, as the state. All run in a batch, in eager mode and inside `tf.function`, and so in
exported graphs; greedy and beam search in LiteRT files too.
"""

from rnn_keras.decoding.beam import beam_search
from rnn_keras.decoding.exhaustive import exhaustive_search
from rnn_keras.decoding.greedy import greedy_search
from rnn_keras.decoding.hypotheses import Hypotheses, penalized_score
from rnn_keras.decoding.sampling import filter_logits, sample, sample_token

__all__ = [
    "Hypotheses",
    "beam_search",
    "exhaustive_search",
    "filter_logits",
    "greedy_search",
    "penalized_score",
    "sample",
    "sample_token",
]
