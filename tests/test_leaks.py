"""A gateway gets only the documented data of this machine, and only the gateway gets the key."""

from __future__ import annotations

import io
import json
import re
import socket
from pathlib import Path
from traceback import TracebackException

import anthropic
import pytest

from respan_cli.cli import main
from respan_cli.commands.shared.connection import Target, client_for
from respan_cli.commands.shared.context import load_settings
from respan_cli.commands.shared.options import ProfileOptions
from respan_cli.errors import RespanError
from respan_cli.exchange import exchange
from respan_cli.gateway.debug_log import shown_body
from respan_cli.gateway.observer import RequestObserver, RequestSent
from respan_cli.messages.request import build, user_turn
from respan_cli.sandbox import FAULTS, Sandbox
from respan_cli.settings.headers import WireHeader
from respan_cli.terminal.terminal import Terminal
from tests.support import KEY, Outcome, Screen, process_env, run, run_process

Env = dict[str, str]
MARKER = "marker-of-this-machine"


def variables_of_the_sdk() -> set[str]:
    """Every variable that the installed SDK names anywhere, and those of what it loads for telemetry."""
    found = {
        "OTEL_PROPAGATORS",
        "OTEL_PYTHON_TRACER_PROVIDER",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_SERVICE_NAME",
    }
    for path in Path(anthropic.__file__).parent.rglob("*.py"):
        found |= set(re.findall(r"[\"']((?:ANTHROPIC|OTEL)_[A-Z_]+)[\"']", path.read_text("utf-8")))
    return found


def test_the_sdk_is_searched_for_its_variables() -> None:
    assert {
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_LOG",
        "ANTHROPIC_PROFILE",
        "ANTHROPIC_CONFIG_DIR",
    } <= variables_of_the_sdk()


def test_nothing_that_the_sdk_reads_reaches_the_gateway(tmp_path: Path, sandbox: Sandbox) -> None:
    clean = process_env(tmp_path / "clean", RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)
    home = tmp_path / "home"
    marked = {**clean, **dict.fromkeys(variables_of_the_sdk(), MARKER), "HOME": str(home)}
    marked["ANTHROPIC_CUSTOM_HEADERS"] = f"X-Marker: {MARKER}"
    marked["ANTHROPIC_LOG"] = "debug"
    marked["ANTHROPIC_OPEN_TELEMETRY_PROPAGATION"] = "true"
    marked["ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE"] = "content"
    write_what_others_read(home)
    marked["NETRC"] = str(home / ".netrc")
    marked["ANTHROPIC_CONFIG_DIR"] = str(home / ".config" / "anthropic")
    assert run_process("send", "--no-stdin", "hi", env=clean) == Outcome(0, "hi\n", "")
    assert run_process("send", "--no-stdin", "hi", env=marked) == Outcome(0, "hi\n", "")
    first, second = sandbox.requests
    assert first == second
    assert MARKER not in json.dumps(second)


def write_what_others_read(home: Path) -> None:
    """A netrc, and a profile of the SDK, as the SDK keeps them."""
    folder = home / ".config" / "anthropic"
    (folder / "configs").mkdir(parents=True)
    (folder / "credentials").mkdir()
    (home / ".netrc").write_text(f"machine 127.0.0.1 login {MARKER} password {MARKER}\n")
    (home / ".netrc").chmod(0o600)
    (folder / "active_config").write_text("default\n")
    profile = {"base_url": f"http://{MARKER}.invalid", "organization_id": MARKER, "workspace_id": MARKER}
    (folder / "configs" / "default.json").write_text(json.dumps(profile))
    credentials = {"type": "oauth", "access_token": MARKER, "api_key": MARKER}
    (folder / "credentials" / "default.json").write_text(json.dumps(credentials))


def test_a_redirect_takes_neither_key_nor_prompt_anywhere(env: Env, sandbox: Sandbox) -> None:
    with Sandbox() as other:
        head = f"HTTP/1.1 308 Elsewhere\r\nLocation: {other.url}/v1/messages\r\nContent-Length: 0\r\n\r\n"
        sandbox.replies.append(head.encode())
        done = run("send", "hi", env=env)
        assert (done.code, other.requests) == (5, [])
    assert f"  why:  it points to {other.url}/v1/messages\n" in done.err


SECRET = "secret-of-a-header-0123"
SECRETS = (
    *("--gateway-header", f"cookie: {SECRET}", "-H", f"x-provider-key: {SECRET}"),
    *("--param", f'customer_credentials:={{"anthropic": "{SECRET}"}}'),
)
MODES: list[tuple[str, ...]] = [
    (),
    ("--json",),
    ("--events",),
    ("--debug",),
    ("--debug", "--json"),
    ("--usage",),
    ("--dry-run",),
    ("--dry-run", "--debug"),
    *(("--as", form) for form in ("json", "curl", "python")),
    ("--dry-run", "--debug", "--as", "curl"),
]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: " ".join(mode) or "plain")
def test_neither_the_key_nor_a_secret_header_is_in_anything_that_is_printed(
    mode: tuple[str, ...], env: Env
) -> None:
    for model in (
        "any",
        "sandbox-401",
        "sandbox-cut",
        "sandbox-reset-early",
        "sandbox-html",
        "sandbox-redirect",
    ):
        for person in (False, True):
            done = run(
                *("send", "hi", "-m", model, *SECRETS, *mode),
                env=env,
                stdout_is_terminal=person,
                stderr_is_terminal=person,
            )
            assert KEY not in done.out + done.err
            assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    "argv", [("--help",), ("--version",), ("send", "--help"), ("nonsense",), ("send", "--nonsense")]
)
def test_the_key_is_in_no_help_and_no_usage_error(argv: tuple[str, ...], env: Env) -> None:
    done = run(*argv, env=env)
    assert KEY not in done.out + done.err


@pytest.mark.parametrize("mode", [(), ("--json",), ("--debug",)], ids=str)
def test_a_gateway_that_repeats_the_key_is_not_repeated(
    mode: tuple[str, ...], env: Env, sandbox: Sandbox
) -> None:
    said = json.dumps({"detail": f"{KEY} is not a key", "request_id": KEY}).encode()
    head = f"HTTP/1.1 401 No\r\nX-Echo: Bearer {KEY}\r\nContent-Length: {len(said)}\r\n\r\n"
    sandbox.replies.append(head.encode() + said)
    done = run("send", "hi", *mode, env=env)
    assert done.code == 4
    assert KEY not in done.err
    assert "[hidden] is not a key" in done.err


def test_the_answer_is_the_models_business(env: Env) -> None:
    assert run("send", f"is {KEY} a key?", env=env).out == f"is {KEY} a key?\n"


def test_no_repr_holds_the_key() -> None:
    header = WireHeader("Authorization", f"Bearer {KEY}", "api_key")
    sent = RequestSent("POST", "http://127.0.0.1/", {"Authorization": KEY}, KEY.encode(), "")
    assert KEY not in repr([Target("http://127.0.0.1/", KEY, "RESPAN_API_KEY"), header, sent])


class FaultyObserver(RequestObserver):
    """Fails as only a defect does, at the end of every stream."""

    def end(self, events: int) -> None:
        raise ZeroDivisionError(f"after {events} events")


@pytest.fixture
def addresses(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Base URLs and models that fail in all places there are."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    slow = {"sandbox-stall", "sandbox-silent", "sandbox-slow"}
    models = ["any", *(name for name in FAULTS if name not in slow)]
    return [(closed, "any"), *((sandbox.url, model) for model in models)]


def test_no_traceback_with_locals_holds_the_key(addresses: list[tuple[str, str]], env: Env) -> None:
    for url, model in addresses:
        variables = {**env, "RESPAN_BASE_URL": url, "RESPAN_MODEL": model, "RESPAN_TIMEOUT": "5"}
        with pytest.raises((RespanError, ZeroDivisionError)) as failure:
            exchange_with(variables)
        frames = failure.value.__traceback__
        while frames and frames.tb_frame.f_code is not exchange.__code__:
            frames = frames.tb_next  # the frames of this test know the key
        own = failure.value.with_traceback(frames)
        shown = "".join(TracebackException.from_exception(own, capture_locals=True).format())
        assert "in exchange" in shown
        assert KEY not in shown, f"{model}: {[line for line in shown.splitlines() if KEY in line]}"


def exchange_with(variables: Env) -> None:
    """One exchange whose failure comes out as it is; one that succeeds ends in a defect."""
    terminal = Terminal(None, io.BytesIO(), io.BytesIO(), {})
    settings = load_settings(ProfileOptions(), variables)
    target = Target(settings.base_url, KEY, "RESPAN_API_KEY")
    with client_for(target, settings, terminal) as client:
        request = build(settings, [user_turn("hi")], {})
        for _ in exchange(client, request, profile="default", observer=FaultyObserver()):
            pass


class Broken(io.BytesIO):
    """A stream that fails as no stream may."""

    def write(self, data: object) -> int:
        raise ZeroDivisionError(f"the key is {KEY}")


INTERNAL = (
    "error: a defect in respan-cli 0.1.0: ZeroDivisionError\n"
    "  next: please report it with what the same command prints with --debug\n"
)


def test_a_defect_is_one_line_and_how_to_report_it(env: Env) -> None:
    err = io.BytesIO()
    assert main(["send", "hi"], Terminal(io.BytesIO(), Broken(), err, env)) == 1
    assert err.getvalue().decode() == INTERNAL


def test_a_defect_in_json_is_a_line_like_any_other(env: Env) -> None:
    err = io.BytesIO()
    assert main(["send", "hi", "--json"], Terminal(io.BytesIO(), Broken(), err, env)) == 1
    error = json.loads(err.getvalue())
    assert (error["exit_code"], error["error"]["type"], error["error"]["retryable"]) == (1, "defect", False)


def test_debug_shows_where_a_defect_is_and_still_not_the_key(env: Env) -> None:
    err = io.BytesIO()
    assert main(["send", "hi", "--debug"], Terminal(io.BytesIO(), Broken(), err, env)) == 1
    shown = err.getvalue().decode()
    assert INTERNAL in shown
    assert "Traceback (most recent call last):" in shown
    assert "ZeroDivisionError: the key is [hidden]" in shown
    assert KEY not in shown


def test_a_defect_before_anything_is_sent_does_not_show_the_key_either(env: Env) -> None:
    class Odd(Screen):
        def fileno(self) -> int:
            raise ZeroDivisionError(KEY)

        def isatty(self) -> bool:
            raise ZeroDivisionError(KEY)

    err = io.BytesIO()
    assert main(["send", "--debug"], Terminal(Odd(), io.BytesIO(), err, env)) == 1
    assert KEY not in err.getvalue().decode()
    assert "ZeroDivisionError: [hidden]" in err.getvalue().decode()


def test_debug_is_the_whole_exchange_redacted(env: Env, sandbox: Sandbox) -> None:
    argv = ("-m", "sandbox-flaky-529", "--customer-id", "acme", "--max-retries", "1", *SECRETS, "--debug")
    done = run("send", "hi", *argv, env=env)
    assert (done.code, done.out) == (0, "hi\n")
    host = sandbox.url.removeprefix("http://")
    shown = re.sub(r"\d\.\d\d s", "0.00 s", done.err.replace(host, "HOST"))
    shown = re.sub(r"(date|x-respan-log-id): .*", r"\1: …", shown)
    body = json.dumps(
        {
            "model": "sandbox-flaky-529",
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": "hi"}],
            "metadata": {
                "respan_params": {"customer_identifier": "acme", "customer_credentials": "[hidden]"},
                "extra_headers": {"x-provider-key": "[hidden]"},
            },
            "stream": True,
        }
    )
    length = len(json.dumps(sandbox.requests[0]["body"], separators=(",", ":")))
    request = f"""\
> POST http://HOST/v1/messages
> host: HOST
> connection: keep-alive
> content-length: {length}
> accept: application/json
> accept-encoding: gzip, deflate
> content-type: application/json
> user-agent: respan-cli/0.1.0
> anthropic-version: 2026-10-21
> cookie: [hidden]
> authorization: [hidden]
>
> {body}
"""
    assert shown == (
        request
        + """\
< HTTP 529 after 0.00 s
< server: respan-sandbox
< date: …
< content-type: application/json
< content-length: 119
< request-id: req_000000000000000000000001
< x-respan-log-id: …
< retry-after: 0
< retry-after-ms: 1
* the gateway or the provider failed (HTTP 529); retry 1 of 1 in 0.0 s
"""
        + request
        + """\
< HTTP 200 after 0.00 s
< server: respan-sandbox
< date: …
< content-type: text/event-stream; charset=utf-8
< transfer-encoding: chunked
< request-id: req_000000000000000000000002
< x-respan-log-id: …
* 7 events, the last after 0.00 s
"""
    )


def test_a_cookie_that_the_gateway_sets_is_hidden_from_debug(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(b"HTTP/1.1 400 No\r\nSet-Cookie: session=0123456789\r\nContent-Length: 0\r\n\r\n")
    assert "< set-cookie: [hidden]\n" in run("send", "hi", "--debug", env=env).err


def test_a_long_text_of_the_body_is_shortened_in_debug() -> None:
    shown = shown_body(json.dumps({"messages": [{"content": "x" * 5000}], "metadata": None}).encode())
    assert shown == json.dumps(
        {"messages": [{"content": "x" * 1000 + "… (5000 characters)"}], "metadata": None}, ensure_ascii=False
    )
