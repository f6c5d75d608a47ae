"""Reading a text: from a file, a folder, TensorFlow Datasets or the standard library."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from apps.common.errors import InputError
from apps.common.sources import one_line_read_errors, read_chunks, tfds_builder

_TFDS_SPLITS = ("train", "validation", "test")
CHUNK = 2**20  # characters


def load_text(source: str) -> str:
    """The whole text of `text_chunks`, with its errors."""
    return "".join(text_chunks(source))


def text_chunks(source: str) -> Iterator[str]:
    """The text that `source` names, in parts, with every line end as a line feed.

    Otherwise the characters stay as they are: any script, and no Unicode normalisation, since
    a character model should reproduce its data exactly.

    Args:
        source: one of
            `builtin`: the prose of `pydoc_data.topics` in the standard library, topics in
            alphabetical order (it differs between Python versions); always there;
            `tfds:NAME`: the `text` feature of a TensorFlow Datasets data set, its train,
            validation and test split one after the other, so that `tfds:tiny_shakespeare` is the
            original file again and this module's own tail split applies; downloaded unless it is
            prepared already;
            else a path: a UTF-8 file, also `.gz` or `.xz`, or a folder, of which all `*.txt` are
            joined by line feeds in the order of their names. Byte order marks are dropped.

    Raises:
        InputError: there is no such source, it cannot be read, is not UTF-8, or is empty.
    """
    if source == "builtin":
        chunks = _builtin_text()
    elif not source:
        raise InputError("the data source is empty: give 'builtin', a path or 'tfds:NAME'")
    elif source.startswith("tfds:"):
        chunks = _tfds_text(source.removeprefix("tfds:"))
    else:
        chunks = _path_text(Path(source))
    line_ends, is_empty = io.IncrementalNewlineDecoder(None, translate=True), True
    for chunk in _join_short(chunks):
        is_empty = is_empty and not chunk
        yield line_ends.decode(chunk)
    if is_empty:
        raise InputError(f"{source} is empty: a corpus needs some text")
    yield line_ends.decode("", final=True)


def unix_line_ends(text: str) -> str:
    """`text` with every line end, also those of Windows and of old Macs, as a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _join_short(chunks: Iterable[str]) -> Iterator[str]:
    """The same text in parts of at least `CHUNK` characters, the last excepted."""
    parts, length = [], 0
    for chunk in chunks:
        parts.append(chunk)
        length += len(chunk)
        if length >= CHUNK:
            yield "".join(parts)
            parts, length = [], 0
    yield "".join(parts)


def _builtin_text() -> Iterator[str]:
    from pydoc_data.topics import topics

    yield "\n\n".join(topics[name] for name in sorted(topics))


def _path_text(path: Path) -> Iterator[str]:
    with one_line_read_errors(path, "a text file, a folder, 'builtin' or 'tfds:NAME'"):
        if not path.is_dir():
            yield from read_chunks(path)
            return
        files = sorted(path.glob("*.txt"))
        if not files:
            raise InputError(f"{path} is a folder without .txt files")
        for i, file in enumerate(files):
            yield "\n" * (i > 0)
            yield from read_chunks(file)


def _tfds_text(name: str) -> Iterator[str]:
    import tensorflow_datasets as tfds

    builder = tfds_builder(name, ["text"])
    for split in [split for split in _TFDS_SPLITS if split in builder.info.splits]:
        for i, example in enumerate(tfds.as_numpy(builder.as_dataset(split=split))):
            yield "\n" * (i > 0) + example["text"].decode("utf-8")
