"""The models that `respan models` saw last, kept for a day so that completion can offer them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

MAX_AGE_S = 24 * 3600
_MAX_BYTES = 4 * 1024 * 1024


def cache_path(env: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """The file; None without a home folder."""
    folder = _cache_folder(env, platform)
    return None if folder is None else folder / "respan-cli" / "models.json"


def _cache_folder(env: Mapping[str, str], platform: str) -> Path | None:
    # The XDG specification: a relative path is invalid and ignored.
    if Path(chosen := env.get("XDG_CACHE_HOME", "")).is_absolute():
        return Path(chosen)
    if platform == "win32":
        return Path(local) if (local := env.get("LOCALAPPDATA")) else None
    home = env.get("HOME")
    if not home:
        return None
    return Path(home) / ("Library/Caches" if platform == "darwin" else ".cache")


def remember(names: Iterable[str], env: Mapping[str, str]) -> None:
    """Save the names. If that fails, completion only offers fewer."""
    path = cache_path(env)
    if path is None:
        return
    draft = path.with_name(f".models.{os.getpid()}")
    with suppress(OSError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(json.dumps({"models": list(names)}), "utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def remembered(env: Mapping[str, str]) -> list[str]:
    """The names, unless they are older than a day."""
    path = cache_path(env)
    if path is None:
        return []
    with suppress(OSError, ValueError, RecursionError):
        facts = path.stat()
        if time.time() - facts.st_mtime <= MAX_AGE_S and facts.st_size <= _MAX_BYTES:
            return _names(json.loads(path.read_bytes()))
    return []


def _names(found: object) -> list[str]:
    names = found.get("models") if isinstance(found, dict) else None
    # What follows Tab is typed into a shell: no white space, no control characters.
    return [
        name
        for name in (names if isinstance(names, list) else [])
        if isinstance(name, str) and name.isprintable() and " " not in name
    ]
