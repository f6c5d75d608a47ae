"""Linear-chain conditional random field: the layer, its loss, decoding and constraints."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from rnn_keras.layers import loops, plans
from rnn_keras.layers.types import Config, Shape, Tensor

FORBIDDEN = -1e4  # the score of a transition that is not allowed
PADDED = -1e9  # the emissions of a padded step


class Constraints(NamedTuple):
    """Which tags may follow one another, as booleans.

    Attributes:
        transitions: `(tags, tags)`: whether tag j may follow tag i.
        start: `(tags,)`: whether a sequence may start with a tag.
        end: `(tags,)`: whether it may end with it.
    """

    transitions: Sequence[Sequence[bool]]
    start: Sequence[bool]
    end: Sequence[bool]


def crf_constraints(names: Sequence[str]) -> Constraints:
    """The constraints of BIO (IOB2), BIOES (IOBES) or BILOU tags.

    Tags with `E-`, `S-`, `L-` or `U-` among the names mean that each entity has its end marked.

    Args:
        names: the tags in order of their ids, such as `["O", "B-PER", "I-PER"]`.

    Returns:
        `Constraints`, for the argument `allowed` of `CRF`.

    Raises:
        ValueError: a name is neither `O` nor one of the prefixes with a type.
    """
    tags = [("O", "") if name == "O" else tuple(name.split("-", 1)) for name in names]
    for name, tag in zip(names, tags):
        if len(tag) != 2 or tag[0] not in (*"BIESLU", "O") or (tag[0] == "O") != (name == "O"):
            raise ValueError(
                f"a tag must be 'O', or one of B-, I-, E-, S-, L-, U- and a type, got {name!r}."
            )
    marked_ends = any(prefix in "ESLU" for prefix, _ in tags)

    def inside(tag):
        return tag[0] in "BI"

    def continues(tag):
        return tag[0] in "IEL"

    def may_follow(after, before):
        if continues(after):
            return inside(before) and before[1] == after[1]
        return not (marked_ends and inside(before))

    return Constraints(
        [[may_follow(after, before) for after in tags] for before in tags],
        [not continues(tag) for tag in tags],
        [not (marked_ends and inside(tag)) for tag in tags],
    )


@keras.saving.register_keras_serializable(package="rnn_keras")
class CRF(keras.layers.Layer):
    r"""A linear-chain conditional random field over emission scores.

    $$P(y \mid X) = \frac{1}{Z} \exp\Big(s_{y_1} + \sum_{t=1}^T X_{t, y_t} +
      \sum_{t=2}^T A_{y_{t-1}, y_t} + e_{y_T}\Big)$$

    with transition scores $A$, start scores $s$ and end scores $e$. The layer returns scores and
    the mask as one tensor, for `crf_loss`, `viterbi` and `marginals`.

    Weights: `transitions` `(tags, tags)`, from row to column; `start` and `end`, each `(tags,)`.

    Args:
        tags: positive integer, the number of tags.
        allowed: optional `Constraints`, or a tuple `(transitions, start, end)` of booleans; what is
            not allowed has the score -10,000 for good.
        initializer: initializer of all weights.
        regularizer: regularizer of the transitions.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        emissions: `(batch, time, tags)`, such as the outputs of a dense layer without activation.
        mask: boolean `(batch, time)`; a False step is left out, wherever it is.

    Returns:
        `scores` `(batch, tags + time, tags)`, float32 also in mixed precision: the transitions, and
        below them the emissions with the start and end scores added to the first and the last valid
        step, and -1e9 at padded steps.

    Raises:
        ValueError: `tags` or `allowed` is not as described, or the emissions have another size.

    Example:

    >>> crf = CRF(5)
    >>> scores = crf(keras.ops.ones((2, 3, 5)))
    >>> tags, score = viterbi(scores)
    >>> tags.shape, score.shape
    (TensorShape([2, 3]), TensorShape([2]))

    References: Lafferty et al., *Conditional Random Fields*, 2001; Lample et al., *Neural
    Architectures for Named Entity Recognition*, 2016.
    """

    def __init__(
        self,
        tags: int,
        allowed: Constraints | Sequence[Any] | None = None,
        *,
        initializer: str | keras.Initializer = "zeros",
        regularizer: str | keras.Regularizer | None = None,
        **options: Any,
    ) -> None:
        if isinstance(tags, bool) or not hasattr(tags, "__index__") or tags <= 0:
            raise ValueError(f"`tags` must be a positive integer, got {tags!r}.")
        super().__init__(autocast=False, **options)  # weights and emissions as they are
        self.tags = int(tags)
        self.allowed = None if allowed is None else _as_lists(allowed, self.tags)
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 3 or input_shape[-1] != self.tags:
            raise ValueError(
                f"emissions must have shape (batch, time, tags) with {self.tags} tags, "
                f"got {tuple(input_shape)}."
            )

        def weight(name, shape, regularizer=None):
            return self.add_weight(
                name=name, shape=shape, initializer=self.initializer, regularizer=regularizer
            )

        self.transitions = weight("transitions", (self.tags, self.tags), self.regularizer)
        self.start = weight("start", (self.tags,))
        self.end = weight("end", (self.tags,))
        self.built = True

    def call(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        weights = [ops.cast(w, dtype) for w in (self.transitions, self.start, self.end)]
        if self.allowed is not None:
            weights = [ops.where(a, w, FORBIDDEN) for a, w in zip(self.allowed, weights)]
        transitions, start, end = weights

        emissions = ops.cast(emissions, dtype)
        if mask is None:
            valid = ops.ones_like(emissions[..., 0], "bool")
        else:
            valid = ops.cast(mask[0] if isinstance(mask, (list, tuple)) else mask, "bool")
        count = ops.expand_dims(ops.cumsum(ops.cast(valid, "int32"), axis=1), -1)
        valid = ops.expand_dims(valid, -1)
        emissions = ops.where(count == 1, emissions + start, emissions)
        emissions = ops.where(count == count[:, -1:], emissions + end, emissions)
        # All padded steps lose what was added to them.
        emissions = ops.where(valid, emissions, PADDED)
        transitions = ops.expand_dims(transitions, 0)
        each = ops.zeros_like(emissions[:, :1, :1])
        return ops.concatenate([transitions + each, emissions], axis=1)

    def compute_mask(self, emissions: Tensor, mask: Tensor | None = None) -> None:
        """None: the scores contain the mask."""

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "tags": self.tags,
            "allowed": self.allowed,
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
        }


@keras.saving.register_keras_serializable(package="rnn_keras")
def crf_loss(y_true: Tensor, scores: Tensor) -> Tensor:
    r"""The negative log-likelihood $-\log P(y \mid X)$ of each sequence, for `compile` and `fit`.

    XLA compiles its loops, once for each shape. Second derivatives run a plain loop.

    Args:
        y_true: tags `(batch, time)`; any value at a padded step.
        scores: `(batch, tags + time, tags)`, the output of `CRF`.

    Returns:
        `(batch,)`; 0 for a sequence without a valid step, NaN where a tag is out of range.
    """
    return loops.chain().negative_log_likelihood(ops.cast(y_true, "int32"), scores)


def viterbi(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The best path of each sequence (Viterbi algorithm).

    Converts to LiteRT with builtin operations only.

    Args:
        scores: `(batch, tags + time, tags)`, the output of `CRF`.

    Returns:
        `(tags, score)`: int32 `(batch, time)`, a padded step repeating the tag before it; and the
        score of the path `(batch,)`, log P without the normalization.
    """
    chain = loops.chain()
    return chain.run(chain.best_path, scores, for_litert=plans.forced() == "litert")


def marginals(scores: Tensor) -> Tensor:
    """The probability of each tag at each step, given the whole sequence.

    Converts to LiteRT with builtin operations only, and has gradients elsewhere.

    Args:
        scores: `(batch, tags + time, tags)`, the output of `CRF`.

    Returns:
        `(batch, time, tags)`; at a padded step the probabilities of the step before it.
    """
    chain = loops.chain()
    return chain.run(chain.marginals, scores, for_litert=plans.forced() == "litert")


def _as_lists(allowed, tags):
    """`allowed` as `Constraints` of lists of booleans, checked."""
    parts = [ops.convert_to_numpy(ops.cast(part, "bool")) for part in allowed]
    shapes, wanted = [part.shape for part in parts], [(tags, tags), (tags,), (tags,)]
    if shapes != wanted:
        raise ValueError(
            f"`allowed` must be (transitions, start, end) of the shapes {wanted}, got {shapes}."
        )
    return Constraints(*(part.tolist() for part in parts))
