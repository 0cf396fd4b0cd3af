"""JSON as its specification has it: Python's own reader also takes `NaN` and `Infinity`. Pure."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or is nested too deep for Python; a `json.JSONDecodeError` where a line
            and a column can be named.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
