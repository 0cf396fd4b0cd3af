"""Writes the generated pages from the program; with `--check`, lists those that are out of date.

python -m docs.generate [--check]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from respan_cli.settings.fields import FIELDS, Field, format_value

FOLDER = Path(__file__).parent
_EXAMPLES = re.compile(r"(?m)^(?:\$ .*\n)+")
_FENCED = re.compile(r"(?ms)^```.*?^```\n")


def commands() -> str:
    """The reference of every command, made from the program's own help."""
    command = [sys.executable, "-m", "typer", "respan_cli.cli", "utils", "docs", "--name", "respan"]
    plain = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=plain).stdout  # noqa: S603
    return fenced(f"{made.strip()}\n\n{tables()}")


def fenced(text: str) -> str:
    """The page with the examples of the docstrings in fenced blocks."""
    blocks: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        blocks.append(found[0])
        return f"\0{len(blocks) - 1}\0"

    text = _FENCED.sub(put_aside, text)
    text = _EXAMPLES.sub(lambda found: f"```console\n{found[0]}```\n", text)
    return re.sub("\0(\\d+)\0", lambda found: blocks[int(found[1])], text)


def tables() -> str:
    """The tables of `respan help`, from the same source."""
    from respan_cli.errors import EXIT_CODE_MEANINGS
    from respan_cli.sandbox import FAULTS
    from respan_cli.settings.environment import variables

    codes = [(str(int(code)), meaning) for code, meaning in EXIT_CODE_MEANINGS.items()]
    names = [(f"`{name}`", meaning) for name, meaning in variables().items()]
    models = [(f"`{name}`", fault.help) for name, fault in FAULTS.items()]
    sections = (
        ("Exit codes", _table("code", codes)),
        ("Errors as JSON", ERRORS + _table("type", list(_kinds()), "exit code")),
        ("Environment variables", _table("variable", names)),
        ("Faults of the sandbox", _table("model", models)),
    )
    return "\n".join(f"## {title}\n\n{table}" for title, table in sections)


def _kinds() -> Iterator[tuple[str, str]]:
    from respan_cli import errors

    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.RespanError):
            yield f"`{kind.default_kind}`", str(int(kind.code))


def _table(heading: str, rows: list[tuple[str, str]], meaning: str = "meaning") -> str:
    lines = [f"| {heading} | {meaning} |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """The reference of every setting, made from the table of settings."""
    return SETTINGS.format(rows="".join(_rows()), tables=", ".join(f"`{f.name}`" for f in FIELDS if f.table))


def _rows() -> Iterator[str]:
    for field in FIELDS:
        flags = " ".join(f"`{flag}`" for flag in field.flags)
        default = f"`{format_value(field.default)}`" if field.default else ""
        cells = (f"`{_key(field)}`", flags, f"`{field.env}`" if field.env else "", default, field.help)
        yield "| " + " | ".join(cells) + " |\n"


def _key(field: Field) -> str:
    return f"{field.name}.KEY" if field.table else field.name


ERRORS = """\
With `--json` or `--events` an error is one line on standard error, an object of these keys: `error` (`type`,
`message`, `status`, `retryable`, `retry_after` in seconds, `request_id`, `log_id`, `hint`; null if there
is none) and `exit_code`. `type` is the API's own name for the error if the response has one
(`rate_limit_error`, `overloaded_error`), else one of these; `respan check` has [finer ones](check.md#--json).

"""
SETTINGS = """\
# Settings

Sources of a setting, highest first: flag, environment, prompt file, thread, profile, the profile it inherits
from, default. An empty value (`--customer-id ""`, `-H 'Name:'`, `-M key=`, a variable that is set but empty)
removes the value of lower sources. The tables ({tables}) merge key by key;
header names are case-insensitive. Leading and trailing white space of a value is dropped.
`respan config show --origin` prints each effective value and its source.

| key | flag | environment | default | |
|---|---|---|---|---|
{rows}
The profile is the one of `-p`/`--profile`, `RESPAN_PROFILE`, or `default_profile` at the top of the file
(`respan config use PROFILE`), in this order, else `default`. The file is `$RESPAN_CLI_CONFIG` if that is set;
`respan config path` prints its path. A profile is a table in this file:

```toml
default_profile = "work"

[profiles.work]
api_key_command = "pass show respan"
customer_identifier = "team-search"
required = ["customer_identifier", "metadata.agent"]

[profiles.work.metadata]
agent = "committer"

[profiles.work.headers]
anthropic-beta = "context-1m-2025-08-07"

[profiles.work.gateway_headers]
X-Corp-Token = "env:CORP_TOKEN"

[profiles.reviewer]
inherits = "work"
system = "You review code. Be brief."
```

`inherits` names another profile, whose settings apply unless this one overrides them. That profile may
inherit too.

A header value of the form `env:VARIABLE` stays a reference in the file; the variable is read when a request
is made. `api_key` and `api_key_command` exclude each other: setting one removes the other, even if it is
inherited. The command is run without a shell and must print only the key, at most 64 KiB.

`--param KEY=TEXT` is text, `--param KEY:=JSON` any JSON (`--param cache_enabled:=true`). `--system @FILE`
reads the system prompt from a file, `--header @FILE` lines of headers; a prompt that begins with `@` is
written `@@…`. Identifiers, metadata, the model and headers must not contain control characters; metadata keys
that begin with `_` are reserved.

In `respan config set metadata.KEY` everything after the first dot is the key, with or without quotes. In
`required` the name of a table means any of its keys, and header names are case-insensitive.
"""

PAGES: dict[str, Callable[[], str]] = {"commands.md": commands, "settings.md": settings}


def main() -> int:
    """Write the pages, or check them; the exit code is 1 if one is out of date."""
    check = "--check" in sys.argv[1:]
    code = 0
    for name, make in PAGES.items():
        page, made = FOLDER / name, make()
        if not check:
            page.write_text(made, "utf-8")
        elif not page.exists() or page.read_text("utf-8") != made:
            sys.stderr.write(f"{name} is not what the program says: run 'make docs'\n")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
