"""The first stage: the settings, and warnings about this machine."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import RespanError
from respan_cli.gateway.deadline import Deadline
from respan_cli.settings import store
from respan_cli.settings.headers import resolve_references

PROGRAM = "respan"


def settings(context: CheckContext) -> Finding:
    """Which profile, which source each value came from, and whether there is a key.

    Raises:
        RespanError: the settings cannot be used.
    """
    context.settings = known = context.load()
    context.diagnosis = replace(
        context.diagnosis,
        profile=known.profile,
        base_url=known.base_url,
        url_source=known.sources["base_url"],
        model=known.model,
        model_source=known.sources["model"],
    )
    try:
        for headers in (known.headers, known.gateway_headers):
            resolve_references(headers, context.terminal.env)
        context.target = context.connect(known)
    except RespanError as failure:
        key = {"present": known.api_key is not None, "source": known.sources.get("api_key")}
        return Finding("", _facts(context, known.sources, key), failure=failure)
    return _with_key(context)


def _with_key(context: CheckContext) -> Finding:
    target = context.target
    context.deadline = Deadline(context.timeout)
    context.hide_secrets()
    sources = {**context.settings.sources, "api_key": target.key_source}
    if target.url != context.settings.base_url:  # the sandbox answers, whatever the settings say
        sources["base_url"] = target.key_source
    context.diagnosis = replace(
        context.diagnosis,
        base_url=target.url,
        url_source=sources["base_url"],
        key_source=target.key_source,
        timeout=context.timeout,
    )
    facts = _facts(context, sources, {"present": True, "source": target.key_source})
    summary = f"profile {context.settings.profile}, key from {target.key_source}"
    return Finding(summary, facts, tuple(_warnings(context.terminal.env)))


def _facts(context: CheckContext, sources: Mapping[str, str], key: Mapping[str, object]) -> dict[str, Any]:
    return {
        "profile": context.diagnosis.profile,
        "profile_file": str(store.config_path(context.terminal.env)),
        "base_url": context.diagnosis.base_url,
        "model": context.diagnosis.model,
        "key": key,
        "sources": dict(sources),
    }


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
