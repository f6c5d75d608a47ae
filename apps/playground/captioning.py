"""The tab of the captioner: the caption of an image, and the attention of each word."""

from pathlib import Path

import gradio as gr
import tensorflow as tf

from apps.captioning.data import BOS_ID
from apps.captioning.images import ENDINGS, read_image
from apps.captioning.task import load
from apps.common.plots import attention_pictures
from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, hint, one_line_errors, picture, render_png
from apps.playground.runs import Runs, cached_by_run

APP, TITLE = "captioning", "Image captions"
MAKE = "python -m apps.captioning.train tiny"

cached_describer = cached_by_run(Run.load)
cached_network = cached_by_run(load)


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            name = gr.Dropdown(runs.names(), label="Run")
            file = gr.File(label="Image", file_types=list(ENDINGS), height=140)
            gr.Markdown("A JPEG or PNG file; without one, an image of the run's validation part.")
            button = gr.Button("Describe", variant="primary")
        with gr.Column():
            caption = gr.Textbox(label="Caption", interactive=False, max_length=1_000)
            attention = picture("## Attention\nThe image once per word, lit where it attends.")
    chart = gates_picture("word")
    inputs = [name, file]

    def image(name, file):
        path = Path(file) if file else runs[name].path / "example.png"
        return path if path.exists() else None

    @one_line_errors(inputs)
    def describe(name, file):
        path = image(name, file)
        if path is None:
            hint("Choose an image.")
            return "", None
        found = cached_describer(runs[name]).caption(path)
        drawn = render_png(attention_pictures, [found[2:]]) if found.words else None
        return found.text, drawn

    @one_line_errors([*inputs, caption])
    def show_gates(name, file, caption):
        trained, path = cached_network(runs[name]), image(name, file)
        if path is None:
            return None
        network, tokenizer = trained.model, trained.assets
        written = tokenizer.read([caption]).to_tensor()
        before = tf.concat([[[BOS_ID]], written], axis=1)
        memory, states = network.encode(read_image(path, trained.config.size)[None])
        with gates.record_sequence() as decoder:
            network.decoder.decode(before, states, memory)
        words = [token.replace("￭", "") for token in tokenizer.vocabulary.decode(before[0].numpy())]
        return render_png(gates.chart, gates.layers(decoder, words))

    event = button.click(describe, inputs, [caption, attention], api_name="describe", **MODEL)
    event.success(show_gates, [*inputs, caption], chart, api_name="captioning_gates", **MODEL)
    return name
