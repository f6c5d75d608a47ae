"""The translator: an encoder, a decoder, and the probabilities of the next token."""

import keras
from keras import ops

from apps.common.recurrent import LAYERS, recurrent_stack
from apps.common.run import Run
from apps.common.trained import load_in_float32, load_vocabulary
from apps.task import Trained
from apps.translation.config import TranslationConfig
from apps.translation.text import PAD_ID, UNKNOWN_ID, make_tokenizer
from rnn_keras.seq2seq import (
    AdditiveAttention,
    AttentionDecoder,
    ContextDecoder,
    MultiplicativeAttention,
    TokenDecoder,
)
from rnn_keras.text import Tokenizer, Vocabulary, known_ids

VOCABULARIES = "vocab.source.txt", "vocab.target.txt"
FROM_CONFIG = (
    "cell",
    "layers",
    "units",
    "embedding",
    "bidirectional",
    "attention",
    "input_feeding",
    "tied",
    "embedding_dropout",
    "dropout",
)


@keras.saving.register_keras_serializable(package="rnn_keras")
class Translator(keras.Model):
    """Source and target ids to the logits of the next target token.

    Args:
        source_tokens, target_tokens: sizes of the vocabularies.
        cell, layers, units, embedding, bidirectional, attention, input_feeding, tied,
            embedding_dropout, dropout: as in `TranslationConfig`.
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
        input_feeding=False,
        tied=False,
        embedding_dropout=0.0,
        dropout=0.0,
        **options,
    ):
        super().__init__(**options)
        self.options = dict(
            source_tokens=source_tokens, target_tokens=target_tokens, cell=cell, layers=layers,
            units=units, embedding=embedding, bidirectional=bidirectional, attention=attention,
            input_feeding=input_feeding, tied=tied, embedding_dropout=embedding_dropout,
            dropout=dropout,
        )  # fmt: skip
        dtype = self.dtype_policy
        both = bidirectional and attention != "none"

        self.source_embedding = keras.layers.Embedding(source_tokens, embedding, dtype=dtype)
        self.source_embedding.build()
        self.drop_source = keras.layers.Dropout(
            embedding_dropout, noise_shape=(None, 1, None), dtype=dtype
        )
        self.encoder = recurrent_stack(
            cell, layers, units, bidirectional=both, dropout=dropout, return_sequences=True,
            return_state=True, dtype=dtype,
        )  # fmt: skip
        self.encoder.build((None, None, embedding))
        states = self.encoder.compute_output_shape((None, None, embedding))[1:]
        if attention == "none":
            own = [LAYERS[cell](units, dtype=dtype) for _ in range(layers)]
            decoder, self.given = ContextDecoder(own, dropout, dtype=dtype), len(states)
        else:
            own = [LAYERS[cell](units, dtype=dtype) for _ in range(layers + 1)]
            score = (
                AdditiveAttention(units, dtype=dtype)
                if attention == "additive"
                else MultiplicativeAttention(dtype=dtype)
            )
            decoder = AttentionDecoder(
                own, score, embedding, input_feeding=input_feeding, dropout=dropout, dtype=dtype
            )
            self.given = len(states) // layers  # the decoder starts from those of the top layer
        self.decoder = TokenDecoder(
            target_tokens, embedding, decoder, tied=tied, unknown_id=UNKNOWN_ID,
            dropout=embedding_dropout, dtype=dtype,
        )  # fmt: skip
        written = (None, None, units * (1 + both))
        self.decoder.build((None, None), written, states[-self.given :])
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
        return self.decoder.start(H, states[-self.given :], mask, training=training)

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
        return self.decoder.decode(tokens, states, memory, training=training)

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
    sizes = len(source.vocabulary), len(target.vocabulary)
    model = load_in_float32(run, lambda: build(config, *sizes, "float32"))
    return Trained(run, config, model, (source, target))
