"""JSON as its specification has it: Python's own reader also takes `NaN` and `Infinity`. Pure."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is beyond all numbers")
    return number


# Made once: `json.loads` would make a decoder for each value.
_decode = json.JSONDecoder(parse_constant=_refuse).decode
_decode_finite = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode


def loads(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or is nested too deep for Python; a `json.JSONDecodeError` where a line
            and a column can be named.
    """
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def loads_finite(text: str) -> Any:
    """The same, for what is printed as JSON again: a number such as 1e999 would become `Infinity`.

    Raises:
        ValueError: as `loads`; or a number is beyond what a float can hold.
    """
    try:
        return _decode_finite(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
