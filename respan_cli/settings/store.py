"""The profile file on disk: TOML in, TOML out, whole or not at all.

Nothing here knows what a setting means. Whoever edits passes a `check`, which raises for a document it
will not have; such a document is neither rewritten nor written. The file may hold a key, so no message
quotes it, no repr shows it, and it is its owner's alone from the first byte on.
"""

from __future__ import annotations

import os
import re
import sys
import time
from bisect import bisect_left
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respan_cli.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATIENCE = 10.0  # seconds to wait for another writer
_PAUSE = 0.02  # seconds between two looks at the lock
_STRING = r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'"
_STRING_OR_COMMENT = re.compile(rf"{_STRING}|(?P<comment>#)", re.DOTALL)
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_QUOTED_KEY = re.compile(r"""\(['"].*\)|(['"])\w.+\1""")  # as the parser quotes keys in its messages


@dataclass(frozen=True, repr=False)
class Document:
    """What a profile file says: its bytes, and the tables they parse to. A missing file says nothing."""

    path: Path
    data: bytes
    tables: dict[str, Any]

    def where(self, *key: str) -> str:
        """The file, line and column of `key` (its parts, outermost first); the file alone if not found."""
        found = locate(_text(self.path, self.data), *key)
        return f"{self.path}, line {found[0]}, column {found[1]}" if found else str(self.path)


def config_path(env: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The profile file of the person whose environment this is, whether or not it exists.

    Raises:
        SettingsError: the path depends on a home folder and there is none.
    """
    if chosen := env.get("RESPAN_CONFIG"):
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
        raise SettingsError("no home folder", hint="set HOME, or RESPAN_CONFIG to a file") from None


def read(path: Path) -> Document:
    """The document at `path`; an empty one if there is no file. Takes no lock: a file is always whole.

    Raises:
        SettingsError: the file cannot be read, is not UTF-8 or is not TOML.
    """
    return parse(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The file as it is, even if it does not parse; nothing if there is no file.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SettingsError(f"cannot read {path}", reason=error.strerror) from None


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
    return SettingsError(f"{where}: not valid TOML", reason=reason, hint="put it right: respan config edit")


def edit(
    path: Path,
    change: Callable[[dict[str, Any]], None],
    *,
    check: Callable[[Document], None],
    patience: float = PATIENCE,
) -> Path | None:
    """Changes the document at `path` while no other writer can.

    Args:
        change: changes the tables in place; if they come out the same, nothing is written.
        check: raises for a document it refuses; sees the one found and the one to be written.
        patience: seconds to wait for another writer.

    Returns:
        The copy that keeps the comments this rewrite dropped; None if there were none.

    Raises:
        SettingsError: the file cannot be read, parsed, locked or written; it is as it was.
        UsageError: a new value cannot be written as UTF-8.
    """
    with _locked(path, patience) as target:
        before = read(path)
        check(before)
        tables = deepcopy(before.tables)
        change(tables)
        data = _toml(tables)
        # Compared as written, since to Python 1, 1.0 and True are equal.
        if data == _toml(before.tables):
            return None
        check(Document(path, data, tables))
        with _refusing(path):
            kept = _keep_comments(target, before)
            _replace(target, data)
        return kept


def replace_text(
    path: Path,
    data: bytes,
    *,
    original: bytes,
    check: Callable[[Document], None],
    patience: float = PATIENCE,
) -> None:
    """Puts a person's own text in place of the file, byte for byte, comments and all.

    Args:
        original: the bytes the person started from, as `read_bytes` gave them.
        check: raises for a document it refuses.
        patience: seconds to wait for another writer.

    Raises:
        SettingsError: `data` does not parse, the file is no longer `original`, or cannot be written.
    """
    check(parse(path, data))
    with _locked(path, patience) as target:
        if read_bytes(path) != original:
            raise SettingsError(f"{path} was changed by another program meanwhile", hint="edit it again")
        if data != original:
            with _refusing(path):
                _replace(target, data)


def readable_by_others(path: Path) -> bool:
    """Whether the permissions let anyone but the owner read the file; False where there are none."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & 0o044)
    except OSError:
        return False


def locate(text: str, *key: str) -> tuple[int, int] | None:
    """The line and column (from 1) where `key` (its parts, outermost first) first appears in TOML text.

    The line is that of the statement; the column is the key's if it can be told, else the statement's.
    """
    lines = text.split("\n")
    last = bisect_left(range(len(lines) + 1), True, key=lambda count: _holds(_whole(lines, count)[1], key))
    if not key or last > len(lines):
        return None
    first, _ = _whole(lines, last - 1)
    line = lines[first]
    name = re.search(rf"(?<![\w-])[\"']?{re.escape(key[-1])}[\"']?\s*(?:=|\.|\]|$)", line)
    return first + 1, (name.start() if name else len(line) - len(line.lstrip())) + 1


def _whole(lines: list[str], count: int) -> tuple[int, dict[str, Any]]:
    """How many of the first `count` lines are whole statements, and what those say."""
    import tomllib

    while True:
        try:
            return count, tomllib.loads("\n".join(lines[:count]))
        except ValueError:
            count -= 1


def _holds(tables: object, key: tuple[str, ...]) -> bool:
    for part in key:
        if not isinstance(tables, dict) or part not in tables:
            return False
        tables = tables[part]
    return True


def _toml(tables: dict[str, Any]) -> bytes:
    import tomli_w

    text = tomli_w.dumps(tables)
    if r"\r\n" not in text:  # which tomli_w would make \n in a multi-line string
        text = tomli_w.dumps(tables, multiline_strings=True)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UsageError("a value is not UTF-8") from None


def _keep_comments(target: Path, before: Document) -> Path | None:
    text = _text(before.path, before.data)
    if not any(found["comment"] for found in _STRING_OR_COMMENT.finditer(text)):
        return None
    copy = target.with_name(f"{target.name}.bak")
    _replace(copy, before.data)
    return copy


def _replace(target: Path, data: bytes) -> None:
    """Writes all of `data` or leaves `target` alone. The caller holds the lock."""
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)  # a killed writer's: no living one has it while we hold the lock
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # Not every system can; the file is whole and in its place already.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "the file is as it was; RESPAN_CONFIG can name one elsewhere"
        raise SettingsError(f"cannot write {path}", reason=error.strerror, hint=hint) from None


@contextmanager
def _locked(path: Path, patience: float) -> Iterator[Path]:
    """Gives the file behind any symbolic links, with its lock held."""
    target = Path(os.path.realpath(path))
    lock = target.with_name(f".{target.name}.lock")
    with _refusing(path):
        if path.exists() and not path.is_file():  # /dev/null must stay what it is
            raise SettingsError(f"{path} is not a regular file", hint="name another with RESPAN_CONFIG")
        _make_folder(target.parent)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with _refusing(path):
            _wait(handle, lock, patience)
        yield target
    finally:
        os.close(handle)  # and with it the lock, which stays as a file: removing it would race


def _make_folder(folder: Path) -> None:
    missing = [level for level in (folder, *folder.parents) if not level.exists()]
    for level in reversed(missing):
        with suppress(FileExistsError):  # another writer was quicker
            level.mkdir(mode=0o700)


def _wait(handle: int, lock: Path, patience: float) -> None:
    """Waits in short sleeps, so that Ctrl-C is heard."""
    deadline = time.monotonic() + patience
    while not _taken(handle):
        if time.monotonic() >= deadline:
            holder = os.read(handle, 20).decode(errors="replace") or "another process"
            message = f"gave up after {patience:g} s: the profiles are being written by {holder}"
            hint = f"try again, or end it: it holds {lock}"
            raise SettingsError(message, hint=hint, retryable=True)
        time.sleep(_PAUSE)
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()}".encode())


def _taken(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1024, os.SEEK_SET)  # clear of the holder's name, which others must read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    finally:
        os.lseek(handle, 0, os.SEEK_SET)
    return True
