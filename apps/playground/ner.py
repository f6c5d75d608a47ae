"""The tab of the tagger: entities in a text, the transitions of the CRF, gates."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
import tensorflow as tf

from apps.common.plots import new_figure, save_figure
from apps.common.run import Run
from apps.ner.task import load
from apps.playground import gates
from apps.playground.events import (
    MODEL,
    gates_picture,
    hint,
    one_line_errors,
    picture,
    render_png,
)
from apps.playground.runs import Runs, cached_by_run
from rnn_keras.text import TextEntity, find_words

APP, TITLE = "ner", "Named entities"
MAKE = "python -m apps.ner.train tiny"
LONGEST = 2_000  # characters
EXAMPLES = [
    "Clara Olmarburg flew from New Halfar to Jorkal on Monday.",
    "Shares of Jorkal jumped 7 percent in Olmarville.",
    "The Halmarese team of Viktor Belcor beat Norwil 3 - 1.",
]
COLORS = {"PER": "#bfdbfe", "LOC": "#bbf7d0", "ORG": "#fde68a", "MISC": "#fbcfe8"}

cached_tagger = cached_by_run(Run.load)
cached_network = cached_by_run(load)


def highlight(text: str, entities: Sequence[TextEntity]) -> list[tuple[str, str | None]]:
    """The text in pieces, each with the type of the entity that it is, or None."""
    pieces, end = [], 0
    for entity in entities:
        pieces += [(text[end : entity.start], None), (entity.text, entity.type)]
        end = entity.end
    return [(piece, kind) for piece, kind in [*pieces, (text[end:], None)] if piece]


def transitions(path: Path, scores: np.ndarray, tags: Sequence[str]) -> None:
    """Draw the scores `(tags, tags)` of a CRF's transitions; those that are forbidden are grey.

    Args:
        path: the PNG file.
        scores: from row to column; NaN where a transition is forbidden.
        tags: the tags by id.
    """
    size = 2 + 0.3 * len(tags)
    figure = new_figure(size + 1, size)
    axes = figure.subplots()
    axes.set_facecolor("lightgrey")
    largest = max(float(np.nanmax(np.abs(scores))), gates.SMALLEST)
    image = axes.imshow(scores, cmap="RdBu", vmin=-largest, vmax=largest)
    axes.set_xticks(range(len(tags)), tags, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(range(len(tags)), tags, fontsize=8, parse_math=False)
    axes.set(xlabel="tag", ylabel="tag before it")
    figure.colorbar(image, ax=axes, label="score")
    save_figure(figure, path)


def tab(runs: Runs) -> gr.Dropdown:
    """Build the tab; returns its choice of runs."""
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(label="Text", lines=5, max_length=LONGEST, value=EXAMPLES[0])
            name = gr.Dropdown(runs.names(), label="Run")
            button = gr.Button("Tag", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples")
        with gr.Column():
            words = gr.HighlightedText(
                label="Entities", color_map=COLORS, show_legend=False, elem_classes="words"
            )
            table = gr.Dataframe(
                headers=["entity", "type", "start", "end", "probability"], label="Details",
                interactive=False,
            )  # fmt: skip
    matrix = picture(
        "## Transitions\nThe CRF's score of a tag (column) after another (row): blue is likely, "
        "red unlikely, grey forbidden."
    )
    chart = gates_picture("word")

    @one_line_errors([name, text])
    def tag(name, text):
        if not text.strip():
            hint("Write a text, or choose an example.")
            return [], []
        found = cached_tagger(runs[name]).entities(text)
        rows = [[*entity[:4], round(entity.probability, 3)] for entity in found]
        return highlight(text, found), rows

    @one_line_errors([name])
    def show_transitions(name):
        trained = cached_network(runs[name])
        crf = trained.model.get_layer("crf")
        scores = np.where(crf.allowed.transitions, crf.transitions.numpy(), np.nan)
        return render_png(transitions, scores, trained.assets.tags)

    @one_line_errors([name, text])
    def show_gates(name, text):
        tokens, _, _ = find_words(tf.constant([text]))
        if not tokens.flat_values.shape[0]:
            return None
        trained = cached_network(runs[name])
        ids, characters = trained.assets.lookup(tokens.flat_values)
        with gates.record_sequence() as seen:
            trained.model([ids[None], characters[None]])
        read = [token.decode() for token in tokens.flat_values.numpy()]
        return render_png(gates.chart, gates.layers(seen, read))

    event = gr.on(
        [button.click, text.submit], tag, [name, text], [words, table], api_name="tag", **MODEL
    )
    event.success(show_transitions, [name], matrix, api_name="ner_transitions", **MODEL)
    event.success(show_gates, [name, text], chart, api_name="ner_gates", **MODEL)
    return name
