"""What more than one command gathers: the layers of settings, and the connection they describe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from respan_cli.errors import RespanError, SettingsError, UsageError
from respan_cli.settings import parsers, resolve, store
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.headers import parse_lines
from respan_cli.settings.layers import Layer, MisplacedError, from_environment, from_flags, from_profile
from respan_cli.settings.resolve import Settings

if TYPE_CHECKING:
    from respan_cli.commands.shared.options import ProfileOptions


def read_document(env: Mapping[str, str]) -> store.Document:
    """The profile file, checked: every key known, every value fit for use.

    Raises:
        SettingsError: it cannot be read or parsed, or holds what no setting is.
    """
    document = store.read(store.config_path(env))
    check(document)
    return document


def check(document: store.Document) -> None:
    """Check a document and name file, line and column of what is wrong with it.

    Raises:
        SettingsError: a key that is no setting, or a value that its field does not accept.
    """
    try:
        resolve.check_document(document.tables)
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
    document = read_document(env)
    name = resolve.choose_profile(options.profile, env, document.tables).value
    table = resolve.profile_table(document.tables, name)
    profile = from_profile(table, name)
    above = [source.settings_layer for source in sources]
    below = [source.identity_layer for source in sources]
    layers = [flag_layer(options), from_environment(env), *above, profile, *below]
    return resolve.resolve(name, layers)


def flag_layer(options: ProfileOptions) -> Layer:
    """The layer of the command line, with `-H @FILE` replaced by the lines of the file.

    Raises:
        UsageError: a flag's value is not what its setting accepts, or a file of headers cannot be read.
    """
    flags = dict(options.flags())
    for name in ("headers", "gateway_headers"):
        items = flags.get(name) or ()
        flags[name] = [line for item in items for line in _header_lines(item)] or None
    return from_flags(flags)


def _header_lines(item: str) -> list[str]:
    if not item.startswith("@"):
        return [item]
    path = Path(item[1:])
    try:
        text = path.read_text("utf-8-sig")
        return [f"{name}: {value}" for name, value in parse_lines(text)]
    except OSError as error:
        raise UsageError(f"cannot read the headers in {path}", reason=error.strerror) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 at byte offset {error.start}") from None
    except ValueError as error:
        raise UsageError(f"{path} {error}") from None


def check_can_send(current: Settings, *, insecure_http: bool) -> None:
    """Refuse what may not be sent, whatever it says.

    Raises:
        SettingsError: a required setting is missing.
        UsageError, SettingsError: the key would cross a network in the clear; by where the URL came from.
    """
    if missing := current.missing():
        raise SettingsError(
            f"profile {current.profile!r} requires {', '.join(missing)}",
            hint="give " + ", ".join(_how_to_give(name) for name in missing),
        )
    by_flag = current.sources["base_url"].startswith("--")
    check_in_the_clear(
        current.base_url, UsageError if by_flag else SettingsError, insecure_http=insecure_http
    )


def check_in_the_clear(url: str, kind: type[RespanError], *, insecure_http: bool) -> None:
    """Refuse a base URL that would send the key over a network in the clear.

    Raises:
        RespanError: of the class `kind`.
    """
    if parsers.is_insecure(url) and not insecure_http:
        raise kind(
            f"{url} would send key and prompt in the clear",
            hint="use https://, or --insecure-http if that network is yours",
        )


def _how_to_give(name: str) -> str:
    field = BY_NAME[name.partition(".")[0]]
    key = name.partition(".")[2]
    if not key:
        return field.flag or name
    return f"{field.flag} '{key}: …'" if field.ignore_case else f"{field.flag} {key}=…"
