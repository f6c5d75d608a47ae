"""How an event of the page ends: with an answer, or with one line that says what is wrong."""

import functools
import inspect
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from PIL import Image

from apps.common.errors import InputError

# Options of every event that runs a model: two at a time, over all tabs and visitors.
MODEL = {"concurrency_limit": 2, "concurrency_id": "model"}


def told(function: Callable) -> Callable:
    """`function`, whose `InputError` is shown on the page as it is, without a traceback."""

    @functools.wraps(function)
    def answer(*args):
        with _telling():
            return function(*args)

    @functools.wraps(function)
    def pieces(*args):
        with _telling():
            yield from function(*args)

    return pieces if inspect.isgeneratorfunction(function) else answer


@contextmanager
def _telling():
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), title="Not possible", print_exception=False) from None


def checked(text: str | None, limit: int) -> str:
    """A text that was typed, as valid Unicode.

    Raises:
        InputError: it is longer than the page allows.
    """
    text = text or ""
    if len(text) > limit:
        raise InputError(f"the text has {len(text):,} characters, but the page takes {limit:,}")
    return text.encode("utf-8", "replace").decode("utf-8")


def drawn(draw: Callable[..., None], *args) -> Image.Image:
    """The picture that `draw(path, *args)` writes as a PNG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        draw(path, *args)
        with Image.open(path) as picture:
            return picture.copy()


def picture(heading: str) -> gr.Image:
    """Where a picture is shown, under a heading, which its own label would hide a part of."""
    gr.Markdown(heading)
    return gr.Image(
        show_label=False,
        type="pil",
        format="png",
        interactive=False,
        buttons=["download", "fullscreen"],
    )


def gates_picture(what: str) -> gr.Image:
    """Where the gates are shown.

    Args:
        what: a step reads, such as "word".
    """
    return picture(
        f"### Gates over time\nA row of a picture is a unit, a column a {what}. White gates are "
        "closed, blue ones open; of the states, blue is positive and red negative."
    )
