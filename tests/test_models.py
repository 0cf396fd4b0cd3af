"""`respan models`: the public catalogue, and what completion learns from it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from respan_cli.commands.shared import model_cache
from respan_cli.sandbox import Sandbox
from tests.log_host import Asked, log_host
from tests.support import Outcome, Pty, process_env, run, run_process


def answer(deprecated: str) -> object:
    return {
        "models": [
            {
                "model_name": "claude-x",
                "max_context_window": 1_000_000,
                "input_cost": 3,
                "output_cost": 15.5,
                "provider": {"provider_name": "Anthropic"},
            },
            {"model_name": f"anthropic/{deprecated}", "max_context_window": 200_000, "input_cost": 0.25},
            {"model_name": "\x1b[31mevil[/]", "provider": "P"},
        ]
    }


def test_scripts_get_rows_and_objects_without_a_key(tmp_path: Path, deprecated_model: str) -> None:
    asked: list[Asked] = []

    def reply(one: Asked) -> tuple[int, object]:
        asked.append(one)
        return 200, answer(deprecated_model)

    with log_host(reply) as host:
        env = {"HOME": str(tmp_path), "RESPAN_BASE_URL": host.url}
        rows = run("models", env=env)
        some = run("models", "CLAUDE-X", env=env)
        objects = run("models", "claude-x", "--json", env={**env, "RESPAN_API_KEY": "not-needed-here"})
    end = rows.out.splitlines()[1].split("\t")[-1]
    assert end
    assert rows == Outcome(
        0,
        "claude-x\t1000000\t3\t15.5\tAnthropic\t\n"
        f"anthropic/{deprecated_model}\t200000\t0.25\t\t\t{end}\n"
        "\x1b[31mevil[/]\t\t\t\tP\t\n",
        "",
    )
    assert some == Outcome(0, "claude-x\t1000000\t3\t15.5\tAnthropic\t\n", "")
    assert json.loads(objects.out) == {
        "model": "claude-x",
        "context_tokens": 1000000,
        "input_cost_per_million": 3.0,
        "output_cost_per_million": 15.5,
        "provider": "Anthropic",
        "deprecated": None,
    }
    assert {(one.method, one.path) for one in asked} == {("GET", "/api/models/public/")}
    assert not any("authorization" in one.headers for one in asked)


def test_a_person_sees_a_table_that_marks_what_is_deprecated(tmp_path: Path, deprecated_model: str) -> None:
    with log_host(lambda _: (200, answer(deprecated_model))) as host:
        env = process_env(tmp_path, RESPAN_BASE_URL=host.url, NO_COLOR="1")
        with Pty("models", env=env, columns=100) as pty:
            code, text = pty.finish()
    lines = text.split("MODEL ", 1)[1].splitlines()
    assert code == 0
    assert lines[0].split() == ["CONTEXT", "INPUT/M", "OUTPUT/M", "PROVIDER", "DEPRECATED"]
    assert lines[1].split() == ["claude-x", "1M", "$3.00", "$15.50", "Anthropic", "-"]
    assert lines[2].split()[:4] == [f"anthropic/{deprecated_model}", "200k", "$0.2500", "-"]
    assert lines[3].split() == ["[31mevil[/]", "-", "-", "-", "P", "-"]


def test_a_host_without_a_catalogue_says_so(tmp_path: Path) -> None:
    with log_host(lambda _: (404, {"error": {"message": "no such path"}})) as host:
        done = run("models", env={"HOME": str(tmp_path), "RESPAN_BASE_URL": host.url})
    root = host.url.removesuffix("anthropic/")
    assert done == Outcome(
        5,
        "",
        "error: this gateway has no public list of models\n"
        f"  why:  HTTP 404 application/json from {root}: no such path\n"
        f"  next: it is on Respan's own hosts; the base URL is {host.url}\n",
    )


def complete(typed: str, env: dict[str, str]) -> list[str]:
    words = f"respan send -m {typed}"
    count = str(len(words.split(" ")) - 1)
    asked = {"_RESPAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    done = run_process(
        env={**env, **asked}, command=("-c", "import sys; from respan_cli.cli import main; sys.exit(main())")
    )
    return done.out.split()


def test_completion_learns_the_models_that_were_listed_last(sandbox: Sandbox, tmp_path: Path) -> None:
    env = process_env(tmp_path, RESPAN_BASE_URL=sandbox.url, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert complete("sandbox", env) == []
    assert run("models", "nothing-like-this", env=env) == Outcome(0, "", "")
    assert complete("sandbox", env) == ["sandbox-echo"]
    path = tmp_path / "cache" / "respan-cli" / "models.json"
    a_day_ago = time.time() - model_cache.MAX_AGE_S - 1
    os.utime(path, (a_day_ago, a_day_ago))
    assert complete("sandbox", env) == []


@pytest.mark.parametrize("content", ["", "[", "[1]", '{"models": 1}', '{"models": [1, "a b", "a\\u001b"]}'])
def test_a_damaged_cache_offers_nothing(content: str, tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    path = model_cache.cache_path(env)
    assert path
    path.parent.mkdir()
    path.write_text(content)
    assert model_cache.remembered(env) == []


def test_a_cache_that_cannot_be_written_is_no_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    env = {"XDG_CACHE_HOME": str(tmp_path / "file"), "HOME": str(tmp_path), "RESPAN_BASE_URL": sandbox.url}
    done = run("models", "haiku", env=env)
    assert done == Outcome(0, "claude-haiku-5-5\t200000\t3\t15\tAnthropic\t\n", "")


def test_the_cache_is_where_the_platform_keeps_such_things() -> None:
    home = {"HOME": "/h", "XDG_CACHE_HOME": "relative"}
    assert model_cache.cache_path(home, "linux") == Path("/h/.cache/respan-cli/models.json")
    assert model_cache.cache_path(home, "darwin") == Path("/h/Library/Caches/respan-cli/models.json")
    assert model_cache.cache_path({"LOCALAPPDATA": "/l"}, "win32") == Path("/l/respan-cli/models.json")
    assert model_cache.cache_path({}, "linux") is None
