"""The model card in Markdown: what a run is, how to repeat it, and its scores."""

from collections.abc import Mapping, Sequence
from typing import Any


def model_card(
    title: str,
    *,
    what: str,
    command: str,
    config: Mapping[str, Any],
    data: str,
    scores: Sequence[Mapping[str, Any]],
    limits: str,
    training: str = "",
    picture: str = "",
    sections: Mapping[str, str] | None = None,
) -> str:
    """The text of a run's `README.md`.

    Args:
        title: the heading.
        what: what the model does, a sentence or two.
        command: the command lines that repeat the run.
        config: the configuration (`config.to_json()`).
        data: what it was trained and evaluated on.
        scores: one row per model, baselines included, such as
            `{"model": "GRU", "perplexity": 4.21}`.
        limits: known limitations.
        training: number of weights, duration, machine, and the epoch whose weights were kept.
        picture: relative path of a plot, such as `plots/loss.png`.
        sections: further sections after the scores, Markdown by heading.

    Returns:
        Markdown.
    """
    parts = [f"# {title}", what, "## Repeat it", f"```\n{command}\n```"]
    if training:
        parts.append(training)
    parts += ["## Data", data, "## Scores", markdown_table(scores)]
    if picture:
        parts.append(f"![]({picture})")
    for heading, text in (sections or {}).items():
        parts += [f"## {heading}", text]
    settings = [
        # repr makes a line feed visible.
        {"setting": name, "value": repr(value) if isinstance(value, str) else value}
        for name, value in config.items()
    ]
    parts += ["## Limits", limits, "## Configuration", markdown_table(settings)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table with a column per key, in order of first appearance.

    Args:
        rows: the rows; a missing key gives an empty cell, a float is shown with 4 digits.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_markdown(text: str) -> str:
    """A text with Markdown's special characters escaped."""
    return "".join("\\" + c if c in "\\`*_{}[]<>#" else c for c in text)


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|")
