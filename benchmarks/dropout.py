"""The cost of an LSTM with a dropout mask per time step, and with one mask for all steps."""

from apps.common import cli
from benchmarks.report import Report, markdown, milliseconds, parser

BATCH, TIME, UNITS = 32, 128, 512


def contenders():
    """By name, forward passes in training mode over `(BATCH, TIME, UNITS)`."""
    import keras
    import tensorflow as tf

    from rnn_keras.layers import LSTM

    X = tf.random.normal((BATCH, TIME, UNITS))
    layers = {
        "mask per step": keras.layers.Dropout(0.5),
        "mask for all steps": keras.layers.Dropout(0.5, noise_shape=(None, 1, None)),
        "LSTM": LSTM(UNITS, return_sequences=True),
    }
    calls = {}
    for name, layer in layers.items():
        layer.build(X.shape)
        for mode, jit in (("graph", False), ("jit", True)):
            function = tf.function(lambda x, layer=layer: layer(x, training=True), jit_compile=jit)
            calls[f"{name}, {mode}"] = lambda function=function: function(X).numpy()
    return calls


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parser("dropout", __doc__, seconds=20).parse_args(argv)
    from benchmarks.runtime import prepare
    from benchmarks.timing import first_calls, interleave

    prepare(arguments.threads)
    report = Report(arguments, "dropout", shape=[BATCH, TIME, UNITS])
    calls = contenders()
    first_calls(calls)
    for name, timing in interleave(calls, arguments.seconds).items():
        report.add({"name": name, **timing.as_dict()})
    rows = [(row["name"], milliseconds(row)) for row in report.rows]
    print(markdown(("forward pass", "ms: median (interquartile range)"), rows))


if __name__ == "__main__":
    main()
