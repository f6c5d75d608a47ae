"""The tab of the summarizer: the summary of a text, and the sentences that were chosen."""

import gradio as gr
import tensorflow as tf

from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, hint, one_line_errors, render_png
from apps.playground.runs import Runs, cached_by_run
from apps.summarization.summarizers import JOINER, KINDS
from apps.summarization.task import load

APP, TITLE = "summarization", "Summaries"
MAKE = "python -m apps.summarization.train tiny"
LONGEST = 10_000  # characters
EXAMPLES = [
    "The mayor was late. In Olmar Ada Norwil was arrested on Monday for stealing a lamp. "
    "Trains from Belgor were late because it was foggy.",
    "After 6 hours Tor Kalven of Danjor won the piano cup on Friday. Few people have a piano.",
]

cached_summarizer = cached_by_run(Run.load)
cached_network = cached_by_run(load)


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(label="Text", lines=8, max_length=LONGEST, value=EXAMPLES[0])
            name = gr.Dropdown(runs.names(), label="Run")
            button = gr.Button("Summarize", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples")
        with gr.Column():
            summary = gr.Textbox(label="Summary", interactive=False, max_length=LONGEST)
            chosen = gr.HighlightedText(
                label="Sentences", color_map={"chosen": "#bfdbfe"}, show_legend=False,
                elem_classes="words",
            )  # fmt: skip
            gr.Markdown("A run that writes its summaries chooses no sentences.")
    chart = gates_picture("word or sentence")
    inputs = [name, text]

    @one_line_errors(inputs)
    def summarize(name, text):
        if not text.strip():
            hint("Write a text, or choose an example.")
            return "", []
        found = cached_summarizer(runs[name]).summarize(tf.constant([text]))
        marked = []
        if "sentences" in found:
            texts, is_chosen = (found[key][0].numpy() for key in ("sentences", "is_chosen"))
            marked = [(f"{s.decode()} ", "chosen" if c else None) for s, c in zip(texts, is_chosen)]
        return found["summary"][0].numpy().decode(), marked

    @one_line_errors(inputs)
    def show_gates(name, text):
        if not text.strip():
            return None
        trained = cached_network(runs[name])
        reader = KINDS[trained.config.model](trained.config, trained.assets)
        ids, read = reader.read(tf.constant([text]))
        with gates.record_sequence() as seen:
            if trained.config.model == "extractive":
                trained.model(ids)
                labels = [str(i) for i in range(1, ids.shape[1] + 1)]
            else:
                trained.model.encode(ids)
                labels = [word.decode().replace(JOINER, "") for word in read[0].numpy()]
        return render_png(gates.chart, gates.layers(seen, labels))

    event = button.click(summarize, inputs, [summary, chosen], api_name="summarize", **MODEL)
    event.success(show_gates, inputs, chart, api_name="summarization_gates", **MODEL)
    return name
