"""Types of the annotations. Each backend of Keras has its own class of tensors, so any will do."""

from collections.abc import Callable
from typing import Any

Tensor = Any
Tensors = tuple[Tensor, ...]
Affine = Callable[[Tensor, Tensor, Tensor], Tensor]  # (addend, operand, W) -> addend + operand @ W
Activation = str | Callable[[Tensor], Tensor] | None
States = list[Tensor] | tuple[Tensor, ...]
Shape = tuple[int | None, ...]
Config = dict[str, Any]
