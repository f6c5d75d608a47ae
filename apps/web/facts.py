"""What the page has to know of a run besides its model: vocabularies, splitting, examples."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from apps.char_lm.graph import start_token
from apps.common.examples import read_examples
from apps.common.run import Run
from apps.ner.config import NERConfig
from apps.ner.text import FILES
from apps.sentiment.config import SentimentConfig
from apps.sentiment.text import WORDS
from apps.stock.signatures import read_examples as read_windows
from apps.translation.config import TranslationConfig
from apps.translation.model import VOCABULARIES
from apps.translation.text import word_splitter
from rnn_keras.export import LiteRTModel
from rnn_keras.text.matches import ENDINGS, WORDS_AND_MARKS


def run_facts(run: Run, model: LiteRTModel) -> dict[str, Any]:
    """The file `run.json` of a run: its inputs by signature, and what its application adds.

    Args:
        run: an exported run of one of `APPLICATIONS`.
        model: its `web.tflite`.

    Raises:
        InputError: a file of the run is missing or damaged.
    """
    signatures = {
        name: {key: {"shape": shape, "dtype": dtype.name} for key, (shape, dtype) in inputs.items()}
        for name, inputs in model.signatures.items()
    }
    description = model.metadata.get("description", "")
    more = APPLICATIONS[run.app](run, model)
    return {"description": description, "signatures": signatures, **more}


def _char_lm(run, model):
    vocabulary = model.vocabulary()
    return {"tokens": vocabulary.tokens, "start": start_token(vocabulary)}


def _sentiment(run, model):
    config = run.read_config(SentimentConfig)
    return {
        "tokens": model.vocabulary().tokens,
        "splitter": asdict(WORDS),
        "word_pieces": config.tokens == "wordpiece",
        "max_length": config.max_length,
        "example": _middle_example(run),
    }


def _translation(run, model):
    config = run.read_config(TranslationConfig)
    source, target = (model.vocabulary(name).tokens for name in VOCABULARIES)
    return {
        "source": source,
        "target": target,
        "splitter": asdict(word_splitter(config.lowercase)),
        "word_pieces": config.tokens == "wordpiece",
        "max_length": config.max_length,
        "replaces_unknown": config.tokens == "word" and config.attention != "none",
        "languages": [config.source, config.target],
        "example": _middle_example(run),
    }


def _ner(run, model):
    words, characters, tags = (model.vocabulary(name).tokens for name in FILES)
    return {
        "words": words,
        "characters": characters,
        "tags": tags[:-1],  # without <unk>
        "pattern": WORDS_AND_MARKS,
        "endings": ENDINGS,
        "word_length": run.read_config(NERConfig).word_length,
        "example": _middle_example(run),
    }


def _stock(run, model):
    facts = run.read_json("export.json")
    window = read_windows(run)[0].astype("float32").astype(str)  # the shortest form of each
    rows = [",".join(row) for row in (facts["columns"], *window)]
    names = ("columns", "targets", "lookback", "horizon", "levels")
    return {name: facts[name] for name in names} | {"example": "\n".join(rows)}


def _middle_example(run):
    texts = read_examples(run)
    return texts[len(texts) // 2]


APPLICATIONS: Mapping[str, Any] = {
    "char_lm": _char_lm,
    "sentiment": _sentiment,
    "ner": _ner,
    "translation": _translation,
    "stock": _stock,
}
