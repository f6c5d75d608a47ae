"""The page: one tab per application."""

import functools
from pathlib import Path

import gradio as gr

from apps.common.errors import InputError
from apps.playground import (
    captioning,
    char_lm,
    inside,
    ner,
    sentiment,
    stock,
    summarization,
    translation,
)
from apps.playground.runs import Runs

TABS = (sentiment, ner, char_lm, translation, summarization, captioning, stock, inside)

WAITING = 32  # queued requests; further ones are rejected
UPLOAD = "5mb"
HOUR = 3600  # seconds after which a visitor's files are deleted

INTRODUCTION = """# rnn_keras playground
Seven applications of recurrent networks. Each tab runs an exported model and shows its gates;
the last one shows gradients and memory."""

# System fonts: nothing is fetched.
THEME = gr.themes.Soft(
    primary_hue="blue",
    secondary_hue="blue",
    neutral_hue="slate",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(  # a contrast of 4.5 or more, as WCAG 2 requires
    color_accent="*primary_600",
    block_label_text_color="*primary_800",
    block_title_text_color="*primary_800",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_hover_dark="*primary_700",
    body_text_color_subdued="*neutral_500",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
)
# The colours of words are made for a light background. On a narrow screen a picture is scrolled
# instead of shrunk.
CSS = """
.gradio-container {width: 100% !important; max-width: 1200px !important; margin: auto}
.dark {--color-accent: var(--primary-400)}
.dark .words .textfield {background: white}
.dark .words .unlabeled {color: black}
.words .label, .words .text {color: black !important}
@media (max-width: 500px) {
  .picture .image-container {overflow-x: auto}
  .picture .image-container > button {width: 640px !important}
}"""
# Gradio's pictures have no alternative text: they get the heading above them.
NAME_PICTURES = """() => new MutationObserver(() => {
  for (const image of document.querySelectorAll(".picture img[alt='']"))
    image.alt = image.closest(".picture").previousElementSibling.querySelector("h2").innerText
}).observe(document.body, {childList: true, subtree: true})"""


def build(root: Path) -> gr.Blocks:
    """The page for the runs in `root`, which are listed whenever it is loaded."""
    with gr.Blocks(
        title="rnn_keras playground", analytics_enabled=False, delete_cache=(HOUR, HOUR)
    ) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Tabs(overflow_behavior="wrap"):
            for app in TABS:
                runs = inside.TextRuns(root) if app is inside else Runs(app.APP, root)
                _tab(page, app, runs, root)
    return page.queue(max_size=WAITING, default_concurrency_limit=2)


def serve(page: gr.Blocks, host: str, port: int) -> str:
    """Start to serve `page`; returns its address.

    Args:
        page: what `build` returned.
        host: the address to listen at.
        port: the port; 0 takes the first free one from 7860 on.

    Raises:
        InputError: it cannot listen there.
    """
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port or None,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            enable_monitoring=False,
            max_file_size=UPLOAD,
            footer_links=["api"],
            theme=THEME,
            css=CSS,
            js=NAME_PICTURES,
        )
    except OSError as error:
        raise InputError(f"cannot listen at {host}:{port}: {error}") from error
    return url


def _tab(page, app, runs, root):
    with gr.Tab(app.TITLE, id=app.APP):
        advice = gr.Markdown(_no_run_text(app, root), visible=not runs.names())
        with gr.Column(visible=bool(runs.names())) as questions:
            name = app.tab(runs)
    page.load(
        functools.partial(_update_tab, runs), None, [advice, questions, name],
        queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def _update_tab(runs):
    names = runs.names()
    choice = gr.Dropdown(names, value=names[0] if names else None)
    return gr.Markdown(visible=not names), gr.Column(visible=bool(names)), choice


def _no_run_text(app, root):
    return f"""## No run yet
There is no exported run of this application in `{root}`. This makes one:
```
{app.MAKE}
```
Then reload this page."""
