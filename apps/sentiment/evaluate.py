"""`python -m apps.sentiment.evaluate RUN`: the test reviews, once, beside two baselines."""

from apps.common import cli
from apps.common.progress import reports
from apps.common.run import Run, runs_root
from apps.sentiment.config import PRESETS

WORST, SHOWN = 8, 240  # errors in the model card, and characters of each

LIMITS = (
    "The model tells praise from blame in reviews like those it was trained on; other kinds of "
    "text get a probability as well, which then means little. It knows nothing of irony but what "
    "those reviews taught it. Of a long review it reads the beginning and the end only "
    "(`max_length`)."
)


@reports("evaluation")
def evaluate(run: Run) -> dict:
    """Scores the best model of a run on the test reviews; writes metrics, card and results row.

    The baselines, trained on the same training reviews, are the share of positive ones and
    `baseline.bag_of_bigrams`.

    Args:
        run: a run with a trained model.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: the data are gone or not those of the run, or the model cannot be read.
    """
    import numpy as np
    from scipy.special import expit

    from apps.common.card import markdown_table, model_card
    from apps.common.history import best_row, describe_kept, read_history
    from apps.common.plots import plot_by_length
    from apps.common.results import append_result
    from apps.sentiment import plots
    from apps.sentiment.baseline import bag_of_bigrams
    from apps.sentiment.batches import Encoded
    from apps.sentiment.data import load
    from apps.sentiment.model import load as load_model
    from apps.sentiment.pretraining import pretraining_run
    from apps.sentiment.scores import accuracy_interval, by_length, calibration, scores

    config, vocabulary, model = load_model(run)
    data = load(config, run)
    labels = data.test.labels
    encoded = Encoded(config, vocabulary, data.test)
    judges = _judges(config, model)
    name = next(iter(judges))
    probabilities = {
        **{who: expit(encoded.logits(judge)) for who, judge in judges.items()},
        "bag of bigrams, logistic regression": bag_of_bigrams(
            data.train, data.validation, data.test
        ),
        "majority class": np.full(len(labels), data.train.labels.mean()),
    }
    figures = {who: scores(labels, p) for who, p in probabilities.items()}
    ours, *_, bigrams, majority = figures.values()
    low, high = accuracy_interval(labels, probabilities[name])
    history = read_history(run.history)
    best = best_row(history, "val_accuracy", "max")
    if config.pretraining:
        history += read_history(pretraining_run(run).history)
    minutes = sum(row["seconds"] for row in history) / 60
    metrics = {
        **ours,
        "accuracy_low": low,
        "accuracy_high": high,
        "baseline": "bag of words and bigrams, TF-IDF, logistic regression",
        **{f"baseline_{key}": value for key, value in bigrams.items()},
        "majority_accuracy": majority["accuracy"],
        "validation_accuracy": best["val_accuracy"],
        "best_epoch": best["epoch"],
        "kept": describe_kept(best, config.epochs),
        "training_minutes": minutes,
        "weights": model.count_params(),
        "reviews": len(labels),
        "calibration": calibration(labels, probabilities[name]),
        "scores": [{"model": who, **values} for who, values in figures.items()],
    }
    run.write_json("metrics.json", metrics)
    plots.reliability(run.plots / "reliability.png", labels, probabilities)
    lengths = by_length(data.test.texts, labels, probabilities)
    plot_by_length(run.plots / "lengths.png", lengths, "reviews", "review", "Accuracy")
    run.write_text(
        "README.md",
        model_card(
            f"Sentiment classifier {run.name}",
            what=f"Tells positive from negative reviews: {name}, {config.pooling} pooling, over "
            f"{config.embedding}-dimensional vectors of {len(vocabulary):,} {config.tokens}s; "
            f"{metrics['weights']:,} weights, trained in {metrics['training_minutes']:.1f} "
            f"minutes. 95 % interval of its accuracy: {low:.2%} to {high:.2%}.",
            command=run.command,
            config=config.to_json(),
            data=f"`{config.data}`: {len(data.train):,} reviews for training, "
            f"{len(data.validation):,} for choosing the epoch, {len(labels):,} for the scores "
            f"below. {data.about}",
            scores=metrics["scores"],
            limits=LIMITS,
            machine=run.machine,
            kept=metrics["kept"],
            picture="plots/loss.png",
            sections={
                "Calibration": "Of the reviews that got about some probability, the part that is "
                "positive.\n\n" + markdown_table(metrics["calibration"])
                + "\n\n![](plots/reliability.png)",
                "By length": markdown_table(lengths) + "\n\n![](plots/lengths.png)",
                "Worst errors": "The test reviews that it was surest about and wrong.\n\n"
                + markdown_table(_worst(data.test, probabilities[name])),
            },
        ),
    )  # fmt: skip
    append_result(
        runs_root() / "sentiment" / "results.csv",
        command=cli.command_line("sentiment", PRESETS, config, omit=("seed", "run")),
        seed=config.seed,
        minutes=metrics["training_minutes"],
        machine=run.machine,
        scores={
            **{key: metrics[key] for key in ours},
            **{f"baseline_{key}": bigrams[key] for key in ("accuracy", "log_loss")},
            "validation_accuracy": metrics["validation_accuracy"],
        },
    )
    print(markdown_table(metrics["scores"]), flush=True)
    return metrics


def _judges(config, model):
    """By name, the model; and its parts alone, if it has any."""
    import keras

    network = (
        f"{'bidirectional ' * config.bidirectional}{config.cell} {config.layers}x{config.units}"
    )
    if not config.ngrams:
        return {network: model}
    ngrams = keras.Model(model.input, model.get_layer("ngrams").output)
    return {
        f"{network} and n-grams": model,
        "the network alone": model.get_layer("sentiment"),
        "its n-grams alone": ngrams,
    }


def _worst(test, probability):
    import numpy as np

    error = np.abs(probability - test.labels)
    return [
        {
            "probability": float(probability[row]),
            "is": ("negative", "positive")[test.labels[row]],
            "review": _shortened(test.texts[row]),
        }
        for row in np.argsort(-error, kind="stable")[:WORST]
        if error[row] > 0.5
    ]


def _shortened(text):
    """The beginning and the end, without anything that Markdown would make something of."""
    text = " ".join(text.replace("<br />", " ").split())
    if len(text) > SHOWN:
        text = f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}"
    return "".join("\\" + c if c in "\\`*_{}[]<>#" else c for c in text)


@cli.command
def main(argv=None) -> None:
    """The command."""
    description = "Score a trained run on its test reviews again, and rewrite its model card."
    run = cli.parse_run("sentiment", "evaluate", description, argv)
    from apps.common.environment import import_tensorflow

    import_tensorflow()
    metrics = evaluate(run)
    print(f"written to {run.metrics} and {run.card}: accuracy {metrics['accuracy']:.2%}, 95 % "
          f"interval {metrics['accuracy_low']:.2%} to {metrics['accuracy_high']:.2%}")  # fmt: skip


if __name__ == "__main__":
    main()
