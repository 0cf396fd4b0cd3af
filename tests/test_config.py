"""`respan config`, whole: command lines in; exit code, output and the file out."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from respan_cli.sandbox import Sandbox
from respan_cli.settings.fields import FIELDS
from tests.support import KEY, PATIENCE, Outcome, process_env, run, run_process, start_process

Env = dict[str, str]
DONE = Outcome(0, "", "")
RESPAN = "https://api.respan.ai/api/anthropic/"


@pytest.fixture
def home(tmp_path: Path) -> Env:
    """The environment of a user who has just installed the tool."""
    return {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}


def file_of(env: Env) -> Path:
    return Path(env["HOME"], ".config", "respan-cli", "config.toml")


def write(env: Env, text: str) -> Path:
    path = file_of(env)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tables(env: Env) -> dict[str, Any]:
    return tomllib.loads(file_of(env).read_text())


# set, get, unset


@pytest.mark.parametrize(
    ("key", "given", "stored", "got"),
    [
        ("model", "claude-x", "claude-x", "claude-x"),
        ("max_tokens", "12", 12, "12"),
        ("max_retries", "0", 0, "0"),
        ("timeout", "30", 30, "30"),
        ("timeout", "0.5", 0.5, "0.5"),
        ("system", "Be brief.\nBe kind.", "Be brief.\nBe kind.", "Be brief.\nBe kind."),
        ("base_url", "https://api.respan.ai", RESPAN, RESPAN),
        ("customer_identifier", "acme", "acme", "acme"),
        ("custom_identifier", "auto", "auto", "auto"),
        ("api_key_command", "pass show respan", "pass show respan", "pass show respan"),
        ("required", "model, metadata.agent", ["model", "metadata.agent"], "model,metadata.agent"),
        ("required", '["model"]', ["model"], "model"),
        ("metadata.agent", "committer", "committer", "committer"),
        ("metadata.a.b c", "x=y", "x=y", "x=y"),
        ("respan_params.cache_ttl", "60", 60, "60"),
        ("respan_params.thread_identifier", '"t"', "t", '"t"'),
        ("respan_params.properties", '{"a": [1, true]}', {"a": [1, True]}, '{"a": [1, true]}'),
        ("headers.anthropic-beta", "context-1m-2025-08-07", "context-1m-2025-08-07", "context-1m-2025-08-07"),
        ("gateway_headers.X-Corp", "env:CORP", "env:CORP", "env:CORP"),
    ],
)
def test_what_is_set_is_stored_with_its_type_got_back_and_unset(
    home: Env, key: str, given: str, stored: object, got: str
) -> None:
    assert run("config", "set", key, given, env=home) == DONE
    name, _, inner = key.partition(".")
    table = tables(home)["profiles"]["default"]
    assert (table[name][inner] if inner else table[name]) == stored
    assert run("config", "get", key, env=home) == Outcome(0, got + "\n", "")
    # What get prints, set takes.
    assert run("config", "set", key, "-", stdin=(got + "\n").encode(), env=home) == DONE
    assert tables(home)["profiles"]["default"] == table
    assert run("config", "unset", key, env=home) == DONE
    assert tables(home) == {"profiles": {"default": {}}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_tokens", "lots", "max_tokens='lots' is not a positive integer"),
        ("timeout", "0", "timeout='0' is not a number of seconds above 0"),
        ("base_url", "https://ada:pw@x", "base_url='https://[hidden]@x' holds a user or a password; "),
        ("base_url", "http://example.com", "http://example.com/ would send key and prompt in the clear"),
        ("customer_identifier", "x" * 255, "customer_identifier='xxx"),
        ("modle", "x", "'modle' is not a setting, did you mean 'model'?"),
        ("max-tokens", "1", "'max-tokens' is not a setting, did you mean 'max_tokens'?"),
        ("model.x", "1", "model is one value, not a table: it has no 'x'"),
        ("metadata", "{}", "metadata is a table: set one of its keys, as in metadata.KEY"),
        ("metadata.", "x", "'metadata.' names no key of the table metadata"),
        ("metadata. ", "x", "'metadata. ' names no key of the table metadata"),
        ("metadata.k", "\udcff", r"metadata={'k': '\udcff'} is not UTF-8"),
        ("required", "modle", "required='modle' names 'modle', which is no setting, did you mean 'model'?"),
        ("respan_params.cache_ttl", "soon", "respan_params.cache_ttl is not JSON: text needs its quotes, "),
        ("respan_params.x", "null", "respan_params.x holds a null, which a TOML file cannot"),
        ("respan_params.x", '{"a": [null]}', "respan_params.x holds a null, which a TOML file cannot"),
        ("respan_params.model", "1", "respan_params.model sets 'model', a field of the message"),
        ("headers.Host", "x", "headers.Host sets 'Host', which cannot be set"),
        ("headers.a b", "x", "headers.a b has 'a b' where a header name belongs"),
        ("headers.x-api-key", "sk-\nX: y", "headers.x-api-key has a character that HTTP does not allow"),
        ("default_profile", "x", "'default_profile' is not a setting"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_is_written(
    home: Env, key: str, value: str, message: str
) -> None:
    done = run("config", "set", key, value, env=home)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}")
    assert not file_of(home).exists()


def test_plain_http_is_stored_only_when_it_is_meant(home: Env) -> None:
    argv = ("config", "set", "base_url", "http://gateway.lan")
    assert run(*argv, "--insecure-http", env=home) == DONE
    assert run("config", "get", "base_url", env=home) == Outcome(0, "http://gateway.lan/\n", "")
    assert run("config", "set", "base_url", "http://localhost:8080", env=home) == DONE


@pytest.mark.parametrize("key", ["metadata.a.b", 'metadata."a.b"', "metadata.'a.b'"])
def test_a_key_may_stand_in_quotes_as_toml_writes_it(home: Env, key: str) -> None:
    assert run("config", "set", key, "x", env=home) == DONE
    assert tables(home) == {"profiles": {"default": {"metadata": {"a.b": "x"}}}}
    assert run("config", "get", key, env=home) == Outcome(0, "x\n", "")
    assert run("config", "unset", key, env=home) == DONE
    assert tables(home) == {"profiles": {"default": {}}}


def test_an_empty_value_unsets(home: Env) -> None:
    write(home, '[profiles.default]\nmodel = "x"\nsystem = "y"\n[profiles.default.headers]\nX-A = "1"\n')
    assert run("config", "set", "model", "", env=home) == DONE
    assert run("config", "set", "headers.x-a", "", env=home) == DONE
    assert tables(home) == {"profiles": {"default": {"system": "y"}}}


def test_a_header_set_in_another_case_takes_the_place_of_the_first(home: Env) -> None:
    write(home, '[profiles.default.headers]\nX-Beta = "1"\n')
    assert run("config", "set", "headers.x-beta", "2", env=home) == DONE
    assert tables(home)["profiles"]["default"]["headers"] == {"x-beta": "2"}
    assert run("config", "unset", "headers.X-BETA", env=home) == DONE
    assert tables(home) == {"profiles": {"default": {}}}


def test_a_whole_table_can_be_got_and_unset(home: Env) -> None:
    write(home, '[profiles.default.metadata]\na = "1"\nb = "2"\n')
    assert run("config", "get", "metadata", env=home) == Outcome(0, '{"a": "1", "b": "2"}\n', "")
    assert run("config", "unset", "metadata", env=home) == DONE
    assert tables(home) == {"profiles": {"default": {}}}


def test_get_prints_what_is_in_force(home: Env) -> None:
    write(home, '[profiles.default]\nmodel = "profile"\n[profiles.default.metadata]\nagent = "x"\n')
    assert run("config", "get", "model", env={**home, "RESPAN_MODEL": "variable"}).out == "variable\n"
    assert run("config", "get", "max_tokens", env=home).out == "4096\n"
    assert run("config", "get", "profile", env=home).out == "default\n"
    assert run("config", "get", "system", env=home) == Outcome(
        3, "", "error: system is not set in profile 'default'\n"
    )
    assert run("config", "get", "metadata.agnt", env=home) == Outcome(
        3,
        "",
        "error: metadata.agnt is not set in profile 'default', did you mean 'metadata.agent'?\n",
    )


def test_unset_of_what_is_not_there_is_done_already(home: Env) -> None:
    assert run("config", "unset", "model", env=home) == DONE
    assert not file_of(home).exists()
    done = run("config", "unset", "model", "-p", "wrok", env=home)
    assert (done.code, done.out) == (3, "")


def test_a_new_profile_is_made_and_said(home: Env) -> None:
    assert run("config", "set", "-p", "ci", "model", "x", env=home) == Outcome(
        0, "", "respan: created profile 'ci'\n"
    )
    assert run("config", "set", "-p", "ci", "max_tokens", "5", env=home) == DONE
    assert tables(home) == {"profiles": {"ci": {"model": "x", "max_tokens": 5}}}


def test_the_variable_says_which_profile_is_changed(home: Env) -> None:
    write(home, 'default_profile = "a"\n[profiles.a]\n[profiles.b]\n')
    assert run("config", "set", "model", "of-a", env=home) == DONE
    assert run("config", "set", "model", "of-b", env={**home, "RESPAN_PROFILE": "b"}) == DONE
    assert tables(home)["profiles"] == {"a": {"model": "of-a"}, "b": {"model": "of-b"}}


def test_a_person_is_told_what_was_done_and_what_comes_before_it(home: Env) -> None:
    home = {**home, "NO_COLOR": "1"}
    env = {**home, "RESPAN_MODEL": "y"}
    done = run("config", "set", "model", "x", env=env, stderr_is_terminal=True)
    assert done == Outcome(
        0,
        "",
        "respan: profile 'default': model = x\nrespan: RESPAN_MODEL is set, and comes before the profile\n",
    )
    done = run("config", "set", "headers.x-api-key", "sk-1", env=home, stderr_is_terminal=True)
    assert done == Outcome(0, "", "respan: profile 'default': headers.x-api-key = [hidden]\n")
    done = run("config", "unset", "headers.x-api-ky", env=home, stderr_is_terminal=True)
    words = "respan: profile 'default': headers.x-api-ky was not set, did you mean 'x-api-key'?\n"
    assert done == Outcome(0, "", words)


# The key


def test_the_key_is_taken_from_standard_input_only(home: Env) -> None:
    done = run("config", "set", "api_key", KEY, env=home)
    assert done == Outcome(
        2,
        "",
        "error: an API key on the command line would leak into shell history and process lists\n"
        '  next: pipe it in: printf %s "$KEY" | respan config set api_key -\n',
    )
    assert not file_of(home).exists()
    assert run("config", "set", "api_key", env=home).code == 2
    assert run("config", "set", "api_key", "-", stdin=f"{KEY}\n".encode(), env=home) == DONE
    assert tables(home) == {"profiles": {"default": {"api_key": KEY}}}
    assert file_of(home).stat().st_mode & 0o777 == 0o600
    assert file_of(home).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("piped", "words"),
    [
        (b"", "the key from standard input is empty"),
        (b"two words", "does not look like an API key"),
        (b"\xff\xfe", "standard input is not UTF-8 at byte offset 0"),
    ],
)
def test_what_is_no_key_is_not_stored(home: Env, piped: bytes, words: str) -> None:
    for argv in (("config", "set", "api_key", "-"), ("config", "init", "--api-key-stdin")):
        done = run(*argv, stdin=piped, env=home)
        assert done.code in (2, 3)
        assert words in done.err
        assert not file_of(home).exists()


def test_no_command_shows_the_key_unless_asked(home: Env) -> None:
    secret = "sk-header-secret"
    write(
        home,
        f'[profiles.default]\napi_key = "{KEY}"\n[profiles.default.headers]\nx-api-key = "{secret}"\n'
        f'Cookie = "{secret}"\nX-Plain = "seen"\n[profiles.default.respan_params.customer_credentials]\n'
        f'openai = "{secret}"\n',
    )
    for argv in (
        ("show",),
        ("show", "--origin"),
        ("show", "--json", "--origin"),
        ("list",),
        ("list", "--json"),
        ("get", "api_key"),
        ("get", "headers"),
        ("get", "headers.x-api-key"),
        ("get", "respan_params"),
    ):
        done = run("config", *argv, env=home)
        assert (done.code, done.err) == (0, "")
        assert KEY not in done.out
        assert secret not in done.out
    shown = run("config", "show", "--show-secrets", env=home).out
    assert shown.count(KEY) == 1
    assert shown.count(secret) == 3
    assert run("config", "get", "api_key", env=home).out == "[hidden]\n"
    assert run("config", "get", "api_key", "--show-secrets", env=home).out == f"{KEY}\n"


def test_a_key_and_a_command_for_it_take_each_others_place(home: Env) -> None:
    assert run("config", "set", "api_key_command", "pass show respan", env=home) == DONE
    assert run("config", "set", "api_key", "-", stdin=b"k", env=home) == DONE
    assert tables(home)["profiles"]["default"] == {"api_key": "k"}
    assert run("config", "set", "api_key_command", "pass show respan", env=home) == DONE
    assert tables(home)["profiles"]["default"] == {"api_key_command": "pass show respan"}
    assert run("config", "unset", "api_key", env=home) == DONE
    assert tables(home)["profiles"]["default"] == {"api_key_command": "pass show respan"}


# init


def test_a_script_makes_a_profile_with_no_question_asked(home: Env) -> None:
    flags = ("--customer-id", "team", "--base-url", "http://localhost:1", "-M", "a=1", "-H", "X-B: c")
    done = run("config", "init", "--api-key-stdin", "-p", "ci", *flags, stdin=f"{KEY}\n".encode(), env=home)
    assert done == DONE
    assert tables(home) == {
        "profiles": {
            "ci": {
                "api_key": KEY,
                "base_url": "http://localhost:1/",
                "customer_identifier": "team",
                "metadata": {"a": "1"},
                "headers": {"X-B": "c"},
            }
        }
    }


def test_init_keeps_the_other_values_of_a_profile(home: Env) -> None:
    write(home, '[profiles.default]\napi_key_command = "pass"\nmodel = "x"\n[profiles.b]\nmodel = "y"\n')
    assert run("config", "init", "--api-key-stdin", stdin=b"k", env=home) == DONE
    assert tables(home)["profiles"] == {"default": {"model": "x", "api_key": "k"}, "b": {"model": "y"}}


def test_init_without_a_person_says_how_a_script_does_it(home: Env) -> None:
    assert run("config", "init", env=home) == Outcome(
        2,
        "",
        "error: the API key cannot be asked for: this is not a terminal\n"
        '  next: printf %s "$KEY" | respan config init --api-key-stdin\n',
    )
    assert not file_of(home).exists()


def test_init_refuses_a_flag_before_anything_is_written(home: Env) -> None:
    argv = ("config", "init", "--api-key-stdin")
    assert run(*argv, "--max-tokens", "x", stdin=b"k", env=home).code == 2
    assert run(*argv, "--base-url", "http://example.com", stdin=b"k", env=home).code == 2
    assert not file_of(home).exists()


def test_what_init_made_sends(env: Env, sandbox: Sandbox) -> None:
    del env["RESPAN_API_KEY"]
    argv = ("config", "init", "--api-key-stdin", "--customer-id", "acme")
    assert run(*argv, stdin=KEY.encode(), env=env) == DONE
    assert run("send", "Hello", env=env) == Outcome(0, "Hello\n", "")
    request = sandbox.requests[-1]
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["body"]["metadata"] == {"respan_params": {"customer_identifier": "acme"}}


# list, use, delete


TWO = """\
default_profile = "work"

[profiles.work]
api_key = "k"
base_url = "http://localhost:1"

[profiles.play]
api_key_command = "pass show respan"
"""


def test_profiles_are_listed_with_what_each_would_use(home: Env) -> None:
    write(home, TWO)
    assert run("config", "list", env=home) == Outcome(
        0,
        f"work\tactive, default\thttp://localhost:1/\tprofile\nplay\t\t{RESPAN}\tapi_key_command\n",
        "",
    )
    env = {**home, "RESPAN_PROFILE": "play", "RESPAN_API_KEY": "k"}
    done = run("config", "list", "--json", env=env)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == [
        {
            "name": "work",
            "active": False,
            "default": True,
            "base_url": "http://localhost:1/",
            "key": "RESPAN_API_KEY",
            "inherits": None,
        },
        {
            "name": "play",
            "active": True,
            "default": False,
            "base_url": RESPAN,
            "key": "RESPAN_API_KEY",
            "inherits": None,
        },
    ]


def test_the_list_of_somebody_new_shows_the_default_profile(home: Env) -> None:
    assert run("config", "list", env=home) == Outcome(0, f"default\tactive, default\t{RESPAN}\tnone\n", "")


def test_a_list_says_that_the_chosen_profile_is_none(home: Env) -> None:
    write(home, TWO)
    done = run("config", "list", env={**home, "RESPAN_PROFILE": "paly"})
    assert (done.code, done.err) == (0, "respan: RESPAN_PROFILE names 'paly', which is no profile\n")
    assert "active" not in done.out


def test_a_profile_becomes_the_default_one(home: Env) -> None:
    write(home, TWO)
    assert run("config", "use", "play", env=home) == DONE
    assert tables(home)["default_profile"] == "play"
    assert run("config", "get", "api_key_command", env=home).out == "pass show respan\n"
    assert run("config", "use", "paly", env=home) == Outcome(
        3,
        "",
        "error: there is no profile 'paly', did you mean 'play'?\n"
        "  next: profiles: work, play; 'respan config init -p paly' makes one\n",
    )
    assert run("config", "use", "my own", env=home).err.endswith(
        """; 'respan config init -p "my own"' makes one\n"""
    )
    assert tables(home)["default_profile"] == "play"


def test_a_profile_is_deleted_only_when_it_is_meant(home: Env) -> None:
    path = write(home, TWO)
    assert run("config", "delete", "work", env=home) == Outcome(
        2,
        "",
        "error: deleting profile 'work' needs a confirmation\n  next: respan config delete work --yes\n",
    )
    assert path.read_text() == TWO
    assert run("config", "delete", "work", "--yes", env=home) == DONE
    assert tables(home) == {"profiles": {"play": {"api_key_command": "pass show respan"}}}
    assert run("config", "delete", "paly", "-y", env=home).code == 3
    assert run("config", "delete", "default", "-y", env=home) == Outcome(
        3, "", "error: there is no profile 'default'\n  next: 'respan config list' shows them\n"
    )


def test_writing_into_a_folder_that_others_may_write_is_warned_of(home: Env) -> None:
    path = write(home, TWO)
    path.parent.chmod(0o777)
    assert run("config", "use", "play", env=home) == Outcome(
        0, "", f"respan: others can replace the profile file: chmod go-w {path.parent}\n"
    )


def test_a_pipe_as_profile_file_is_an_error_and_not_waited_for(home: Env, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for argv in (("config", "show"), ("config", "list"), ("send", "hi"), ("headers",)):
        assert run(*argv, env={**home, "RESPAN_CLI_CONFIG": str(pipe)}) == Outcome(
            3, "", f"error: cannot read {pipe}\n  why:  not a regular file\n"
        )


# show, path, mcp


def test_the_settings_in_force_are_rows_for_a_script(home: Env) -> None:
    write(
        home, '[profiles.default]\nsystem = "one\\ttwo\\nthree \\\\"\n[profiles.default.metadata]\na = "b"\n'
    )
    env = {**home, "RESPAN_MODEL": "x", "RESPAN_METADATA": '{"c": "d"}'}
    assert run("config", "show", "--origin", env=env) == Outcome(
        0,
        "profile\tdefault\tdefault\n"
        "api_key\t\t\n"
        "api_key_command\t\t\n"
        f"base_url\t{RESPAN}\tdefault\n"
        "model\tx\tRESPAN_MODEL\n"
        "max_tokens\t4096\tdefault\n"
        "system\tone\\ttwo\\nthree \\\\\tprofile default\n"
        "customer_identifier\t\t\n"
        "custom_identifier\t\t\n"
        "metadata.a\tb\tprofile default\n"
        "metadata.c\td\tRESPAN_METADATA\n"
        "respan_params\t\t\n"
        "headers\t\t\n"
        "gateway_headers\t\t\n"
        "timeout\t600\tdefault\n"
        "max_retries\t2\tdefault\n"
        "required\t\t\n"
        "inherits\t\t\n",
        "",
    )
    assert run("config", "show", env=home).out.startswith("profile\tdefault\napi_key\t\napi_key_command\t\n")


def test_the_settings_in_force_are_json_on_request(home: Env) -> None:
    write(home, TWO)
    done = run("config", "show", "--json", "--origin", "-p", "play", env={**home, "RESPAN_API_KEY": KEY})
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "profile": "play",
        "settings": {
            **{field.name: field.default for field in FIELDS},
            **{field.name: {} for field in FIELDS if field.table},
            "api_key": "[hidden]",
            "required": [],
        },
        "origin": {
            "profile": "--profile",
            "api_key": "RESPAN_API_KEY",
            **{field.name: "default" for field in FIELDS if field.default is not None},
        },
    }


def test_path_says_where_the_file_is_even_if_it_is_broken(home: Env) -> None:
    path = write(home, "[broken")
    assert run("config", "path", env=home) == Outcome(0, f"{path}\n", "")
    assert run("config", "path", env={**home, "RESPAN_CLI_CONFIG": "/a/b"}) == Outcome(0, "/a/b\n", "")


def test_mcp_prints_the_json_of_the_documentation(home: Env) -> None:
    done = run("config", "mcp", env=home)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"mcpServers": {"respan-docs": {"url": "https://respan.ai/docs/mcp"}}}


# The file


def test_a_file_with_an_unknown_key_is_named_with_its_place_and_never_rewritten(home: Env) -> None:
    text = '[profiles.default]\napi_key = "k"\nmax_token = 5\n'
    path = write(home, text)
    for argv in (("set", "model", "x"), ("unset", "model"), ("use", "default"), ("show",), ("list",)):
        assert run("config", *argv, env=home) == Outcome(
            3,
            "",
            "error: profiles.default.max_token is not a setting, did you mean 'max_tokens'?\n"
            f"  next: {path}, line 3, column 1: 'respan config edit' opens it\n",
        )
    assert path.read_text() == text


def test_a_file_that_does_not_parse_is_named_with_its_place_and_never_rewritten(home: Env) -> None:
    path = write(home, "[profiles.default]\nmodel = \n")
    done = run("config", "set", "model", "x", env=home)
    assert done == Outcome(
        3,
        "",
        f"error: {path}, line 2, column 9: not valid TOML\n"
        "  why:  Invalid value\n"
        "  next: fix it with 'respan config edit'\n",
    )
    assert path.read_text() == "[profiles.default]\nmodel = \n"


def test_comments_that_a_rewrite_drops_are_kept_and_it_is_said_once(home: Env) -> None:
    text = "# mine\n[profiles.default]\n"
    path = write(home, text)
    assert run("config", "set", "model", "x", env=home) == Outcome(
        0, "", f"respan: rewriting {path} dropped its comments; the old file is {path}.bak\n"
    )
    assert Path(f"{path}.bak").read_text() == text
    assert run("config", "set", "model", "y", env=home) == DONE


def test_a_link_to_the_file_stays_a_link(home: Env, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    file_of(home).parent.mkdir(parents=True)
    file_of(home).symlink_to(real)
    assert run("config", "set", "model", "x", env=home) == DONE
    assert file_of(home).is_symlink()
    assert tomllib.loads(real.read_text()) == {"profiles": {"default": {"model": "x"}}}


def test_sixteen_processes_at_once_keep_all_sixteen_values(tmp_path: Path) -> None:
    env = process_env(tmp_path)
    writers = [start_process("config", "set", f"metadata.key{n}", str(n), env=env) for n in range(16)]
    for writer in writers:
        out, err = writer.communicate(timeout=2 * PATIENCE)
        assert (writer.returncode, out, err) == (0, b"", b"")
    expected = {f"key{n}": str(n) for n in range(16)}
    assert tables(env)["profiles"]["default"]["metadata"] == expected


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
from respan_cli.cli import main
sys.exit(main())
"""


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    env = process_env(tmp_path)
    path = write(env, TWO)
    done = run_process("config", "set", "system", "x" * 4096, env=env, command=("-B", "-c", LIMITED))
    assert done == Outcome(
        3,
        "",
        f"error: cannot write {path}\n"
        "  why:  File too large\n"
        "  next: the file is as it was; RESPAN_CLI_CONFIG can name one elsewhere\n",
    )
    assert path.read_text() == TWO
    assert {file.name for file in path.parent.iterdir()} <= {"config.toml", ".config.toml.lock"}


# What none of them does

WATCHED = """
import sys
from respan_cli.cli import main

def watch(event, arguments):
    if event.startswith("socket."):
        print("opened a socket:", event, file=sys.stderr)

sys.addaudithook(watch)
for line in sys.stdin.read().splitlines():
    code = main(line.split())
    if code:
        print("failed:", line, code, file=sys.stderr)
heavy = {"anthropic", "httpx2", "httpcore2", "opentelemetry", "rich", "ssl"}
print(*sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""


def test_no_command_opens_a_socket_or_loads_the_sdk(tmp_path: Path) -> None:
    env = process_env(tmp_path, RESPAN_API_KEY=KEY, EDITOR="true")
    lines = """
        config set model x
        config set -p other headers.X-A b
        config use default
        config list
        config show --origin
        config show --json
        config get model
        config path
        config mcp
        config edit
        headers set X-B c
        headers set --gateway X-D e
        headers
        headers list --effective
        headers list --json
        headers unset X-B
        config unset model
        config delete -y default
    """
    done = run_process(env=env, stdin=lines.strip().encode(), command=("-c", WATCHED))
    assert (done.code, done.err) == (0, "respan: created profile 'other'\n")
    # Not even what draws tables: off a terminal nothing is drawn.
    assert done.out.splitlines()[-1] == ""


# Completion


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("config use ", ["work", "play"]),
        ("config delete p", ["play"]),
        ("config get max_", ["max_tokens", "max_retries"]),
        ("config unset headers.", ["headers.X-A"]),
        ("headers unset ", ["X-A"]),
        ("headers unset --gateway ", ["X-G"]),
        ("headers unset -p play ", []),
    ],
)
def test_the_shell_completes_profiles_keys_and_headers(home: Env, words: str, offered: list[str]) -> None:
    extra = '[profiles.work.headers]\nX-A = "1"\n[profiles.work.gateway_headers]\nX-G = "1"\n'
    write(home, TWO.replace("[profiles.play]", extra + "[profiles.play]"))
    assert complete(home, words) == Outcome(0, "\n".join(offered), "")


def test_with_a_broken_file_completion_offers_what_it_can(home: Env) -> None:
    write(home, "[broken")
    assert complete(home, "config use ") == Outcome(0, "", "")
    assert complete(home, "config get mod") == Outcome(0, "model", "")


def complete(env: Env, words: str) -> Outcome:
    line = f"respan {words}"
    count = len(line.split()) - (not line.endswith(" "))
    asked = {"_RESPAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}
    done = run_process(env={**env, **asked}, command=(str(Path(sys.executable).with_name("respan")),))
    return done._replace(out=done.out.strip())


@pytest.mark.parametrize(
    "argv", [("config", "set", "model", ""), ("headers", "set", "x-a", "")], ids=" ".join
)
def test_an_empty_value_makes_no_profile(argv: tuple[str, ...], home: Env) -> None:
    assert run("config", "set", "model", "m", env=home) == DONE
    hint = "profiles: default; 'respan config init -p wrok' makes one"
    done = run(*argv, "-p", "wrok", env=home)
    assert done == Outcome(3, "", f"error: there is no profile 'wrok'\n  next: {hint}\n")
    assert "wrok" not in run("config", "list", env=home).out
