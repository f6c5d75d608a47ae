"""The translator as a task of `apps.runner`."""

import shlex

import keras

from apps.common.examples import read_examples, write_examples
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.common.tokenized import TokenizedData, learn_vocabulary
from apps.task import Task
from apps.translation import data, model
from apps.translation.batches import TokenizedPairs
from apps.translation.config import PRESETS, TranslationConfig
from apps.translation.evaluation import evaluate, monitor
from apps.translation.model import VOCABULARIES, load_tokenizers, save_vocabularies
from apps.translation.samples import SampleTranslations
from apps.translation.signatures import micro, signatures
from apps.translation.text import PAD_ID, SPECIALS, make_tokenizer, word_splitter
from rnn_keras.metrics import Perplexity
from rnn_keras.seq2seq import TokenCrossentropy


def load_data(config: TranslationConfig, run: Run | None) -> TokenizedData:
    """The pairs, with the vocabularies of the run, or else of the training pairs."""
    corpus = data.load(config)
    if run is not None and all((run.path / file).exists() for file in VOCABULARIES):
        source, target = load_tokenizers(run, config)
    else:
        words = word_splitter(config.lowercase)
        source, target = (
            make_tokenizer(learn_vocabulary(config, words, SPECIALS, texts), config)
            for texts in (corpus.train.sources, corpus.train.targets)
        )
    return TokenizedData(
        corpus, (source, target), lambda split: TokenizedPairs(config, source, target, split)
    )


def build(config: TranslationConfig, data: TokenizedData) -> keras.Model:
    """The model for the vocabularies."""
    return model.build(config, *(len(tokenizer.vocabulary) for tokenizer in data.assets))


def compile_model(model: keras.Model, config: TranslationConfig, batches_per_epoch: int) -> None:
    """The optimizer, the smoothed loss, and the plain perplexity, which selects the epoch."""
    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay),
        loss=TokenCrossentropy(config.label_smoothing),
        metrics=[Perplexity(ignore_class=PAD_ID)],
    )


def _describe(data: TokenizedData) -> str:
    corpus, (source, target) = data.splits, data.assets
    return (
        f"{len(corpus.train):,} pairs to train on, {len(corpus.validation):,} to validate, "
        f"{len(corpus.test):,} to test; {len(source.vocabulary):,} and "
        f"{len(target.vocabulary):,} tokens"
    )


def _save_assets(run: Run, config: TranslationConfig, data: TokenizedData) -> None:
    save_vocabularies(run, *(tokenizer.vocabulary for tokenizer in data.assets))
    write_examples(run, data.splits.validation.distinct_sources)


def _next_command(run: Run) -> str:
    return f"python -m apps.translation.translate {run} {shlex.quote(read_examples(run)[0])}"


TASK = Task(
    name="translation",
    presets=PRESETS,
    loss_unit=lambda _: "nats per token",
    load_data=load_data,
    build=build,
    compile=compile_model,
    batches=lambda config, data, epoch: data.batches(epoch),
    describe=_describe,
    save_assets=_save_assets,
    load=model.load,
    evaluate=evaluate,
    signatures=signatures,
    micro=micro,
    monitor=monitor,
    callbacks=lambda config, data: [
        SampleTranslations(config, *data.assets, data.splits.validation)
    ],
    loss_terms=keras.ops.count_nonzero,  # tokens without padding
    next_command=_next_command,
)
