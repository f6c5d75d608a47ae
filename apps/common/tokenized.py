"""Texts in three splits, as ids."""

from collections.abc import Callable
from functools import cached_property
from typing import Any


class TokenizedData:
    """The splits of a corpus as ids; each is tokenized when it is first used.

    Args:
        splits: a record with `train`, `validation`, `test` and `sha256`.
        assets: the vocabulary, or the tokenizers.
        tokenize: from one of the splits to its ids.
    """

    def __init__(self, splits: Any, assets: Any, tokenize: Callable[[Any], Any]):
        self.splits, self.assets, self._tokenize = splits, assets, tokenize
        self.sha256 = splits.sha256

    def batches(self, epoch: int | None) -> Any:
        """The batches of a training epoch; epoch None gives those of the validation split."""
        return self.validation.batches() if epoch is None else self.train.batches(epoch)

    @cached_property
    def train(self) -> Any:
        """The training split as ids."""
        return self._tokenize(self.splits.train)

    @cached_property
    def validation(self) -> Any:
        """The validation split as ids."""
        return self._tokenize(self.splits.validation)

    @cached_property
    def test(self) -> Any:
        """The test split as ids."""
        return self._tokenize(self.splits.test)
