"""The tab of the translator: a translation, its alternatives, and what it looked at."""

import gradio as gr
import tensorflow as tf

from apps.common.run import Run
from apps.playground import gates
from apps.playground.events import MODEL, checked, drawn, gates_picture, picture, told
from apps.playground.runs import once
from apps.translation import model, plots
from apps.translation.search import source_ids
from apps.translation.text import BOS_ID
from apps.translation.translate import load_translator

APP, TITLE = "translation", "Translation"
MAKE = "python -m apps.translation.train tiny"
LONGEST = 500  # characters
WIDEST = 10  # beam

translator_of = once(lambda run: load_translator(run, "saved_model"))
network_of = once(model.load)


def tab(runs: dict[str, Run]) -> None:
    """Build the tab."""
    with gr.Row():
        with gr.Column():
            sentence = gr.Textbox(label="Sentence", lines=2, max_length=LONGEST)
            name = gr.Dropdown(list(runs), label="Run")
            with gr.Row():
                beam = gr.Slider(1, WIDEST, 5, step=1, label="Beam", info="1 is greedy search")
                alpha = gr.Slider(
                    0, 2, 0.75, step=0.05, label="α", info="higher: longer translations"
                )
            button = gr.Button("Translate", variant="primary")
            translation = gr.Textbox(label="Translation", lines=2)
            others = gr.Dataframe(
                label="What the beam held", headers=["score", "translation"], interactive=False
            )
        attention = picture("### What each token looked at")
    chart = gates_picture("token")

    @told
    def translate(name, sentence, beam, alpha):
        sentence = checked(sentence, LONGEST)
        translator = translator_of(runs[name])
        beam = min(beam, WIDEST)
        (found,) = translator.translate([sentence], beam, alpha, nbest=beam)
        best = found[0]
        looked = None
        if best.attention is not None and best.attention.target:
            looked = drawn(plots.attention_maps, [best.attention])
        return best.text, [[round(each.score, 3), each.text] for each in found], looked

    @told
    def show_gates(name, sentence, translation):
        _, network, source, target = network_of(runs[name])
        read = source_ids(source, tf.constant([checked(sentence, LONGEST)]))
        written = target.encode(tf.constant([checked(translation, LONGEST)])).to_tensor()
        before = tf.concat([[[BOS_ID]], written], axis=1)
        with gates.watching() as encoder:
            memory, states = network.encode(read)
        with gates.watching() as decoder:
            network.decode(before, states, memory)
        shown = gates.layers(encoder, source.tokens(read[0].numpy()))
        return drawn(gates.chart, shown + gates.layers(decoder, target.tokens(before[0].numpy())))

    asked = gr.on(
        [button.click, sentence.submit], translate, [name, sentence, beam, alpha],
        [translation, others, attention], api_name="translate", **MODEL,
    )  # fmt: skip
    asked.success(
        show_gates, [name, sentence, translation], chart, api_name="translation_gates", **MODEL
    )
