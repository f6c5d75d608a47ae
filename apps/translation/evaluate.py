"""`python -m apps.translation.evaluate RUN`: the test sentences, once, beside two baselines."""

from apps.common import cli
from apps.common.progress import reports
from apps.common.run import Run, runs_root
from apps.translation.config import PRESETS

PICTURED = 4  # sentences with a picture of the attention
BATCH = 64  # sentences translated at a time

# Those of Dive into Deep Learning, section 10.7, and their references as its tokens.
DOCUMENTED = {
    "Go.": "va !",
    "I lost.": "j'ai perdu .",
    "He's calm.": "il est calme .",
    "I'm home.": "je suis chez moi .",
}


@reports("evaluation")
def evaluate(run: Run) -> dict:
    """Scores the best model of a run on the test sentences; writes metrics, card, results row.

    Each distinct source is translated once, by greedy and by beam search, and compared with all
    its translations. The baselines are the source itself, and `baselines.nearest`.

    Args:
        run: a run with a trained model.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: the data are gone or not those of the run, or the model cannot be read.
    """
    from apps.common.card import markdown_table
    from apps.common.history import best_row, describe_kept, read_history
    from apps.common.plots import plot_by_length
    from apps.common.results import append_result
    from apps.translation import baselines, plots, report
    from apps.translation.batches import Encoded
    from apps.translation.data import load
    from apps.translation.graph import TranslatorGraph
    from apps.translation.model import load as load_model
    from apps.translation.scores import Judge, by_length
    from apps.translation.train import MONITOR, monitored

    config, model, source, target = load_model(run)
    corpus = load(config, run)
    sentences, references = corpus.test.distinct_sources, corpus.test.references
    graph = TranslatorGraph(config, model, source, target)
    name = report.network(config)
    ours = f"{name}, beam {config.beam}"
    translations = {
        ours: translate(graph.functions["translate"], sentences),
        f"{name}, greedy": translate(graph.functions["greedy"], sentences),
        baselines.NEAREST: baselines.nearest(corpus.train, sentences),
        "copy of the source": sentences,
    }
    judge = Judge(references, config.target, config.lowercase)
    scores = {who: judge.scores(texts) for who, texts in translations.items()}
    beam, greedy, nearest, copy = (each.figures for each in scores.values())
    history = read_history(run.history)
    kept = best_row(history, *monitored(config))
    seconds = sum(row["seconds"] for row in history)
    trained = Encoded(config, source, target, corpus.train)
    metrics = {
        "bleu": beam[judge.anchor_name],
        "bleu_greedy": greedy[judge.anchor_name],
        "sacrebleu": beam["sacreBLEU"],
        "chrf": beam["chrF"],
        "exact": beam["exact"],
        "test_perplexity": perplexity(model, Encoded(config, source, target, corpus.test)),
        "validation_perplexity": kept[MONITOR],
        "nearest_bleu": nearest[judge.anchor_name],
        "copy_bleu": copy[judge.anchor_name],
        "best_epoch": kept["epoch"],
        "kept": describe_kept(kept, config.epochs),
        "training_minutes": seconds / 60,
        "tokens_per_second": trained.tokens * len(history) / seconds,
        "weights": model.count_params(),
        "sentences": len(sentences),
        "pairs": len(corpus.test),
        "source_tokens": len(source.vocabulary),
        "target_tokens": len(target.vocabulary),
        "signatures": scores[ours].signatures,
        "scores": [{"model": who, **each.figures} for who, each in scores.items()],
        "documented": documented(graph.functions["translate"], config, corpus.train),
    }
    run.write_json("metrics.json", metrics)

    shown = {who: translations[who] for who in (ours, baselines.NEAREST)}
    lengths = by_length(judge, sentences, shown)
    plot_by_length(run.plots / "lengths.png", lengths, "sentences", "source", "BLEU")
    if config.attention != "none":
        pictured = sentences[:: max(1, len(sentences) // PICTURED)][:PICTURED]
        plots.attention_maps(
            run.plots / "attention.png", looked_at(graph, source, target, pictured)
        )
    errors = report.worst(judge, sentences, references, translations[ours])
    run.write_text("README.md", report.card(run, config, corpus, metrics, lengths, errors))
    append_result(
        runs_root() / "translation" / "results.csv",
        command=cli.command_line("translation", PRESETS, config, omit=("seed", "run")),
        seed=config.seed,
        minutes=metrics["training_minutes"],
        machine=run.machine,
        scores={
            key: metrics[key]
            for key in ("bleu", "bleu_greedy", "sacrebleu", "chrf", "exact", "test_perplexity",
                        "validation_perplexity", "nearest_bleu", "copy_bleu")
        },
    )  # fmt: skip
    print(markdown_table(metrics["scores"]), flush=True)
    if metrics["documented"]:
        print("\nDocumented sentences, a smoke test, as most are trained on:")
        print(markdown_table(metrics["documented"]), flush=True)
    return metrics


def translate(function, sentences: list[str]) -> list[str]:
    """Translations of sentences, those of about the same length together.

    Args:
        function: of `TranslatorGraph`, such as `translate`.
        sentences: the sentences.
    """
    import tensorflow as tf

    from apps.common.progress import chunks
    from rnn_keras import use_plan

    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    found = [""] * len(sentences)
    with use_plan("graph"):  # compiled for each length, it would take longer
        for rows in chunks(order, "translating", "sentences", BATCH):
            texts = function(tf.constant([sentences[row] for row in rows]))["translation"]
            for row, text in zip(rows, texts.numpy()):
                found[row] = text.decode()
    return found


def perplexity(model, encoded) -> float:
    """Of the reference translations, per token, given those before."""
    from apps.translation.loss import TokenCrossentropy
    from apps.translation.text import PAD_ID
    from rnn_keras.metrics import Perplexity

    model.compile(loss=TokenCrossentropy(), metrics=[Perplexity(ignore_class=PAD_ID)])
    return model.evaluate(encoded.batches(), verbose=0, return_dict=True)["perplexity"]


def documented(function, config, train) -> list[dict]:
    """The four documented sentences and their BLEU (k=2), if any of them was trained on."""
    from apps.translation.text import plain
    from rnn_keras.metrics import bleu

    known = set(train.keys)
    is_known = [text in known for text in plain(list(DOCUMENTED), lowercase=True)]
    if (config.source, config.target) != ("en", "fr") or not any(is_known):
        return []
    return [
        {
            "source": sentence,
            "trained on": "yes" if trained_on else "no",
            "reference": reference,
            "translation": translation,
            "BLEU, k=2": bleu(spaced(translation.lower()), reference, k=2),
        }
        for (sentence, reference), trained_on, translation in zip(
            DOCUMENTED.items(), is_known, translate(function, list(DOCUMENTED))
        )
    ]


def spaced(text: str) -> str:
    """The documented tokens: words, and a blank before each mark that ends a sentence."""
    import re

    return re.sub(r"\s*([,.!?])", r" \1", text)


def looked_at(graph, source, target, sentences) -> list:
    """The attention of greedy translations, each up to its `<eos>`."""
    import tensorflow as tf

    from apps.translation.attention import Attention
    from apps.translation.search import source_ids
    from rnn_keras import use_plan

    maps = []
    with use_plan("graph"):
        for sentence in sentences:
            ids = source_ids(source, tf.constant([sentence]))
            found = graph.functions["greedy_ids"](ids=ids)
            # Behind the end, a search writes <eos> up to the maximum length.
            found = found["ids"][:, : found["lengths"][0]]
            weights = graph.functions["align"](ids=ids, target_ids=found)["attention"]
            maps.append(
                Attention(
                    source.tokens(ids[0].numpy()),
                    target.tokens(found[0].numpy()),
                    weights[0].numpy(),
                )
            )
    return maps


@cli.command
def main(argv=None) -> None:
    """The command."""
    description = "Score a trained run on its test sentences again, and rewrite its model card."
    run = cli.parse_run("translation", "evaluate", description, argv)
    from apps.common.environment import import_tensorflow

    import_tensorflow()
    metrics = evaluate(run)
    print(f"written to {run.metrics} and {run.card}: BLEU {metrics['bleu']:.2f}, greedy "
          f"{metrics['bleu_greedy']:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
