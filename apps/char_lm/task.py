"""The character language model as a task of `apps.runner`."""

import keras

from apps.char_lm import batches, model
from apps.char_lm.config import PRESETS, CharLMConfig
from apps.char_lm.data import Corpus, load_corpus
from apps.char_lm.evaluation import evaluate
from apps.char_lm.samples import SampleText
from apps.char_lm.signatures import micro, onnx, signatures
from apps.common.optimizer import adamw
from apps.task import Task


def compile_model(model: keras.Model, config: CharLMConfig, batches_per_epoch: int) -> None:
    """The optimizer and the loss."""
    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay, beta_2=0.99),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


def _describe(corpus: Corpus) -> str:
    return (
        f"{len(corpus.train_ids):,} characters to train on, {len(corpus.validation_ids):,} held "
        f"out, {len(corpus.vocab)} different"
    )


TASK = Task(
    name="char_lm",
    presets=PRESETS,
    loss_unit=lambda _: "nats per character",
    load_data=lambda config, _: load_corpus(config),
    build=lambda config, corpus: model.build(config, len(corpus.vocab)),
    compile=compile_model,
    batches=batches.batches,
    describe=_describe,
    save_assets=lambda run, config, corpus: corpus.vocab.save(run.vocab),
    load=model.load,
    evaluate=evaluate,
    signatures=signatures,
    micro=micro,
    onnx=onnx,
    callbacks=lambda config, corpus: [SampleText(config, corpus.vocab)],
    next_command=lambda run: f'python -m apps.char_lm.generate {run} "Once"',
)
