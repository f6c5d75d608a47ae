"""The tagger as a task of `apps.runner`."""

import keras

from apps.common.errors import InputError
from apps.common.examples import write_examples
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.common.trained import load_best
from apps.ner import data, model
from apps.ner.config import PRESETS, NERConfig
from apps.ner.evaluation import evaluate
from apps.ner.signatures import signatures
from apps.ner.text import Assets
from apps.task import Task, Trained
from rnn_keras.layers import crf_loss
from rnn_keras.metrics import entity_scores


def load_data(config: NERConfig, run: Run | None) -> data.Data:
    """The sentences, with the vocabularies of the run, or else of the training sentences."""
    assets = Assets.load(run, config) if run is not None and run.vocab.exists() else None
    return data.load(config, assets)


def compile_model(network: keras.Model, config: NERConfig, batches_per_epoch: int) -> None:
    """The optimizer and the loss."""
    optimizer = adamw(config, batches_per_epoch, config.weight_decay, beta_2=0.99)
    network.compile(optimizer, loss=crf_loss)


class EntityF1(keras.callbacks.Callback):
    """Adds `val_f1` to the metrics of an epoch."""

    def __init__(self, config: NERConfig, sentences: data.Data):
        super().__init__()
        self._data = sentences

    def on_epoch_end(self, epoch, logs=None):
        validation = self._data.validation
        found = self._data.predict(self.model, validation)
        logs["val_f1"] = entity_scores([s.entities for s in validation], found)["all"].f1


def _save_assets(run: Run, config: NERConfig, sentences: data.Data) -> None:
    write_examples(run, [" ".join(s.tokens) for s in sentences.validation])
    for file, vocabulary in sentences.assets.vocabularies.items():
        vocabulary.save(run.path / file)


def load(run: Run) -> Trained:
    """The trained tagger of a run, in float32, with its `Assets`.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config = run.read_config(NERConfig)
    assets, best = Assets.load(run, config), load_best(run)
    network = model.build(config, assets, "float32")
    try:
        network.set_weights([variable.numpy() for variable in best.weights])
    except ValueError as error:
        raise InputError(f"cannot read {run.best}: {str(error).splitlines()[0]}") from error
    return Trained(run, config, network, assets)


TASK = Task(
    name="ner",
    presets=PRESETS,
    loss_unit=lambda _: "nats per sentence",
    load_data=load_data,
    build=lambda config, sentences: model.build(config, sentences.assets),
    compile=compile_model,
    batches=lambda config, sentences, epoch: sentences.batches(epoch),
    describe=lambda d: (
        f"{len(d.train):,} sentences to train on, {len(d.validation):,} to validate, "
        f"{len(d.assets.words):,} words, {len(d.assets.tags)} tags"
    ),
    save_assets=_save_assets,
    load=load,
    evaluate=evaluate,
    signatures=signatures,
    monitor=lambda _: ("val_f1", "max"),
    notes=lambda sentences: sentences.notes,
    callbacks=lambda config, sentences: [EntityF1(config, sentences)],
    next_command=lambda run: f'python -m apps.ner.tag {run} "Angela Merkel met Siemens in Berlin."',
)
