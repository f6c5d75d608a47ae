"""The character language model: `e_t = E x_t`, recurrent layers, `ŷ_t = softmax(U h_t + b)`."""

import keras
from keras import ops

from apps.char_lm.config import CharLMConfig
from apps.common.errors import InputError
from apps.common.recurrent import recurrent_stack
from apps.common.run import Run
from apps.common.trained import load_best, load_vocabulary
from apps.task import Trained
from rnn_keras.export.lookup import Lookup
from rnn_keras.text import known_ids

UNKNOWN_ID = 0  # `Vocabulary.from_tokens` puts `<unk>` first


@keras.saving.register_keras_serializable(package="rnn_keras")
class OneHot(keras.layers.Layer):
    """Ids `(batch, time)` to one-hot vectors `(batch, time, vocab_size)`."""

    def __init__(self, vocab_size, **options):
        super().__init__(**options)
        self.vocab_size = vocab_size

    def call(self, ids):
        return ops.one_hot(ids, self.vocab_size, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "vocab_size": self.vocab_size}


def build(config: CharLMConfig, vocab_size: int) -> keras.Model:
    """The model that is trained: ids `(batch, time)` to logits `(batch, time, vocabulary)`.

    Ids outside the vocabulary are read as `<unk>`, here and in `build_streaming`.

    Under the `stream` protocol it carries its state from batch to batch, so the batch size is
    fixed; under `d2l` every window starts from the zero state.
    """
    stateful = config.protocol == "stream"
    ids = keras.Input((None,), config.batch_size if stateful else None, "int32", name="ids")
    embed, recur, output = _parts(config, vocab_size, stateful=stateful)
    return keras.Model(ids, output(recur(embed(ids))), name="char_lm")


def build_streaming(config: CharLMConfig, trained: keras.Model) -> keras.Model:
    """The same model with its states as inputs and outputs, for scoring, generation and export.

    It computes in float32, whatever the precision that `trained` was trained in.

    Args:
        config: the configuration of `trained`.
        trained: what `build` returned; its weights are copied.

    Returns:
        A model from `[ids, mask, *states]` to `[logits, *states]`: ids `(batch, time)` int32,
        mask `(batch, time)` bool (False leaves the state as it is), states `(batch, units)` in
        the order of `state_names`; any batch size and length.
    """
    vocab_size = trained.output_shape[-1]
    embed, recur, output = _parts(config, vocab_size, "float32", Lookup, return_state=True)
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.Input((None,), dtype="bool", name="mask")
    states = [keras.Input((config.units,), name=name) for name in state_names(config)]
    H, *new_states = recur(embed(ids), initial_state=states, mask=mask)
    streaming = keras.Model([ids, mask, *states], [output(H), *new_states], name="char_lm")
    streaming.set_weights([variable.numpy() for variable in trained.weights])
    return streaming


def load(run: Run) -> Trained:
    """A run, with its vocabulary as `assets`.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    vocabulary, model = load_vocabulary(run), load_best(run)
    if model.output_shape[-1] != len(vocabulary):
        raise InputError(
            f"{run.vocab} has {len(vocabulary)} tokens, but the model in {run.best} has "
            f"{model.output_shape[-1]}"
        )
    return Trained(run, run.read_config(CharLMConfig), model, vocabulary)


def state_names(config: CharLMConfig) -> list[str]:
    """The states from the bottom layer up: `h_0`, and for an LSTM `c_0`; then `h_1`, ..."""
    kinds = ("h", "c") if config.cell == "lstm" else ("h",)
    return [f"{kind}_{layer}" for layer in range(config.layers) for kind in kinds]


def _parts(config, vocab_size, dtype=None, embedding=keras.layers.Embedding, **recurrent_options):
    """The input, recurrent and output parts, whose weights come in this order.

    `dtype` None is the precision that `environment.prepare` has set.
    """
    if config.input == "onehot":
        embed = OneHot(vocab_size, dtype=dtype)
    else:
        embed = embedding(vocab_size, config.embedding, dtype=dtype)
    drop_input = _dropout(config.input_dropout, dtype)
    recurrent = recurrent_stack(
        config.cell,
        config.layers,
        config.units,
        dropout=config.dropout,
        return_sequences=True,
        dtype=dtype,
        **recurrent_options,
    )
    drop_output = _dropout(config.dropout, dtype)
    logits = keras.layers.Dense(vocab_size, dtype="float32", name="logits")
    return (
        lambda ids: drop_input(embed(known_ids(ids, vocab_size, UNKNOWN_ID))),
        recurrent,
        lambda H: logits(drop_output(H)),
    )


def _dropout(rate, dtype):
    """One mask for all time steps (Gal & Ghahramani 2016).

    It regularises a recurrent network better, and drawing one per step would take XLA longer than
    the recurrence itself.
    """
    return keras.layers.Dropout(rate, noise_shape=(None, 1, None), dtype=dtype)
