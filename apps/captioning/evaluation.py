"""Captions of the test images, compared with two baselines."""

from collections import Counter
from functools import partial

import tensorflow as tf

from apps.captioning.exported import captions
from apps.captioning.scores import nearest, scores
from apps.captioning.signatures import functions
from apps.common.history import best_row, read_history
from apps.common.plots import attention_pictures
from apps.common.progress import chunks
from apps.common.tokenized import TokenizedData
from apps.task import Evaluation, Trained
from rnn_keras import use_plan

PICTURED = 4  # images with a picture of the attention
BATCH = 64  # images at a time
LIMITS = (
    "It writes captions like those it was trained on, of the same kind of images. BLEU and chrF "
    "compare words: a high score is no proof that a caption is true."
)


def evaluate(trained: Trained, data: TokenizedData) -> Evaluation:
    """Scores the captions of beam search, of the nearest training image, and the commonest one."""
    config, tokenizer = trained.config, trained.assets
    train, test = data.splits.train, data.splits.test
    search, found = functions(trained)["search"], []
    with use_plan("graph"):
        for rows in chunks(range(len(test)), "describing", "images", BATCH):
            pixels = test.pixels[rows[0] : rows[-1] + 1]
            found += captions(tokenizer, pixels, search(tf.constant(pixels, tf.float32)))
    name = f"{config.encoder} and {config.cell} 2x{config.units}, beam {config.beam}"
    candidates = {
        name: [caption.text for caption in found],
        "caption of the nearest training image": nearest(train, test),
        "most common caption": [Counter(train.texts).most_common(1)[0][0]] * len(test),
    }
    figures = {who: scores(each, test.captions) for who, each in candidates.items()}
    ours, near, common = figures.values()
    best = best_row(read_history(trained.run.history), "val_perplexity", "min")
    results = {
        "bleu_4": ours["BLEU-4"],
        "chrf": ours["chrF"],
        "exact": ours["exact"],
        "validation_perplexity": best["val_perplexity"],
        "nearest_bleu_4": near["BLEU-4"],
        "commonest_bleu_4": common["BLEU-4"],
    }
    words = len(tokenizer.vocabulary)
    maps = [caption[2:] for caption in found[:PICTURED]]
    return Evaluation(
        headline=f"BLEU-4 {ours['BLEU-4']:.2f}, exact {ours['exact']:.1%}",
        scores=[{"model": who, **each} for who, each in figures.items()],
        metrics={**results, "images": len(test), "words": words},
        results=results,
        title=f"Captioner {trained.run.name}",
        what=f"Writes a caption of an image: {name}, over {words:,} words.",
        data=f"`{config.data}`: {len(train):,} images for training, {len(data.splits.validation):,}"
        f" for choosing the epoch, {len(test):,} for the scores below.",
        limits=LIMITS,
        picture="plots/attention.png",
        plots={"attention": partial(attention_pictures, maps=maps)},
    )
