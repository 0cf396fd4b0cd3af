"""What more than one command gathers: the layers of settings, and the connection they describe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respan_cli.errors import RespanError, SettingsError, UsageError
from respan_cli.settings import parsers, resolve, store
from respan_cli.settings.api_key import find_key
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.headers import parse_lines
from respan_cli.settings.layers import Layer, MisplacedError, from_environment, from_flags, from_profile
from respan_cli.settings.resolve import Settings

if TYPE_CHECKING:
    from respan_cli.exchange import Target


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
        error.hint = f"{document.where(*error.path)}: 'respan config edit' opens it"
        raise


def load_settings(params: Mapping[str, Any], env: Mapping[str, str]) -> Settings:
    """The settings in force for a command.

    Args:
        params: the command's parameters, by the names of the settings.
        env: the environment.

    Raises:
        UsageError: a flag's value is not what its setting accepts.
        SettingsError: the same of a variable or of the file; or there is no such profile.
    """
    document = read_document(env)
    name = resolve.choose_profile(params, env, document.tables).value
    return resolve.resolve(name, layers(params, env, document, name))


def layers(
    params: Mapping[str, Any], env: Mapping[str, str], document: store.Document, profile: str
) -> list[Layer]:
    """Flags, environment, profile: the highest first."""
    return [
        from_flags(with_header_files(params)),
        from_environment(env),
        from_profile(resolve.profile_table(document.tables, profile), profile),
    ]


def with_header_files(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with `-H @FILE` replaced by the lines of the file.

    Raises:
        UsageError: the file cannot be read, or a line of it is no header.
    """
    read = dict(params)
    for name in ("headers", "gateway_headers"):
        lines = [line for item in params.get(name) or () for line in _header_lines(item)]
        read[name] = lines or None
    return read


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


@contextmanager
def target_of(current: Settings, env: Mapping[str, str], *, sandbox: bool) -> Iterator[Target]:
    """Where to send: the gateway of the settings, or the sandbox for as long as this lasts.

    Raises:
        SettingsError: there is no key, or the command that gives it fails.
        UsageError: the sandbox cannot start: this process may not have the memory or the threads for it.
    """
    from respan_cli.exchange import Target

    if not sandbox:
        yield Target(current.base_url, *find_key(current, env))
        return
    from respan_cli.sandbox import Sandbox

    # Other users of this machine can connect too: they must not find the prompt, nor be answered.
    key = f"sandbox-{os.urandom(16).hex()}"
    with Sandbox(key=key, keep_requests=False) as running:
        yield Target(running.url + "/", key, "the sandbox")
