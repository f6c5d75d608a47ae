"""Metrics of translations: BLEU in several conventions, chrF, and exact matches."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sacrebleu
import tensorflow as tf
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from apps.common.lengths import length_groups
from apps.translation.text import JOINER, count_words, plain, word_splitter
from rnn_keras.metrics import bleu, corpus_bleu, corpus_chrf

# Languages that are written without blanks, where Moses and sacreBLEU would find one long word.
WITHOUT_BLANKS = frozenset(("zh", "ja", "th", "lo", "km", "my"))


class TranslationScorer:
    """Scores translations of the same sentences.

    Args:
        references: all references of each sentence.
        language: the target language, such as `fr`; selects the rules of Moses's tokenizer.
            Languages in `WITHOUT_BLANKS` have those of `text.word_splitter`, i.e. the characters.
        lowercase: whether case is ignored, for a translator of lower-cased text.

    Attributes:
        anchor_name: name of the BLEU that is comparable with published results.
    """

    def __init__(self, references: Sequence[Sequence[str]], language: str, lowercase: bool):
        self._references, self._lowercase = [list(each) for each in references], lowercase
        self._by_character = language in WITHOUT_BLANKS
        tokens = "characters" if self._by_character else "Moses tokens"
        self.anchor_name = f"BLEU (lower-cased, {tokens})"
        self._sacrebleu = {"lowercase": lowercase}
        if self._by_character:
            self._sacrebleu["tokenize"] = "zh" if language == "zh" else "char"
        self._normalizer, self._tokenizer = MosesPunctNormalizer(language), MosesTokenizer(language)
        flat = [text for each in references for text in each]
        tokens, texts = iter(self._tokens(flat)), iter(plain(flat, lowercase))
        self._reference_tokens = [[next(tokens) for _ in each] for each in references]
        self._plain_references = [{next(texts) for _ in each} for each in references]

    def scores(self, translations: Sequence[str]) -> "Scores":
        """All metrics of the translations, one of each sentence."""
        tokens = self._tokens(translations)
        detokenised, signature = corpus_bleu(translations, self._references, **self._sacrebleu)
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
            self.anchor_name: anchor,
            "sacreBLEU": detokenised,
            "chrF": corpus_chrf(translations, self._references, lowercase=self._lowercase),
            "mean textbook BLEU, k=2": float(of_sentence[2]),
            "k=4": float(of_sentence[4]),
            "exact": float(np.mean(self.exact(translations))),
        }
        return Scores(figures, {self.anchor_name: anchor_signature, "sacreBLEU": signature})

    def exact(self, translations: Sequence[str]) -> list[bool]:
        """Which translations are one of their references, both normalised by `plain`."""
        own = plain(translations, self._lowercase)
        return [ours in known for ours, known in zip(own, self._plain_references)]

    def anchor(self, translations: Sequence[str], rows: Sequence[int]) -> float:
        """The BLEU of `anchor_name`, on some of the sentences."""
        tokens = self._tokens([translations[row] for row in rows])
        references = [self._reference_tokens[row] for row in rows]
        return corpus_bleu(tokens, references, tokenize="none", force=True).score

    def sentence_bleu(self, translations: Sequence[str]) -> np.ndarray:
        """The BLEU of each sentence alone, by sacreBLEU, `(n,)`, from 0 to 100."""
        metric = sacrebleu.BLEU(**self._sacrebleu, effective_order=True)
        return np.array(
            [
                metric.sentence_score(ours, labels).score
                for ours, labels in zip(translations, self._references)
            ]
        )

    def _tokens(self, texts):
        """Lower-cased tokens between blanks, as the Multi30k task prepares its texts."""
        if self._by_character:
            words = word_splitter(lowercase=True).split(tf.constant(list(texts), tf.string))
            joined = tf.strings.reduce_join(words, axis=-1, separator=" ").numpy()
            return [text.decode().replace(JOINER, "") for text in joined]
        return [
            self._tokenizer.tokenize(
                self._normalizer.normalize(text).lower(), return_str=True, escape=False
            )
            for text in texts
        ]


class Scores(NamedTuple):
    """The metrics by name, and sacreBLEU's signatures of those that have one."""

    figures: dict[str, float]
    signatures: dict[str, str]


def by_length(
    scorer: TranslationScorer,
    sentences: Sequence[str],
    translations: Mapping[str, Sequence[str]],
    parts: int = 6,
) -> list[dict]:
    """BLEU of the shortest to the longest sentences.

    Args:
        scorer: the scorer of the sentences.
        sentences: the sources.
        translations: by name of the translator.
        parts: number of parts, of about equal size.

    Returns:
        By part: the range of `words` and marks, such as `6–10`, the number of `sentences`, and by
        name the BLEU that is comparable with published results.
    """
    words = count_words(sentences, lowercase=True)
    return [
        {
            "words": label,
            "sentences": len(rows),
            **{name: scorer.anchor(texts, rows) for name, texts in translations.items()},
        }
        for label, rows in length_groups(words, parts).items()
    ]
