"""Summarizes texts by exported files: `python -m apps.summarization.summarize RUN "text"...`."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.common.bounds import PositiveInt
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run
from apps.common.sources import argument_texts
from apps.common.text_options import TextOptions, text_command
from apps.summarization.config import SummarizationConfig


@dataclass(frozen=True, kw_only=True)
class SummarizeOptions(TextOptions):
    """The command line."""

    sentences: PositiveInt | None = None
    """Number of sentences to choose (extractive); None for the fraction of the words that --ratio
    of the training gives."""


def summarize(run: Run, options: SummarizeOptions) -> Iterator[str]:
    """The summary of each text.

    Raises:
        InputError: the run is not exported, the export is damaged, or a file cannot be read.
    """
    is_written = run.read_config(SummarizationConfig).model == "abstractive"
    if options.sentences is not None and is_written:
        raise InputError(f"--sentences is for an extractive run; {run} writes its summaries")
    import_tensorflow()  # without its messages
    texts = argument_texts(options.texts, options.file, "a text")
    summarizer = run.load(options.source)
    for text in texts:
        yield summarizer.summary(text, options.sentences)


ABOUT = "Summarize texts with an exported run."
main = text_command("summarization", "summarize", SummarizeOptions, summarize, ABOUT)

if __name__ == "__main__":
    main()
