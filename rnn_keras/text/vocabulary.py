"""A vocabulary: the fixed, ordered list of a model's tokens."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

UNKNOWN = "<unk>"

_NAMED_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CHARACTER_OF = {escape: character for character, escape in _NAMED_ESCAPES.items()}
_ESCAPE = re.compile(r"\\(?:[\\nrt]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_LINE = re.compile(rf"(?:[^\\\x00-\x1f\x7f]|{_ESCAPE.pattern})+")


@dataclass(frozen=True)
class Vocabulary:
    """Ordered, distinct tokens; the id of a token is its position.

    `"<unk>"` must be among the tokens; every unknown token is encoded as it.
    Immutable; two vocabularies are equal when their tokens are.

    Args:
        tokens: distinct non-empty strings in id order, `"<unk>"` among them.

    Raises:
        ValueError: a token is empty or occurs twice, or `"<unk>"` is missing.

    Example:
        >>> vocab = Vocabulary.from_tokens("hello")
        >>> vocab.tokens
        ('<unk>', 'l', 'e', 'h', 'o')
        >>> vocab.encode("hex")
        array([3, 2, 0], dtype=int32)
    """

    tokens: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "tokens", tuple(self.tokens))
        if "" in self._ids:
            raise ValueError(f"token {self._ids['']} is empty: a token has at least one character")
        if len(self._ids) != len(self.tokens):
            twice = next(token for token, n in Counter(self.tokens).items() if n > 1)
            raise ValueError(f"token {twice!r} occurs twice: tokens must be distinct")
        if UNKNOWN not in self._ids:
            raise ValueError(f"{UNKNOWN!r} is missing: a vocabulary needs it for unseen tokens")

    @classmethod
    def from_tokens(
        cls,
        tokens: Iterable[str] | Mapping[str, int],
        min_count: int = 1,
        max_size: int | None = None,
        specials: Sequence[str] = (UNKNOWN,),
    ) -> "Vocabulary":
        """Count `tokens` (a string counts as its characters) and keep the frequent ones.

        Args:
            tokens: the training tokens, or the number of each.
            min_count: tokens seen fewer times are left out.
            max_size: largest `len` of the result, specials included; None for no limit.
            specials: tokens that come first whether seen or not, `"<unk>"` among them.

        Returns:
            The specials, then the tokens by falling frequency; ties by code point.

        Raises:
            ValueError: `max_size` is less than the number of specials, or as for the class itself.
        """
        if max_size is not None and max_size < len(specials):
            raise ValueError(f"max_size={max_size} cannot hold the {len(specials)} special tokens")
        counts = Counter(tokens)
        kept = [t for t, n in counts.items() if n >= min_count and t not in specials]
        kept.sort(key=lambda token: (-counts[token], token))
        return cls((*specials, *kept)[:max_size])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    @property
    def unk_id(self) -> int:
        """The id of `"<unk>"`."""
        return self._ids[UNKNOWN]

    def encode(self, tokens: str | Iterable[str]) -> np.ndarray:
        """Ids of `tokens`, shape `(n,)`, int32. A string is a sequence of characters."""
        if not isinstance(tokens, str):
            unknown = self.unk_id
            return np.fromiter((self._ids.get(t, unknown) for t in tokens), dtype=np.int32)
        codes = np.frombuffer(tokens.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        table = self._id_of_code_point
        return table[np.minimum(codes, len(table) - 1)]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Tokens of `ids`, shape `(n,)`.

        Raises:
            ValueError: an id is outside `[0, len(self))`.
        """
        ids = np.asarray(ids).tolist()
        outside = [i for i in ids if not 0 <= i < len(self)]
        if outside:
            raise ValueError(f"id {outside[0]} is outside this vocabulary of {len(self)} tokens")
        return [self.tokens[i] for i in ids]

    def save(self, path: str | os.PathLike) -> None:
        r"""Write one token per line, UTF-8, atomically.

        A backslash is written `\\`, and line feed, carriage return and tab `\n`, `\r`, `\t`; any
        other character that does not print, the plain space excepted, becomes `\uXXXX` or
        `\UXXXXXXXX`. The k-th line is the token of id k-1.
        """
        path = Path(path)
        text = "".join(_escape(token) + "\n" for token in self.tokens)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(text.encode("utf-8"))
            temporary.replace(path)
        except OSError as error:
            error.filename = str(path)  # a full disk names no file
            raise
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Vocabulary":
        """Read what `save` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is malformed; the message names the line.
        """
        data = Path(path).read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ValueError(f"{path}: line {line} is not UTF-8") from error
        first_line: dict[str, int] = {}
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
            try:
                token = _unescape(line)
            except ValueError as error:
                raise ValueError(f"{path}: line {number} is malformed: {error}") from error
            first = first_line.setdefault(token, number)
            if first != number:
                raise ValueError(f"{path}: line {number} repeats the token of line {first}")
        if UNKNOWN not in first_line:
            raise ValueError(f"{path}: no line is {UNKNOWN!r}, so this is no vocabulary")
        return cls(tuple(first_line))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.tokens)}

    @cached_property
    def _id_of_code_point(self) -> np.ndarray:
        """Ids by code point; the last entry is for every code point beyond the table."""
        ids = {ord(token): i for token, i in self._ids.items() if len(token) == 1}
        table = np.full(max(ids, default=0) + 2, self.unk_id, dtype=np.int32)
        table[list(ids)] = list(ids.values())
        return table


def _escape(token: str) -> str:
    return "".join(_escape_character(character) for character in token)


def _escape_character(character: str) -> str:
    if character in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[character]
    if character.isprintable():  # of the blanks, only the plain space is
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescape(line: str) -> str:
    if not _LINE.fullmatch(line):
        raise ValueError("it is empty, or has a control character or an unknown backslash escape")
    return _ESCAPE.sub(lambda m: _CHARACTER_OF.get(m[0]) or _from_code(m[0]), line)


def _from_code(escape: str) -> str:
    try:
        return chr(int(escape[2:], 16))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{escape} is beyond U+10FFFF") from error
