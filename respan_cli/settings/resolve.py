"""The settings in force: layers in order of precedence, folded, with every value's source remembered. Pure.

The list of layers, highest first, is the precedence rule and its explanation at once: `config show --origin`,
`headers list --effective` and `send` all read the same list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respan_cli.errors import SettingsError
from respan_cli.settings.fields import (
    BY_NAME,
    DEFAULT_PROFILE,
    FIELDS,
    KEY_FIELDS,
    PROFILE_VARIABLE,
    Field,
    Path,
    did_you_mean,
)
from respan_cli.settings.layers import DEFAULTS, Layer, MisplacedError, SourcedValue, from_profile, unknown


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
    """The settings in force. `sources` names the place each came from, by dotted name (`metadata.agent`)."""

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
    sources: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Settings(profile={self.profile!r}, base_url={self.base_url!r})"

    def missing(self) -> list[str]:
        """The `required` settings that no layer gave."""
        return [name for name in self.required if not self._is_given(name)]

    def _is_given(self, name: str) -> bool:
        word, dot, key = name.partition(".")
        if dot:
            return ".".join(BY_NAME[word].path(key)) in self.sources
        return any(source == word or source.startswith(word + ".") for source in self.sources)


def resolve(profile: str, layers: Sequence[Layer]) -> Settings:
    """Merge the layers, highest first, into the settings in force."""
    found: dict[Path, SourcedValue] = {}
    for layer in reversed([*layers, DEFAULTS]):
        for path, given in layer.items():
            for hidden in [known for known in found if _hides(path, known)]:
                del found[hidden]
            if given.value is not None:
                found[path] = given
    found = {**DEFAULTS, **found}
    sources = {".".join(path): given.source for path, given in found.items() if given.value is not None}
    in_force = {field.name: _in_force(field, found) for field in FIELDS}
    return Settings(profile=profile, sources=sources, **in_force)


def _hides(path: Path, lower: Path) -> bool:
    return lower[: len(path)] == path or (path[0] in KEY_FIELDS and lower[0] in KEY_FIELDS)


def _in_force(field: Field, found: Mapping[Path, SourcedValue]) -> Any:
    if field.table:
        return {given.key: given.value for path, given in found.items() if path[0] == field.name}
    given = found.get(field.path())
    value = given.value if given else None
    return Secret(value) if field.name == "api_key" and value else value


def choose_profile(flag: str | None, env: Mapping[str, str], document: Mapping[str, Any]) -> SourcedValue:
    """Which profile is in force, and who says so: flag, environment, the file, or nobody.

    As with every setting, an empty value takes away what lower layers say.
    """
    said = (
        ("--profile", flag),
        (PROFILE_VARIABLE, env.get(PROFILE_VARIABLE)),
        ("default_profile", document.get("default_profile")),
    )
    source, name = next(((source, name) for source, name in said if name is not None), ("default", ""))
    return SourcedValue(name or DEFAULT_PROFILE, source, "profile")


def shell_quoted(name: str) -> str:
    """The name of a profile for a command that a message tells people to type, mostly between quotes."""
    from shlex import quote

    if re.fullmatch(r"[^\"$`\\!]* [^\"$`\\!]*", name):
        return f'"{name}"'
    return quote(name)


def profile_table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table of one profile; `default` need not exist.

    Raises:
        SettingsError: there is no profile of this name.
    """
    profiles = document.get("profiles", {})
    if name in profiles or name == DEFAULT_PROFILE:
        table: Mapping[str, Any] = profiles.get(name, {})
        return table
    known = ", ".join(profiles) or "none yet"
    raise SettingsError(
        f"there is no profile {name!r}{did_you_mean(name, profiles)}",
        hint=f"profiles: {known}; 'respan config init -p {shell_quoted(name)}' makes one",
    )


def check_document(document: Mapping[str, Any]) -> None:
    """Check the whole profile file, every profile in it.

    Raises:
        MisplacedError: a key that is no setting, or a value that its field does not accept.
    """
    for key in document:
        if key in BY_NAME:
            message = f"{key} stands outside of every profile: it belongs under [profiles.{DEFAULT_PROFILE}]"
            raise MisplacedError(message, (key,))
        if key not in ("default_profile", "profiles"):
            raise unknown((key,), ["default_profile", "profiles", *BY_NAME])
    if not isinstance(document.get("default_profile", ""), str):
        raise MisplacedError("default_profile is not text", ("default_profile",))
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise MisplacedError("profiles is not a table of tables: write [profiles.NAME]", ("profiles",))
    for name, table in profiles.items():
        from_profile(table, name)
