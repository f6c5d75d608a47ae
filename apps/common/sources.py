"""Reads the sources of `--data`: files, compressed or not, and TensorFlow Datasets."""

import codecs
import gzip
import lzma
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from apps.common.errors import InputError

CHUNK = 2**20  # bytes read at a time
_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


@contextmanager
def one_line_read_errors(path: Path, wanted: str) -> Iterator[None]:
    """Turn the errors of reading `path` into an `InputError` of one line.

    Args:
        path: the file or folder that is read in the context.
        wanted: what to give instead if it does not exist, such as "a text file".

    Raises:
        InputError: `path` is missing or cannot be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path} not found: give {wanted}") from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, also `.gz` or `.xz`; a byte order mark is dropped.

    Raises:
        OSError, EOFError, lzma.LZMAError, zlib.error: see `one_line_read_errors`.
        InputError: it is not UTF-8.
    """
    return "".join(read_chunks(path, -1))


def read_chunks(path: Path, size: int | None = None) -> Iterator[str]:
    """The same text in parts of `CHUNK` or `size` bytes; errors as in `read_text`."""
    size = size or CHUNK
    with _OPENERS.get(path.suffix, open)(path, "rb") as file:
        yield from _decode(iter(lambda: file.read(size), b""), path)


def decode_utf8(data: bytes, path: Path) -> str:
    """Decode the UTF-8 content of `path`; a byte order mark is dropped.

    Raises:
        InputError: it is not UTF-8.
    """
    return "".join(_decode([data], path))


def _decode(parts: Iterable[bytes], path: Path) -> Iterator[str]:
    """The text of bytes in parts, which may cut a character."""
    decoder, read, mark = codecs.getincrementaldecoder("utf-8")(), 0, "\ufeff"
    for part in chain(parts, [b""]):
        cut = len(decoder.getstate()[0])  # bytes of a character that the last part began
        try:
            text = decoder.decode(part, final=not part)
        except UnicodeDecodeError as error:
            found = f"byte 0x{error.object[error.start]:02x}"
            where = f"{found} at offset {read - cut + error.start:,}"
            raise InputError(f"{path} is not UTF-8: {where}; save it as UTF-8") from error
        read += len(part)
        if text:
            yield text.removeprefix(mark)
            mark = ""


def argument_text(argument: str) -> str:
    """A text of the command line; bytes that are not UTF-8 become U+FFFD."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def argument_texts(arguments: Sequence[str], file: Path | None, what: str) -> list[str]:
    """The texts of the command line, then those of a file with one per line.

    Args:
        arguments: the texts.
        file: UTF-8, also `.gz` or `.xz`; None for no file.
        what: one of them with its article, such as `a sentence`.

    Raises:
        InputError: the file cannot be read, or has no line.
    """
    texts = [argument_text(each) for each in arguments]
    if file is not None:
        with one_line_read_errors(file, f"a file with {what} per line"):
            content = read_text(file)
        if not content:
            raise InputError(f"{file} is empty: it needs {what} per line")
        texts += content.removesuffix("\n").split("\n")
    return texts


def tfds_builder(name: str, features: Collection[str]):
    """The builder of a TensorFlow Datasets data set, downloaded if it is not prepared.

    Args:
        name: name of the data set, such as `imdb_reviews`.
        features: the required features.

    Raises:
        InputError: there is no such data set, it lacks a feature, or cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    # Builders and transports share no class of error, hence `except Exception`, twice.
    try:
        builder = tfds.builder(name)
    except Exception as error:
        raise InputError(f"TensorFlow Datasets cannot give {name!r}: {_brief(error)}") from error
    for feature in features:
        if feature not in builder.info.features:
            raise InputError(
                f"tfds:{name} has no {feature!r} feature, so it cannot train this model"
            )
    try:
        builder.download_and_prepare()  # does nothing, not even a connection, if it is prepared
    except Exception as error:
        raise InputError(f"could not download tfds:{name}: {_brief(error)}") from error
    return builder


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
