"""The translator: an encoder, a decoder, and the probabilities of the next token."""

import keras
from keras import ops

from apps.common.errors import InputError
from apps.common.ids import known_ids
from apps.common.run import Run
from apps.common.trained import load_best, load_vocabulary
from apps.task import Trained
from apps.translation.config import TranslationConfig
from apps.translation.decoders import (
    STATES,
    AttentionDecoder,
    ContextDecoder,
    dense,
    over_rows,
    sentence_dropout,
    stack,
)
from apps.translation.text import PAD_ID, UNKNOWN_ID, make_tokenizer
from rnn_keras.text import Tokenizer, Vocabulary

VOCABULARIES = "vocab.source.txt", "vocab.target.txt"
FROM_CONFIG = (
    "cell",
    "layers",
    "units",
    "embedding",
    "bidirectional",
    "attention",
    "tied",
    "embedding_dropout",
    "dropout",
)


@keras.saving.register_keras_serializable(package="rnn_keras")
class Translator(keras.Model):
    """Source and target ids to the logits of the next target token.

    Args:
        source_tokens, target_tokens: sizes of the vocabularies.
        cell, layers, units, embedding, bidirectional, attention, tied, embedding_dropout, dropout:
            as in `TranslationConfig`.
        **options: those of `keras.Model`.

    Call arguments:
        inputs: `(source, tokens)`, int32 `(batch, source)` and `(batch, time)`; in the source,
            steps of `PAD_ID` are skipped. Ids outside a vocabulary are read as `<unk>`.
        training: whether dropout applies.

    Returns:
        Logits `(batch, time, target_tokens)`, float32.
    """

    def __init__(
        self,
        source_tokens,
        target_tokens,
        *,
        cell="gru",
        layers=1,
        units=256,
        embedding=256,
        bidirectional=True,
        attention="additive",
        tied=False,
        embedding_dropout=0.0,
        dropout=0.0,
        **options,
    ):
        super().__init__(**options)
        self.options = dict(
            source_tokens=source_tokens, target_tokens=target_tokens, cell=cell, layers=layers,
            units=units, embedding=embedding, bidirectional=bidirectional, attention=attention,
            tied=tied, embedding_dropout=embedding_dropout, dropout=dropout,
        )  # fmt: skip
        dtype = self.dtype_policy
        both = bidirectional and attention != "none"
        sizes = (cell, layers, units, embedding, dropout)

        self.source_embedding = keras.layers.Embedding(source_tokens, embedding, dtype=dtype)
        self.source_embedding.build()
        self.target_embedding = keras.layers.ReversibleEmbedding(
            target_tokens, embedding, reverse_dtype="float32", dtype=dtype
        )
        self.target_embedding.build()
        self.drop_source = sentence_dropout(embedding_dropout, dtype)
        self.drop_target = sentence_dropout(embedding_dropout, dtype)
        self.encoder = stack(*sizes[:3], dropout, dtype, both)
        self.encoder.build((None, None, embedding))
        if attention == "none":
            self.decoder = ContextDecoder(*sizes, dtype=dtype)
        else:
            self.decoder = AttentionDecoder(
                *sizes, attention, units * (1 + both), units * STATES[cell] * (1 + both),
                dtype=dtype,
            )  # fmt: skip
        if tied:
            self.output_bias = self.add_weight((target_tokens,), "zeros", name="output_bias")
        else:
            self.output_layer = dense(target_tokens, self.decoder.output_size, "float32")
        self.built = True

    def encode(self, source, training=False):
        """Encodes the source.

        Args:
            source: int32 `(batch, source)`.
            training: whether dropout applies.

        Returns:
            `(memory, states)`: a dictionary of tensors that no step of the decoder changes, and
            the list of the decoder's initial states, each `(batch, units)`.
        """
        mask = ops.not_equal(source, PAD_ID)
        known = known_ids(source, self.options["source_tokens"], UNKNOWN_ID)
        E = self.drop_source(self.source_embedding(known), training=training)
        H, *states = self.encoder(E, mask=mask, training=training)
        return self.decoder.init_memory(H, mask, states, training=training)

    def decode(self, tokens, states, memory, training=False):
        """Some steps of the decoder: one in search, the whole sentence in training.

        Args:
            tokens: int32 `(rows, time)`, the tokens before those that are predicted.
            states: the list of states before, each `(rows, units)`.
            memory: the result of `encode` for `rows / k` sentences, with k consecutive rows each.
            training: whether dropout applies.

        Returns:
            `(logits, states, weights)`: float32 `(rows, time, target_tokens)`, the states after,
            and the attention `(rows, time, source)`, or None without attention.
        """
        known = known_ids(tokens, self.options["target_tokens"], UNKNOWN_ID)
        E = self.drop_target(self.target_embedding(known), training=training)
        output, states, weights = self.decoder(E, states, memory, training=training)
        return over_rows(self._logits, output), states, weights

    def _logits(self, output):
        if self.options["tied"]:
            return self.target_embedding(output, reverse=True) + self.output_bias
        return self.output_layer(output)

    def call(self, inputs, training=False):
        source, tokens = inputs
        memory, states = self.encode(source, training=training)
        return self.decode(tokens, states, memory, training=training)[0]

    def get_config(self):
        return {**super().get_config(), **self.options}


def build(
    config: TranslationConfig, source_tokens: int, target_tokens: int, dtype: str | None = None
) -> Translator:
    """The translator with the settings of `config`.

    Args:
        config: the configuration.
        source_tokens, target_tokens: sizes of the vocabularies.
        dtype: precision of all layers; None takes the policy that `environment.prepare` set.
    """
    options = {name: getattr(config, name) for name in FROM_CONFIG}
    return Translator(source_tokens, target_tokens, **options, dtype=dtype, name="translator")


def save_vocabularies(run: Run, source: Vocabulary, target: Vocabulary) -> None:
    """Write the vocabularies of a run."""
    for file, vocabulary in zip(VOCABULARIES, (source, target)):
        vocabulary.save(run.path / file)


def load_tokenizers(run: Run, config: TranslationConfig) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of source and target, with the vocabularies of a run.

    Raises:
        InputError: a file is missing or damaged.
    """
    source, target = (make_tokenizer(load_vocabulary(run, file), config) for file in VOCABULARIES)
    return source, target


def load(run: Run) -> Trained:
    """A run in float32, with the tokenizers of source and target as `assets`.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config = run.read_config(TranslationConfig)
    source, target = load_tokenizers(run, config)
    model = build(config, len(source.vocabulary), len(target.vocabulary), "float32")
    best = load_best(run)
    try:
        model.set_weights([variable.numpy() for variable in best.weights])
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot read {run.best}: {reason}") from error
    return Trained(run, config, model, (source, target))
