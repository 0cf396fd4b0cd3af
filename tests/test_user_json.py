"""The whole message: `--messages`, `--extra-body`, `--stop`, `--effort`, `--schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from respan_cli.commands.shared.options import Effort
from respan_cli.sandbox import Sandbox
from tests.support import Outcome, run

HISTORY = [
    {"role": "user", "content": "Name a prime."},
    {"role": "assistant", "content": [{"type": "text", "text": "Seven."}]},
]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "history.json").write_text(json.dumps(HISTORY))
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path


def body_sent(sandbox: Sandbox) -> dict[str, Any]:
    (request,) = sandbox.requests
    body: dict[str, Any] = request["body"]
    return body


@pytest.mark.parametrize(
    ("argv", "stdin", "last"),
    [
        (("--messages", "history.json"), None, []),
        (("--messages", "history.json", "Another."), None, [{"role": "user", "content": "Another."}]),
        (("--messages", "history.json"), b"piped", [{"role": "user", "content": "piped"}]),
        (
            ("--messages", "-", "Another."),
            json.dumps(HISTORY).encode(),
            [{"role": "user", "content": "Another."}],
        ),
    ],
    ids=["alone", "with a prompt", "with a piped prompt", "from standard input"],
)
def test_a_conversation_goes_on(
    argv: tuple[str, ...],
    stdin: bytes | None,
    last: list[Any],
    env: dict[str, str],
    sandbox: Sandbox,
    folder: Path,
) -> None:
    assert run("send", *argv, stdin=stdin, env=env).code == 0
    assert body_sent(sandbox)["messages"] == [*HISTORY, *last]


def test_every_field_reaches_the_wire_and_the_dry_run_alike(
    env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    argv = (
        *("send", "hi", "--stop", "END", "--stop", "\n\n", "--effort", "xhigh", "--schema", "schema.json"),
        *("--extra-body", '{"top_k": 5, "output_config": {"later": 1}, "tools": []}'),
    )
    assert run(*argv, env=env).code == 0
    body = body_sent(sandbox)
    assert {name: body[name] for name in ("top_k", "tools", "stop_sequences", "output_config")} == {
        "top_k": 5,
        "tools": [],
        "stop_sequences": ["END", "\n\n"],
        "output_config": {
            "later": 1,
            "effort": "xhigh",
            "format": {"type": "json_schema", "schema": SCHEMA},
        },
    }
    assert json.loads(run(*argv, "-n", env=env).out)["body"] == body


def test_an_extra_body_can_stand_in_a_file(env: dict[str, str], sandbox: Sandbox, folder: Path) -> None:
    (folder / "extra.json").write_bytes(b'\xef\xbb\xbf{"thinking": {"type": "adaptive"}}')
    assert run("send", "hi", "--extra-body", "@extra.json", env=env).code == 0
    assert body_sent(sandbox)["thinking"] == {"type": "adaptive"}


def test_the_answer_stops_where_it_is_told_to(env: dict[str, str]) -> None:
    done = run("send", "one two three", "--stop", "three", "--json", env=env)
    assert json.loads(done.out)["message"]["stop_sequence"] == "three"
    assert json.loads(done.out)["text"] == "one two "


def test_the_efforts_are_those_of_the_installed_sdk() -> None:
    from typing import get_type_hints

    from anthropic.types import OutputConfigParam

    accepted = get_args(get_args(get_type_hints(OutputConfigParam)["effort"])[0])
    assert tuple(Effort) == accepted


def test_structured_output_is_parsed_where_the_answer_is_json(env: dict[str, str], folder: Path) -> None:
    plain = run("send", "Where?", "--schema", "schema.json", env=env)
    assert plain == Outcome(0, '{"city":"text"}\n', "")
    whole = json.loads(run("send", "Where?", "--schema", "schema.json", "--json", env=env).out)
    assert (whole["text"], whole["parsed"]) == ('{"city":"text"}', {"city": "text"})
    last = run("send", "Where?", "--schema", "schema.json", "--events", env=env).out.splitlines()[-1]
    assert json.loads(last)["parsed"] == {"city": "text"}
    assert "parsed" not in json.loads(run("send", "Where?", "--json", env=env).out)


def test_an_answer_that_is_not_json_is_kept_and_called_broken(
    env: dict[str, str], folder: Path, sandbox: Sandbox
) -> None:
    argv = ("send", "Where?", "--schema", "schema.json", "-m", "sandbox-markdown")
    done = run(*argv, "--json", "-o", "answer.json", env=env)
    kept = json.loads((folder / "answer.json").read_text())
    assert kept["parsed"] is None
    assert kept["text"].startswith("# ")
    error = json.loads(done.err)
    assert (done.code, done.out, error["exit_code"], error["error"]["type"]) == (9, "", 9, "broken_reply")
    assert error["error"]["message"].startswith("the answer is not the JSON that --schema asks for: ")
    assert error["error"]["request_id"] == kept["respan"]["request_id"]
    assert run(*argv, env=env).code == 0  # text is passed on as text


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"role": "user", "content": "x"}', "bad.json is not a JSON array of messages"),
        ('{"messages": []}', "bad.json is a JSON object, not an array of messages"),
        ('["hello"]', "bad.json: messages[0] is not an object"),
        ('[{"role": "user"}]', "bad.json: messages[0] has no content"),
        ('[{"role": "user", "content": "x"}, {"content": "y"}]', "bad.json: messages[1] has no role"),
        (
            '[{"role": "bot", "content": "x"}]',
            "bad.json: messages[0].role is not one of user, assistant, system",
        ),
        (
            '[{"role": "user", "content": 7}]',
            "bad.json: messages[0].content is neither text nor an array of blocks",
        ),
        ('[{"role": "user", "content": ""}]', "bad.json: messages[0].content is empty"),
        (
            '[{"role": "user", "content": [{"text": "x"}]}]',
            "bad.json: messages[0].content[0] is not a block: an object with a type",
        ),
        ('[{"role": "user",\n "content" "x"}]', "bad.json is not JSON"),
        ("[NaN]", "bad.json is not JSON"),
        ("[" * 100_000, "bad.json is not JSON"),
        (
            '[{"role": "user", "content": "\\ud800"}]',
            "bad.json holds half a surrogate pair, which is no character",
        ),
        ("\udcff", "bad.json is not UTF-8 at byte offset 0"),
    ],
)
def test_a_conversation_that_is_none_is_named_by_its_place(
    content: str, complaint: str, env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    (folder / "bad.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    done = run("send", "--messages", "bad.json", env=env)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {complaint}")
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--extra-body", "[1]"), "error: --extra-body is not a JSON object\n"),
        (
            ("--extra-body", '{"model": "x"}'),
            "error: --extra-body sets 'model', which has a flag of its own\n  next: use --model\n",
        ),
        (
            ("--extra-body", '{"system": []}'),
            "error: --extra-body sets 'system', which has a flag of its own\n  next: use --system\n",
        ),
        (
            ("--extra-body", '{"metadata": {"user_id": "x"}}'),
            "error: --extra-body sets 'metadata', which has a flag of its own\n"
            "  next: use --customer-id, --custom-id, --metadata, --param or --header\n",
        ),
        (
            ("--extra-body", '{"output_config": {"effort": "low"}}'),
            "error: --extra-body sets 'output_config.effort', which has a flag of its own\n"
            "  next: use --effort\n",
        ),
        (
            ("--extra-body", '{"output_config": 1}'),
            "error: --extra-body sets 'output_config' to what is not an object\n",
        ),
        (
            ("--extra-body", '{"stream": false}'),
            "error: --extra-body sets 'stream': every answer is streamed\n",
        ),
        (("--extra-body", "{'a': 1}"), "error: --extra-body is not JSON\n"),
        (("--extra-body", "@nowhere.json"), "error: cannot read nowhere.json\n"),
        (("--stop", ""), "error: --stop needs a text to stop at\n"),
        (("--schema", "list.json"), "error: list.json is not a JSON Schema: a JSON object is expected\n"),
        (("--schema", "nowhere.json"), "error: cannot read nowhere.json\n"),
        (("--file", "-", "-"), "error: '-' and --file - cannot both read standard input\n"),
        (("--file", "-", "--messages", "-"), "error: --messages - and --file - cannot both read"),
        (
            ("--messages", "-", "--no-stdin"),
            "error: --messages - asks for standard input, which --no-stdin ignores\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_a_flag_cannot_mean_is_refused(
    argv: tuple[str, ...], message: str, env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    (folder / "list.json").write_text("[]")
    done = run("send", "hi", *argv, env=env)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(message)
    assert sandbox.requests == []
