"""The tagger as a task of `apps.runner`."""

from functools import partial

from apps.common.examples import write_examples
from apps.common.fit import Score
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.common.tokenized import TokenizedData
from apps.common.trained import load_in_float32
from apps.ner import grammar, model
from apps.ner.batches import TokenizedSentences
from apps.ner.config import PRESETS, NERConfig
from apps.ner.evaluation import evaluate
from apps.ner.sentences import read_corpus
from apps.ner.signatures import onnx, signatures
from apps.ner.text import learn_assets, load_assets
from apps.task import Task, Trained
from rnn_keras.layers import crf_loss


def load_data(config: NERConfig, run: Run | None) -> TokenizedData:
    """The sentences, with the vocabularies of the run, or else of the training sentences."""
    seed = config.split_seed
    corpus = read_corpus(
        config.data, partial(grammar.generate, seed), config.validation_fraction, seed
    )
    known = run is not None and run.vocab.exists()
    assets = load_assets(run, config) if known else learn_assets(config, corpus.train)
    return TokenizedData(corpus, assets, partial(TokenizedSentences, config, *assets[1:]))


def load(run: Run) -> Trained:
    """The trained tagger of a run, in float32, with its `Assets`.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config = run.read_config(NERConfig)
    assets = load_assets(run, config)
    network = load_in_float32(run, partial(model.build, config, assets, "float32"))
    return Trained(run, config, network, assets)


def _save_assets(run, config, data):
    write_examples(run, [" ".join(each.tokens) for each in data.splits.validation])
    for file, vocabulary in data.assets.files.items():
        vocabulary.save(run.path / file)


TASK = Task(
    name="ner",
    presets=PRESETS,
    loss_unit=lambda _: "nats per sentence",
    load_data=load_data,
    build=lambda config, data: model.build(config, data.assets),
    compile=lambda network, config, batches: network.compile(
        adamw(config, batches, beta_2=0.99), loss=crf_loss
    ),
    batches=lambda config, data, epoch: data.batches(epoch),
    describe=lambda data: (
        f"{len(data.splits.train):,} sentences to train on, {len(data.splits.validation):,} to "
        f"validate; {len(data.assets.lookup.words):,} words, {len(data.assets.tags)} tags"
    ),
    save_assets=_save_assets,
    load=load,
    evaluate=evaluate,
    signatures=signatures,
    onnx=onnx,
    monitor=lambda _: ("val_f1", "max"),
    notes=lambda data: data.splits.notes,
    callbacks=lambda config, data: [Score("val_f1", data.validation.f1)],
    next_command=lambda run: f'python -m apps.ner.tag {run} "Angela Merkel met Siemens in Berlin."',
)
