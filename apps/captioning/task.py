"""The captioner as a task of `apps.runner`."""

from functools import partial

import keras
import numpy as np

from apps.captioning import data, model
from apps.captioning.config import PRESETS, CaptioningConfig
from apps.captioning.data import PAD_ID, SPECIALS, WORDS, TokenizedImages, make_tokenizer
from apps.captioning.evaluation import evaluate
from apps.captioning.images import png_bytes
from apps.captioning.signatures import EXAMPLES, signatures
from apps.common.errors import InputError
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.common.tokenized import TokenizedData, learn_vocabulary
from apps.common.trained import load_in_float32, load_vocabulary
from apps.task import Task, Trained
from rnn_keras.metrics import Perplexity
from rnn_keras.seq2seq import TokenCrossentropy

SHOWN = 4  # validation images kept with the run


def load_data(config: CaptioningConfig, run: Run | None) -> TokenizedData:
    """The images, with the vocabulary of the run, or else of the training captions."""
    corpus = data.load(config)
    if run is not None and run.vocab.exists():
        vocabulary = load_vocabulary(run)
    else:
        vocabulary = learn_vocabulary(config, WORDS, SPECIALS, corpus.train.texts)
    tokenizer = make_tokenizer(vocabulary, config)
    return TokenizedData(corpus, tokenizer, partial(TokenizedImages, config, tokenizer))


def build(config: CaptioningConfig, data: TokenizedData) -> keras.Model:
    """The model, with the weights of the pretrained encoder.

    Raises:
        InputError: the file of weights cannot be read, or does not fit.
    """
    captioner = model.build(config, len(data.assets.vocabulary))
    if config.weights is not None:
        try:
            captioner.network.load_weights(config.weights)
        except (OSError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(f"cannot read --weights {config.weights}: {reason}") from error
    return captioner


def load(run: Run) -> Trained:
    """The trained captioner of a run, in float32, with its tokenizer.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config = run.read_config(CaptioningConfig)
    tokenizer = make_tokenizer(load_vocabulary(run), config)
    tokens = len(tokenizer.vocabulary)
    network = load_in_float32(run, partial(model.build, config, tokens, "float32"))
    return Trained(run, config, network, tokenizer)


def _save_assets(run, config, data):
    data.assets.vocabulary.save(run.vocab)
    shown = data.splits.validation.pixels[:SHOWN]
    np.savez_compressed(run.path / EXAMPLES, pixels=shown)
    (run.path / "example.png").write_bytes(png_bytes(shown[0]))


def _compile(network, config, batches_per_epoch):
    network.compile(
        adamw(config, batches_per_epoch, config.weight_decay),
        loss=TokenCrossentropy(config.label_smoothing),
        metrics=[Perplexity(ignore_class=PAD_ID)],
    )


TASK = Task(
    name="captioning",
    presets=PRESETS,
    loss_unit=lambda _: "nats per token",
    load_data=load_data,
    build=build,
    compile=_compile,
    batches=lambda config, data, epoch: data.batches(epoch),
    describe=lambda data: (
        f"{len(data.splits.train):,} images to train on, {len(data.splits.validation):,} to "
        f"validate, {len(data.splits.test):,} to test; {len(data.assets.vocabulary):,} words"
    ),
    save_assets=_save_assets,
    load=load,
    evaluate=evaluate,
    signatures=signatures,
    monitor=lambda _: ("val_perplexity", "min"),
    loss_terms=keras.ops.count_nonzero,  # tokens without padding
    next_command=lambda run: f"python -m apps.captioning.describe {run} {run.path}/example.png",
)
