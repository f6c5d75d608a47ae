"""A few validation texts kept with the run, to verify exports on real text."""

import numpy as np

from apps.common.errors import InputError
from apps.common.run import Run

UNUSUAL = ["", "...", "\x00\x07 \u200b", "qzxv wkjq", "ＧＯＯＤ 😀 e\u0301"]
FILE, COUNT = "examples.json", 12


def write_examples(run: Run, validation: list[str]) -> None:
    """Write texts of all lengths, from the shortest to the longest."""
    texts = sorted(validation, key=lambda text: (len(text), text))
    count = min(COUNT, len(texts))
    run.write_json(FILE, [texts[i * (len(texts) - 1) // max(1, count - 1)] for i in range(count)])


def read_examples(run: Run) -> list[str]:
    """The texts of `write_examples`.

    Raises:
        InputError: the file is missing or damaged.
    """
    texts = run.read_json(FILE)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{run.path / FILE} is not a list of texts")
    return texts


def text_examples(run: Run) -> list[dict[str, np.ndarray]]:
    """The examples and some unusual texts, one by one and then all in one batch, as `text`."""
    texts = read_examples(run) + UNUSUAL
    batches = [*([text] for text in texts), texts]
    return [{"text": np.array([text.encode() for text in batch])} for batch in batches]
