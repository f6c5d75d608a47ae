"""`python -m apps.sentiment.train`: from reviews to a run with a judged, exported model."""

import time

from apps.common import cli, environment
from apps.common.run import Run
from apps.sentiment.config import PRESETS, SentimentConfig

DESCRIPTION = "Train a sentiment classifier, judge it beside a bag of bigrams, and export it."


def train(config: SentimentConfig, run: Run | None = None) -> Run:
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
    from apps.sentiment import evaluate, export, ngrams
    from apps.sentiment.batches import Encoded
    from apps.sentiment.data import load
    from apps.sentiment.model import build, load_network
    from apps.sentiment.pretraining import pretrain
    from apps.sentiment.text import learn_vocabulary

    data = load(config, run)
    vocabulary = learn_vocabulary(config, data.train.texts)
    training = Encoded(config, vocabulary, data.train)
    validation = Encoded(config, vocabulary, data.validation)
    model = build(config, len(vocabulary))
    compile_model(model, config, len(training.batches()))

    if run is None:
        command = cli.command_line("sentiment", PRESETS, config)
        run = Run.create("sentiment", config, command=command, data_sha256=data.sha256)
    with run.training():
        write_examples(run, data.validation.texts)
        vocabulary.save(run.vocab)
        print(f"{run}: {len(data.train):,} reviews to train on, {len(data.validation):,} to "
              f"validate, {len(data.test):,} to test; {len(vocabulary):,} tokens; "
              f"{model.count_params():,} weights", flush=True)  # fmt: skip
        if config.pretraining and not run.state.exists():
            pretrain(model, config, len(vocabulary), training, validation, run)
        fit(
            model,
            train=training.batches,
            validation=validation.batches(),
            config=config,
            run=run,
            monitor="val_accuracy",
            mode="max",
        )
        if config.ngrams:
            _, _, network = load_network(run)
            ngrams.save(
                run, ngrams.fit(network, config.ngrams, len(vocabulary), training, validation)
            )
        plot_loss(run, unit="nats per review", monitor="val_accuracy", mode="max")
        evaluate.evaluate(run)
        export.export(run)
    return run


def compile_model(model, config: SentimentConfig, batches_per_epoch: int) -> None:
    """The optimizer, the loss, and the accuracy that chooses the epoch."""
    import keras

    from apps.common.optimizer import adamw

    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay, beta_2=0.99),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )


@cli.command
def main(argv=None) -> None:
    """The command."""
    config, run = cli.parse("sentiment", PRESETS, argv, description=DESCRIPTION)
    began = time.monotonic()
    run = train(config, run)
    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes; next:")
    print(f'  python -m apps.sentiment.predict {run} "Slow at first, but in the end a delight."')


if __name__ == "__main__":
    main()
