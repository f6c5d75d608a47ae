"""Reading a text: from a file, a folder, TensorFlow Datasets or the standard library."""

from pathlib import Path

from apps.common.errors import InputError
from apps.common.sources import one_line_read_errors, read_text, tfds_builder

_TFDS_SPLITS = ("train", "validation", "test")


def load_text(source: str) -> str:
    """The text that `source` names, with every line end as a line feed.

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
        text = _builtin_text()
    elif not source:
        raise InputError("the data source is empty: give 'builtin', a path or 'tfds:NAME'")
    elif source.startswith("tfds:"):
        text = _tfds_text(source.removeprefix("tfds:"))
    else:
        text = _path_text(Path(source))
    text = unix_line_ends(text)
    if not text:
        raise InputError(f"{source} is empty: a corpus needs some text")
    return text


def unix_line_ends(text: str) -> str:
    """`text` with every line end, also those of Windows and of old Macs, as a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _builtin_text() -> str:
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def _path_text(path: Path) -> str:
    with one_line_read_errors(path, "a text file, a folder, 'builtin' or 'tfds:NAME'"):
        if not path.is_dir():
            return read_text(path)
        files = sorted(path.glob("*.txt"))
        if not files:
            raise InputError(f"{path} is a folder without .txt files")
        return "\n".join(map(read_text, files))


def _tfds_text(name: str) -> str:
    builder = tfds_builder(name, ["text"])
    splits = [split for split in _TFDS_SPLITS if split in builder.info.splits]
    return "".join(_tfds_split_text(builder, split) for split in splits)


def _tfds_split_text(builder, split: str) -> str:
    import tensorflow_datasets as tfds

    examples = tfds.as_numpy(builder.as_dataset(split=split))
    return "\n".join(example["text"].decode("utf-8") for example in examples)
