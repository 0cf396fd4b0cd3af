"""Text with `{column}` in it; `{{` and `}}` stand for braces."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PARTS = re.compile(r"(\{\{|\}\}|\{[^{}]+\})")


@dataclass(frozen=True, slots=True)
class Template:
    """A text to be filled in from the values of a row.

    Args:
        parts: pieces of text, and between them, at every odd place, the names of columns.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template.

        Raises:
            ValueError: a brace that opens and does not close around a name.
        """
        parts = [""]
        for piece in _PARTS.split(text):
            if piece in ("{{", "}}"):
                parts[-1] += piece[0]
            elif _PARTS.fullmatch(piece):
                parts += [piece[1:-1].strip(), ""]
            elif "{" in piece:
                raise ValueError("has a '{' without a column's name and '}': '{{' stands for a brace")
            else:
                parts[-1] += piece
        return cls(tuple(parts))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it uses."""
        return self.parts[1::2]

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text for one row.

        Raises:
            KeyError: the row has no such column.
        """
        if len(self.parts) == 1:
            return self.parts[0]
        pieces = list(self.parts)
        pieces[1::2] = [as_text(values[name]) for name in self.columns]
        return "".join(pieces)


def as_text(value: object) -> str:
    """A value of a row as text: text as it is, nothing for null, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
