"""Embeddings and states to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rnn_keras.extras import needs_extra


def nearest(
    vectors: Any, labels: Sequence[str], query: str, count: int = 10
) -> list[tuple[str, float]]:
    """The labels whose vectors have the largest cosine with that of `query`.

    Args:
        vectors: `(n, features)`, such as the weights of an `Embedding`.
        labels: n names, such as the tokens of a vocabulary.
        query: one of them.
        count: the most that are returned.

    Returns:
        Pairs of label and cosine, the nearest first, without `query` itself.

    Raises:
        ValueError: `query` is no label; there are more or fewer labels than vectors.
    """
    vectors, labels = _labelled(vectors, labels)
    if query not in labels:
        raise ValueError(f"`query` must be one of the {len(labels)} labels, got {query!r}.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, np.finfo("float64").tiny)
    own = labels.index(query)
    cosines = unit @ unit[own]
    order = [i for i in np.argsort(-cosines, kind="stable") if i != own]
    return [(labels[i], float(cosines[i])) for i in order[:count]]


def project(vectors: Any, method: Literal["pca", "tsne"] = "pca", seed: int = 0) -> np.ndarray:
    """Vectors in two dimensions, by scikit-learn (`pip install 'rnn-keras[inspect]'`).

    The states of a sentence, `record_gates()[LAYER]["H"][0]`, become a path.

    Args:
        vectors: `(n, features)`.
        method: "pca", or "tsne", which keeps neighbours together and nothing else.
        seed: of the method.

    Returns:
        `(n, 2)`.

    Raises:
        ValueError: there is no such method; there are fewer than 3 vectors or 2 features.
        ModuleNotFoundError: scikit-learn is not installed.
    """
    with needs_extra("inspect"):
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    vectors = np.asarray(vectors, "float64")
    if vectors.ndim != 2 or vectors.shape[0] < 3 or vectors.shape[1] < 2:
        raise ValueError(
            f"`vectors` must be (n, features) with n > 2 and features > 1, got {vectors.shape}."
        )
    if method == "pca":
        return PCA(2, random_state=seed).fit_transform(vectors)
    if method == "tsne":
        perplexity = min(30.0, (len(vectors) - 1) / 3)
        return TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(vectors)
    raise ValueError(f"`method` must be 'pca' or 'tsne', got {method!r}.")


def write_projector(folder: str | Path, vectors: Any, labels: Sequence[str]) -> Path:
    """Writes the files of TensorBoard's embedding projector; see them with `tensorboard --logdir`.

    Args:
        folder: made if it is missing.
        vectors: `(n, features)`.
        labels: n names. Characters that would end a cell or a line are written as escapes.

    Returns:
        `folder`, with `vectors.tsv`, `metadata.tsv` and `projector_config.pbtxt`.

    Raises:
        ValueError: there are more or fewer labels than vectors.
    """
    vectors, labels = _labelled(vectors, labels)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "vectors.tsv", vectors, fmt="%.7g", delimiter="\t")
    escaped = [label.replace("\t", "\\t").replace("\n", "\\n") or "(empty)" for label in labels]
    (folder / "metadata.tsv").write_text("\n".join(escaped) + "\n", "utf-8")
    (folder / "projector_config.pbtxt").write_text(
        'embeddings {\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n}\n', "utf-8"
    )
    return folder


def correlated_units(states: Any, signal: Any, count: int = 5) -> list[tuple[int, float]]:
    """The units that follow a signal best, as the quotation-mark unit of Karpathy et al. (2015).

    Args:
        states: `(..., units)`, such as the `H` or `C` of `record_gates`.
        signal: one number per state, `(...)`, such as 1 inside of quotation marks, else 0.
        count: the most units that are returned.

    Returns:
        Pairs of unit and Pearson correlation, the largest absolute value first. Many units tried
        on few steps find some large correlation by chance: look at it on other data too.

    Raises:
        ValueError: the shapes differ; the signal is constant.
    """
    states, signal = np.asarray(states, "float64"), np.asarray(signal, "float64")
    if states.shape[:-1] != signal.shape:
        raise ValueError(
            f"`signal` must have shape {states.shape[:-1]}, a number per state, got {signal.shape}."
        )
    states, signal = states.reshape(-1, states.shape[-1]), signal.ravel()
    if not signal.std():
        raise ValueError("`signal` must vary, got the same number everywhere.")
    centred, signal = states - states.mean(0), signal - signal.mean()
    scale = np.linalg.norm(centred, axis=0) * np.linalg.norm(signal)
    r = signal @ centred / np.where(scale > 0, scale, np.inf)
    return [(int(i), float(r[i])) for i in np.argsort(-np.abs(r), kind="stable")[:count]]


def _labelled(vectors, labels):
    vectors, labels = np.asarray(vectors, "float64"), list(labels)
    if vectors.ndim != 2 or len(vectors) != len(labels):
        raise ValueError(
            f"`vectors` must be (n, features) with n labels, got {vectors.shape} and "
            f"{len(labels)} labels."
        )
    return vectors, labels
