"""The tab Inside: gates, gradients through time and memory of a network for one text."""

from pathlib import Path

import gradio as gr
import keras
import numpy as np
from keras import ops

from apps.char_lm import model as char_lm
from apps.char_lm.text import unix_line_ends
from apps.common.files import atomic_path
from apps.common.plots import new_figure
from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, hint, one_line_errors, picture, render_png
from apps.playground.runs import Runs, cached_by_run, no_such_run
from apps.sentiment import model as sentiment
from rnn_keras import inspect
from rnn_keras.layers import use_plan

APP, TITLE = "inside", "Inside"
MAKE = "python -m apps.sentiment.train tiny"
APPS = ("sentiment", "char_lm")
LONGEST = 200  # tokens
COLUMNS = {
    "layer": "layer", "units": "units", "gates": "by gates", "gradient": "by gradient",
    "measured": "measured",
}  # fmt: skip
EXAMPLE = "I wanted to like it, but the plot is predictable and the jokes are not funny at all."


class TextRuns:
    """The runs of all applications that read one text, as `APP/NAME`.

    Args:
        root: the folder of all runs.
    """

    def __init__(self, root: Path):
        self._runs = {app: Runs(app, root) for app in APPS}

    def names(self) -> list[str]:
        """Their names, those of the first application first."""
        return [f"{app}/{name}" for app, runs in self._runs.items() for name in runs.names()]

    def __getitem__(self, name: str) -> Run:
        """The run of that name.

        Raises:
            InputError: there is no such run.
        """
        if name not in self.names():
            raise no_such_run(name, self.names())
        app, _, own = name.partition("/")
        return self._runs[app][own]


@cached_by_run
def cached_reader(run):
    """From a text to its tokens and ids, and a network of the ids."""
    if run.app == "sentiment":
        classifier = Run.load(run)

        def read_words(text):
            reading = classifier.predict(text)
            return reading.tokens, reading.ids

        return read_words, sentiment.load_network(run).model
    trained = char_lm.load(run)
    network = char_lm.build_streaming(trained.config, trained.model)
    ids = keras.Input((None,), dtype="int32")
    zeros = ops.zeros_like(ops.cast(ids[:, :1], "float32"))
    states = [ops.repeat(zeros, state.shape[1], axis=1) for state in network.inputs[2:]]
    logits = network([ids, ops.ones_like(ids, "bool"), *states])[0]

    def read_characters(text):
        text = unix_line_ends(text)
        return list(text), trained.assets.encode(text)

    return read_characters, keras.Model(ids, logits)


def loss(outputs):
    """The logit of a review; the log-probability of the likeliest next character of a text."""
    if len(outputs.shape) == 2:
        return outputs[:, 0]
    return ops.max(ops.log_softmax(outputs[:, -1]), axis=-1)


def draw_gradients(path, norms, tokens):
    """Heat map of the gradient norms: a row per state of a layer, a column per token.

    Args:
        path: the PNG file.
        norms: what `gradient_norms` returned for a batch of one or more.
        tokens: a label for each time step.
    """
    rows = {
        f"{layer} {symbol}": norm[0]
        for layer, states in norms.items()
        for symbol, norm in states.items()
    }
    values = np.array(list(rows.values()))
    smallest = values[values > 0].min(initial=1.0)  # zeros are drawn as it is
    values = np.log10(np.maximum(values, smallest))
    figure = new_figure(gates.WIDTH, 1.5 + 0.3 * len(rows))
    axes = figure.subplots()
    image = axes.imshow(values[:, -gates.STEPS :], cmap="Greys", aspect="auto")
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    shown = [token.replace("\n", "⏎").replace(" ", "␣") for token in tokens[-gates.STEPS :]]
    axes.set_xticks(range(len(shown)), shown, rotation=90, fontsize=8, parse_math=False)
    figure.colorbar(image, label="log10 of the gradient norm")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=133)


def tab(runs: TextRuns) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(label="Text", lines=4, max_length=1000, value=EXAMPLE)
            name = gr.Dropdown(runs.names(), label="Run")
            button = gr.Button("Look inside", variant="primary")
        with gr.Column():
            table = gr.Dataframe(
                headers=list(COLUMNS.values()), label="Memory in time steps", interactive=False
            )
    with gr.Row():
        with gr.Column():
            gradients = picture(
                "## Gradients through time\nOf the output with respect to the state at each token; "
                "the darker, the larger."
            )
        with gr.Column():
            chart = gates_picture("token")

    @one_line_errors([name, text])
    def look(name, text):
        read, network = cached_reader(runs[name])
        tokens, ids = (found[:LONGEST] for found in read(text))
        if len(ids) < 2:
            hint("Write a text of two words or more.")
            return None, None, None
        first = np.array([ids], "int32")
        # A second text with other tokens at both ends, which the memory table exchanges.
        other = first.copy()
        other[0, [0, -1]] = other[0, [-1, 0]] if ids[0] != ids[-1] else other[0, [1, 1]]
        with use_plan("graph"):
            norms = inspect.gradient_norms(network, first, loss)
            rows = inspect.memory_table(network, np.concatenate([first, other]))
        with gates.record_sequence() as seen:
            network(first)
        return (
            [[row[column] for column in COLUMNS] for row in rows],
            render_png(draw_gradients, norms, tokens),
            render_png(gates.chart, gates.layers(seen, tokens)),
        )

    gr.on(
        [button.click, text.submit], look, [name, text], [table, gradients, chart],
        api_name="inside", **MODEL,
    )  # fmt: skip
    return name
