"""The baseline: a logistic regression on words and bigrams."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from apps.common.progress import reports
from apps.sentiment.reviews import Reviews

STRENGTHS = (1.0, 10.0, 100.0)  # scikit-learn's C


@reports("fitting the bag of bigrams")
def bag_of_bigrams(train: Reviews, validation: Reviews, test: Reviews) -> np.ndarray:
    """The probabilities `(n,)` that a bag of words and bigrams gives to the test reviews.

    TF-IDF with logarithmic counts, over words and marks as the network reads them; terms of one
    review only are left out. The validation reviews select the strength of its regularisation, as
    they select the epoch of the network.
    """
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, analyzer="word", token_pattern=_TOKEN
    )
    X = vectors.fit_transform(train.texts)
    held_out = vectors.transform(validation.texts)
    candidates = [
        LogisticRegression(C=strength, solver="liblinear").fit(X, train.labels)
        for strength in STRENGTHS
    ]
    best = min(
        candidates, key=lambda model: log_loss(validation.labels, model.predict_proba(held_out))
    )
    return best.predict_proba(vectors.transform(test.texts))[:, 1]


_TOKEN = r"(?u)\w+|[^\w\s]"
