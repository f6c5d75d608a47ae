"""Nats per character of the held-out text, compared with n-grams."""

import math

import keras
import numpy as np
import tensorflow as tf

from apps.char_lm import batches
from apps.char_lm.config import CharLMConfig
from apps.char_lm.data import Corpus
from apps.char_lm.model import build_streaming, state_names
from apps.char_lm.ngram import witten_bell, witten_bell_windows
from apps.common.progress import chunks
from apps.task import Evaluation, Trained

PRIMING, CHUNK = 1024, 1000  # characters: of history before the first one scored; per call
# Characters that n-grams are counted in, scored at a time, and those before each.
COUNTED, SCORED, CONTEXT = 10_000_000, 4_000_000, 5

LIMITS = (
    "The model continues text in the style of its training data, character by character, without "
    "understanding it. The held-out part also selected the epoch whose weights were kept, so its "
    "score is slightly optimistic. Characters not seen in training are read as one unknown "
    "character and are never generated."
)


def evaluate(trained: Trained, corpus: Corpus) -> Evaluation:
    """Scores the held-out text, every character once.

    With the protocol `stream`, each character is predicted from all the text before it: the state
    is carried through, and starts from the last characters of the training part, which the n-grams
    use as context too. With `d2l`, windows of 32 start from the zero state, also for the n-grams.
    """
    config = trained.config
    nats = _nats(config, trained.model, corpus)
    if config.protocol == "d2l":
        baselines = witten_bell_windows(
            corpus.train_ids, corpus.validation_ids, len(corpus.vocab), config.steps
        )
    else:
        baselines = ngram_nats(corpus)
    counted = ""
    if config.protocol == "stream" and len(corpus.train_ids) > COUNTED:
        counted = f", counted in the last {COUNTED:,} training characters"
    metrics = {
        "nats_per_character": nats,
        "perplexity": math.exp(nats),
        "bits_per_character": nats / math.log(2),
        "baseline": f"interpolated Witten-Bell n-gram, the best of orders 1 to 6{counted}",
        "baseline_order": baselines.index(min(baselines)) + 1,
        "baseline_nats_per_character": min(baselines),
        "baseline_perplexity": math.exp(min(baselines)),
        "characters": len(corpus.validation_ids),
        "unseen_characters": corpus.unseen,
    }
    columns = ("nats_per_character", "perplexity")
    return Evaluation(
        headline=f"perplexity {metrics['perplexity']:.3f}",
        scores=[
            _score(f"{config.cell} {config.layers}x{config.units}", nats),
            *(
                _score(f"{n}-gram, Witten-Bell{counted}", value)
                for n, value in enumerate(baselines, 1)
            ),
        ],
        metrics=metrics,
        results={
            f"{who}{name}": metrics[f"{who}{name}"] for who in ("", "baseline_") for name in columns
        },
        title=f"Character language model {trained.run.name}",
        what=f"A language model of characters: {config.layers} {config.cell} "
        f"layer{'s' * (config.layers > 1)} of {config.units} units.",
        data=f"`{config.data}`: {len(corpus.train_ids):,} characters for training, "
        f"{len(corpus.validation_ids):,} after them held out, of which {corpus.unseen} are "
        f"characters not seen in training; {len(corpus.vocab)} symbols.",
        limits=LIMITS,
    )


def ngram_nats(corpus: Corpus) -> list[float]:
    """`witten_bell` of the validation characters, in parts, so that memory has a limit.

    The n-grams are counted in the last `COUNTED` training characters.
    """
    train, ids = corpus.train_ids[-COUNTED:], corpus.validation_ids
    parts = chunks(range(len(ids)), "scoring n-grams", "characters", SCORED)
    means = [
        witten_bell(
            train,
            ids[part.start : part.stop],
            len(corpus.vocab),
            history_ids=ids[max(0, part.start - CONTEXT) : part.start] if part.start else None,
        )
        for part in parts
    ]
    lengths = [len(ids[start : start + SCORED]) for start in range(0, len(ids), SCORED)]
    return np.average(means, axis=0, weights=lengths).tolist()


def _score(name: str, nats: float) -> dict:
    return {
        "model": name,
        "perplexity": math.exp(nats),
        "nats per character": nats,
        "bits per character": nats / math.log(2),
    }


def _nats(config: CharLMConfig, trained: keras.Model, corpus: Corpus) -> float:
    """Mean nats over all windows, or over the whole tail in one stream with carried state."""
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
        losses, state = chunk(x.astype("int32"), y.astype("int32"), state)
        nats.append(losses.numpy()[0])
    return float(np.concatenate(nats)[-len(corpus.validation_ids) :].mean(dtype="float64"))
