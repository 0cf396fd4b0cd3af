"""The first layer: the settings, and what of this machine deserves a warning."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from respan_cli.commands.check.context import FOR_US, CheckContext
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import RespanError
from respan_cli.gateway.deadline import Deadline
from respan_cli.settings import store
from respan_cli.settings.headers import resolve_references

PROGRAM = "respan"
_TOLD_APART = ("base_url", "model", "api_key", "api_key_command")  # told with their values, or first


def settings(state: CheckContext) -> Finding:
    """Which profile, which source each value came from, and whether there is a key.

    Raises:
        RespanError: the settings cannot be used.
    """
    state.current = current = state.load()
    state.case = replace(
        state.case,
        profile=current.profile,
        base_url=current.base_url,
        url_source=current.sources["base_url"],
        model=current.model,
        model_source=current.sources["model"],
    )
    try:
        for headers in (current.headers, current.gateway_headers):
            resolve_references(headers, state.terminal.env)
        state.target = state.connect(current)
    except RespanError as failure:
        key = {"present": current.api_key is not None, "source": current.sources.get("api_key")}
        return Finding("", _facts(state, current.sources, key), failure=failure)
    return _with_key(state)


def _with_key(state: CheckContext) -> Finding:
    current, target = state.current, state.target
    state.deadline = Deadline(state.timeout * (1 - FOR_US))
    state.hide_secrets()
    sources = {**current.sources, "api_key": target.key_source}
    if target.url != current.base_url:  # the sandbox answers, whatever the settings say
        sources["base_url"] = target.key_source
    state.case = replace(
        state.case,
        base_url=target.url,
        url_source=sources["base_url"],
        key_source=target.key_source,
        timeout=state.timeout,
    )
    facts = _facts(state, sources, {"present": True, "source": target.key_source})
    return Finding(_summary(state, sources), facts, tuple(_warnings(state.terminal.env)))


def _facts(state: CheckContext, sources: Mapping[str, str], key: Mapping[str, object]) -> dict[str, Any]:
    return {
        "profile": state.case.profile,
        "profile_file": str(store.config_path(state.terminal.env)),
        "base_url": state.case.base_url,
        "model": state.case.model,
        "key": key,
        "sources": dict(sources),
    }


def _summary(state: CheckContext, sources: Mapping[str, str]) -> str:
    parts = [
        f"profile {state.current.profile}",
        f"{state.target.url} ({sources['base_url']})",
        f"{state.current.model} ({sources['model']})",
        f"key from {sources['api_key']}",
    ]
    given = [
        f"{name} from {source}"
        for name, source in sources.items()
        if source != "default" and name not in _TOLD_APART
    ]
    return ", ".join([*parts, *given])


def _warnings(env: Mapping[str, str]) -> Iterator[str]:
    path = store.config_path(env)
    yield from store.permission_warnings(path)
    if other := other_program(env.get("PATH", "")):
        yield f"'{PROGRAM}' on PATH is {other}, which is not this program; 'respan-cli' is"


def other_program(path: str) -> str | None:
    """The `respan` that a shell would start, if it is not this one: Respan's npm tool has the same name.

    Args:
        path: the search path.
    """
    found = shutil.which(PROGRAM, path=path)
    if found is None:
        return None
    ours = {Path(sys.argv[0]).resolve(), *(place.resolve() for place in _installed())}
    return None if Path(found).resolve() in ours else found


def _installed() -> Iterator[Path]:
    folder = sysconfig.get_path("scripts")
    for name in (PROGRAM, f"{PROGRAM}-cli"):
        yield from (Path(folder, name), Path(folder, f"{name}.exe"))
