"""`python -m apps.char_lm.train`: from a text to a run directory with a judged, exported model."""

import time

from apps.char_lm.config import PRESETS, CharLMConfig
from apps.common import cli, environment
from apps.common.run import Run

DESCRIPTION = "Train a character language model, judge it beside n-grams, and export it."


def train(config: CharLMConfig, run: Run | None = None) -> Run:
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

    from apps.char_lm import batches, evaluate, export, samples
    from apps.char_lm.model import build
    from apps.common.fit import fit
    from apps.common.plots import plot_loss

    corpus = batches.load_corpus(config, run)
    model = build(config, len(corpus.vocab))
    batches_per_epoch = len(batches.train(config, corpus, epoch=0))
    compile_model(model, config, batches_per_epoch)

    if run is None:
        command = cli.command_line("char_lm", PRESETS, config)
        run = Run.create("char_lm", config, command=command, data_sha256=corpus.sha256)
    with run.training():
        if not run.vocab.exists():  # also when the process was killed right after `create`
            corpus.vocab.save(run.vocab)
        print(f"{run}: {len(corpus.train_ids):,} characters to train on, "
              f"{len(corpus.validation_ids):,} held out, {len(corpus.vocab)} different; "
              f"{model.count_params():,} weights", flush=True)  # fmt: skip
        fit(
            model,
            train=lambda epoch: batches.train(config, corpus, epoch),
            validation=batches.validation(config, corpus),
            config=config,
            run=run,
            callbacks=[samples.SampleText(config, corpus.vocab)],
        )
        plot_loss(run, unit="nats per character")
        evaluate.evaluate(run)
        export.export(run)
    return run


def compile_model(model, config: CharLMConfig, batches_per_epoch: int) -> None:
    """The optimizer and the loss."""
    import keras

    from apps.common.optimizer import adamw

    model.compile(
        adamw(config, batches_per_epoch, config.weight_decay, beta_2=0.99),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


@cli.command
def main(argv=None) -> None:
    """The command."""
    config, run = cli.parse("char_lm", PRESETS, argv, description=DESCRIPTION)
    began = time.monotonic()
    run = train(config, run)
    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes; next:")
    print(f'  python -m apps.char_lm.generate {run} "Once"')


if __name__ == "__main__":
    main()
