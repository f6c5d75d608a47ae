"""The tab of the sentiment classifier: a review, its probability, and the effect of each word."""

import gradio as gr
import numpy as np

from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, hint, one_line_errors, render_png
from apps.playground.runs import Runs, cached_by_run
from apps.sentiment import explain, model

APP, TITLE = "sentiment", "Sentiment"
MAKE = "python -m apps.sentiment.train tiny"
LONGEST = 5_000  # characters
EXAMPLES = [
    "I wanted to like it, but the plot is predictable and the jokes are not funny at all.",
    "A gripping story, and the actors are wonderful; I would not call a single scene dull.",
    "Not bad.",
]

# Three shades each, as in a terminal (`apps.sentiment.explain`): the stronger, the deeper.
PRAISE = {"a little praise": "#bbf7d0", "praise": "#4ade80", "strong praise": "#16a34a"}
BLAME = {"a little blame": "#fecaca", "blame": "#f87171", "strong blame": "#dc2626"}
COLORS = {**PRAISE, **BLAME}

cached_classifier = cached_by_run(Run.load)
cached_network = cached_by_run(model.load_network)


def highlight(parts: list[explain.Part]) -> list[tuple[str, str | None]]:
    """The parts of a text, each with its colour among `COLORS`, or None for a small effect."""
    largest = max((abs(effect) for _, effect in parts), default=0.0) or 1.0
    shades = {True: [None, *PRAISE], False: [None, *BLAME]}
    return [
        (f"{words} ", shades[effect > 0][round(3 * abs(effect) / largest)])
        for words, effect in parts
    ]


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(label="Review", lines=6, max_length=LONGEST, value=EXAMPLES[0])
            name = gr.Dropdown(runs.names(), label="Run")
            button = gr.Button("Classify", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples")
        with gr.Column():
            label = gr.Label(label="Probability")
            words = gr.HighlightedText(
                label="Effect of each word: green positive, red negative",
                color_map=COLORS,
                show_inline_category=False,
                elem_classes="words",
            )
            remark = gr.Textbox(label="Details", interactive=False)
    chart = gates_picture("word")

    @one_line_errors([name, text])
    def classify(name, text):
        classifier = cached_classifier(runs[name])
        reading = classifier.predict(text)
        if not reading.tokens:
            hint("Write a review, or choose an example.")
            return None, [], ""
        parts = explain.occlusion(classifier, reading)
        probabilities = {"positive": reading.probability, "negative": 1 - reading.probability}
        return probabilities, highlight(parts), explain.describe(reading, parts, 6, color=False)

    @one_line_errors([name, text])
    def show_gates(name, text):
        reading = cached_classifier(runs[name]).predict(text)
        if not reading.tokens:
            return None
        network = cached_network(runs[name]).model
        with gates.record_sequence() as seen:
            network(np.asarray(reading.ids)[None])
        return render_png(gates.chart, gates.layers(seen, reading.tokens))

    event = gr.on(
        [button.click, text.submit], classify, [name, text], [label, words, remark],
        api_name="classify", **MODEL,
    )  # fmt: skip
    event.success(show_gates, [name, text], chart, api_name="sentiment_gates", **MODEL)
    return name
