"""The exported tagger: from texts to entities, by a SavedModel or a LiteRT file."""

from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from apps.ner.config import NERConfig
from apps.ner.text import FILES, make_assets
from rnn_keras.text import TextTagger


def load(run: Run, source: str) -> TextTagger:
    """The tagger of a run, from its export and `config.json` alone.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    model = load_export(run, source, "score")
    with one_line_export_errors(run, model.path):
        vocabularies = map(model.vocabulary, FILES)
        _, lookup, tags = make_assets(*vocabularies, run.read_config(NERConfig))

    def score(words, characters):
        return model.run("score", words=words.numpy(), characters=characters.numpy())

    return TextTagger(score, lookup, tags)
