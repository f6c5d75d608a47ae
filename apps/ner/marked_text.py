"""Shows the entities of a text in a terminal."""

from rnn_keras.text import TextEntity

_COLORS = (153, 157, 223, 219, 159, 229)  # backgrounds of the 256-colour palette


def mark_entities(
    text: str, entities: list[TextEntity], color: bool, shades: dict[str, int] | None = None
) -> str:
    """The text with its entities in colours, or in brackets, each with its type.

    Args:
        text: the text; characters that do not print become blanks.
        entities: of the text, from left to right.
        color: whether to use the colours of a terminal.
        shades: the colours of the types so far; types that are new are added.
    """
    shades, pieces, end = {} if shades is None else shades, [], 0
    for entity in entities:
        shade = _COLORS[shades.setdefault(entity.type, len(shades)) % len(_COLORS)]
        marks = (f"\x1b[30;48;5;{shade}m", "\x1b[0m") if color else ("[", "]")
        shown = f"{_printable(entity.text)} {entity.type}".join(marks)
        pieces += [_printable(text[end : entity.start]), shown]
        end = entity.end
    return "".join([*pieces, _printable(text[end:])])


def _printable(text):
    return "".join(c if c.isprintable() else " " for c in text)
