"""The tab of the translator: a translation, its alternatives, and its attention."""

import gradio as gr
import tensorflow as tf

from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, gates_picture, hint, one_line_errors, picture, render_png
from apps.playground.runs import Runs, cached_by_run
from apps.translation import model, plots
from apps.translation.exported import read_sources
from apps.translation.search import source_ids
from apps.translation.text import BOS_ID, without_joiners

APP, TITLE = "translation", "Translation"
MAKE = "python -m apps.translation.train tiny"
LONGEST = 500  # characters
WIDEST = 10  # beam
EXAMPLES = ["The little girl is reading a book.", "Do you see the black cat?"]

cached_translator = cached_by_run(Run.load)
cached_network = cached_by_run(model.load)


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            sentence = gr.Textbox(label="Sentence", lines=2, max_length=LONGEST, value=EXAMPLES[0])
            name = gr.Dropdown(runs.names(), label="Run")
            with gr.Row():
                beam = gr.Slider(1, WIDEST, 5, step=1, precision=0, label="Beam")
                alpha = gr.Slider(0, 2, 0.75, step=0.05, label="α")
            gr.Markdown("Beam 1 is greedy search; the higher α, the longer the translations.")
            button = gr.Button("Translate", variant="primary")
            gr.Examples(EXAMPLES, sentence, label="Examples")
        with gr.Column():
            translation = gr.Textbox(label="Translation", lines=2, max_length=2 * LONGEST)
            unknown = gr.Textbox(label="Unknown words", interactive=False)
            attention = picture(
                "## Attention\nThe source tokens that each target token attends to."
            )
    beams = gr.Dataframe(
        label="Hypotheses in the beam", headers=["score", "translation"], interactive=False,
        wrap=True, column_widths=["25%", "75%"],
    )  # fmt: skip
    chart = gates_picture("token")
    inputs = [name, sentence, beam, alpha]

    @one_line_errors(inputs)
    def translate(name, sentence, beam, alpha):
        translator = cached_translator(runs[name])
        (source,) = read_sources(translator, [sentence])
        if not source.length:
            hint("Write a sentence, or choose an example.")
            return "", "", [], None
        (translations,) = translator.translate([sentence], beam, alpha, nbest=beam)
        best = translations[0]
        attention_map = None
        if best.attention is not None and best.attention.target:
            attention_map = render_png(plots.attention_maps, [best.attention])
        unknown = " ".join(source.unknown)
        beams = [[round(each.score, 3), each.text] for each in translations]
        return best.text, unknown, beams, attention_map

    @one_line_errors([name, sentence, translation])
    def show_gates(name, sentence, translation):
        trained = cached_network(runs[name])
        network, (source, target) = trained.model, trained.assets
        if not source.encode([sentence]).flat_values.shape[0]:
            return None
        read = source_ids(source, tf.constant([sentence]))
        written = target.encode(tf.constant([translation])).to_tensor()
        before = tf.concat([[[BOS_ID]], written], axis=1)
        with gates.record_sequence() as encoder:
            memory, states = network.encode(read)
        with gates.record_sequence() as decoder:
            network.decode(before, states, memory)
        shown = [
            *gates.layers(encoder, without_joiners(source.vocabulary.decode(read[0])), "encoder: "),
            *gates.layers(
                decoder, without_joiners(target.vocabulary.decode(before[0])), "decoder: "
            ),
        ]
        return render_png(gates.chart, shown)

    event = gr.on(
        [button.click, sentence.submit], translate, inputs,
        [translation, unknown, beams, attention], api_name="translate", **MODEL,
    )  # fmt: skip
    event.success(
        show_gates, [name, sentence, translation], chart, api_name="translation_gates", **MODEL
    )
    return name
