"""The settings of a command: its flags, the environment and the profile file, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from respan_cli.errors import RespanError, SettingsError, UsageError
from respan_cli.settings import files, profiles, store, urls
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.headers import parse_lines
from respan_cli.settings.layers import Layer, MisplacedError, from_environment, from_flags
from respan_cli.settings.resolve import Settings, resolve
from respan_cli.terminal.encoding import decode

if TYPE_CHECKING:
    from respan_cli.commands.shared.options import ProfileOptions

MAX_FLAG_FILE_BYTES = 16 << 20  # of -H @FILE and -s @FILE; a device may never end


def read_document(env: Mapping[str, str]) -> store.Document:
    """The profile file, checked: every key known, every value fit for use.

    Raises:
        SettingsError: it cannot be read or parsed, or holds a key that is no setting.
    """
    document = store.read(store.config_path(env))
    check(document)
    return document


def check(document: store.Document) -> None:
    """Check a document; errors name the file, line and column.

    Raises:
        SettingsError: a key that is no setting, or a value that its field does not accept.
    """
    try:
        profiles.check_document(document.tables)
    except MisplacedError as error:
        raise error.with_hint(f"{document.where(*error.path)}: 'respan config edit' opens it") from None


class LayerSource(Protocol):
    """A prompt file or a thread: what it sets, and the identity that a profile may replace."""

    @property
    def settings_layer(self) -> Layer:
        """A layer between the environment and the profile."""

    @property
    def identity_layer(self) -> Layer:
        """A layer between the profile and the defaults."""


def load_settings(
    options: ProfileOptions,
    env: Mapping[str, str],
    *,
    sources: Sequence[LayerSource] = (),
) -> Settings:
    """The settings of a command: its flags, the environment, the profile.

    Args:
        sources: what gives further layers, the highest first.

    Raises:
        UsageError: a flag's value is not what its setting accepts.
        SettingsError: the same of a variable or of the file; or there is no such profile.
    """
    document = read_document(env).tables
    name = profiles.choose_profile(options.profile, env, document).value
    above = [source.settings_layer for source in sources]
    below = [source.identity_layer for source in sources]
    of_profile = profiles.profile_layers(document, name)
    return resolve(name, [flag_layer(options), from_environment(env), *above, *of_profile, *below])


def flag_layer(options: ProfileOptions) -> Layer:
    """The layer of the command line, with the files that `-H @FILE` and `-s @FILE` name read.

    Raises:
        UsageError: a flag's value is not what its setting accepts, or a file cannot be read.
    """
    flags = dict(options.flags())
    for name in ("headers", "gateway_headers"):
        items = flags.get(name) or ()
        flags[name] = [line for item in items for line in _header_lines(item)] or None
    if isinstance(system := flags.get("system"), str):
        flags["system"] = _text_or_file(system)
    return from_flags(flags)


def _header_lines(item: str) -> list[str]:
    if not item.startswith("@"):
        return [item]
    path = item[1:]
    try:
        return [f"{name}: {value}" for name, value in parse_lines(_read_file(path, "headers"))]
    except ValueError as error:
        raise UsageError(f"{path} {error}") from None


def _text_or_file(value: str) -> str:
    """The text of a flag: `@FILE` is read, `@@…` is a text that begins with `@`."""
    if not value.startswith("@"):
        return value
    return value[1:] if value.startswith("@@") else _read_file(value[1:], "system prompt")


def _read_file(path: str, content: str) -> str:
    if not path:
        raise UsageError(f"'@' needs the name of a file with the {content} after it")
    try:
        return decode(files.read_any(Path(path), MAX_FLAG_FILE_BYTES), path)
    except OSError as error:
        raise UsageError(f"cannot read the {content} in {path}", reason=error.strerror) from None


def check_can_send(settings: Settings, *, insecure_http: bool) -> None:
    """Refuse a request that must not be sent, whatever its message.

    Raises:
        SettingsError: a required setting is missing.
        UsageError, SettingsError: the key would cross a network in the clear; by the source of the URL.
    """
    if missing := settings.missing():
        raise SettingsError(
            f"profile {settings.profile!r} requires {', '.join(missing)}",
            hint="give " + ", ".join(_flag_for(name) for name in missing),
        )
    by_flag = settings.sources["base_url"].startswith("--")
    check_in_the_clear(
        settings.base_url, UsageError if by_flag else SettingsError, insecure_http=insecure_http
    )


def check_in_the_clear(url: str, kind: type[RespanError], *, insecure_http: bool) -> None:
    """Refuse a base URL that would send the key over a network in the clear.

    Raises:
        RespanError: of the class `kind`.
    """
    if urls.is_insecure(url) and not insecure_http:
        unresolved = "this name does not resolve to a loopback address"
        raise kind(
            f"{url} would send key and prompt in the clear",
            reason=unresolved if urls.is_under_localhost(url) else None,
            hint="use https://, or --insecure-http if that network is yours",
        )


def _flag_for(name: str) -> str:
    field = BY_NAME[name.partition(".")[0]]
    key = name.partition(".")[2]
    if not key:
        return field.flag or name
    return f"{field.flag} '{key}: …'" if field.ignore_case else f"{field.flag} {key}=…"
