"""`--thread`: a conversation in a file that the user names, and which only whole answers are added to."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from respan_cli.messages.thread import Thread, answer_turn, parse_thread
from respan_cli.sandbox import Sandbox
from respan_cli.settings.fields import DEFAULT_MODEL
from respan_cli.settings.files import locked
from tests.support import KEY, PATIENCE, Outcome, process_env, run, run_process, start_process

Env = dict[str, str]
STDIN_NOTICE = b"respan: waiting for standard input to end (--no-stdin ignores it)\n"


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    return tmp_path / "chat.json"


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def exchanged(*texts: str) -> list[dict[str, Any]]:
    """The turns of prompts that the sandbox has echoed."""
    return [turn for text in texts for turn in (user(text), assistant(text))]


def thread_of(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def beside(path: Path) -> list[str]:
    """Everything in the folder, so that nothing is left behind."""
    return sorted(each.name for each in path.parent.iterdir())


def test_the_second_send_continues_the_first(env: Env, sandbox: Sandbox, chat: Path) -> None:
    assert run("send", "-t", str(chat), "Name a prime.", env=env) == Outcome(0, "Name a prime.\n", "")
    assert run("send", "-t", str(chat), "Another.", env=env) == Outcome(0, "Another.\n", "")
    first, second = (request["body"]["messages"] for request in sandbox.requests)
    assert first == [user("Name a prime.")]
    assert second == [*exchanged("Name a prime."), user("Another.")]
    assert thread_of(chat) == {
        "thread_identifier": str(UUID(thread_of(chat)["thread_identifier"])),
        "settings": {"model": DEFAULT_MODEL, "system": None},
        "messages": exchanged("Name a prime.", "Another."),
    }
    assert stat.S_IMODE(chat.stat().st_mode) == 0o600
    assert beside(chat) == ["chat.json"]


def test_the_variable_names_the_file_and_an_empty_file_is_a_new_thread(
    env: Env, sandbox: Sandbox, chat: Path
) -> None:
    chat.touch(0o644)  # as mktemp leaves it
    env |= {"RESPAN_THREAD": str(chat)}
    assert run("send", "One", env=env).code == 0
    assert run("send", "Two", env=env).code == 0
    assert run("send", "Alone", "-t", "", env=env).code == 0
    assert thread_of(chat)["messages"] == exchanged("One", "Two")
    assert stat.S_IMODE(chat.stat().st_mode) == 0o600
    assert sandbox.requests[2]["body"]["messages"] == [user("Alone")]
    assert "metadata" not in sandbox.requests[2]["body"]


def test_a_copy_is_a_fork(env: Env, sandbox: Sandbox, chat: Path) -> None:
    run("send", "-t", str(chat), "Root", env=env)
    fork = chat.with_name("fork.json")
    fork.write_bytes(chat.read_bytes())
    run("send", "-t", str(chat), "Left", env=env)
    run("send", "-t", str(fork), "Right", env=env)
    assert thread_of(chat)["messages"] == exchanged("Root", "Left")
    assert thread_of(fork)["messages"] == exchanged("Root", "Right")


def test_attachments_stay_in_it_as_blocks(env: Env, sandbox: Sandbox, chat: Path, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    flags = ("-t", str(chat), "-f", str(tmp_path / "a.gif"))
    assert run("send", "What is it?", *flags, env=env).code == 0
    first = sandbox.requests[0]["body"]["messages"][0]
    assert [block["type"] for block in first["content"]] == ["image", "text"]
    assert thread_of(chat)["messages"][0] == first
    assert run("send", "And?", "-t", str(chat), env=env).code == 0
    assert sandbox.requests[1]["body"]["messages"][0] == first


def test_thinking_stays_with_its_signature(env: Env, sandbox: Sandbox, chat: Path) -> None:
    flags = ("-t", str(chat), "--extra-body", '{"thinking": {"type": "adaptive"}}')
    assert run("send", "Think", *flags, env=env).code == 0
    thought, text = thread_of(chat)["messages"][1]["content"]
    assert (thought["type"], thought["signature"]) == ("thinking", "c2FuZGJveA==")
    assert text == {"type": "text", "text": "Think"}


@pytest.mark.parametrize(
    ("block", "tools", "kept"),
    [
        ({"type": "text", "text": " \n"}, False, False),
        ({"type": "thinking", "thinking": "Hm", "signature": ""}, False, False),
        ({"type": "redacted_thinking", "data": "x"}, False, True),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, False, False),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, True, True),
        ({"type": "text", "text": "half \ud83d"}, False, {"type": "text", "text": "half \ufffd"}),
    ],
)
def test_only_blocks_that_the_api_takes_back_are_kept(
    block: dict[str, Any], tools: bool, kept: bool | dict[str, Any]
) -> None:
    expected = [block] if kept is True else [kept] if kept else []
    assert answer_turn([block], tools=tools) == {"role": "assistant", "content": expected}


def test_a_tool_result_continues_a_tool_call(env: Env, sandbox: Sandbox, chat: Path, tmp_path: Path) -> None:
    run("send", "-t", str(chat), "Question", env=env)
    results = tmp_path / "results.json"
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}]}
    results.write_text(json.dumps([result]))
    assert run("send", "-t", str(chat), "--messages", str(results), env=env).code == 0
    assert sandbox.requests[1]["body"]["messages"] == [*exchanged("Question"), result]
    assert thread_of(chat)["messages"][:3] == [*exchanged("Question"), result]


# --- settings


def settings_of(env: Env, *argv: str) -> tuple[str, str | None]:
    done = run("send", "-n", "hi", *argv, env=env)
    assert (done.code, done.err) == (0, "")
    body = json.loads(done.out)["body"]
    return body["model"], body.get("system")


def test_later_turns_keep_the_model_and_the_system_prompt_of_the_first(env: Env, chat: Path) -> None:
    profile = Path(env["HOME"]) / ".config" / "respan-cli" / "config.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text('[profiles.default]\nmodel = "of-profile"\nsystem = "Of the profile."\n')
    flags = ("-t", str(chat))
    assert run("send", "One", *flags, "-m", "first", "-s", "Rhyme.", env=env).code == 0
    assert settings_of(env, *flags) == ("first", "Rhyme.")
    assert settings_of(env | {"RESPAN_MODEL": "of-variable"}, *flags) == ("of-variable", "Rhyme.")
    assert settings_of(env, *flags, "-m", "of-flag", "-s", "") == ("of-flag", None)
    assert settings_of(env) == ("of-profile", "Of the profile.")
    assert run("send", "Two", *flags, "-m", "second", env=env).code == 0
    assert thread_of(chat)["settings"] == {"model": "first", "system": "Rhyme."}


def test_a_conversation_without_a_system_prompt_stays_without(env: Env, chat: Path) -> None:
    assert run("send", "One", "-t", str(chat), env=env).code == 0
    profile = Path(env["HOME"]) / ".config" / "respan-cli" / "config.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text('[profiles.default]\nsystem = "Of the profile."\n')
    assert settings_of(env, "-t", str(chat)) == (DEFAULT_MODEL, None)


def identifier_sent(sandbox: Sandbox) -> Any:
    return sandbox.requests[-1]["body"]["metadata"]["respan_params"]["thread_identifier"]


def test_the_log_groups_by_the_identifier_of_the_file_unless_another_is_given(
    env: Env, sandbox: Sandbox, chat: Path
) -> None:
    run("send", "One", "-t", str(chat), env=env)
    own = thread_of(chat)["thread_identifier"]
    assert identifier_sent(sandbox) == own
    run("send", "Two", "-t", str(chat), env=env)
    assert identifier_sent(sandbox) == own
    run("send", "Three", "-t", str(chat), "--param", "thread_identifier=mine", env=env)
    assert identifier_sent(sandbox) == "mine"
    profile = Path(env["HOME"]) / ".config" / "respan-cli" / "config.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text('[profiles.default.respan_params]\nthread_identifier = "of the profile"\n')
    run("send", "Four", "-t", str(chat), env=env)
    assert identifier_sent(sandbox) == "of the profile"
    assert thread_of(chat)["thread_identifier"] == own


def test_config_show_says_that_a_value_is_of_the_thread(env: Env, chat: Path) -> None:
    run("send", "One", "-t", str(chat), "-m", "first", env=env)
    shown = run("config", "show", "--origin", "--json", env=env | {"RESPAN_THREAD": str(chat)})
    whole = json.loads(shown.out)
    assert (whole["settings"]["model"], whole["origin"]["model"]) == ("first", f"thread {chat}")


# --- output


def test_the_object_of_json_has_the_file_and_its_turns(env: Env, chat: Path) -> None:
    for turns in (2, 4):
        done = run("send", "--json", "hi", "-t", str(chat), env=env)
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out)["thread"] == {"file": str(chat), "turns": turns}
    last = run("send", "--events", "hi", "-t", str(chat), env=env).out.splitlines()[-1]
    assert json.loads(last)["thread"] == {"file": str(chat), "turns": 6}
    assert "thread" not in json.loads(run("send", "--json", "hi", env=env).out)


def test_a_dry_run_shows_the_whole_request_and_writes_nothing(env: Env, sandbox: Sandbox, chat: Path) -> None:
    done = run("send", "-n", "New", "-t", str(chat), env=env)
    body = json.loads(done.out)["body"]
    assert (done.code, done.err, body["messages"]) == (0, "", [user("New")])
    assert UUID(body["metadata"]["respan_params"]["thread_identifier"])
    assert not any("chat" in name for name in beside(chat))
    run("send", "One", "-t", str(chat), env=env)
    before = chat.read_bytes()
    body = json.loads(run("send", "-n", "Two", "-t", str(chat), env=env).out)["body"]
    assert body["messages"] == [*exchanged("One"), user("Two")]
    assert body["metadata"]["respan_params"]["thread_identifier"] == thread_of(chat)["thread_identifier"]
    assert (chat.read_bytes(), beside(chat)) == (before, ["chat.json"])
    assert len(sandbox.requests) == 1


def test_messages_reads_a_thread_file(env: Env, sandbox: Sandbox, chat: Path) -> None:
    run("send", "One", "-t", str(chat), env=env)
    before = chat.read_bytes()
    assert run("send", "Aside", "--messages", str(chat), env=env).code == 0
    assert sandbox.requests[1]["body"]["messages"] == [*exchanged("One"), user("Aside")]
    assert chat.read_bytes() == before


def test_an_empty_array_of_messages_is_an_empty_conversation(env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", "--messages", "-", stdin=b"[]", env=env) == Outcome(0, "hi\n", "")
    nothing = "error: there is no prompt\n  next: respan send 'Say hello', or pipe text in\n"
    assert run("send", "--messages", "-", stdin=b"[]", env=env) == Outcome(2, "", nothing)
    assert len(sandbox.requests) == 1


# --- answers that are not added


@pytest.fixture(params=["new", "begun"])
def kept(request: pytest.FixtureRequest, env: Env, chat: Path) -> Iterator[Path]:
    """A thread that must be as it was when the test is over, and have nothing beside it."""
    if request.param == "begun":
        run("send", "One", "-t", str(chat), env=env)
    before = chat.read_bytes() if chat.exists() else None
    files = beside(chat)
    yield chat
    assert (chat.read_bytes() if chat.exists() else None) == before
    assert beside(chat) == files


@pytest.mark.parametrize("model", ["sandbox-529", "sandbox-cut", "sandbox-401", "sandbox-html"])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["plain", "json"])
def test_a_send_that_failed_adds_nothing_and_says_so(
    model: str, form: tuple[str, ...], env: Env, kept: Path
) -> None:
    done = run("send", "Two", "-t", str(kept), "-m", model, *form, env=env)
    assert done.code in (4, 7, 9)
    told = f"nothing was added to {kept}"
    if form:
        (line,) = done.err.splitlines()
        assert json.loads(line)["error"]["hint"].endswith(told)
    else:
        assert done.err.count(told) == 1


def test_a_truncated_answer_is_not_added(env: Env, kept: Path) -> None:
    argv = ("send", "One two three four", "--max-tokens", "1", "-t", str(kept))
    why = f"the answer was cut by max_tokens; a larger --max-tokens lets it end; nothing was added to {kept}"
    assert run(*argv, env=env) == Outcome(0, "One \n", f"warning: {why}\n")
    turns = 2 if kept.exists() else 0
    done = run(*argv, "--json", env=env)
    assert json.loads(done.out)["thread"] == {"file": str(kept), "turns": turns}
    done = run(*argv, "--strict", env=env)
    assert (done.code, done.out) == (10, "One \n")
    assert done.err.startswith(
        "error: the answer was cut by max_tokens\n"
        f"  next: a larger --max-tokens lets it end; nothing was added to {kept}\n"
    )


def test_a_refused_answer_is_not_added(env: Env, kept: Path) -> None:
    done = run("send", "Two", "-m", "sandbox-refusal", "-t", str(kept), env=env)
    assert done.code == 0
    assert done.err.endswith(f"; nothing was added to {kept}\n")


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_an_interrupted_send_adds_nothing_and_says_so(env: Env, kept: Path, tmp_path: Path) -> None:
    with start_process("send", "One two three", "-m", "sandbox-slow", "-t", str(kept), env=env) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert f"nothing was added to {kept}\n" in process.stderr.read().decode()
        assert process.wait(PATIENCE) == 130


# --- files that are no threads


NOT_THREADS = {
    "text": (b"Dear diary", "chat.json is not JSON: Expecting value (line 1, column 1)"),
    "an array": (b'[{"role": "user", "content": "hi"}]', "chat.json has no thread_identifier and messages"),
    "another object": (b'{"messages": []}', "chat.json has no thread_identifier and messages"),
    "no UTF-8": (b"\xff\xfe", "chat.json is not UTF-8 at byte offset 0"),
    "no identifier": (
        b'{"thread_identifier": 5, "messages": []}',
        "chat.json: thread_identifier is not text",
    ),
    "a foreign setting": (
        b'{"thread_identifier": "a", "settings": {"base_url": "http://evil"}, "messages": []}',
        "chat.json: settings has 'base_url', and a thread keeps model and system",
    ),
    "a number for a model": (
        b'{"thread_identifier": "a", "settings": {"model": 5}, "messages": []}',
        "chat.json: settings is not a table of texts",
    ),
    "no turns": (
        b'{"thread_identifier": "a", "messages": [{"role": "user"}]}',
        "chat.json: messages[0] has no content",
    ),
}


@pytest.mark.parametrize(("content", "why"), NOT_THREADS.values(), ids=NOT_THREADS.keys())
def test_a_file_that_is_no_thread_is_refused_and_never_overwritten(
    content: bytes, why: str, env: Env, sandbox: Sandbox, chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(chat.parent)
    chat.write_bytes(content)
    for form in ((), ("-n",)):
        assert run("send", "hi", "-t", "chat.json", *form, env=env) == Outcome(
            2,
            "",
            f"error: chat.json is not a thread\n  why:  {why}\n"
            "  next: name another file with --thread, or unset RESPAN_THREAD\n",
        )
    assert (chat.read_bytes(), sandbox.requests, beside(chat)) == (content, [], ["chat.json"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_regular_file_is_refused(env: Env, sandbox: Sandbox, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    next_step = "  next: name another file with --thread, or unset RESPAN_THREAD\n"
    for path in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        assert run("send", "hi", "-t", str(path), env=env) == Outcome(
            2, "", f"error: {path} is not a regular file\n{next_step}"
        )
    within = tmp_path / "pipe" / "x"
    assert run("send", "hi", "-t", str(within), env=env) == Outcome(
        2, "", f"error: cannot read the thread {within}\n  why:  Not a directory\n{next_step}"
    )
    assert sandbox.requests == []


def test_a_folder_that_is_not_there_is_said_before_anything_is_sent(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / "chat.json"
    assert run("send", "hi", "-t", str(path), env=env) == Outcome(
        12, "", f"error: cannot write the thread {path}\n  why:  No such file or directory\n"
    )
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("flags", "variable", "message"),
    [
        (("-t", "-"), {}, "--thread names a file: standard input cannot keep a conversation"),
        ((), {"RESPAN_THREAD": "-"}, "RESPAN_THREAD names a file: standard input cannot keep a conversation"),
        (("-t", ""), {}, "--thread has an empty value where the name of a file belongs"),
        (("-t", ""), {"RESPAN_THREAD": ""}, "--thread has an empty value where the name of a file belongs"),
    ],
)
def test_a_name_that_is_no_file_is_refused(
    flags: tuple[str, ...], variable: Env, message: str, env: Env, sandbox: Sandbox
) -> None:
    assert run("send", "hi", *flags, env=env | variable) == Outcome(2, "", f"error: {message}\n")
    assert sandbox.requests == []


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="there are no symbolic links here")
def test_a_symbolic_link_is_written_through(env: Env, chat: Path) -> None:
    chat.symlink_to("real.json")
    run("send", "One", "-t", str(chat), env=env)
    assert chat.is_symlink()
    assert thread_of(chat.with_name("real.json"))["messages"] == exchanged("One")


# --- several at once


def test_four_sends_at_once_each_see_the_turns_of_those_before(
    sandbox: Sandbox, chat: Path, tmp_path: Path
) -> None:
    env = process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url, RESPAN_THREAD=str(chat))
    texts = ["A", "B", "C", "D"]
    processes = [
        start_process("send", "--no-stdin", text, env=env, stdin=subprocess.DEVNULL) for text in texts
    ]
    outcomes = [(process.communicate(timeout=2 * PATIENCE), process.returncode) for process in processes]
    assert [(out, code) for (out, _), code in outcomes] == [(f"{text}\n".encode(), 0) for text in texts]
    waiting = f"respan: waiting for another send to finish with {chat}\n".encode()
    errors = [err for (_, err), _ in outcomes]
    assert set(errors) <= {b"", waiting}
    asked = [request["body"]["messages"] for request in sandbox.requests]
    order = [messages[-1]["content"] for messages in asked]
    assert sorted(order) == texts
    assert asked == [[*exchanged(*order[:count]), user(order[count])] for count in range(4)]
    assert thread_of(chat)["messages"] == exchanged(*order)
    params = [request["body"]["metadata"]["respan_params"] for request in sandbox.requests]
    assert params == [{"thread_identifier": thread_of(chat)["thread_identifier"]}] * 4
    assert beside(chat) == ["chat.json"]


HOLD = """
import sys, time
from pathlib import Path
from respan_cli.settings.files import locked
with locked(Path(sys.argv[1]), keep_lock_file=False):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_send_waits_for_the_lock_and_says_so(env: Env, sandbox: Sandbox, chat: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, chat], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with start_process("send", "--no-stdin", "hi", "-t", str(chat), env=env) as process:
            assert process.stderr is not None
            told = f"respan: waiting for another send to finish with {chat}\n"
            assert process.stderr.readline().decode() == told
            assert sandbox.requests == []
            holder.communicate(timeout=PATIENCE)
            assert process.communicate(timeout=PATIENCE) == (b"hi\n", b"")


LOCK_LATE = """
import sys
from pathlib import Path
from respan_cli.settings import files
try_lock = files._try_lock
def lock_late(handle):
    files._try_lock = try_lock
    print("opened", flush=True)
    sys.stdin.readline()
    return try_lock(handle)
files._try_lock = lock_late
waiting = lambda holder: print("waiting", flush=True)
with files.locked(Path(sys.argv[1]), on_wait=waiting, keep_lock_file=False):
    print("held", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_a_lock_file_that_was_removed_after_it_was_opened_is_no_lock(chat: Path) -> None:
    with locked(chat, keep_lock_file=False):
        late = subprocess.Popen(
            [sys.executable, "-c", LOCK_LATE, chat], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert late.stdout is not None
        assert late.stdin is not None
        assert late.stdout.readline() == "opened\n"
    with late:
        with locked(chat, keep_lock_file=False):
            late.stdin.write("\n")
            late.stdin.flush()
            assert late.stdout.readline() == "waiting\n"
        assert late.stdout.readline() == "held\n"


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_the_lock_of_a_dead_process_holds_nothing_up(env: Env, chat: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, chat], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert beside(chat) == [".chat.json.lock"]
    assert run("send", "hi", "-t", str(chat), env=env) == Outcome(0, "hi\n", "")
    assert beside(chat) == ["chat.json"]


def test_one_send_piped_into_another_on_the_same_thread_does_not_wait_for_itself(
    env: Env, sandbox: Sandbox, chat: Path, tmp_path: Path
) -> None:
    program = f'"{sys.executable}" -m respan_cli send -t "{chat}"'
    done = subprocess.run(
        ["sh", "-c", f"{program} --no-stdin One | {program} Two"],
        env=process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"Two\n\nOne\n")
    assert done.stderr in (b"", STDIN_NOTICE)  # which says so where the first send takes its time
    assert thread_of(chat)["messages"][2] == user("Two\n\nOne\n")


KILL_WHILE_WRITING = """
import os, signal, sys
from respan_cli.cli import main
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_a_kill_while_writing_leaves_the_old_turns_and_holds_nothing_up(env: Env, chat: Path) -> None:
    run("send", "One", "-t", str(chat), env=env)
    before = chat.read_bytes()
    killed = run_process(
        "send",
        "Two",
        "-t",
        str(chat),
        env=process_env(chat.parent, **env),
        command=("-c", KILL_WHILE_WRITING),
    )
    assert (killed.code, killed.out) == (-signal.SIGKILL, "Two\n")
    assert chat.read_bytes() == before
    assert run("send", "Three", "-t", str(chat), env=env) == Outcome(0, "Three\n", "")
    assert thread_of(chat)["messages"] == exchanged("One", "Three")
    assert beside(chat) == ["chat.json"]


def steps_for(turns: int) -> int:
    """How many calls it takes to read a thread of so many turns, add two, and write it."""
    thread = Thread("chat.json", "a", {"model": "m"}, exchanged(*map(str, range(turns // 2))))
    data = thread.dump()
    count = 0

    def count_call(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(count_call)
    try:
        parse_thread(data, f"{turns}.json").with_turns(exchanged("x"), model="m", system=None).dump()
    finally:
        sys.setprofile(None)
    return count


def test_a_thread_of_two_thousand_turns_costs_no_more_than_its_json(
    env: Env, sandbox: Sandbox, chat: Path
) -> None:
    assert steps_for(2000) < 4.5 * steps_for(500)
    chat.write_bytes(Thread("chat.json", "a", {}, exchanged(*map(str, range(1000)))).dump())
    size = chat.stat().st_size
    assert run("send", "hi", "-t", str(chat), env=env) == Outcome(0, "hi\n", "")
    assert len(sandbox.requests[0]["body"]["messages"]) == 2001
    assert chat.stat().st_size < size + 250  # the two turns, and the settings that were not there
