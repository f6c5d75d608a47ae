"""How good translations are: BLEU by several customs, chrF, and how many are exactly right."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sacrebleu
import tensorflow as tf
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from apps.translation.text import join_words, split_words
from rnn_keras.metrics import bleu, corpus_bleu

ANCHOR = "BLEU (lower-cased, Moses tokens)"


class Judge:
    """Scores translations of the same sentences.

    Args:
        references: of each sentence, all its references.
        language: of the translations, such as `fr`; tells Moses's tokenizer what to do.
        lowercase: whether case does not count, as it cannot for a translator of lower-cased text.
    """

    def __init__(self, references: Sequence[Sequence[str]], language: str, lowercase: bool):
        self._references, self._lowercase = [list(each) for each in references], lowercase
        self._normalizer, self._tokenizer = MosesPunctNormalizer(language), MosesTokenizer(language)
        flat = iter(self._tokens([text for each in references for text in each]))
        self._reference_tokens = [[next(flat) for _ in each] for each in references]
        self._plain_references = [set(plain(each, lowercase)) for each in self._references]

    def scores(self, translations: Sequence[str]) -> "Scores":
        """All figures of the translations, one of each sentence."""
        tokens = self._tokens(translations)
        detokenised, signature = corpus_bleu(
            translations, self._references, lowercase=self._lowercase
        )
        anchor, anchor_signature = corpus_bleu(
            tokens, self._reference_tokens, tokenize="none", force=True
        )
        of_sentence = {
            k: np.mean(
                [
                    max(bleu(ours, label, k) for label in labels)
                    for ours, labels in zip(tokens, self._reference_tokens)
                ]
            )
            for k in (2, 4)
        }
        figures = {
            ANCHOR: anchor,
            "sacreBLEU": detokenised,
            "chrF": self._chrf(translations),
            "mean documented BLEU, k=2": float(of_sentence[2]),
            "k=4": float(of_sentence[4]),
            "exact": float(np.mean(self.exact(translations))),
        }
        return Scores(figures, {ANCHOR: anchor_signature, "sacreBLEU": signature})

    def exact(self, translations: Sequence[str]) -> list[bool]:
        """Which translations are one of their references, both normalised by `plain`."""
        own = plain(translations, self._lowercase)
        return [ours in known for ours, known in zip(own, self._plain_references)]

    def anchor(self, translations: Sequence[str], rows: Sequence[int]) -> float:
        """The BLEU of lower-cased Moses tokens, of some of the sentences."""
        tokens = self._tokens([translations[row] for row in rows])
        references = [self._reference_tokens[row] for row in rows]
        return corpus_bleu(tokens, references, tokenize="none", force=True).score

    def of_sentences(self, translations: Sequence[str]) -> np.ndarray:
        """The BLEU of each sentence alone, by sacreBLEU, `(n,)`, from 0 to 100."""
        metric = sacrebleu.BLEU(lowercase=self._lowercase, effective_order=True)
        return np.array(
            [
                metric.sentence_score(ours, labels).score
                for ours, labels in zip(translations, self._references)
            ]
        )

    def _chrf(self, translations):
        metric = sacrebleu.CHRF(lowercase=self._lowercase)
        most = max(map(len, self._references))
        streams = [[r[i] if i < len(r) else None for r in self._references] for i in range(most)]
        return metric.corpus_score(list(translations), streams).score

    def _tokens(self, texts):
        """Lower-cased tokens between blanks, as the Multi30k task prepares its texts."""
        return [
            self._tokenizer.tokenize(
                self._normalizer.normalize(text).lower(), return_str=True, escape=False
            )
            for text in texts
        ]


class Scores(NamedTuple):
    """The figures by name, and sacreBLEU's signatures of those that have one."""

    figures: dict[str, float]
    signatures: dict[str, str]


def plain(texts: Sequence[str], lowercase: bool) -> list[str]:
    """Texts as the translator itself would write them: normalised, blanks as usual."""
    joined = join_words(split_words(tf.constant(list(texts), tf.string), lowercase))
    return [text.decode() for text in joined.numpy()]


def by_length(
    judge: Judge,
    sentences: Sequence[str],
    translations: Mapping[str, Sequence[str]],
    parts: int = 6,
) -> list[dict]:
    """BLEU of the shortest to the longest sentences.

    Args:
        judge: of the sentences.
        sentences: the sources.
        translations: by name of the translator.
        parts: number of parts, of about equal size.

    Returns:
        By part: the mean number of `words` (between blanks), how many `sentences`, and by name
        the BLEU of lower-cased Moses tokens.
    """
    words = np.array([len(sentence.split()) for sentence in sentences])
    order = np.argsort(words, kind="stable")
    return [
        {
            "words": float(words[rows].mean()),
            "sentences": len(rows),
            **{name: judge.anchor(texts, rows) for name, texts in translations.items()},
        }
        for rows in np.array_split(order, min(parts, len(order)))
    ]
