"""Text with `{variable}` in it; `{{` and `}}` are braces. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from respan_cli.errors import RespanError, SettingsError, UsageError

# A brace that is doubled, a variable, or a brace that is neither. A column's name may have spaces.
_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[^\W\d](?:[\w .-]*[\w-])?)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables in it.

    Args:
        text: the text.
        name: what messages call it.
        names: its variables, in the order of their first use.
    """

    text: str
    name: str
    names: tuple[str, ...]

    def missing(self, names: Container[str]) -> list[str]:
        """Its variables that are not among these names."""
        return [name for name in self.names if name not in names]

    def fill(self, variables: Mapping[str, str]) -> str:
        """The text with its variables replaced; a brace in a value is only a brace.

        Raises:
            UsageError: a variable has no value.
        """
        if missing := self.missing(variables):
            raise _missing(self.name, missing)

        def piece(found: re.Match[str]) -> str:
            return variables[found["name"]] if found["name"] else found[0][0]

        return _PIECE.sub(piece, self.text)


def parse_template(
    text: str, name: str, *, first_line: int = 1, error: type[RespanError] = SettingsError
) -> Template:
    """Find the variables of a text.

    Args:
        name: what messages call it.
        first_line: the number of its first line.
        error: what to raise.

    Raises:
        RespanError: of the class `error`; there is a single brace.
    """
    names: list[str] = []
    for found in _PIECE.finditer(text):
        if found["name"]:
            names.append(found["name"])
        elif len(found[0]) == 1:
            line = first_line + text.count("\n", 0, found.start())
            column = found.start() - text.rfind("\n", 0, found.start())
            raise error(
                f"{name}, line {line}, column {column}: a single {found[0]!r}",
                hint="write {{ and }} for braces, {name} for a variable",
            )
    return Template(text, name, tuple(dict.fromkeys(names)))


def _missing(name: str, missing: list[str]) -> UsageError:
    flags = " ".join(f"--var {each}=…" for each in missing)
    return UsageError(f"{name} has no value for {', '.join(missing)}", hint=f"give {flags}")
