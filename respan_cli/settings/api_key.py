"""The API key: where it comes from, and what a key looks like."""

from __future__ import annotations

from collections.abc import Mapping

from respan_cli.errors import SettingsError
from respan_cli.settings.fields import BY_NAME, KEY_FIELDS
from respan_cli.settings.pages import KEYS_PAGE
from respan_cli.settings.resolve import Settings

KEY_VARIABLE = BY_NAME["api_key"].env or ""
_QUOTES = "\"'`“”‘’"


def find_key(settings: Settings, env: Mapping[str, str]) -> tuple[str, str]:
    """The API key and its source. Runs `api_key_command`, in the environment `env`, if that gives the key.

    Raises:
        SettingsError: there is none, the command failed, or the key cannot be sent as a header.
    """
    source = key_origin(settings) or ""
    if settings.api_key is not None:
        return check_key(settings.api_key.reveal(), source), source
    if settings.api_key_command is not None:
        from respan_cli.settings.key_command import key_from_command

        return key_from_command(settings.api_key_command, env, source), source
    create = f"create one at {KEYS_PAGE}"
    if KEY_VARIABLE in env and not env[KEY_VARIABLE].strip():
        raise SettingsError(
            f"no API key: {KEY_VARIABLE} is set but empty, which takes away any key of the profile",
            hint=f"give it a value, or unset it; {create}",
        )
    raise SettingsError(
        f"no API key in profile {settings.profile!r}",
        hint=f"set {KEY_VARIABLE}, or run 'respan config init'; {create}",
    )


def key_origin(settings: Settings) -> str | None:
    """The source of the key, without running a command to get it; None if there is no key."""
    for name in KEY_FIELDS:
        if source := settings.sources.get(name):
            return source if name == "api_key" else f"{name} of {source}"
    return None


def check_key(key: str, source: str) -> str:
    """The key without white space at its ends.

    Raises:
        SettingsError: it is empty, in quotes, or holds a character that headers, and keys, never have. It
            is not quoted.
    """
    key = key.strip()
    if not key:
        raise SettingsError(f"the key from {source} is empty")
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        raise SettingsError(f"the key from {source} is in quotes", hint="take the quotes away")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            f"the key from {source} does not look like an API key",
            reason="it has a space, a control character or one beyond ASCII",
        )
    return key
