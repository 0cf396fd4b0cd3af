"""The layers below HTTP: the proxy, DNS, TCP and TLS."""

from __future__ import annotations

import ssl
from dataclasses import replace

from respan_cli.commands.check import probes
from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.proxy_endpoint import proxy_endpoint_of
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import NetworkError
from respan_cli.gateway.proxy import proxy_for
from respan_cli.gateway.sdk import trusted

CERTIFICATE_LIMIT = 14  # days that a certificate should have left
CONNECT_TIMEOUT = 10.0  # seconds for DNS and TCP, and again for TLS, however long a message may take


def proxy(state: CheckContext) -> Finding | None:
    """Whether a proxy stands between; with one, DNS and TCP are about the proxy, not the gateway."""
    found = proxy_for(state.at)
    if found is None:
        return None
    state.hop = hop = proxy_endpoint_of(found)
    variable = found.source if found.source.lower().endswith("_proxy") else "HTTPS_PROXY"
    wanted = f"{variable}={hop.scheme}://USER:PASSWORD@{probes.authority(hop.host, hop.port)}"
    state.case = replace(state.case, proxy=wanted)
    host, port = probes.host_and_port(state.at)
    means = f"dns and tcp are about the proxy, which looks up and connects to {probes.authority(host, port)}"
    return Finding(
        f"{found.shown} from {found.source}: {means}", {"url": found.shown, "source": found.source}
    )


def dns(state: CheckContext) -> Finding:
    """The addresses of the host that is connected to.

    Raises:
        UnreachedError: it has none.
    """
    host, port = _next_host(state)
    state.addresses = probes.resolve(host, port, _limit(state))
    return Finding(f"{host}: {', '.join(state.addresses)}", {"host": host, "addresses": [*state.addresses]})


def tcp(state: CheckContext) -> Finding:
    """The address that takes a connection; with a proxy, one that it leads on to the gateway.

    Raises:
        UnreachedError: none does.
    """
    _, port = _next_host(state)
    state.connection, address, failures = probes.connect(state.addresses, port, _limit(state))
    state.stack.callback(state.connection.close)
    facts = {"address": address, "port": port, "failed": dict(failures)}
    told = f"{probes.authority(address, port)} answered"
    if failures:
        told += f", after {'; '.join(f'{one}: {words}' for one, words in failures.items())}"
    if state.hop and state.hop.tunnels and _encrypted(state):
        target = probes.authority(*probes.host_and_port(state.at))
        probes.tunnel(state.connection, target, state.hop.headers, _limit(state))
        facts["tunnel"] = target
        told += f" and leads on to {target}"
    return Finding(told, facts)


def tls(state: CheckContext) -> Finding:
    """What the handshake shows, by the same trust as the HTTP client's.

    Raises:
        UnreachedError: the certificate is not good, or there is no TLS.
    """
    if not _encrypted(state):
        state.connection.close()
        return Finding("http:// has none", {"why": "http"}, skipped=True)
    if state.hop and not state.hop.tunnels:
        state.connection.close()
        return Finding(f"cannot be looked at through {state.hop.scheme}://", {"why": "proxy"}, skipped=True)
    host, _ = probes.host_and_port(state.at)
    context = _trusted(state)
    state.start_clock()  # to read the certificates took our time
    try:
        found = probes.start_tls(state.connection, host, context, _limit(state))
    except NetworkError as failure:
        return _untrusted(state, failure)
    facts = {"version": found.version, "issuer": found.issuer, "days_left": found.days_left}
    days = f"{found.days_left} day{'' if found.days_left == 1 else 's'}"
    told = f"{found.version}, issued by {found.issuer}, {days} left"
    warnings = (f"the certificate of {host} ends in {days}",)
    return Finding(told, facts, warnings if found.days_left < CERTIFICATE_LIMIT else ())


def _trusted(state: CheckContext) -> ssl.SSLContext:
    try:
        return trusted(state.at)
    except NetworkError as failure:
        raise failure.with_kind("tls_certificates") from None


def _untrusted(state: CheckContext, failure: NetworkError) -> Finding:
    """Who signed a certificate that nobody here trusts; through a proxy it is not asked for again."""
    issuer = None
    if failure.kind == "tls_untrusted" and state.hop is None:
        _, port = _next_host(state)
        issuer = probes.issuer_of(state.addresses, port, _limit(state))
    if issuer is None:
        raise failure
    named = failure.with_message(f"{failure.message}, issued by {issuer}")
    return Finding("", {"issuer": issuer}, failure=named)


def _encrypted(state: CheckContext) -> bool:
    return state.at.startswith("https://")


def _next_host(state: CheckContext) -> tuple[str, int]:
    """Who is connected to: the proxy, or the gateway itself."""
    return (state.hop.host, state.hop.port) if state.hop else probes.host_and_port(state.at)


def _limit(state: CheckContext) -> float:
    return min(CONNECT_TIMEOUT, state.deadline.left())
