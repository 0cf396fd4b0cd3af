"""`respan check` below HTTP: certificates of every sort, and a proxy in between, all on loopback."""

from __future__ import annotations

import base64
import datetime
import json
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from respan_cli.sandbox import Sandbox
from tests.check_support import Checked, at, check
from tests.hosts import ProxyServer, encrypted, free_port, host, page, saying
from tests.support import run, run_process

CA = trustme.CA(organization_name="Loopback Trust")
OTHERS_CA = trustme.CA(organization_name="Company Proxy")
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that trusts only `CA`."""
    bundle = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def valid(days: float) -> trustme.LeafCert:
    return CA.issue_cert("127.0.0.1", not_before=NOW - 30 * DAY, not_after=NOW + days * DAY)


@contextmanager
def tls_sandbox(certificate: trustme.LeafCert, sandbox: Sandbox) -> Iterator[int]:
    with host(encrypted(context_of(certificate), sandbox)) as port:
        yield port


@pytest.mark.usefixtures("trusted")
def test_a_good_certificate_is_told_with_its_issuer_and_its_days(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    with tls_sandbox(valid(90.5), sandbox) as port:
        done = check(env=at(port, env, "https"))
    assert (done.code, done.error) == (0, None)
    facts = done.facts("tls")
    assert facts == {"version": "TLSv1.3", "issuer": "Loopback Trust", "days_left": 90}
    assert done.verdicts()["tls"] == "ok"


@pytest.mark.usefixtures("trusted")
def test_a_certificate_that_ends_soon_is_a_warning(sandbox: Sandbox, env: dict[str, str]) -> None:
    with tls_sandbox(valid(5.5), sandbox) as port:
        done = run("check", env=at(port, env, "https"))
    assert (done.code, done.err) == (0, "warning: the certificate of 127.0.0.1 ends in 5 days\n")
    assert "\ntls\twarned\t" in done.out


@pytest.mark.parametrize(
    ("certificate", "kind", "seen", "command"),
    [
        (valid(-1), "tls_expired", "certificate has expired", "date -u"),
        (
            CA.issue_cert("127.0.0.1", not_before=NOW + DAY, not_after=NOW + 2 * DAY),
            "tls_not_yet_valid",
            "certificate is not yet valid",
            "date -u",
        ),
        (
            CA.issue_cert("gateway.example"),
            "tls_hostname",
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
            "respan config show --origin",
        ),
        (
            OTHERS_CA.issue_cert("127.0.0.1"),
            "tls_untrusted",
            "unable to get local issuer certificate, issued by Company Proxy",
            "SSL_CERT_FILE=/path/to/the/company-ca.pem respan check",
        ),
    ],
    ids=["expired", "not yet valid", "another host's", "a company's"],
)
@pytest.mark.usefixtures("trusted")
def test_a_bad_certificate_is_tls(
    sandbox: Sandbox, env: dict[str, str], certificate: trustme.LeafCert, kind: str, seen: str, command: str
) -> None:
    with tls_sandbox(certificate, sandbox) as port:
        done = check(env=at(port, env, "https"))
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "tls", kind)
    assert failure["seen"] == f"tls: the certificate of 127.0.0.1: {seen}"
    assert failure["next"] == command
    assert sandbox.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_self_signed_certificate_is_tls(sandbox: Sandbox, env: dict[str, str], tmp_path: Path) -> None:
    with host(encrypted(self_signed(tmp_path), sandbox)) as port:
        done = check(env=at(port, env, "https"))
    assert (done.code, done.shown["failure"]["type"]) == (8, "tls_untrusted")
    assert done.shown["failure"]["seen"] == (
        "tls: the certificate of 127.0.0.1: self-signed certificate, issued by Company Proxy"
    )


def self_signed(folder: Path) -> ssl.SSLContext:
    """A self-signed certificate: a CA's own, used by a server."""
    OTHERS_CA.cert_pem.write_to_path(str(folder / "self.pem"))
    OTHERS_CA.private_key_pem.write_to_path(str(folder / "self.key"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "self.pem", folder / "self.key")
    return context


def test_certificates_that_cannot_be_read_are_not_the_gateways_fault(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with host(lambda connection: None) as port:
        done = check(env=at(port, env, "https"))
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "tls", "tls_certificates")
    assert failure["next"] == "env | grep SSL_CERT_"


def test_a_plain_server_on_an_https_url_is_tls(sandbox: Sandbox, env: dict[str, str]) -> None:
    port = sandbox.url.rpartition(":")[2]
    done = check("--base-url", f"https://127.0.0.1:{port}", env=env)
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "tls", "tls_none")
    assert failure["next"] == f"respan check --base-url http://127.0.0.1:{port}/"


def test_a_tls_server_on_an_http_url_is_http(env: dict[str, str]) -> None:
    with host(encrypted(context_of(valid(9)), None)) as port:
        done = check(env=at(port, env))
    assert (done.code, done.shown["failure"]["stage"]) in ((8, "message"), (9, "message"))


def test_a_connection_that_ends_in_the_handshake_is_tls(env: dict[str, str]) -> None:
    with host(lambda connection: None) as port:
        done = check(env=at(port, env, "https"))
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "tls", "tls")
    assert failure["next"] == f"openssl s_client -connect 127.0.0.1:{port}"


# --- through a proxy

POST = "respan send ping --max-tokens 1 --base-url https://gateway.example:8443/"


def through_proxy(port: int, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, scheme: str) -> Checked:
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://jo:s3cret-word@127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    url = f"{scheme}://gateway.example:8443"
    return check("--base-url", url, "--insecure-http", env=env)


@pytest.mark.usefixtures("trusted")
def test_through_a_proxy_dns_and_tcp_are_about_the_proxy(
    sandbox: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway's name does not resolve here: only the proxy can reach it."""
    certificate = CA.issue_cert("gateway.example")
    with tls_sandbox(certificate, sandbox) as behind:
        server = ProxyServer(behind)
        with host(server) as port:
            done = through_proxy(port, env, monkeypatch, "https")
    assert (done.code, done.error) == (0, None)
    assert done.facts("proxy") == {"url": f"http://[hidden]@127.0.0.1:{port}", "source": "HTTPS_PROXY"}
    assert done.facts("dns")["host"] == "127.0.0.1"
    assert done.facts("tcp")["port"] == port
    assert done.facts("tcp")["tunnel"] == "gateway.example:8443"
    assert done.facts("tls")["issuer"] == "Loopback Trust"
    credentials = base64.b64encode(b"jo:s3cret-word")
    assert all(b"Proxy-Authorization: Basic " + credentials in head for head in server.heads)
    assert "s3cret-word" not in json.dumps(done.shown)


def test_a_plain_request_goes_through_a_proxy_without_a_tunnel(
    sandbox: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ProxyServer(int(sandbox.url.rpartition(":")[2]))
    with host(server) as port:
        done = through_proxy(port, env, monkeypatch, "http")
    assert (done.code, done.error) == (0, None)
    assert "tunnel" not in done.facts("tcp")
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize(
    ("status", "kind", "command"),
    [
        (
            "HTTP/1.1 407 Proxy Authentication Required",
            "proxy_auth",
            "export HTTPS_PROXY=http://USER:PASSWORD@127.0.0.1:{port}",
        ),
        ("HTTP/1.1 403 Forbidden", "proxy", f"{POST} --insecure-http --no-stdin --as curl | sh"),
    ],
)
def test_a_proxy_that_refuses_is_tcp(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: str, kind: str, command: str
) -> None:
    with host(ProxyServer(0, f"{status}\r\n\r\n".encode())) as port:
        done = through_proxy(port, env, monkeypatch, "https")
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "tcp", kind)
    assert failure["seen"] == f"tcp: the proxy did not connect to gateway.example:8443: {status}"
    assert failure["next"] == command.format(port=port)


@pytest.mark.parametrize(
    ("refusal", "code", "kind"),
    [
        (page("407 Proxy Authentication Required", "<title>Who are you?</title>"), 8, "proxy_auth"),
        (page("502 Bad Gateway", "<title>No such host</title>"), 7, "provider"),
        (b"", 8, "unreached"),
    ],
    ids=["asks who it is", "cannot reach the gateway", "says nothing"],
)
def test_a_proxy_that_does_not_pass_a_plain_request_on_is_named(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, refusal: bytes, code: int, kind: str
) -> None:
    with host(saying(refusal)) as port:
        done = through_proxy(port, env, monkeypatch, "http")
    failure = done.shown["failure"]
    stage = "http" if kind == "proxy_auth" else "message"
    assert (done.code, failure["stage"], failure["type"]) == (code, stage, kind)
    assert "the proxy" in failure["means"]
    if kind == "proxy_auth":
        assert failure["next"] == f"export HTTP_PROXY=http://USER:PASSWORD@127.0.0.1:{port}"


def test_a_proxy_that_is_not_there_is_explained_as_one(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = through_proxy(free_port(), env, monkeypatch, "https")
    assert (done.code, done.shown["failure"]["stage"]) == (8, "tcp")
    assert done.shown["failure"]["means"] == "the proxy is not running, or its port is another"


def test_a_portal_behind_a_proxy_is_http(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with host(saying(page("200 OK", "<title>Welcome</title>"))) as port:
        done = through_proxy(port, env, monkeypatch, "http")
    assert (done.code, done.shown["failure"]["stage"]) == (9, "message")


@pytest.mark.parametrize(
    ("proxy", "kind"),
    [
        ("http://:99999999", "proxy_unusable"),
        ("http://", "proxy_unusable"),
        ("ftp://127.0.0.1:21", "proxy_unusable"),
        ("socks5://127.0.0.1:1080", "proxy_socks"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_the_proxy_stage(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, proxy: str, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # the package that SOCKS needs is not installed
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    done = check("--base-url", "https://gateway.example", env=env)
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "proxy", kind)
    assert failure["seen"].startswith(f"proxy: HTTPS_PROXY names no usable proxy: {proxy}: ")


@pytest.mark.usefixtures("trusted")
def test_a_server_that_wants_a_client_certificate_is_named(env: dict[str, str]) -> None:
    context = context_of(valid(90))
    context.verify_mode = ssl.CERT_REQUIRED
    CA.configure_trust(context)
    with host(encrypted(context, None)) as port:
        done = check(env=at(port, env, "https"))
        sent = run("send", "hi", env=at(port, env, "https"))
    failure = done.shown["failure"]
    assert (done.code, failure["type"]) == (8, "tls_client_certificate")
    assert failure["means"].startswith("the server requires a client certificate (mutual TLS)")
    assert sent.code == 8
    assert "  why:  the server requires a client certificate (mutual TLS)\n" in sent.err


def socks(connection: socket.socket) -> None:
    """A SOCKS5 proxy that wants a user and a password, and knows none (RFC 1928, 1929)."""
    methods = connection.recv(257)
    if b"\x02" not in methods[2:]:
        connection.sendall(b"\x05\xff")
        return
    connection.sendall(b"\x05\x02")
    connection.recv(513)
    connection.sendall(b"\x01\x01")


def http_only(connection: socket.socket) -> None:
    """A server that takes a TLS handshake for a bad request."""
    connection.recv(65536)
    connection.sendall(page("400 Bad Request", "what?"))


@pytest.mark.parametrize("user", ["jo:wrong@", ""], ids=["wrong password", "no password"])
def test_a_socks_proxy_that_does_not_know_the_user_asks_for_one(env: dict[str, str], user: str) -> None:
    # In a process of its own: the HTTP client does not close the socket of a refused SOCKS connection.
    with host(socks) as port:
        proxied = {**env, "ALL_PROXY": f"socks5://{user}127.0.0.1:{port}", "PATH": os.environ["PATH"]}
        done = run_process("check", "--json", "--base-url", "https://gateway.example", env=proxied)
    failure = json.loads(done.out)["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "http", "proxy_auth")
    assert failure["means"] == "the proxy requires a username and password"
    assert failure["next"] == f"export ALL_PROXY=socks5://USER:PASSWORD@127.0.0.1:{port}"


def test_https_in_front_of_a_proxy_without_tls_is_named(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with host(http_only) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        done = check("--base-url", "https://gateway.example", env=env)
        sent = run("send", "hi", "--base-url", "https://gateway.example", env=env)
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (8, "tls", "proxy_no_tls")
    assert failure["seen"].startswith(f"tls: the proxy at 127.0.0.1:{port} does not speak TLS")
    assert failure["next"] == f"export HTTPS_PROXY=http://127.0.0.1:{port}"
    assert sent.code == 8
    assert "  why:  https:// in HTTPS_PROXY means TLS to the proxy itself" in sent.err
