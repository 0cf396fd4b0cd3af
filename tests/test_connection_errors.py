"""No connection, no answer: DNS, refusal, TLS, proxies, certificates. All exit code 8, with what to do."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import trustme

from respan_cli.gateway.proxy import proxy_for
from respan_cli.sandbox import Sandbox
from tests.support import KEY, Outcome, run

Env = dict[str, str]

PASSWORD = "proxy-password"
UP = "is the network up, and the base URL right? see 'respan config show --origin'"
NOWHERE = "https://gateway.invalid"  # RFC 6761: never a name of anybody


def at(url: str, *argv: str, retries: int = 0) -> Outcome:
    """Send to this URL."""
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": url}
    return run("send", "hi", "--max-retries", str(retries), *argv, env=env)


def check(
    url: str, message: str, why: str, hint: str, *argv: str, retryable: bool = True, kind: str = "unreached"
) -> None:
    """Send to this URL, in every form of output, and compare all there is to see."""
    details = {
        "type": kind,
        "message": f"{message}: {why}",
        "status": None,
        "retryable": retryable,
        "retry_after": None,
        "request_id": None,
        "log_id": None,
        "hint": hint,
    }
    line = json.dumps({"error": details, "exit_code": 8}, ensure_ascii=False) + "\n"
    assert at(url, *argv) == Outcome(8, "", f"error: {message}\n  why:  {why}\n  next: {hint}\n")
    assert at(url, *argv, "--json") == at(url, *argv, "--events") == Outcome(8, "", line)


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxy and certificate variables of the machine that runs the tests."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An untrusted certificate authority."""
    return trustme.CA()


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of this machine whose every connection is handed to a function, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                try:
                    with connection:
                        serve(connection)
                except OSError:
                    pass  # the client went away, or did not trust us

        thread = Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer(connection: ssl.SSLSocket) -> None:
    """Answer with one word, and stay until the client has gone: who hangs up on it loses the answer."""
    connection.recv(65536)
    connection.sendall(WELL)
    while connection.recv(65536):
        pass


@contextmanager
def tls_server(authority: trustme.CA, name: str = "127.0.0.1", lives: float = 30) -> Iterator[int]:
    """A gateway with a certificate of this authority, that lives so many days, and answers with one word."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    end = datetime.now(UTC) + timedelta(days=lives)
    authority.issue_cert(name, not_before=end - timedelta(days=60), not_after=end).configure_cert(context)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            answer(secure)

    with serving(serve) as port:
        yield port


WELL = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(
    b"data: %b\n\n" % event
    for event in (
        b'{"type":"message_start","message":{"id":"msg_1"}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"well"}}',
        b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}',
        b'{"type":"message_stop"}',
    )
)


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(socket.gaierror) as failure:
        socket.getaddrinfo("gateway.invalid", 443)
    why = f"the name cannot be resolved: {failure.value.strerror}"
    check(NOWHERE, "cannot reach gateway.invalid:443", why, UP)


@pytest.mark.parametrize("host", ["☃.invalid", "1.2.3.999", "a..b", "a" * 70 + ".invalid"])
def test_a_name_that_no_host_can_have(host: str) -> None:
    message = f"cannot reach {host}:443"
    check(f"https://{host}", message, "no host can have this name", UP, retryable=False)


def test_a_port_where_nothing_listens(closed_port: int) -> None:
    why = "the connection was refused: nothing listens there"
    check(f"http://127.0.0.1:{closed_port}", f"cannot reach 127.0.0.1:{closed_port}", why, UP)


def test_an_ipv6_address_is_shown_in_its_brackets() -> None:
    done = at("http://[::1]:9")
    assert (done.code, done.err.splitlines()[0]) == (8, "error: cannot reach [::1]:9")


def test_tls_to_a_port_that_does_not_speak_it(sandbox: Sandbox) -> None:
    address = sandbox.url.removeprefix("http://")
    hint = "is it http://, or another port? 'respan config show --origin' tells where the base URL came from"
    why = "what answers there does not speak TLS"
    check(f"https://{address}", f"cannot reach {address}", why, hint, retryable=False)


def test_a_certificate_that_is_not_trusted(authority: trustme.CA) -> None:
    with tls_server(authority) as port:
        check(
            f"https://127.0.0.1:{port}",
            f"cannot reach 127.0.0.1:{port}",
            "its certificate is not trusted: unable to get local issuer certificate",
            "if a company's own authority signed it, SSL_CERT_FILE=PATH names the file with its certificate",
            retryable=False,
        )


def test_the_hint_about_the_certificate_file_is_true(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with tls_server(authority) as port:
        assert at(f"https://127.0.0.1:{port}") == Outcome(0, "well\n", "")


@pytest.mark.parametrize(
    ("name", "lives", "why", "hint"),
    [
        (
            "gateway.example",
            30,
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
            "it belongs to another name: is the base URL right? 'respan config show --origin' tells "
            "where it came from",
        ),
        (
            "127.0.0.1",
            -1,
            "certificate has expired",
            "it has expired, or this machine's clock is ahead: see 'date -u'",
        ),
        (
            "127.0.0.1",
            90,
            "certificate is not yet valid",
            "it is not yet valid, or this machine's clock is behind: see 'date -u'",
        ),
    ],
    ids=["another host's", "expired", "not yet valid"],
)
def test_no_file_is_asked_for_where_the_authority_is_trusted(
    name: str,
    lives: float,
    why: str,
    hint: str,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with tls_server(authority, name, lives) as port:
        address = f"127.0.0.1:{port}"
        why = f"its certificate is not trusted: {why}"
        check(f"https://{address}", f"cannot reach {address}", why, hint, retryable=False)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file or directory"), ("no certificate", "there are no certificates in it")],
    ids=["missing", "empty of certificates"],
)
def test_a_certificate_file_that_is_of_no_use(
    content: str | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    message = f"cannot use the certificates that SSL_CERT_FILE names: {path}"
    hint = "SSL_CERT_FILE names a file of certificates in PEM form; unset, the system's own are used"
    check(NOWHERE, message, why, hint, retryable=False)


def test_without_tls_nobody_looks_for_certificates(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert run("send", "hi", env=env) == Outcome(0, "hi\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue of connections refuses")
def test_a_connection_that_does_not_come_about() -> None:
    with socket.socket() as server, closing_all() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(4):  # fills the queue; the next one hears nothing
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        why = "no connection within 0.2 s"
        check(f"http://127.0.0.1:{port}", f"cannot reach 127.0.0.1:{port}", why, UP, "--timeout", "0.2")


@contextmanager
def closing_all() -> Iterator[list[socket.socket]]:
    """A list of sockets that are closed in the end."""
    sockets: list[socket.socket] = []
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


def through(proxy: str, source: str) -> str:
    return f"cannot reach gateway.invalid:443 through the proxy {proxy} (from {source})"


def around(source: str) -> str:
    return f"is the proxy right, and does it run? {source} names it; NO_PROXY=gateway.invalid goes around it"


def asks_for_user(source: str) -> str:
    return f"the proxy requires a username and password: {source}=scheme://USER:PASSWORD@HOST:PORT"


@pytest.mark.parametrize("source", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_does_not_run(source: str, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(source, f"http://me:{PASSWORD}@127.0.0.1:{closed_port}")
    message = through(f"http://[hidden]@127.0.0.1:{closed_port}", source)
    check(NOWHERE, message, "the connection was refused: nothing listens there", around(source))


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        ("407 Proxy Authentication Required", False),
        ("403 Forbidden", False),
        ("503 Service Unavailable", True),
    ],
)
def test_a_proxy_that_refuses(answer: str, retryable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        connection.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

    with serving(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        message = through(f"http://127.0.0.1:{port}", "HTTPS_PROXY")
        why = f"the proxy answered: {answer}"
        hint = asks_for_user("HTTPS_PROXY") if answer.startswith("407") else around("HTTPS_PROXY")
        kind = "proxy_auth" if answer.startswith("407") else "unreached"
        check(NOWHERE, message, why, hint, retryable=retryable, kind=kind)
    assert all(request.startswith(b"CONNECT gateway.invalid:443 ") for request in received)
    assert not any(KEY.encode() in request for request in received)


def test_a_proxy_that_asks_who_is_there_without_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: socket.socket) -> None:
        assert connection.recv(65536).startswith(b"POST http://gateway.invalid/v1/messages ")
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with serving(refuse) as port:
        proxy = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("HTTP_PROXY", proxy)
        message = f"cannot reach gateway.invalid:80 through the proxy {proxy} (from HTTP_PROXY)"
        why = "the proxy answered: 407 Proxy Authentication Required"
        plain = NOWHERE.replace("https", "http")
        hint = asks_for_user("HTTP_PROXY")
        check(plain, message, why, hint, "--insecure-http", retryable=False, kind="proxy_auth")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"http://me:{PASSWORD}@127.0.0.1:99999x", "http://[hidden]@127.0.0.1:99999x"),
        (f"gopher://me:{PASSWORD}@127.0.0.1:70", "gopher://[hidden]@127.0.0.1:70"),
        (f"http://me:{PASSWORD}@b@127.0.0.1:x", "http://[hidden]@127.0.0.1:x"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_a_proxy_that_is_malformed(url: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    why = "it is not an http://, https:// or socks5:// URL of a host and a port"
    message = f"HTTPS_PROXY names no usable proxy: {shown}"
    check(NOWHERE, message, why, "set HTTPS_PROXY anew, or unset it", retryable=False)


def test_a_socks_proxy_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    check(
        NOWHERE,
        "ALL_PROXY names no usable proxy: socks5://127.0.0.1:1080",
        "a SOCKS proxy needs the Python package socksio",
        "install socksio beside respan-cli ('pip install socksio'), or unset ALL_PROXY",
        retryable=False,
    )


def test_a_proxy_that_is_not_needed_does_no_harm(
    env: Env, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:x")
    assert run("send", "hi", env=env) == Outcome(0, "hi\n", "")
    for exception in ("gateway.invalid", ".invalid", "*.invalid", "*", "other.example, invalid"):
        monkeypatch.setenv("NO_PROXY", exception)
        assert at(NOWHERE).err.startswith("error: cannot reach gateway.invalid:443\n"), exception


@pytest.mark.parametrize(
    ("address", "exceptions", "direct"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3:8443", "localhost, 10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3/32 .example", True),
        ("[fd00::7]", "fd00::/8", True),
        ("[fe80::7]", "fd00::/8", False),
        ("10.1.2.3", "10.0.0.0/99, 10.0.0.0/x, /", False),
        ("ten.example", "10.0.0.0/8", False),
    ],
)
def test_a_range_of_addresses_needs_no_proxy(
    address: str, exceptions: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert (proxy_for(f"https://{address}/") is None) == direct


def test_a_request_goes_through_a_proxy_that_works(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("gateway.invalid").configure_cert(context)
    received: list[bytes] = []

    def tunnel(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 Go ahead\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as secure:
            answer(secure)

    with serving(tunnel) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@127.0.0.1:{port}")
        done = at(NOWHERE, "--debug")
    assert (done.code, done.out) == (0, "well\n")
    assert f"* through the proxy http://[hidden]@127.0.0.1:{port} (from HTTPS_PROXY)\n" in done.err
    assert PASSWORD not in done.err
    assert b"Proxy-Authorization: Basic " in received[0]


def test_a_failed_connection_is_tried_again(env: Env, sandbox: Sandbox) -> None:
    done = run("send", "hi", "-m", "sandbox-flaky-reset", "--max-retries", "1", env=env)
    assert done == Outcome(0, "hi\n", "")
    assert len(sandbox.requests) == 2


def test_what_cannot_get_better_is_not_tried_again(authority: trustme.CA) -> None:
    with tls_server(authority) as port:
        assert at(f"https://127.0.0.1:{port}", retries=5).code == 8
