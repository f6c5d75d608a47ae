"""Parameters of which only some are in `make test`."""

from collections.abc import Iterable, Mapping

import pytest


def variants(cases: Mapping | Iterable, quick: Iterable) -> list:
    """Parameters for `pytest.mark.parametrize`, slow but for those named in `quick`.

    Args:
        cases: values, or their names; of a mapping a tuple is several arguments.
        quick: names.
    """
    cases, quick = dict(cases) if isinstance(cases, Mapping) else {c: c for c in cases}, set(quick)
    assert quick <= cases.keys(), quick - cases.keys()
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=str(name),
            marks=[] if name in quick else [pytest.mark.slow],
        )
        for name, case in cases.items()
    ]
