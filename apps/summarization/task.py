"""The summarizer as a task of `apps.runner`."""

from functools import partial

import keras

from apps.common.examples import write_examples
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.common.tokenized import TokenizedData, learn_vocabulary
from apps.common.trained import load_in_float32, load_vocabulary
from apps.summarization import grammar, model
from apps.summarization.batches import TokenizedSummaries
from apps.summarization.config import PRESETS, SummarizationConfig
from apps.summarization.evaluation import evaluate
from apps.summarization.extractor import selection_loss
from apps.summarization.signatures import signatures
from apps.summarization.summaries import read_summaries
from apps.summarization.summarizers import SPECIALS, WORDS
from apps.task import Task, Trained
from rnn_keras.seq2seq import TokenCrossentropy

DEMO = (
    "The mayor was late. On Monday Ada Norwil paid 30 dollars for the old clock factory of Belgor."
)


def load_data(config: SummarizationConfig, run: Run | None) -> TokenizedData:
    """The texts, with the vocabulary of the run, or else of the training texts.

    Raises:
        InputError: they cannot be read, or are too few.
    """
    corpus = read_summaries(
        config.data,
        partial(grammar.generate, config.split_seed),
        text=config.text,
        summary=config.summary,
        split=config.split,
        fractions=(config.validation_fraction, config.test_fraction),
        seed=config.split_seed,
    )
    if run is not None and run.vocab.exists():
        vocabulary = load_vocabulary(run)
    else:
        texts = corpus.train.texts + corpus.train.summaries * (config.model == "abstractive")
        vocabulary = learn_vocabulary(config, WORDS, SPECIALS, texts)
    return TokenizedData(corpus, vocabulary, partial(TokenizedSummaries, config, vocabulary))


def load(run: Run) -> Trained:
    """The trained network of a run, in float32, with its vocabulary.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config, vocabulary = run.read_config(SummarizationConfig), load_vocabulary(run)
    build = partial(model.build, config, len(vocabulary), "float32")
    return Trained(run, config, load_in_float32(run, build), vocabulary)


def _save_assets(run, config, data):
    data.assets.save(run.vocab)
    write_examples(run, data.splits.validation.texts)


def _compile(network, config, batches_per_epoch):
    is_extractive = config.model == "extractive"
    network.compile(
        adamw(config, batches_per_epoch, config.weight_decay),
        loss=selection_loss if is_extractive else TokenCrossentropy(),
    )


TASK = Task(
    name="summarization",
    presets=PRESETS,
    loss_unit=lambda config: f"nats per {'sentence' if config.model == 'extractive' else 'token'}",
    load_data=load_data,
    build=lambda config, data: model.build(config, len(data.assets)),
    compile=_compile,
    batches=lambda config, data, epoch: data.batches(epoch),
    describe=lambda data: (
        f"{len(data.splits.train):,} texts to train on, {len(data.splits.validation):,} to "
        f"validate, {len(data.splits.test):,} to test; {len(data.assets):,} words"
    ),
    save_assets=_save_assets,
    load=load,
    evaluate=evaluate,
    signatures=signatures,
    notes=lambda data: data.splits.notes,
    loss_terms=keras.ops.count_nonzero,  # tokens, or sentences, without padding
    next_command=lambda run: f'python -m apps.summarization.summarize {run} "{DEMO}"',
)
