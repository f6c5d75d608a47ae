"""The sentiment classifier as a task of `apps.runner`."""

import keras

from apps.common.examples import write_examples
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.common.tokenized import TokenizedData, learn_vocabulary
from apps.common.trained import load_vocabulary
from apps.sentiment import data, model, ngrams
from apps.sentiment.batches import TokenizedReviews
from apps.sentiment.config import PRESETS, SentimentConfig
from apps.sentiment.evaluation import MONITOR, evaluate
from apps.sentiment.pretraining import pretrain
from apps.sentiment.signatures import micro, onnx, signatures
from apps.sentiment.text import SPECIALS, WORDS
from apps.task import Task


def load_data(config: SentimentConfig, run: Run | None) -> TokenizedData:
    """The reviews, with the vocabulary of the run, or else of the training reviews."""
    reviews = data.load(config)
    if run is not None and run.vocab.exists():
        vocabulary = load_vocabulary(run)
    else:
        vocabulary = learn_vocabulary(config, WORDS, SPECIALS, reviews.train.texts)
    return TokenizedData(
        reviews, vocabulary, lambda split: TokenizedReviews(config, vocabulary, split)
    )


def compile_model(model: keras.Model, config: SentimentConfig, batches_per_epoch: int) -> None:
    """The optimizer, the loss, and the accuracy that chooses the epoch."""
    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay, beta_2=0.99),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )


def _describe(data: TokenizedData) -> str:
    reviews = data.splits
    return (
        f"{len(reviews.train):,} reviews to train on, {len(reviews.validation):,} to validate, "
        f"{len(reviews.test):,} to test; {len(data.assets):,} tokens"
    )


def _save_assets(run: Run, config: SentimentConfig, data: TokenizedData) -> None:
    write_examples(run, data.splits.validation.texts)
    data.assets.save(run.vocab)


def _pretrain(network: keras.Model, config: SentimentConfig, data: TokenizedData, run: Run) -> None:
    if config.pretraining and not run.state.exists():
        pretrain(network, config, len(data.assets), data.train, data.validation, run)


def _fit_ngrams(config: SentimentConfig, data: TokenizedData, run: Run) -> None:
    if config.ngrams:
        network = model.load_network(run).model
        size = len(data.assets)
        ngrams.save(run, ngrams.fit(network, config.ngrams, size, data.train, data.validation))


TASK = Task(
    name="sentiment",
    presets=PRESETS,
    loss_unit=lambda _: "nats per review",
    load_data=load_data,
    build=lambda config, data: model.build(config, len(data.assets)),
    compile=compile_model,
    batches=lambda config, data, epoch: data.batches(epoch),
    describe=_describe,
    save_assets=_save_assets,
    load=model.load,
    evaluate=evaluate,
    signatures=signatures,
    micro=micro,
    onnx=onnx,
    monitor=lambda _: MONITOR,
    before_fit=_pretrain,
    after_fit=_fit_ngrams,
    next_command=lambda run: (
        f'python -m apps.sentiment.predict {run} "Slow at first, but in the end a delight."'
    ),
)
