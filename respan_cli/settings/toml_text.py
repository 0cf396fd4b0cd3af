"""TOML text as a person wrote it: where a key stands, and whether there are comments. One pass; pure.

The text has been parsed by `tomllib` before, so it is known to be valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_STRING = r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'"
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>#[^\n]*)|(?P<bare>[A-Za-z0-9_-]+)|(?P<mark>[\[\]{{}}=,\n])",
    re.DOTALL,
)


def has_comments(text: str) -> bool:
    """Whether there is a comment, which a rewrite would drop."""
    return any(token["comment"] is not None for token in _TOKEN.finditer(text))


def locate(text: str, *key: str) -> tuple[int, int] | None:
    """The line and column (from 1) where `key` (its parts, outermost first) first appears."""
    for statement in _statements(text):
        if (offset := statement.offset_of(key)) is not None:
            return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return None


@dataclass(slots=True)
class _Key:
    """A key as it is written: its parts, each with its offset in the text, below a table."""

    table: tuple[str, ...]
    parts: list[tuple[str, int]] = field(default_factory=list)

    @property
    def path(self) -> tuple[str, ...]:
        return (*self.table, *(name for name, _ in self.parts))

    def offset_of(self, key: tuple[str, ...]) -> int | None:
        own = len(key) - len(self.table)
        if 0 < own <= len(self.parts) and self.path[: len(key)] == key:
            return self.parts[own - 1][1]
        return None


def _statements(text: str) -> Iterator[_Key]:
    """Every key that the text states, those of table headers and inline tables included."""
    table: tuple[str, ...] = ()
    nesting: list[tuple[str, ...] | None] = []  # the open brackets; an inline table with its path
    key, in_header, in_value = _Key(table), False, False
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if mark is None:
            if not in_value and token["comment"] is None:
                key.parts.append((_name(token[0]), token.start()))
        elif mark == "\n":
            if not nesting:
                key, in_header, in_value = _Key(table), False, False
        elif mark == "[" and not in_value:
            in_header, key = True, _Key(())
        elif mark == "]" and in_header:
            if not in_value:  # the first of the two of [[NAME]]
                yield key
            table, in_value = key.path, True
        elif mark == "=" and not in_value:
            yield key
            in_value = True
        elif mark in "[{":
            nesting.append(key.path if mark == "{" else None)
            key, in_value = (_Key(key.path), False) if mark == "{" else (key, True)
        elif mark in "]}":
            key, in_value = _Key(nesting.pop() or key.path), True
        elif mark == "," and nesting and nesting[-1] is not None:
            key, in_value = _Key(nesting[-1]), False


def _name(token: str) -> str:
    if "\\" in token:
        import tomllib

        unquoted: str = tomllib.loads(f"name = {token}")["name"]
        return unquoted
    return token[1:-1] if token[0] in "\"'" else token
