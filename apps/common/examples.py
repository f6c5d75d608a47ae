"""A few validation texts kept with the run, to verify exports on real text."""

from apps.common.errors import InputError
from apps.common.run import Run

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
