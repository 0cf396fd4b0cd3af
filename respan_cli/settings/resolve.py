"""The effective settings: layers in order of precedence, merged, with the source of every value. Pure.

The list of layers, highest first, is the precedence rule and its explanation at once: `config show --origin`,
`headers list --effective` and `send` all read the same list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respan_cli.settings.fields import BY_NAME, FIELDS, KEY_FIELDS, Field, KeyPath
from respan_cli.settings.layers import DEFAULTS, Layer, SourcedValue


class Secret:
    """A key that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([hidden])"


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """The effective settings. `sources` has the source of each by its dotted name (`metadata.agent`)."""

    profile: str
    api_key: Secret | None
    api_key_command: str | None
    base_url: str
    model: str
    max_tokens: int
    system: str | None
    customer_identifier: str | None
    custom_identifier: str | None
    metadata: Mapping[str, str]
    respan_params: Mapping[str, Any]
    headers: Mapping[str, str]
    gateway_headers: Mapping[str, str]
    timeout: float
    max_retries: int
    required: tuple[str, ...]
    inherits: str | None
    sources: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Settings(profile={self.profile!r}, base_url={self.base_url!r})"

    def missing(self) -> list[str]:
        """The `required` settings that no layer gives."""
        return [name for name in self.required if not self._is_set(name)]

    def _is_set(self, name: str) -> bool:
        word, dot, key = name.partition(".")
        if dot:
            return ".".join(BY_NAME[word].path(key)) in self.sources
        return any(source == word or source.startswith(word + ".") for source in self.sources)


def resolve(profile: str, layers: Sequence[Layer]) -> Settings:
    """Merge the layers, highest first, into the effective settings."""
    merged: dict[KeyPath, SourcedValue] = {}
    for layer in reversed([*layers, DEFAULTS]):
        for path, sourced in layer.items():
            for hidden in [lower for lower in merged if _hides(path, lower)]:
                del merged[hidden]
            if sourced.value is not None:
                merged[path] = sourced
    merged = {**DEFAULTS, **merged}
    sources = {".".join(path): sourced.source for path, sourced in merged.items()}
    values = {field.name: _value(field, merged) for field in FIELDS}
    return Settings(profile=profile, sources=sources, **values)


def _hides(path: KeyPath, lower: KeyPath) -> bool:
    return lower[: len(path)] == path or (path[0] in KEY_FIELDS and lower[0] in KEY_FIELDS)


def _value(field: Field, merged: Mapping[KeyPath, SourcedValue]) -> Any:
    if field.table:
        return {sourced.key: sourced.value for path, sourced in merged.items() if path[0] == field.name}
    sourced = merged.get(field.path())
    value = sourced.value if sourced else None
    return Secret(value) if field.name == "api_key" and value else value
