"""A baseline without a network: the translation of the nearest training sentence."""

from sklearn.feature_extraction.text import TfidfVectorizer

from apps.common.progress import chunks
from apps.translation.pairs import Pairs

NEAREST = "nearest training sentence"
CHUNK = 500  # sentences compared with all of the training at a time


def nearest(train: Pairs, sentences: list[str]) -> list[str]:
    """The translation of the most similar training sentence, for each sentence.

    Similarity is the cosine of TF-IDF vectors of words and bigrams; of equal ones the first counts.
    """
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, analyzer="word", token_pattern=_TOKEN
    )
    known = vectors.fit_transform(train.sources).T.tocsr()
    found = []
    for chunk in chunks(sentences, "comparing with the training", "sentences", CHUNK):
        likeness = vectors.transform(chunk) @ known
        found += [train.targets[row] for row in likeness.toarray().argmax(axis=1)]
    return found


_TOKEN = r"(?u)\w+|[^\w\s]"
