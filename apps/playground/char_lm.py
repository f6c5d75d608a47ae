"""The tab of the character language model: generated text, character by character."""

import time

import gradio as gr
import numpy as np

from apps.char_lm import model
from apps.char_lm.exported import Generator
from apps.char_lm.sampling import Sampling
from apps.char_lm.text import unix_line_ends
from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, one_line_errors, render_png
from apps.playground.runs import Runs, cached_by_run

APP, TITLE = "char_lm", "Text generation"
MAKE = "python -m apps.char_lm.train tiny"
LONGEST = 1_000  # characters of the prompt, and of the continuation
FRAME = 0.05  # seconds between two updates of the page


@cached_by_run
def cached_network(run):
    """The vocabulary and the streaming model, whose states are inputs and outputs."""
    trained = model.load(run)
    return trained.assets, model.build_streaming(trained.config, trained.model)


def load_generator(run: Run) -> Generator:
    """The generator of the LiteRT file, which generates one character at a time.

    It is not cached: an interpreter serves one visitor.
    """
    return run.load("litert")


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            prompt = gr.Textbox(
                label="Prompt", lines=3, max_length=LONGEST, value="The ",
                placeholder="empty: generation starts at the beginning of a line",
            )  # fmt: skip
            name = gr.Dropdown(runs.names(), label="Run")
            with gr.Row():
                temperature = gr.Slider(0, 2, 0.8, step=0.05, label="Temperature")
                length = gr.Slider(1, LONGEST, 300, step=1, precision=0, label="Characters")
            with gr.Row():
                top_k = gr.Slider(0, 100, 0, step=1, precision=0, label="Top-k")
                top_p = gr.Slider(0.05, 1, 1, step=0.05, label="Top-p")
            gr.Markdown(
                "Temperature 0 picks the most probable character; top-k 0 samples from all."
            )
            seed = gr.Number(0, label="Seed", precision=0, minimum=-(2**31), maximum=2**31 - 1)
            with gr.Row():
                button = gr.Button("Generate", variant="primary")
                stop = gr.Button("Stop")
        text = gr.Textbox(
            label="Text", lines=25, max_lines=25, autoscroll=True, max_length=2 * LONGEST
        )
    chart = gates_picture("character")
    inputs = [name, prompt, temperature, length, top_k, top_p, seed]

    @one_line_errors(inputs)
    def write(name, prompt, temperature, length, top_k, top_p, seed):
        sampling = Sampling(
            length=length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
        written, shown_at = prompt, 0.0
        for piece in load_generator(runs[name]).stream(prompt, sampling):
            written += piece
            if time.monotonic() - shown_at > FRAME:
                shown_at = time.monotonic()
                yield written
        yield written

    @one_line_errors([name, text])
    def show_gates(name, text):
        text = unix_line_ends(text)
        if not text:
            return None
        vocabulary, network = cached_network(runs[name])
        ids = np.array([vocabulary.encode(text)], "int32")
        states = [np.zeros((1, state.shape[1]), "float32") for state in network.inputs[2:]]
        with gates.record_sequence() as seen:
            network([ids, np.ones(ids.shape, bool), *states])
        return render_png(gates.chart, gates.layers(seen, list(text)))

    event = gr.on([button.click, prompt.submit], write, inputs, text, api_name="write", **MODEL)
    event.success(show_gates, [name, text], chart, api_name="char_lm_gates", **MODEL)
    stop.click(None, cancels=event)
    return name
