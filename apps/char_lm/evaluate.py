"""`python -m apps.char_lm.evaluate RUN`: nats per character beside the n-grams, and the card."""

import math

from apps.char_lm.config import PRESETS
from apps.common import cli
from apps.common.progress import chunks, reports
from apps.common.run import Run, runs_root

PRIMING, CHUNK = 1024, 1000  # characters: of history before the first one scored; per call

LIMITS = (
    "The model continues text in the manner of what it was trained on, a character at a time; it "
    "does not know what it says. The held-out part also chose the epoch whose weights were kept, "
    "so its score is slightly flattering. Characters not seen in training are read as one "
    "unknown character and are never written."
)


@reports("evaluation")
def evaluate(run: Run) -> dict:
    """Scores the best model of a run on the held-out text; writes metrics, card and results row.

    Every held-out character is predicted once. Under `stream`, from all the text before it: the
    state is carried through, and starts from the last characters of the training part, which the
    n-grams see too. Under `d2l`, in windows of 32 that start from the zero state, for the
    n-grams as well.

    Args:
        run: a run with a trained model.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: the data are gone or not those of the run, or the model cannot be read.
    """
    from apps.char_lm import batches
    from apps.char_lm.model import load
    from apps.char_lm.ngram import witten_bell, witten_bell_windows
    from apps.common.card import markdown_table, model_card
    from apps.common.history import best_row, describe_kept, read_history
    from apps.common.results import append_result

    config, _, trained = load(run)
    corpus = batches.load_corpus(config, run)
    nats = _nats(config, trained, corpus)
    if config.protocol == "d2l":
        baselines = witten_bell_windows(
            corpus.train_ids, corpus.validation_ids, len(corpus.vocab), config.steps
        )
    else:
        baselines = witten_bell(corpus.train_ids, corpus.validation_ids, len(corpus.vocab))

    history = read_history(run.history)
    scores = [
        _score(f"{config.cell} {config.layers}x{config.units}", nats),
        *(_score(f"{n}-gram, Witten-Bell", value) for n, value in enumerate(baselines, 1)),
    ]
    metrics = {
        "nats_per_character": nats,
        "perplexity": math.exp(nats),
        "bits_per_character": nats / math.log(2),
        "baseline": "interpolated Witten-Bell n-gram, the best of orders 1 to 6",
        "baseline_order": baselines.index(min(baselines)) + 1,
        "baseline_nats_per_character": min(baselines),
        "baseline_perplexity": math.exp(min(baselines)),
        "characters": len(corpus.validation_ids),
        "unseen_characters": corpus.unseen,
        "best_epoch": best_row(history)["epoch"],
        "kept": describe_kept(best_row(history), config.epochs),
        "training_minutes": sum(row["seconds"] for row in history) / 60,
        "weights": trained.count_params(),
        "scores": scores,
    }
    run.write_json("metrics.json", metrics)
    run.write_text(
        "README.md",
        model_card(
            f"Character language model {run.name}",
            what=f"A language model of characters: {config.layers} {config.cell} "
            f"layer{'s' * (config.layers > 1)} of {config.units} units, "
            f"{trained.count_params():,} weights, trained in "
            f"{metrics['training_minutes']:.1f} minutes.",
            command=run.command,
            config=config.to_json(),
            data=f"`{config.data}`: {len(corpus.train_ids):,} characters for training, "
            f"{len(corpus.validation_ids):,} after them held out, of which {corpus.unseen} are "
            f"characters not seen in training; {len(corpus.vocab)} symbols.",
            scores=scores,
            limits=LIMITS,
            machine=run.machine,
            kept=metrics["kept"],
            picture="plots/loss.png",
        ),
    )
    append_result(
        runs_root() / "char_lm" / "results.csv",
        command=cli.command_line("char_lm", PRESETS, config, omit=("seed", "run")),
        seed=config.seed,
        minutes=metrics["training_minutes"],
        machine=run.machine,
        scores={
            name: metrics[name]
            for name in (
                "nats_per_character",
                "perplexity",
                "baseline_nats_per_character",
                "baseline_perplexity",
            )
        },
    )
    print(markdown_table(scores), flush=True)
    return metrics


def _score(name, nats):
    return {
        "model": name,
        "perplexity": math.exp(nats),
        "nats per character": nats,
        "bits per character": nats / math.log(2),
    }


def _nats(config, trained, corpus):
    """Mean nats over all windows, or over the whole tail in one stream with carried state."""
    import numpy as np
    import tensorflow as tf

    from apps.char_lm import batches
    from apps.char_lm.model import build_streaming, state_names

    model = build_streaming(config, trained)

    @tf.function(jit_compile=True)
    def chunk(x, y, state):
        logits, *state = model([x, tf.ones(tf.shape(x), tf.bool), *state], training=False)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits), state

    def zero_state(batch):
        return [np.zeros((batch, config.units), "float32") for _ in state_names(config)]

    nats = []
    if config.protocol == "d2l":
        for x, y in batches.validation(config, corpus):
            losses, _ = chunk(x, y, zero_state(len(x)))
            nats.append(losses.numpy().ravel())
        return float(np.concatenate(nats).mean(dtype="float64"))
    history = corpus.history_ids[-PRIMING:]
    ids = np.concatenate([history, corpus.validation_ids])[None]
    state = zero_state(1)
    for targets in chunks(range(1, ids.shape[1]), "scoring", "characters", CHUNK):
        x, y = ids[:, targets.start - 1 : targets.stop - 1], ids[:, targets.start : targets.stop]
        losses, state = chunk(x, y, state)
        nats.append(losses.numpy()[0])
    return float(np.concatenate(nats)[-len(corpus.validation_ids) :].mean(dtype="float64"))


@cli.command
def main(argv=None) -> None:
    """The command."""
    description = "Score a trained run beside n-grams again, and rewrite its model card."
    run = cli.parse_run("char_lm", "evaluate", description, argv)
    from apps.common.environment import import_tensorflow

    import_tensorflow()
    metrics = evaluate(run)
    print(f"written to {run.metrics} and {run.card}: perplexity {metrics['perplexity']:.3f}")


if __name__ == "__main__":
    main()
