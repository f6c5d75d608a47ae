"""The exported summarizer: from texts to summaries, by a SavedModel or a LiteRT file."""

import tensorflow as tf

from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from apps.summarization.config import SummarizationConfig
from apps.summarization.summarizers import KINDS, Abstraction, Extraction


def load(run: Run, source: str) -> Extraction | Abstraction:
    """The summarizer of a run, from its export and `config.json` alone.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    config = run.read_config(SummarizationConfig)
    kind = KINDS[config.model]
    model = load_export(run, source, kind.signature)

    def answer(ids):
        found = model.run(kind.signature, ids=ids.numpy())
        return {name: tf.constant(value) for name, value in found.items()}

    with one_line_export_errors(run, model.path):
        return kind(config, model.vocabulary(), answer)
