"""Captions of images: `python -m apps.captioning.describe RUN image.jpg... [--show-attention]`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.common.cli import RunArgument, command
from apps.common.config import Checked
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.exported import Source
from apps.common.run import Run


@dataclass(frozen=True, kw_only=True)
class DescribeOptions(Checked):
    """The command line."""

    run: RunArgument

    images: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE ...")]
    """JPEG or PNG files."""

    show_attention: bool = False
    """Write IMAGE.attention.png to the current directory: the image once per word of the caption,
    lit where the word attends."""

    source: Source = "saved_model"
    """Exported file to run."""

    def __post_init__(self):
        """Check the values."""
        super().__post_init__()
        if not self.images:
            raise InputError("no image: give one or more JPEG or PNG files")


def describe(run: Run, options: DescribeOptions) -> Iterator[str]:
    """A line about each image: its caption, and the file with the attention.

    Raises:
        InputError: the run is not exported, the export is damaged, or a file cannot be read or
            written.
    """
    import_tensorflow()  # without its messages, before these modules import it
    from apps.common.plots import attention_pictures

    captioner = run.load(options.source)
    for path in options.images:
        caption = captioner.caption(path)
        yield caption.text if len(options.images) == 1 else f"{path}: {caption.text}"
        if options.show_attention:
            picture = Path(f"{path.stem}.attention.png")
            try:
                attention_pictures(picture, [caption[2:]])
            except OSError as error:
                raise InputError(f"cannot write {picture}: {error.strerror}") from error
            yield f"attention: {picture}"


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    options = tyro.cli(
        DescribeOptions,
        args=argv,
        prog="python -m apps.captioning.describe",
        description="Write captions of images with an exported run.",
    )
    for line in describe(Run.open("captioning", options.run, trained=False), options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
