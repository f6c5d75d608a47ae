"""`python -m apps.translation.train`: from pairs of sentences to a run with a judged translator."""

import shlex
import time
from typing import Literal

from apps.common import cli, environment
from apps.common.run import Run
from apps.translation.config import PRESETS, TranslationConfig

DESCRIPTION = "Train a translator, judge it by BLEU beside two baselines, and export it."
MONITOR = "val_perplexity"


def train(config: TranslationConfig, run: Run | None = None) -> Run:
    """Trains, from where `run` was interrupted if one is given, then evaluates and exports.

    Args:
        config: the configuration.
        run: the run to continue; None makes a new one.

    Returns:
        The run, complete.

    Raises:
        InputError: the data cannot be used or are not those of `run`, or the loss is not finite
            any more.
    """
    environment.prepare(config)  # before anything else imports TensorFlow

    from apps.common.examples import write_examples
    from apps.common.fit import fit
    from apps.common.plots import plot_loss
    from apps.translation import evaluate, export
    from apps.translation.batches import Encoded
    from apps.translation.data import load
    from apps.translation.model import build, load_codecs, save_vocabularies, vocabulary_files
    from apps.translation.samples import SampleTranslations
    from apps.translation.text import Codec, learn_vocabulary

    corpus = load(config, run)
    if run is not None and all(path.exists() for path in vocabulary_files(run)):
        source, target = load_codecs(run, config)
    else:
        source = Codec(learn_vocabulary(config, corpus.train.sources), config)
        target = Codec(learn_vocabulary(config, corpus.train.targets), config)
    training = Encoded(config, source, target, corpus.train)
    validation = Encoded(config, source, target, corpus.validation)
    model = build(config, len(source.vocabulary), len(target.vocabulary))
    compile_model(model, config, len(training.batches()))

    if run is None:
        command = cli.command_line("translation", PRESETS, config)
        run = Run.create("translation", config, command=command, data_sha256=corpus.sha256)
    with run.training():
        save_vocabularies(run, source.vocabulary, target.vocabulary)
        write_examples(run, corpus.validation.distinct_sources)
        print(f"{run}: {len(corpus.train):,} pairs to train on, {len(corpus.validation):,} to "
              f"validate, {len(corpus.test):,} to test; {len(source.vocabulary):,} and "
              f"{len(target.vocabulary):,} tokens; {model.count_params():,} weights",
              flush=True)  # fmt: skip
        monitor, mode = monitored(config)
        fit(
            model,
            train=training.batches,
            validation=validation.batches(),
            config=config,
            run=run,
            monitor=monitor,
            mode=mode,
            callbacks=[SampleTranslations(config, source, target, corpus.validation)],
        )
        plot_loss(run, unit="nats per token", monitor=monitor, mode=mode)
        evaluate.evaluate(run)
        export.export(run)
    return run


def monitored(config: TranslationConfig) -> tuple[str, Literal["min", "max"]]:
    """The figure of the history that tells which epoch is kept, and which way it is best."""
    return ("epoch", "max") if config.keep == "last" else (MONITOR, "min")


def compile_model(model, config: TranslationConfig, batches_per_epoch: int) -> None:
    """The optimizer, the smoothed loss, and the plain perplexity, which chooses the epoch."""
    from apps.common.optimizer import adamw
    from apps.translation.loss import TokenCrossentropy
    from apps.translation.text import PAD_ID
    from rnn_keras.metrics import Perplexity

    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay),
        loss=TokenCrossentropy(config.label_smoothing),
        metrics=[Perplexity(ignore_class=PAD_ID)],
    )


@cli.command
def main(argv=None) -> None:
    """The command."""
    config, run = cli.parse("translation", PRESETS, argv, description=DESCRIPTION)
    began = time.monotonic()
    run = train(config, run)
    from apps.common.examples import read_examples

    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes; next:")
    example = shlex.quote(read_examples(run)[0])
    print(f"  python -m apps.translation.translate {run} {example}")


if __name__ == "__main__":
    main()
