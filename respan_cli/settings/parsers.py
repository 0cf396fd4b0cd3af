"""The values that settings accept, one parser a kind. Pure.

A parser takes the value as its layer gives it (text from flags and the environment, any TOML type from a
file) and returns it ready for use, or says in a `ValueError` why not ("is not a positive integer"), without
repeating the value. URLs are in `urls`, tables in `tables`.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress

from respan_cli.settings import strict_json

# Longer ones are truncated silently by the gateway (Respan's tracing package: customer_identifier).
MAX_IDENTIFIER_LENGTH = 254
MAX_JSON_DEPTH = 100  # Python's own readers and printers fail beyond a few hundred levels

_NUMBER = re.compile(r"[0-9.eE+-]+")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # C0, DEL and C1


def text(value: object) -> str:
    """Any text, used as it is.

    Raises:
        ValueError: another TOML type.
    """
    if not isinstance(value, str):
        raise ValueError("is not text")
    return value


def line(value: object) -> str:
    """Text without control characters.

    Raises:
        ValueError: it has one, such as the end of a line.
    """
    if found := _CONTROL.search(text(value)):
        raise ValueError(f"has a control character (U+{ord(found[0]):04X})")
    return text(value)


def identifier(value: object) -> str:
    """Text without control characters, of at most `MAX_IDENTIFIER_LENGTH` characters.

    Raises:
        ValueError: it is longer, and the gateway would truncate it silently.
    """
    length = len(line(value))
    if length > MAX_IDENTIFIER_LENGTH:
        raise ValueError(
            f"is {length} characters long: the gateway cuts silently after {MAX_IDENTIFIER_LENGTH}"
        )
    return text(value)


def positive_integer(value: object) -> int:
    """A whole number above zero.

    Raises:
        ValueError: anything else.
    """
    number = _integer(value)
    if number is None or number < 1:
        raise ValueError("is not a positive integer")
    return number


def count(value: object) -> int:
    """A whole number, zero included.

    Raises:
        ValueError: anything else.
    """
    number = _integer(value)
    if number is None or number < 0:
        raise ValueError("is not a whole number of 0 or more")
    return number


def _integer(value: object) -> int | None:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def seconds(value: object) -> float:
    """A number of seconds above zero, fractions allowed.

    Raises:
        ValueError: anything else, infinity included.
    """
    number = math.nan
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):  # float() reads "1_0" and "٣" too
        value = None
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not 0 < number < 1e9:
        raise ValueError("is not a number of seconds above 0")
    return number


def setting_names(value: object) -> tuple[str, ...]:
    """Names of settings: a TOML or JSON list, or text with commas between them.

    Raises:
        ValueError: not a list of texts.
    """
    if isinstance(value, str):
        value = _json_list(value) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("is not a list of settings")
    return tuple(item.strip() for item in value if item.strip())


def _json_list(value: str) -> object:
    with suppress(ValueError):
        return strict_json.loads(value)
    return None


def check_sendable(value: object) -> None:
    """Refuse what JSON cannot carry, although Python, a TOML file or a command line can hold it.

    Raises:
        ValueError: bytes that are not UTF-8, half a surrogate pair, an infinite number, a date, or nesting
            beyond `MAX_JSON_DEPTH` levels.
    """
    if _is_deeper(value, MAX_JSON_DEPTH):
        raise ValueError(f"is nested deeper than {MAX_JSON_DEPTH} levels")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        # Python reads a byte of the command line that is not UTF-8 as one of these (PEP 383).
        if "\udc80" <= error.object[error.start] <= "\udcff":
            raise ValueError("is not UTF-8") from None
        raise ValueError("holds half a surrogate pair, which is no character") from None
    except TypeError:
        raise ValueError("holds what JSON has no form for: a date needs quotes") from None
    except ValueError:
        raise ValueError("holds a number beyond all that JSON readers know") from None


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return any(levels == 0 or _is_deeper(item, levels - 1) for item in inner)
