"""Profiles that inherit from others, whole: command lines in; exit code, output and the file out."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import KEY, Outcome, run

Env = dict[str, str]

CHAIN = f"""\
default_profile = "reviewer"

[profiles.base]
api_key = "{KEY}"
base_url = "https://gateway.example.com"
max_tokens = 100
required = ["metadata.team"]
[profiles.base.metadata]
team = "core"
stage = "base"
[profiles.base.headers]
X-One = "base"
X-Two = "base"

[profiles.work]
inherits = "base"
model = "of-work"
[profiles.work.metadata]
stage = "work"

[profiles.reviewer]
inherits = "work"
system = "You review code."
[profiles.reviewer.headers]
x-two = "reviewer"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CHAIN)
    path.chmod(0o600)
    return path


@pytest.fixture
def home(config: Path, tmp_path: Path) -> Env:
    return {"HOME": str(tmp_path), "RESPAN_CLI_CONFIG": str(config)}


def test_a_profile_takes_from_the_others_all_that_it_does_not_set(home: Env) -> None:
    done = run("config", "show", "--json", "--origin", env=home)
    assert (done.code, done.err) == (0, "")
    shown = json.loads(done.out)
    assert shown["settings"]["metadata"] == {"team": "core", "stage": "work"}
    assert shown["settings"]["headers"] == {"X-One": "base", "x-two": "reviewer"}
    assert shown["settings"]["inherits"] == "work"
    assert {name: source for name, source in shown["origin"].items() if source != "default"} == {
        "profile": "default_profile",
        "api_key": "profile base",
        "base_url": "profile base",
        "model": "profile work",
        "max_tokens": "profile base",
        "system": "profile reviewer",
        "metadata.team": "profile base",
        "metadata.stage": "profile work",
        "headers.x-one": "profile base",
        "headers.x-two": "profile reviewer",
        "required": "profile base",
        "inherits": "profile reviewer",
    }


def test_what_is_inherited_is_sent(home: Env, sandbox: Sandbox) -> None:
    env = {**home, "RESPAN_BASE_URL": sandbox.url}
    assert run("send", "hi", env=env) == Outcome(0, "hi\n", "")
    request = sandbox.requests[-1]
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert (request["body"]["system"], request["body"]["model"]) == ("You review code.", "of-work")


def test_an_empty_value_takes_away_what_is_inherited(home: Env, config: Path) -> None:
    config.write_text(CHAIN.replace('model = "of-work"', 'model = "of-work"\nmax_tokens = ""'))
    assert run("config", "get", "max_tokens", env=home) == Outcome(0, "4096\n", "")
    assert run("config", "get", "max_tokens", "-p", "base", env=home) == Outcome(0, "100\n", "")


def test_a_command_for_the_key_takes_the_place_of_an_inherited_key(home: Env, config: Path) -> None:
    config.write_text(CHAIN.replace('model = "of-work"', 'api_key_command = "pass show respan"'))
    assert run("config", "get", "api_key_command", env=home) == Outcome(0, "pass show respan\n", "")
    assert run("config", "get", "api_key", env=home).code == 3


def test_a_required_setting_is_required_of_the_heirs(home: Env, config: Path) -> None:
    config.write_text(CHAIN.replace('team = "core"\n', ""))
    assert run("send", "hi", env=home) == Outcome(
        3, "", "error: profile 'reviewer' requires metadata.team\n  next: give --metadata team=…\n"
    )


def test_the_lists_say_where_things_come_from(home: Env) -> None:
    env = {**home, "RESPAN_BASE_URL": "https://elsewhere.example.com"}
    assert run("config", "list", env=env) == Outcome(
        0,
        "base\t\thttps://gateway.example.com/\tprofile\n"
        "work\tinherits base\thttps://gateway.example.com/\tprofile base\n"
        "reviewer\tactive, default, inherits work\thttps://gateway.example.com/\tprofile base\n",
        "",
    )
    assert run("headers", env=home) == Outcome(
        0, "forwarded\tX-One\tbase\tprofile base\nforwarded\tx-two\treviewer\tprofile reviewer\n", ""
    )


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        (
            'inherits = "work"',
            'inherits = "wrok"',
            "profiles.reviewer.inherits='wrok' is not a profile, did you mean 'work'?",
            22,
        ),
        (
            "[profiles.base]\n",
            '[profiles.base]\ninherits = "reviewer"\n',
            "profiles.work.inherits='base' makes a circle: base -> reviewer -> work -> base",
            17,
        ),
        (
            'inherits = "base"',
            'inherits = "work"',
            "profiles.work.inherits='work' makes a circle: work -> work",
            16,
        ),
        ("max_tokens = 100", "max_tokens = 0", "profiles.base.max_tokens=0 is not a positive integer", 6),
    ],
    ids=["unknown", "circle", "itself", "value"],
)
def test_an_error_names_its_place_in_the_file(
    home: Env, config: Path, old: str, new: str, message: str, line: int
) -> None:
    config.write_text(CHAIN.replace(old, new))
    for command in (("config", "show"), ("send", "hi"), ("headers",), ("config", "list")):
        done = run(*command, env=home)
        assert done == Outcome(
            3,
            "",
            f"error: {message}\n  next: {config}, line {line}, column 1: 'respan config edit' opens it\n",
        )


def test_inherits_is_set_and_unset_like_any_setting(home: Env, config: Path) -> None:
    assert run("config", "set", "inherits", "base", "-p", "reviewer", env=home) == Outcome(0, "", "")
    assert tomllib.loads(config.read_text())["profiles"]["reviewer"]["inherits"] == "base"
    assert run("config", "unset", "inherits", "-p", "reviewer", env=home) == Outcome(0, "", "")
    assert run("config", "get", "metadata.team", env=home).code == 3


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("wrok", "profiles.base.inherits='wrok' is not a profile, did you mean 'work'?"),
        ("reviewer", "profiles.work.inherits='base' makes a circle: base -> reviewer -> work -> base"),
    ],
)
def test_what_cannot_be_inherited_is_not_stored(home: Env, config: Path, value: str, message: str) -> None:
    done = run("config", "set", "inherits", value, "-p", "base", env=home)
    assert done == Outcome(3, "", f"error: {message}\n")
    assert config.read_text() == CHAIN


def test_a_profile_that_others_inherit_from_is_not_deleted(home: Env, config: Path) -> None:
    assert run("config", "delete", "work", "--yes", env=home) == Outcome(
        3,
        "",
        "error: profile 'reviewer' inherits from 'work'\n  next: respan config unset inherits -p reviewer\n",
    )
    assert config.read_text() == CHAIN
    assert run("config", "unset", "inherits", "-p", "reviewer", env=home).code == 0
    assert run("config", "delete", "work", "--yes", env=home) == Outcome(0, "", "")


def test_a_long_chain_is_followed_to_its_end(home: Env, config: Path) -> None:
    links = [f'[profiles.p{number}]\ninherits = "p{number + 1}"\n' for number in range(2000)]
    config.write_text("".join(links) + '[profiles.p2000]\nmodel = "last"\n')
    assert run("config", "get", "model", "-p", "p0", env=home) == Outcome(0, "last\n", "")
