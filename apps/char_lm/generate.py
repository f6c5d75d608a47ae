"""Continues a prompt: `python -m apps.char_lm.generate RUN "prompt" [--length 200 ...]`.

It reads only the files of `apps.char_lm.export` and the run's `config.json`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from apps.char_lm.config import MAX_LENGTH
from apps.common.bounds import is_integer, is_number
from apps.common.cli import RunArgument, command
from apps.common.config import flag
from apps.common.errors import InputError
from apps.common.exported import Source, load_export, one_line_export_errors
from apps.common.run import Run


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """The command line.

    Raises:
        InputError: a value is out of range; the message names the flag.
    """

    run: RunArgument

    prompt: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PROMPT")] = ""
    """The text to continue; empty starts at the beginning of a line."""

    length: int = 200
    """Characters to generate."""

    temperature: float = 0.8
    """Below 1 more predictable, above 1 more random; 0 always takes the most likely character."""

    top_k: int = 0
    """Sample from the k most likely characters; 0 samples from all."""

    top_p: float = 1.0
    """Sample from the most likely characters that together have this probability."""

    seed: int = 0
    """The same seed gives the same text."""

    source: Source = "saved_model"
    """Exported file to run; the LiteRT file prints each character as it is generated."""

    def __post_init__(self):
        """Check the values."""
        for field, ok, wanted in [
            ("length", is_integer(self.length) and 1 <= self.length < 2**31, "at least 1"),
            (
                "length",
                self.source == "litert" or self.length <= MAX_LENGTH,
                f"at most {MAX_LENGTH}, unless --from litert",
            ),
            (
                "temperature",
                is_number(self.temperature) and (self.temperature == 0 or self.temperature >= 1e-3),
                "0 (greedy), or a number of at least 0.001",
            ),
            ("top_k", is_integer(self.top_k) and 0 <= self.top_k < 2**31, "0 (all) or more"),
            ("top_p", is_number(self.top_p) and 0 < self.top_p <= 1, "above 0 and at most 1"),
            (
                "seed",
                is_integer(self.seed) and -(2**31) <= self.seed < 2**31,
                "an integer in [-2**31, 2**31)",
            ),
        ]:
            if not ok:
                raise InputError(f"{flag(field)} must be {wanted}, got {getattr(self, field)}")

    @property
    def text(self) -> str:
        """The prompt; bytes of the argument that are not UTF-8 become U+FFFD."""
        return self.prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def generate(run: Run, options: GenerateOptions) -> Iterator[str]:
    """The continuation of the prompt, in pieces as they are generated.

    Args:
        run: an exported run; neither `best.keras` nor `vocab.txt` is read.
        options: the values of the command line.

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    if options.source == "saved_model":
        return _from_saved_model(load_export(run, options.source, "generate"), options)
    model = load_export(run, options.source, "prefill", "step")
    with one_line_export_errors(run, run.tflite):
        vocabulary = model.vocabulary()
    return _from_litert(model, vocabulary, options)


def _from_saved_model(model, options):
    names = ("length", "temperature", "top_k", "top_p", "seed")
    request = {name: [getattr(options, name)] for name in names}
    yield model.run("generate", prompt=[options.text], **request)["text"][0].decode("utf-8")


def _from_litert(model, vocabulary, options):
    import numpy as np
    import tensorflow as tf

    from apps.char_lm.graph import start_token, without_unknown
    from apps.char_lm.text import unix_line_ends
    from rnn_keras.decoding import sample_token

    @tf.function(autograph=False)
    def draw(logits, t):
        logits = without_unknown(logits, vocabulary.unk_id)
        seeds = tf.stack([[options.seed, t]])
        return sample_token(logits, seeds, options.temperature, options.top_k, options.top_p)

    states = {
        name: np.zeros((1, shape[1]), dtype)
        for name, (shape, dtype) in model.signatures["step"].items()
        if name != "ids"
    }
    ids = vocabulary.encode(unix_line_ends(options.text) or start_token(vocabulary))
    states = model.run("prefill", ids=[ids], lengths=[len(ids)], **states)
    for t in range(options.length):
        token = draw(states.pop("logits"), tf.constant(t)).numpy()
        yield vocabulary.tokens[token[0]]
        if t + 1 < options.length:
            states = model.run("step", ids=token, **states)


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: prints the prompt and its continuation."""
    options = tyro.cli(
        GenerateOptions,
        args=argv,
        prog="python -m apps.char_lm.generate",
        description="Continue a prompt with an exported run.",
    )
    run = Run.open("char_lm", options.run, trained=False)
    pieces = generate(run, options)
    print(options.text, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
