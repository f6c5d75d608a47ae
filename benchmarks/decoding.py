"""`python -m benchmarks.decoding`: beam search in a batch and graph, eagerly, and by `predict`."""

import argparse

from apps.common import cli
from benchmarks.report import Report, markdown, milliseconds, number, parser

START, END = 1, 2
GRAPH, EAGER, LOOP = "batch, graph", "batch, eager", "sentence by sentence, predict"


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "Beam search of a GRU decoder with attention, random weights"
    options = parser("decoding", text, seconds=30)
    for name, value, what in [
        ("sentences", 32, "in the batch"),
        ("beam-width", 5, "hypotheses kept"),
        ("steps", 20, "tokens of every hypothesis"),
        ("source", 15, "tokens of each source sentence"),
        ("units", 256, "of the GRU"),
        ("vocabulary", 8000, "tokens"),
    ]:
        options.add_argument(f"--{name}", type=int, default=value, help=what)
    return options.parse_args(argv)


def contenders(arguments: argparse.Namespace):
    """By name, a call that decodes all sentences and returns `(tokens, scores)`, NumPy arrays.

    The end token is never likely, so that every contender runs the same number of steps.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from rnn_keras.decoding import beam_search
    from rnn_keras.layers import GRUCell

    units, width, steps = arguments.units, arguments.beam_width, arguments.steps
    embed, cell = keras.layers.Embedding(arguments.vocabulary, units), GRUCell(units)
    project = keras.layers.Dense(arguments.vocabulary, kernel_initializer="random_normal")

    def decode(tokens, H, memory):
        """Logits and state after `tokens` `(rows,)`; the rows of a sentence are consecutive."""
        queries = tf.reshape(H, [tf.shape(memory)[0], -1, units])
        weights = tf.nn.softmax(tf.matmul(queries, memory, transpose_b=True))
        context = tf.reshape(tf.matmul(weights, memory), [-1, units])
        H, _ = cell(tf.concat([embed(tokens), context], axis=1), [H])
        return project(H) - 1e3 * tf.one_hot(END, arguments.vocabulary), H

    shape = (arguments.sentences, arguments.source, units)
    memory = np.random.default_rng(0).normal(size=shape).astype("float32")

    def batch(memory):
        start = tf.fill([arguments.sentences], START)
        found = beam_search(
            lambda tokens, H: decode(tokens, H, memory),
            start, memory[:, 0], steps, END, beam_width=width, alpha=0.0,
        )  # fmt: skip
        return found.tokens[:, 0], found.scores[:, 0]

    graph = tf.function(batch, autograph=False)

    class Decoder(keras.Model):
        def call(self, inputs):
            return decode(*inputs)

    decoder = Decoder()
    return {
        GRAPH: lambda: [x.numpy() for x in graph(tf.constant(memory))],
        EAGER: lambda: [x.numpy() for x in batch(tf.constant(memory))],
        LOOP: lambda: predict_loop(decoder, memory, width, steps),
    }


def predict_loop(model, memory, width: int, steps: int):
    """Beam search as in tutorials: a `predict` per sentence and step, the rest in NumPy."""
    import numpy as np

    results = []
    for source in memory:
        H, past, log_p = source[None, 0], np.full((1, 1), START, "int32"), np.zeros(1, "float32")
        for _ in range(steps):
            # All hypotheses in one call, each with its own memory; some tutorials call for each.
            each = np.repeat(source[None], len(H), axis=0)
            logits, H = model.predict([past[:, -1], H, each], verbose=0)
            logits = logits - logits.max(axis=1, keepdims=True)
            sums = log_p[:, None] + logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            best = np.argsort(-sums, axis=None)[:width]
            parents, tokens = np.unravel_index(best, sums.shape)
            H, log_p = H[parents], sums[parents, tokens]
            past = np.concatenate([past[parents], tokens[:, None].astype("int32")], axis=1)
        results.append((past[0, 1:], log_p[0]))
    tokens, scores = zip(*results)
    return np.stack(tokens), np.stack(scores)


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parse(argv)
    import numpy as np

    from benchmarks.runtime import prepare
    from benchmarks.timing import first_calls, interleave

    prepare(arguments.threads)
    names = ("sentences", "beam_width", "steps", "source", "units", "vocabulary")
    report = Report(arguments, "decoding", sizes={name: getattr(arguments, name) for name in names})
    calls = contenders(arguments)
    first, results = first_calls(calls)
    for name, (tokens, scores) in results.items():
        if not np.array_equal(tokens, results[GRAPH][0]):
            raise ValueError(f"{name}: other tokens than {GRAPH}")
        np.testing.assert_allclose(scores, results[GRAPH][1], rtol=1e-4)
    timings = interleave(calls, arguments.seconds, min_rounds=3)
    body = []
    for name, timing in timings.items():
        ratio = timing.median / timings[GRAPH].median
        report.add({"name": name, "first_call_seconds": first[name], "over_graph": ratio,
                    **timing.as_dict()})  # fmt: skip
        body.append((name, milliseconds(report.rows[-1]), number(ratio, 1), number(first[name])))
    header = ("beam search", "ms: median (interquartile range)", "over graph", "first call, s")
    print(markdown(header, body))


if __name__ == "__main__":
    main()
