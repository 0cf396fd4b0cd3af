"""Ten thousand hostile settings, headers and URLs: exit codes of the table, no traceback, no key shown."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from respan_cli.errors import ExitCode, RespanError
from respan_cli.settings import edits, headers, profiles, store, urls
from respan_cli.settings.fields import BY_NAME, FIELDS
from respan_cli.settings.layers import Layer, MisplacedError, from_environment, from_flags
from respan_cli.settings.resolve import Settings, resolve
from tests.support import KEY, run

CASES = 10_000
COMMANDS = 400  # of them as whole command lines
BATCH = 2_500
ALLOWED = (ExitCode.OK, ExitCode.USAGE, ExitCode.SETTINGS)

PIECES = (
    *"=:@[]{}\"'\\/#?%&.,-_~$`| \t\r\n\0\x1b\x7f\x85\u200b\u202e\ufeff\udcff\ud800é漢🎉",
    *(
        "http://",
        "https://",
        "[::1]",
        "127.0.0.1",
        "localhost",
        ".localhost",
        "evil.example",
        ":80",
        ":99999",
    ),
    *(
        "api.respan.ai",
        "/v1/messages",
        "/api",
        "user:pw@",
        "env:HOME",
        "env:",
        "auto",
        "true",
        "null",
        "1e999",
    ),
    *("X-A: b", "Host: x", "authorization: y", "anthropic-beta", "metadata", "api_key", "model", "_reserved"),
    *(":=", "{}", "[1]", '{"a": 1}', '"""', "'''", "NaN", "-1", "0", "9" * 40, "[" * 200, "x" * 300),
    *(
        "default",
        "work",
        "inherits",
        "profiles",
        "\r\nX-Evil: 1",
        "thread_identifier",
        "\N{COMBINING ACUTE ACCENT}",
    ),
)


def text(rng: random.Random) -> str:
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 6)))


def variable(rng: random.Random) -> str:
    """A text that an environment can hold."""
    return text(rng).replace("\0", "").replace("\ud800", "")


def toml(rng: random.Random) -> bytes:
    """A profile file: mostly valid, then damaged now and then."""
    lines = [f'default_profile = "{rng.choice(("work", "default", ""))}"'] if rng.random() < 0.3 else []
    for name in rng.sample(("work", "default", "base", text(rng)), rng.randint(1, 3)):
        lines.append(f"[profiles.{json.dumps(name, ensure_ascii=False)}]")
        lines.append(f'api_key = "{KEY}"' if rng.random() < 0.5 else "")
        fields = rng.sample(FIELDS, rng.randint(0, 3))
        lines += [f"{field.name} = {toml_value(rng, table=field.table)}" for field in fields]
        if rng.random() < 0.5:
            lines.append(f'inherits = "{rng.choice(("work", "base", "default", "wrok"))}"')
    data = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def toml_value(rng: random.Random, *, table: bool) -> str:
    simple = (
        json.dumps(text(rng)) if rng.random() < 0.7 else rng.choice(("1", "true", "1.5", "[]", "2026-01-01"))
    )
    if table and rng.random() < 0.8:
        return f"{{ {json.dumps(text(rng))} = {simple} }}"
    return simple


def flags(rng: random.Random) -> Layer:
    field = rng.choice([field for field in FIELDS if field.flags])
    return from_flags({field.name: [text(rng), text(rng)] if field.table else text(rng)})


def environment(rng: random.Random) -> Layer:
    names = [field.env for field in FIELDS if field.env]
    return from_environment({rng.choice(names): variable(rng) for _ in range(2)})


def profile(rng: random.Random) -> Settings:
    document = store.parse(Path("config.toml"), toml(rng))
    try:
        profiles.check_document(document.tables)
    except MisplacedError as error:
        document.where(*error.path)
        raise
    name = profiles.choose_profile(None, {}, document.tables).value
    return resolve(name, profiles.profile_layers(document.tables, name))


def edited(rng: random.Random) -> None:
    """A typed value is refused, or it can be written and read back."""
    setting_key = edits.parse_setting_key(
        f"{rng.choice(list(BY_NAME))}{rng.choice(('', '.', '.a', '.' + text(rng)))}"
    )
    layer = edits.read_value(setting_key, text(rng), "the command line")
    tables: edits.Tables = {"profiles": {"work": {}}}
    edits.put(tables["profiles"]["work"], layer)
    data = store._toml(tables)
    assert store.parse(Path("config.toml"), data).tables == tables


def header(rng: random.Random) -> None:
    try:
        name, value = headers.parse_line(text(rng))
    except ValueError:
        return
    assert f"{name}: {value}".isascii()
    assert not set(f"{name}{value}") & set("\r\n\0\x1b")


def url(rng: random.Random) -> None:
    try:
        base = urls.base_url(text(rng))
    except ValueError:
        return
    assert base.startswith(("http://", "https://"))
    assert base.endswith("/")
    assert "@" not in base.split("/")[2]
    assert urls.base_url(base) == base
    # Loopback in brackets is loopback with nothing around it.
    if base.startswith("http://[") and not urls.is_insecure(base):
        assert base.startswith(("http://[::1]/", "http://[::1]:"))


KINDS: tuple[Callable[[random.Random], object], ...] = (flags, environment, profile, edited, header, url)


def failure_of(seed: int) -> RespanError | None:
    try:
        KINDS[seed % len(KINDS)](random.Random(seed))
    except RespanError as error:
        return error
    except Exception as failure:
        raise AssertionError(f"seed {seed}: {failure!r}") from failure
    return None


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_any_setting_is_taken_or_refused_in_words(first: int) -> None:
    for seed in range(first, first + BATCH):
        if error := failure_of(seed):
            assert error.code in ALLOWED, f"seed {seed}"
            assert KEY not in f"{error.message} {error.reason} {error.hint}", f"seed {seed}"


def test_whole_command_lines_end_in_an_exit_code_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    names = [field.env for field in FIELDS if field.env and field.name != "api_key"]
    forms = (
        ("config", "show", "--origin"),
        ("config", "list", "--json"),
        ("headers", "list", "--effective"),
        ("send", "-n", "hi"),
        ("send", "--as", "curl", "hi"),
    )
    for seed in range(COMMANDS):
        rng = random.Random(seed)
        path.write_bytes(toml(rng))
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": KEY, "RESPAN_CLI_CONFIG": str(path)}
        if rng.random() < 0.3:
            env[rng.choice(names)] = variable(rng)
        form = forms[seed % len(forms)]
        if form[0] == "send":
            field = rng.choice([field for field in FIELDS if field.flags])
            form = (*form, f"{field.flag}={text(rng)}")
        done = run(*form, env=env)
        assert done.code in ALLOWED, f"seed {seed}: {done.err}"
        assert KEY not in done.out + done.err, f"seed {seed}"
        assert "Traceback" not in done.err, f"seed {seed}"
