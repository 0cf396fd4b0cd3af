"""The profile file on disk: reading and writing TOML. A write is complete or does not happen.

Nothing here knows what a setting means: an edit passes a `check`, which raises for a document it refuses;
such a document is neither rewritten nor written. The file may hold a key, so no message quotes it and no
repr shows it.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respan_cli.errors import SettingsError, UsageError
from respan_cli.settings import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_FILE_BYTES = 1 << 20
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_QUOTED_KEY = re.compile(r"""\(['"].*\)|(['"])\w.+\1""")  # as the parser quotes keys in its messages


@dataclass(frozen=True, repr=False)
class Document:
    """The bytes of a profile file and the tables they parse to; both empty if there is no file."""

    path: Path
    data: bytes
    tables: dict[str, Any]

    def where(self, *key: str) -> str:
        """The file, line and column of `key` (its parts, outermost first); the file alone if not found."""
        from respan_cli.settings.toml_text import locate

        found = locate(_text(self.path, self.data), *key)
        return f"{self.path}, line {found[0]}, column {found[1]}" if found else str(self.path)


def config_path(env: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The profile file of the user whose environment this is, whether or not it exists.

    Raises:
        SettingsError: the path depends on a home folder and there is none.
    """
    # RESPAN_CONFIG belongs to Respan's own gateway.
    if chosen := env.get("RESPAN_CLI_CONFIG", "").strip():
        first, *rest = Path(chosen).parts
        return _home(env, platform).joinpath(*rest) if first == "~" else Path(chosen)
    return _config_folder(env, platform) / "respan-cli" / "config.toml"


def _config_folder(env: Mapping[str, str], platform: str) -> Path:
    if platform == "win32":
        return Path(env.get("APPDATA") or _home(env, platform) / "AppData" / "Roaming")
    if platform == "darwin":
        return _home(env, platform) / "Library" / "Application Support"
    folder = Path(env.get("XDG_CONFIG_HOME", ""))
    # The XDG specification: a relative path is invalid and ignored.
    return folder if folder.is_absolute() else _home(env, platform) / ".config"


def _home(env: Mapping[str, str], platform: str) -> Path:
    try:
        return Path(env.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    except RuntimeError:
        raise SettingsError("no home folder", hint="set HOME, or RESPAN_CLI_CONFIG to a file") from None


def read(path: Path) -> Document:
    """The document at `path`; an empty one if there is no file. Takes no lock: a file is always whole.

    Raises:
        SettingsError: the file cannot be read, is not UTF-8 or is not TOML.
    """
    return parse(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The file as it is, even if it does not parse; nothing if there is no file.

    Raises:
        SettingsError: the file cannot be read, is not a regular file, or is too large.
    """
    try:
        return files.read_regular(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(f"cannot read {path}", reason=reason) from None


def parse(path: Path, data: bytes) -> Document:
    """The document that `data` would be at `path`.

    Raises:
        SettingsError: not UTF-8 (names the byte offset) or not TOML (names line and column).
    """
    import tomllib

    text = _text(path, data)
    try:
        return Document(path, data, tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise _unparsable(path, text, str(error)) from None  # the parser's error may carry the whole text


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 at byte offset {error.start}"
        raise SettingsError(message, hint="save it as UTF-8") from None


def _unparsable(path: Path, text: str, words: str) -> SettingsError:
    where = str(path)
    if found := _POSITION.search(words):
        end = text.count("\n") + 1, len(text) - text.rfind("\n")
        where += ", line {}, column {}".format(*(found.groups() if found[1] else end))
        words = words[: found.start()]
    reason = _QUOTED_KEY.sub("…", words)
    return SettingsError(f"{where}: not valid TOML", reason=reason, hint="fix it with 'respan config edit'")


def edit(
    path: Path,
    change: Callable[[dict[str, Any]], None],
    *,
    check: Callable[[Document], None],
    timeout_s: float = files.LOCK_TIMEOUT_S,
) -> Path | None:
    """Change the document at `path` while no other writer can.

    Args:
        change: changes the tables in place; if they come out the same, nothing is written.
        check: raises for a document it refuses; sees the one found and the one to be written.
        timeout_s: how long to wait for another writer.

    Returns:
        The copy that keeps the comments this rewrite dropped; None if there were none.

    Raises:
        SettingsError: the file cannot be read, parsed, locked or written; it is as it was.
        UsageError: a new value cannot be written as UTF-8, or makes the file too large.
    """
    with _locked(path, timeout_s) as target:
        before = read(path)
        check(before)
        tables = deepcopy(before.tables)
        change(tables)
        data = _toml(tables)
        # Compared as written, since to Python 1, 1.0 and True are equal.
        if data == _toml(before.tables):
            return None
        if len(data) > MAX_FILE_BYTES:
            raise UsageError(f"with this value {path} would be larger than {MAX_FILE_BYTES >> 20} MiB")
        check(Document(path, data, tables))
        copy = _keep_comments(target, before)
        files.atomic_write(target, data)
        return copy


def replace_text(
    path: Path,
    data: bytes,
    *,
    original: bytes,
    check: Callable[[Document], None],
    timeout_s: float = files.LOCK_TIMEOUT_S,
) -> None:
    """Put a text of the user's own in place of the file, byte for byte, comments and all.

    Args:
        original: the bytes the user started from, as `read_bytes` gave them.
        check: raises for a document it refuses.
        timeout_s: how long to wait for another writer.

    Raises:
        SettingsError: `data` does not parse, the file is no longer `original`, or cannot be written.
    """
    if len(data) > MAX_FILE_BYTES:
        raise SettingsError(f"{path} would be larger than {MAX_FILE_BYTES >> 20} MiB")
    check(parse(path, data))
    with _locked(path, timeout_s) as target:
        if read_bytes(path) != original:
            raise SettingsError(f"{path} was changed by another program meanwhile", hint="edit it again")
        if data != original:
            files.atomic_write(target, data)


@contextmanager
def _locked(path: Path, timeout_s: float) -> Iterator[Path]:
    """The file behind any symbolic links, locked; a failed write is an error about profiles."""
    if path.exists() and not path.is_file():  # /dev/null must stay what it is
        raise SettingsError(f"{path} is not a regular file", hint="name another with RESPAN_CLI_CONFIG")
    try:
        files.make_folder(Path(os.path.realpath(path)).parent)
        with files.locked(path, timeout_s) as target:
            yield target
    except files.LockTimeoutError as timeout:
        message = f"gave up after {timeout_s:g} s: the profiles are being written by {timeout.holder}"
        hint = f"try again, or end it: it holds {timeout.lock}"
        raise SettingsError(message, hint=hint, retryable=True) from None
    except OSError as error:
        hint = "the file is as it was; RESPAN_CLI_CONFIG can name one elsewhere"
        raise SettingsError(f"cannot write {path}", reason=error.strerror, hint=hint) from None


def _keep_comments(target: Path, before: Document) -> Path | None:
    from respan_cli.settings.toml_text import has_comments

    if not has_comments(_text(before.path, before.data)):
        return None
    copy = target.with_name(f"{target.name}.bak")
    files.atomic_write(copy, before.data, owner_of=target)
    return copy


def _toml(tables: dict[str, Any]) -> bytes:
    import tomli_w

    text = tomli_w.dumps(tables)
    if r"\r\n" not in text:  # which tomli_w would make \n in a multi-line string
        text = tomli_w.dumps(tables, multiline_strings=True)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UsageError("a value is not UTF-8") from None


def readable_by_others(path: Path) -> bool:
    """Whether the permissions let other users read the file; False where there are none."""
    return bool(_mode(path) & (stat.S_IRGRP | stat.S_IROTH))


def permission_warnings(path: Path) -> Iterator[str]:
    """What other users may do with the profile file, each with the command that ends it."""
    from shlex import quote

    if _is_writable_by_others(path):
        yield f"others can change the profile file: chmod 600 {quote(str(path))}"
    elif readable_by_others(path):
        yield f"others can read the profile file: chmod 600 {quote(str(path))}"
    for folder in dict.fromkeys((path.parent, Path(os.path.realpath(path)).parent)):
        # In a folder with the sticky bit, as /tmp is, only the owner of a file can replace it.
        if _is_writable_by_others(folder) and not _mode(folder) & stat.S_ISVTX:
            yield f"others can replace the profile file: chmod go-w {quote(str(folder))}"


def _is_writable_by_others(path: Path) -> bool:
    return bool(_mode(path) & (stat.S_IWGRP | stat.S_IWOTH))


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode if os.name == "posix" else 0
    except OSError:
        return 0
