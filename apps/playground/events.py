"""Event handlers of the page: checked inputs, one-line errors, pictures."""

import functools
import inspect
import reprlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from apps.common.config import flag
from apps.common.errors import InputError

# Options of every event that runs a model: at most two run at a time, over all tabs and visitors.
# `one_line_errors` checks the inputs, since Gradio's own checks log a traceback.
MODEL = {"concurrency_limit": 2, "concurrency_id": "model", "preprocess": False}


def one_line_errors(inputs: Sequence[gr.components.Component]) -> Callable[[Callable], Callable]:
    """Decorator of an event handler of `inputs`: invalid input is reported in one line.

    The handler gets the values as `validated` returns them. An `InputError` is shown on the page
    without a traceback; it names inputs by their labels instead of flags, and an upload by the
    visitor's file name.
    """

    def decorate(function):
        @functools.wraps(function)
        def answer(*values):
            with _show_errors(function, inputs, values):
                return function(*map(validated, inputs, values))

        @functools.wraps(function)
        def pieces(*values):
            with _show_errors(function, inputs, values):
                yield from function(*map(validated, inputs, values))

        return pieces if inspect.isgeneratorfunction(function) else answer

    return decorate


@contextmanager
def _show_errors(function, inputs, values):
    try:
        yield
    except InputError as error:
        line = str(error)
        for field, component, value in zip(inspect.signature(function).parameters, inputs, values):
            line = line.replace(flag(field), component.label)
            if isinstance(component, gr.File) and value:
                line = line.replace(value["path"], Path(value["path"]).name)
        raise gr.Error(line, title="Not possible", print_exception=False) from None


def validated(component: gr.components.Component, value: Any) -> Any:
    """The checked value of an input; through the API it may be anything.

    Args:
        component: its limits are checked: `minimum`, `maximum` and `precision` of a number,
            `max_length` of a text, `file_types` of a file.
        value: the value sent by the browser or the API.

    Returns:
        A number; a text in valid Unicode, empty if there is none; the path of a file, or None; the
        value of any other component as it is.

    Raises:
        InputError: the component does not accept the value.
    """
    label = component.label
    if isinstance(component, gr.Slider | gr.Number):
        low, high, whole = component.minimum, component.maximum, component.precision == 0
        if whole and isinstance(value, float) and value.is_integer():
            value = int(value)
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not (number and low <= value <= high):
            kind = "whole number" if whole else "number"
            got = "nothing" if value is None else reprlib.repr(value)
            raise InputError(f"{label} must be a {kind} from {low} to {high}, got {got}")
    elif isinstance(component, gr.Textbox):
        value, limit = value or "", component.max_length
        if not isinstance(value, str):
            raise InputError(f"{label} must be a text, got {reprlib.repr(value)}")
        if len(value) > limit:
            raise InputError(f"{label} has {len(value):,} characters, but may have {limit:,}")
        value = value.encode("utf-8", "replace").decode("utf-8")
    elif isinstance(component, gr.File) and value is not None:
        value = value["path"]
        if Path(value).suffix.lower() not in component.file_types:
            kinds = " or ".join(component.file_types)
            raise InputError(f"{label} must be a file that ends in {kinds}, got {value}")
    return value


def render_png(draw: Callable[..., None], *args) -> Image.Image:
    """The picture that `draw(path, *args)` writes as a PNG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        draw(path, *args)
        with Image.open(path) as picture:
            return picture.copy()


def hint(message: str) -> None:
    """Show what to enter, as a notice instead of an error."""
    gr.Info(message, title="Nothing to do yet")


def picture(heading: str) -> gr.Image:
    """An image component, below Markdown that begins with a heading of level 2.

    The component's own label would cover a part of the picture.
    """
    gr.Markdown(heading)
    return gr.Image(
        show_label=False,
        type="pil",
        format="png",
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_classes="picture",
    )


def gates_picture(what: str) -> gr.Image:
    """The image component of the gates.

    Args:
        what: the input of one time step, such as "word".
    """
    return picture(
        f"## Gates over time\nEach row is a unit, each column a {what}. Gates: white is 0 "
        "(closed), dark blue is 1 (open). States: blue is positive, red is negative."
    )
