"""ROUGE of summaries, and the baselines: the lead, the central sentences, and an oracle."""

from collections.abc import Sequence

import networkx
import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import BootstrapAggregator
from rouge_score.tokenize import tokenize
from sklearn.feature_extraction.text import TfidfVectorizer

ROUGE = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


def words(text: str) -> list[str]:
    """The words as ROUGE counts them: lower-case runs of a-z and 0-9, not stemmed."""
    return tokenize(text, None)


def rouge(candidates: Sequence[str], references: Sequence[str]) -> dict[str, np.ndarray]:
    """The mean F1 of ROUGE-1, 2 and L from 0 to 100, with the ends of its 95 % interval.

    Returns:
        By name, the `(low, mean, high)`. The intervals are percentiles of 1,000 bootstrap samples
        of the texts, the same ones in every call for as many texts.
    """
    scorer, aggregator = RougeScorer(list(ROUGE)), BootstrapAggregator()
    scores = [scorer.score(*pair) for pair in zip(references, candidates, strict=True)]
    for each in scores:
        aggregator.add_scores(each)
    state = np.random.get_state()
    np.random.seed(0)  # the aggregator has no generator of its own
    try:
        found = aggregator.aggregate()
    finally:
        np.random.set_state(state)
    return {
        name: 100
        * np.array([low.fmeasure, np.mean([s[key].fmeasure for s in scores]), high.fmeasure])
        for key, name in ROUGE.items()
        for low, _, high in [found[key]]
    }


def extract(sentences: Sequence[str], order: Sequence[int], budget: int) -> str:
    """The first sentences of an order, cut to a number of words, in the order of the text.

    Args:
        sentences: of a text.
        order: the numbers of sentences, the best first.
        budget: number of words; the last sentence that is taken is cut to fit.
    """
    taken = {}
    for i in order:
        taken[i] = words(sentences[i])[:budget]
        budget -= len(taken[i])
    return " ".join(word for i in sorted(taken) for word in taken[i])


class TextRank:
    """Orders sentences by their PageRank, the most central first (Mihalcea & Tarau 2004).

    The weight of two sentences is the cosine of their tf-idf vectors.

    Args:
        texts: the texts whose document frequencies count, such as those of the training.
    """

    def __init__(self, texts: Sequence[str]):
        self._weigh = TfidfVectorizer(analyzer=words).fit([*texts, "a"])  # at least one word

    def order(self, sentences: Sequence[str]) -> list[int]:
        """The numbers of the sentences of a text."""
        vectors = self._weigh.transform(sentences)
        similar = (vectors @ vectors.T).toarray()
        np.fill_diagonal(similar, 0)
        rank = networkx.pagerank(networkx.from_numpy_array(similar))
        return sorted(rank, key=rank.get, reverse=True)


def oracle(sentences: Sequence[str], reference: str) -> list[int]:
    """The sentences that a greedy choice takes to be like a reference, in the order of choice.

    Each step takes the sentence that raises the sum of the F1 of ROUGE-1 and ROUGE-2 most, until
    none does (Nallapati, Zhai & Zhou 2017, section 3). Bigrams across two sentences do not count.
    """
    grams = [[_ngrams(words(text), n) for n in (1, 2)] for text in (*sentences, reference)]
    *ours, target = grams
    # Of each n-gram of the reference, the counts in each sentence; and how many n-grams there are.
    known = [{gram: i for i, gram in enumerate(dict.fromkeys(each))} for each in target]
    counts = [np.zeros((len(ours), len(each))) for each in known]
    for row, sentence in enumerate(ours):
        for n, each in enumerate(sentence):
            for gram in each:
                if gram in known[n]:
                    counts[n][row, known[n][gram]] += 1
    wanted = [np.array([each.count(gram) for gram in k]) for k, each in zip(known, target)]
    sizes = [np.array([len(sentence[n]) for sentence in ours]) for n in (0, 1)]
    chosen, best = [], 0.0
    while len(chosen) < len(ours):
        score = np.zeros(len(ours))
        for n in (0, 1):
            have = counts[n] + counts[n][chosen].sum(0)
            total = sizes[n] + sizes[n][chosen].sum() + wanted[n].sum()
            score += 2 * np.minimum(have, wanted[n]).sum(1) / np.maximum(total, 1)
        score[chosen] = 0
        if score.max() <= best + 1e-9:
            break
        best = score.max()
        chosen.append(int(score.argmax()))
    return chosen


def _ngrams(tokens, n):
    return list(zip(*(tokens[i:] for i in range(n))))
