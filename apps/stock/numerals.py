"""Numbers written as text: the decimal sign of a file, and the value of each cell."""

import re
from collections.abc import Mapping

import pandas as pd

from apps.common.errors import InputError

_MULTIPLES = {"K": 1e3, "M": 1e6, "B": 1e9}  # Investing.com: 1.23M
_WORDS = {"true": "1", "false": "0"}


def _pattern(decimal: str, thousands: str) -> re.Pattern:
    """A number such as `-$1,234.5`, `1.2e-5`, `3 %` or `1.2M`; groups of 3 digits, or India's 2."""
    mark = rf"[{thousands}\s'’]"
    grouped = rf"[1-9]\d{{0,2}}(?P<mark>{mark})(?:\d{{2,3}}(?P=mark))*\d{{3}}"
    return re.compile(
        rf"(?P<sign>[+-]?[$€£¥]?[+-]?)\s?(?P<whole>{grouped}|\d*)(?:{decimal}(?P<fraction>\d*))?"
        r"(?P<exponent>e[+-]?\d+)?\s?(?P<unit>[KMB]?)\s?[%$€£¥]?",
        re.IGNORECASE,
    )


# The numbers that pandas parses, strictly. (?:) and \s would make the expression slow.
PLAIN = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_PATTERNS = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}


def is_number(cell: str) -> bool:
    """Whether the text is a number with a decimal point or a decimal comma."""
    return any(_parts(cell, decimal) for decimal in _PATTERNS)


def numeric_share(column: pd.Series) -> float:
    """The fraction of the cells that are numbers; blank cells do not count."""
    cells = column.dropna().astype("str").str.strip()
    plain = cells.str.fullmatch(PLAIN)
    return (plain.sum() + sum(map(is_number, cells[~plain]))) / max(1, len(cells))


def decimal_sign(
    columns: Mapping[str, pd.Series], source: str, delimiter: str
) -> tuple[str, str | None]:
    """The decimal sign of a file, from all cells of its columns of numbers.

    `20.7` can only have a decimal point, `1.234,5` only a decimal comma; `1,234` and `1.234` can
    have either. All cells must agree. If no cell decides, numbers such as `1.234` have a decimal
    point if the comma is the delimiter.

    Args:
        columns: text by name; the index is the line in the file.
        source: for messages.
        delimiter: between the cells.

    Returns:
        `.` or `,`, and a note if only the delimiter decides.

    Raises:
        InputError: cells contradict each other, or no cell decides.
    """
    proofs: dict[str, tuple] = {}
    unclear: dict[str, tuple] = {}
    for name, column in columns.items():
        cells = column.dropna().astype("str").str.strip()
        plain = cells.str.fullmatch(PLAIN)
        point = cells[plain & cells.str.contains(".", regex=False)]
        either = point.str.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}")
        for found, some in ((proofs, point[~either]), (unclear, point[either])):
            if len(some):
                found.setdefault(".", (some.index[0], name, some.iloc[0]))
        for line, cell in cells[~plain].items():
            fits = [sign for sign in _PATTERNS if _parts(cell, sign)]
            if len(fits) == 1:
                proofs.setdefault(fits[0], (line, name, cell))
            elif fits and re.search("[.,]", cell):
                unclear.setdefault("," if "," in cell else ".", (line, name, cell))
    if len(proofs) == 2:
        (line, name, cell), (other, *_, value) = proofs[","], proofs["."]
        raise InputError(
            f"{source}, line {line}: {name} {cell!r} has a decimal comma, but {value!r} in line "
            f"{other} has a decimal point; write all numbers alike, or choose --decimal . or ,"
        )
    if proofs or not unclear:
        return next(iter(proofs), "."), None
    if delimiter == "," and "," not in unclear:
        line, name, cell = unclear["."]
        return ".", f"{name} {cell!r} in line {line} is read with a decimal point (--decimal)"
    line, name, cell = next(iter(unclear.values()))
    whole, part = re.sub("[.,]", "", cell), cell.replace(",", ".")
    raise InputError(
        f"{source}, line {line}: {name} {cell!r} can be {whole} or {part}, and no other number "
        "decides; choose --decimal . or --decimal ,"
    )


def to_numbers(column: pd.Series, decimal: str) -> pd.Series:
    """Text such as `1,657,300`, `$12.5`, `3 %` or `1.2M` as float64, NaN where it is no number.

    Args:
        column: the text; NaN is blank.
        decimal: the decimal sign; the other sign, blanks and apostrophes may group thousands.
    """
    text = column.str.strip()
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    other = text.notna() & (
        numbers.isna() | (text.str.contains(".", regex=False) & (decimal == ","))
    )
    parts = [_parts(cell, decimal) or (None, 1.0) for cell in text[other]]
    digits, units = zip(*parts) if parts else ((), ())
    numbers[other] = pd.to_numeric(pd.Series(digits, dtype=object)).to_numpy("float64") * units
    return numbers


def _parts(cell: str, decimal: str) -> tuple[str, float] | None:
    """A number as Python writes it, and its unit; None for other text."""
    if cell.lower() in _WORDS:
        return _WORDS[cell.lower()], 1.0
    match = _PATTERNS[decimal].fullmatch(cell.strip())
    if not match or not match["whole"] and not match["fraction"]:
        return None
    sign, whole = "-" * ("-" in match["sign"]), re.sub(r"\D", "", match["whole"])
    digits = f"{sign}{whole or 0}.{match['fraction'] or 0}{match['exponent'] or ''}"
    return digits, _MULTIPLES.get(match["unit"].upper(), 1.0)
