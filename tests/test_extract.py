"""`--extract`: only the content of the answer's first fenced code block."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from respan_cli.output.code_block import first_code_block
from respan_cli.sandbox import Sandbox
from tests.support import Outcome, run

ANSWER = "Here it is:\n\n```python\nprint(1)\n```\n\nAnd another:\n\n```\nno\n```\n"
WARNING = "warning: the answer has no fenced code block; this is its whole text\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ANSWER, "print(1)\n"),
        ("~~~ sh\necho `a`\n```\n~~~\n", "echo `a`\n```\n"),
        ("````\n```\ninner\n```\n````", "```\ninner\n```\n"),
        ("1. First:\n\n   ```\n   a\n     b\n   ```\n", "a\n  b\n"),
        ("> - ```\n>   a\n>   ```\n", "a\n"),
        ("<details>\n\n```\na\n```\n</details>", "a\n"),
        ("```\ncut off", "cut off"),
        ("```\n```", ""),
        ("```\n\n\ta\r\n\n```", "\n\ta\n\n"),
        ("    indented\n\n`inline`, ``` not a fence ```", None),
        ("", None),
    ],
)
def test_the_first_fence_is_found_wherever_it_stands(text: str, code: str | None) -> None:
    assert first_code_block(text) == code


@pytest.mark.parametrize("flag", ["-x", "--extract"])
def test_only_the_block_is_written(flag: str, env: dict[str, str], tmp_path: Path) -> None:
    assert run("send", flag, stdin=ANSWER.encode(), env=env) == Outcome(0, "print(1)\n", "")
    path = tmp_path / "a.py"
    assert run("send", flag, "-o", str(path), stdin=ANSWER.encode(), env=env) == Outcome(0, "", "")
    assert path.read_text() == "print(1)\n"
    done = run("send", flag, "-q", stdin=ANSWER.encode(), env=env, stdout_is_terminal=True)
    assert done == Outcome(0, "print(1)\n", "")


def test_the_text_of_json_is_the_block_and_its_message_is_whole(env: dict[str, str]) -> None:
    whole = json.loads(run("send", "-x", "--json", stdin=ANSWER.encode(), env=env).out)
    assert whole["text"] == "print(1)\n"
    assert whole["message"]["content"][0]["text"] == ANSWER
    last = run("send", "-x", "--events", stdin=ANSWER.encode(), env=env).out.splitlines()[-1]
    assert json.loads(last)["text"] == "print(1)\n"


def test_without_a_block_the_whole_text_comes_with_a_warning(env: dict[str, str]) -> None:
    assert run("send", "-x", "No code", env=env) == Outcome(0, "No code\n", WARNING)
    done = run("send", "-x", "--json", "No code", env=env)
    assert (json.loads(done.out)["text"], done.err) == ("No code", WARNING)


def test_control_characters_of_a_block_do_not_reach_a_terminal(env: dict[str, str]) -> None:
    answer = b"```\na\x1b[31mb\n```"
    assert run("send", "-xq", stdin=answer, env=env, stdout_is_terminal=True) == Outcome(0, "a[31mb\n", "")
    assert run("send", "-x", stdin=answer, env=env) == Outcome(0, "a\x1b[31mb\n", "")


def test_of_an_answer_that_broke_off_nothing_is_written(env: dict[str, str], sandbox: Sandbox) -> None:
    done = run("send", "-x", "-m", "sandbox-cut", stdin=ANSWER.encode(), env=env)
    assert (done.code, done.out) == (9, "")


def test_a_thread_keeps_the_whole_answer(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    assert run("send", "-x", "-t", str(path), stdin=ANSWER.encode(), env=env).code == 0
    (_, turn) = json.loads(path.read_text())["messages"]
    assert turn["content"] == [{"type": "text", "text": ANSWER}]
