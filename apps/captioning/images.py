"""Images with captions: a folder with a file of captions, in three splits."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from apps.common.errors import InputError
from apps.common.progress import chunks
from apps.common.sources import one_line_read_errors, read_text

WANTED = "a folder of .jpg or .png images with a captions file (.csv, .json or token.txt)"
ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class CaptionedImages:
    """Some images: `pixels`, uint8 `(n, size, size, 3)`, and the `captions` of each."""

    pixels: np.ndarray
    captions: Sequence[Sequence[str]]

    def __len__(self):
        return len(self.captions)

    @property
    def texts(self) -> list[str]:
        """All captions."""
        return [text for captions in self.captions for text in captions]


@dataclass(frozen=True)
class CaptionedSplits:
    """The splits of captioned images."""

    train: CaptionedImages
    validation: CaptionedImages
    test: CaptionedImages

    @property
    def sha256(self) -> str:
        """A digest of the images as they are read, and of their captions."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(split.pixels.tobytes())
            digest.update(json.dumps(split.captions).encode())
        return digest.hexdigest()


def read_folder(folder: Path, size: int, validation: float, test: float) -> CaptionedSplits:
    """The images of a folder that have captions, by file name.

    Args:
        folder: it has one file of captions: `image,caption` (CSV), COCO's JSON, or Flickr8k's
            `token.txt`, also `.xz` or `.gz`.
        size: the images are resized to it.
        validation, test: fractions of the images; the test images are the last ones.

    Raises:
        InputError: a file is missing or damaged, or there are too few images.
    """
    with one_line_read_errors(folder, WANTED):
        captions = _read_captions(folder)
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    files = [file for file in files if file.name in captions]
    cuts = [round(len(files) * (1 - part)) for part in (validation + test, test)]
    parts = files[: cuts[0]], files[cuts[0] : cuts[1]], files[cuts[1] :]
    if not all(parts):
        raise InputError(f"{folder} has {len(files)} images with captions: too few for 3 splits")
    return CaptionedSplits(
        *(
            CaptionedImages(_read_images(part, size), [captions[file.name] for file in part])
            for part in parts
        )
    )


def decode_image(data: tf.Tensor, size: int) -> tf.Tensor:
    """The bytes of a JPEG or PNG as pixels, float32 `(size, size, 3)` from 0 to 255.

    Args:
        data: a scalar string.
        size: the image is resized to it in both directions, with antialiasing.
    """
    pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
    pixels.set_shape([None, None, 3])
    pixels = tf.image.resize(tf.cast(pixels, tf.float32), [size, size], antialias=True)
    return tf.clip_by_value(tf.round(pixels), 0, 255)


def read_image(path: Path, size: int) -> np.ndarray:
    """The pixels of a JPEG or PNG file: see `decode_image`.

    Raises:
        InputError: it cannot be read.
    """
    with one_line_read_errors(path, "a JPEG or PNG file"):
        data = path.read_bytes()
    try:
        return decode_image(tf.constant(data), size).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise InputError(f"cannot read the image {path}: it is no JPEG or PNG") from error


def png_bytes(pixels: np.ndarray) -> bytes:
    """Pixels `(height, width, 3)` as the bytes of a PNG file."""
    Image.fromarray(pixels.astype("uint8")).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def _read_images(files, size):
    pixels = np.empty((len(files), size, size, 3), np.uint8)
    for rows in chunks(range(len(files)), "reading images", "images", 100):
        for row in rows:
            pixels[row] = read_image(files[row], size)
    return pixels


def _read_captions(folder):
    """The captions of each image by its file name, from the one captions file of a folder."""
    found = sorted({p for name in ("*.csv*", "*token.txt*", "*.json*") for p in folder.glob(name)})
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        folder.stat()  # a missing folder is another error
        raise InputError(f"{folder} needs one captions file, found {names}: give {WANTED}")
    (path,) = found
    kind = next(kind for kind in _PARSERS if kind in path.name)
    text, captions = read_text(path), {}
    try:
        for name, caption in _PARSERS[kind](text):
            captions.setdefault(Path(name).name, []).append(caption.strip())
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the captions of {path}: {error!r}") from error
    return captions


def _csv_rows(text):
    return [(row["image"], row["caption"]) for row in csv.DictReader(io.StringIO(text))]


def _token_rows(text):
    """Flickr8k: `image.jpg#0<TAB>caption`."""
    rows = [line.split("\t") for line in text.splitlines() if line]
    return [(name.rsplit("#", 1)[0], caption) for name, caption in rows]


def _coco_rows(text):
    record = json.loads(text)
    names = {each["id"]: each["file_name"] for each in record["images"]}
    return [(names[each["image_id"]], each["caption"]) for each in record["annotations"]]


_PARSERS = {".csv": _csv_rows, ".json": _coco_rows, ".txt": _token_rows}
