"""The translator as a task of `apps.runner`."""

import shlex

import keras

from apps.common.examples import read_examples, write_examples
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.task import Task
from apps.translation import data, model
from apps.translation.batches import Tokenized
from apps.translation.config import PRESETS, TranslationConfig
from apps.translation.evaluation import evaluate, monitor
from apps.translation.loss import TokenCrossentropy
from apps.translation.model import VOCABULARIES, load_tokenizers, save_vocabularies
from apps.translation.samples import SampleTranslations
from apps.translation.signatures import signatures
from apps.translation.text import PAD_ID, Tokenizer, learn_vocabulary
from rnn_keras.metrics import Perplexity


def load_data(config: TranslationConfig, run: Run | None) -> Tokenized:
    """The pairs, with the vocabularies of the run, or else of the training pairs."""
    corpus = data.load(config)
    if run is not None and all((run.path / file).exists() for file in VOCABULARIES):
        source, target = load_tokenizers(run, config)
    else:
        source, target = (
            Tokenizer(learn_vocabulary(config, texts), config)
            for texts in (corpus.train.sources, corpus.train.targets)
        )
    return Tokenized(config, source, target, corpus)


def build(config: TranslationConfig, data: Tokenized) -> keras.Model:
    """The model for the vocabularies."""
    return model.build(config, len(data.source.vocabulary), len(data.target.vocabulary))


def compile_model(model: keras.Model, config: TranslationConfig, batches_per_epoch: int) -> None:
    """The optimizer, the smoothed loss, and the plain perplexity, which selects the epoch."""
    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay),
        loss=TokenCrossentropy(config.label_smoothing),
        metrics=[Perplexity(ignore_class=PAD_ID)],
    )


def _describe(config: TranslationConfig, data: Tokenized) -> str:
    corpus = data.corpus
    return (
        f"{len(corpus.train):,} pairs to train on, {len(corpus.validation):,} to validate, "
        f"{len(corpus.test):,} to test; {len(data.source.vocabulary):,} and "
        f"{len(data.target.vocabulary):,} tokens"
    )


def _save_assets(run: Run, data: Tokenized) -> None:
    save_vocabularies(run, data.source.vocabulary, data.target.vocabulary)
    write_examples(run, data.corpus.validation.distinct_sources)


def _next_command(run: Run) -> str:
    return f"python -m apps.translation.translate {run} {shlex.quote(read_examples(run)[0])}"


TASK = Task(
    name="translation",
    presets=PRESETS,
    loss_unit="nats per token",
    load_data=load_data,
    build=build,
    compile=compile_model,
    batches=lambda config, data, epoch: (
        data.validation.batches() if epoch is None else data.train.batches(epoch)
    ),
    describe=_describe,
    save_assets=_save_assets,
    load=model.load,
    evaluate=evaluate,
    signatures=signatures,
    monitor=monitor,
    callbacks=lambda config, data: [
        SampleTranslations(config, data.source, data.target, data.corpus.validation)
    ],
    next_command=_next_command,
)
