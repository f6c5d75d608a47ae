"""The builtin pictures: coloured shapes on a canvas, each with its one sentence.

No sentence of the validation and the test pictures occurs in training; every word does.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

SIZES = {"train": 4_000, "validation": 250, "test": 500}

COLORS = {
    "red": (214, 48, 49),
    "green": (39, 158, 80),
    "blue": (45, 90, 220),
    "yellow": (245, 205, 50),
    "black": (30, 30, 30),
    "purple": (150, 60, 180),
}
SHAPES = ("circle", "square", "triangle", "cross")
COUNTS = ("two", "three")
RELATIONS = ("left of", "above")
SCALE = 4  # drawn larger, then reduced, so that edges are smooth


class Thing(NamedTuple):
    """A shape on the canvas; its centre is in fractions of the side, from the top left."""

    color: str
    shape: str
    x: float
    y: float


class Picture(NamedTuple):
    """What is drawn, and the sentence about it."""

    things: Sequence[Thing]
    caption: str


def generate(seed: int) -> dict[str, list[Picture]]:
    """The pictures of each split, as many as `SIZES`; the same seed gives the same ones."""
    source = random.Random(seed)
    parts = {split: [] for split in SIZES}
    for scenes in _scenes():
        source.shuffle(scenes)
        cuts = [int(len(scenes) * part) for part in (0.2, 0.3)]
        parts["test"].append(scenes[: cuts[0]])
        parts["validation"].append(scenes[cuts[0] : cuts[1]])
        parts["train"].append(scenes[cuts[1] :])
    return {
        split: [_picture(source, source.choice(source.choice(parts[split]))) for _ in range(size)]
        for split, size in SIZES.items()
    }


def draw(picture: Picture, size: int) -> np.ndarray:
    """The picture as pixels, uint8 `(size, size, 3)`."""
    canvas = Image.new("RGB", (size * SCALE, size * SCALE), (240, 240, 235))
    pen, r = ImageDraw.Draw(canvas), 0.12 * size * SCALE
    for thing in picture.things:
        x, y, color = thing.x * size * SCALE, thing.y * size * SCALE, COLORS[thing.color]
        if thing.shape == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), color)
        elif thing.shape == "square":
            pen.rectangle((x - r, y - r, x + r, y + r), color)
        elif thing.shape == "triangle":
            pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], color)
        else:
            pen.rectangle((x - r, y - r / 3, x + r, y + r / 3), color)
            pen.rectangle((x - r / 3, y - r, x + r / 3, y + r), color)
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX))


def _scenes():
    """All sentences, as `(count or relation, kind, other kind)`, by their form."""
    kinds = [(color, shape) for color in COLORS for shape in SHAPES]
    pairs = [(a, b) for a in kinds for b in kinds if a != b]
    forms = RELATIONS, COUNTS
    return [[(word, a, b) for word in form for a, b in pairs] for form in forms]


def _picture(source, scene):
    form, a, b = scene
    if form in RELATIONS:
        low, high = source.uniform(0.14, 0.38), source.uniform(0.62, 0.86)
        other = source.uniform(0.3, 0.7)
        near = other + source.uniform(-0.12, 0.12)
        first, second = (low, other), (high, near)
        if form == "above":
            first, second = first[::-1], second[::-1]
        caption = f"a {_name(a)} {form} a {_name(b)}"
        return Picture((Thing(*a, *first), Thing(*b, *second)), caption)
    count = COUNTS.index(form) + 2
    *places, last = _places(source, count + 1)
    things = (*(Thing(*a, *place) for place in places), Thing(*b, *last))
    plural = f"{_name(a)}{'es' if a[1] == 'cross' else 's'}"
    return Picture(things, f"{form} {plural} and a {_name(b)}")


def _places(source, count):
    """Centres that are apart: on a grid of nine, moved a little."""
    cells = source.sample([(x, y) for x in range(3) for y in range(3)], count)
    return [tuple(0.18 + 0.32 * c + source.uniform(-0.04, 0.04) for c in cell) for cell in cells]


def _name(kind):
    return " ".join(kind)
