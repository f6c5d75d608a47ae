"""The network: one that chooses sentences, or one that writes and copies."""

import keras

from apps.summarization.config import SummarizationConfig
from apps.summarization.copier import Copier
from apps.summarization.extractor import Extractor
from apps.summarization.summarizers import UNKNOWN_ID

FROM_CONFIG = ("cell", "units", "embedding", "dropout")


def build(config: SummarizationConfig, tokens: int, dtype: str | None = None) -> keras.Model:
    """An `Extractor` or a `Copier`, by `config.model`.

    Args:
        config: the configuration.
        tokens: size of the vocabulary.
        dtype: precision of all layers; None takes the policy that `environment.prepare` set.
    """
    options = {name: getattr(config, name) for name in FROM_CONFIG}
    options |= {"unknown_id": UNKNOWN_ID, "dtype": dtype}
    if config.model == "extractive":
        return Extractor(tokens, max_sentences=config.max_sentences, **options)
    return Copier(tokens, copies=config.copies, coverage=config.coverage, **options)
