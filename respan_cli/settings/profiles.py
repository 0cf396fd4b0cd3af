"""The profiles of a parsed file: which one is used, which it inherits from, whether all are valid. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from respan_cli.errors import SettingsError
from respan_cli.settings.fields import BY_NAME, DEFAULT_PROFILE, PROFILE_VARIABLE, did_you_mean
from respan_cli.settings.layers import Layer, MisplacedError, SourcedValue, from_profile, unknown

# Keys at the top of the file of Respan's own gateway (the Python package respan-gateway).
_GATEWAY_KEYS = ("listen", "providers")


def choose_profile(flag: str | None, env: Mapping[str, str], document: Mapping[str, Any]) -> SourcedValue:
    """The profile to use and the source that names it: flag, environment, file, or the default.

    As with every setting, an empty value removes the value of lower layers.
    """
    candidates = (
        ("--profile", flag),
        (PROFILE_VARIABLE, env.get(PROFILE_VARIABLE)),
        ("default_profile", document.get("default_profile")),
    )
    source, name = next(((source, name) for source, name in candidates if name is not None), ("default", ""))
    return SourcedValue(name.strip() or DEFAULT_PROFILE, source, "profile")


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


def profile_layers(document: Mapping[str, Any], name: str) -> list[Layer]:
    """The layers of a profile, highest first: its own, then those of the profiles it inherits from.

    Raises:
        SettingsError: there is no such profile, or one of them is not valid.
    """
    profile_table(document, name)
    return [from_profile(profile_table(document, each), each) for each in lineage(document, name)]


def lineage(document: Mapping[str, Any], name: str, known: Container[str] = ()) -> list[str]:
    """A profile and those it inherits from, nearest first, as far as they are not `known` already.

    Raises:
        MisplacedError: `inherits` names no profile, or the chain is a circle.
    """
    profiles = document.get("profiles", {})
    names: dict[str, None] = {}  # ordered, and quick to search
    while name not in known:
        names[name] = None
        parent = str(profiles.get(name, {}).get("inherits", "")).strip()
        if not parent:
            break
        path = ("profiles", name, "inherits")
        if parent not in profiles and parent != DEFAULT_PROFILE:
            raise MisplacedError(
                f"{'.'.join(path)}={parent!r} is not a profile{did_you_mean(parent, profiles)}", path
            )
        if parent in names:
            circle = " -> ".join([*list(names)[list(names).index(parent) :], parent])
            raise MisplacedError(f"{'.'.join(path)}={parent!r} makes a circle: {circle}", path)
        name = parent
    return list(names)


def check_document(document: Mapping[str, Any]) -> None:
    """Check the whole profile file, every profile in it.

    Raises:
        MisplacedError: a key that is no setting, a value that its field does not accept, or an `inherits`
            that leads nowhere or in a circle.
    """
    for key in document:
        _check_top_level(key)
    if not isinstance(document.get("default_profile", ""), str):
        raise MisplacedError("default_profile is not text", ("default_profile",))
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise MisplacedError("profiles is not a table of tables: write [profiles.NAME]", ("profiles",))
    for name, table in profiles.items():
        from_profile(table, name)
    checked: set[str] = set()
    for name in profiles:
        checked.update(lineage(document, name, checked))


def _check_top_level(key: str) -> None:
    if key in BY_NAME:
        message = f"{key} is outside of every profile: it belongs under [profiles.{DEFAULT_PROFILE}]"
        raise MisplacedError(message, (key,))
    if key in _GATEWAY_KEYS:
        message = f"{key} is a setting of respan-gateway: this is the configuration of that program"
        raise MisplacedError(message, (key,))
    if key not in ("default_profile", "profiles"):
        raise unknown((key,), ["default_profile", "profiles", *BY_NAME])
