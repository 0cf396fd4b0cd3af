"""The stages below HTTP: the proxy, DNS, TCP and TLS."""

from __future__ import annotations

import ssl
from dataclasses import replace

from respan_cli.commands.check import probes
from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.proxy_endpoint import ProxyEndpoint, proxy_endpoint_of
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import FailureKind, NetworkError
from respan_cli.gateway.proxy import proxy_for
from respan_cli.gateway.sdk import trusted
from respan_cli.settings.addresses import authority, host_and_port

_NO_TLS = (FailureKind.TLS_NONE, FailureKind.TLS_SILENT, FailureKind.TLS)
CERTIFICATE_LIMIT_DAYS = 14  # that a certificate should have left
CONNECT_TIMEOUT_S = 10.0  # for DNS and TCP, and again for TLS, however long a message may take


def proxy(context: CheckContext) -> Finding | None:
    """The proxy, if there is one: DNS and TCP are then about the proxy, not the gateway."""
    found = proxy_for(context.base_url)
    if found is None:
        return None
    context.proxy_endpoint = endpoint = proxy_endpoint_of(found)
    variable = found.source if found.source.lower().endswith("_proxy") else "HTTPS_PROXY"
    address = authority(endpoint.host, endpoint.port)
    context.diagnosis = replace(
        context.diagnosis,
        proxy=f"{variable}={endpoint.scheme}://USER:PASSWORD@{address}",
        plain_proxy=f"{variable}=http://{address}",
    )
    gateway = authority(*host_and_port(context.base_url))
    summary = f"{found.shown} from {found.source}: it looks up {gateway} and connects to it"
    return Finding(summary, {"url": found.shown, "source": found.source})


def dns(context: CheckContext) -> Finding:
    """The addresses of the host that is connected to.

    Raises:
        NetworkError: it has none.
    """
    host, port = _next_host(context)
    context.addresses = probes.resolve(host, port, _limit(context))
    facts = {"host": host, "addresses": [*context.addresses]}
    if facts["addresses"] == [host]:
        return Finding(f"{host} is an address", facts)
    return Finding(f"{host}: {', '.join(context.addresses)}", facts)


def tcp(context: CheckContext) -> Finding:
    """The address that accepts a connection; with a proxy, one that it leads on to the gateway.

    Raises:
        NetworkError: none does.
    """
    _, port = _next_host(context)
    context.connection, address, failures = probes.connect(context.addresses, port, _limit(context))
    context.stack.callback(context.connection.close)
    facts = {"address": address, "port": port, "failed": dict(failures)}
    summary = f"connected to {authority(address, port)}"
    if failures:
        summary += f", after {'; '.join(f'{one}: {words}' for one, words in failures.items())}"
    endpoint = context.proxy_endpoint
    if endpoint and endpoint.tunnels and _encrypted(context):
        target = authority(*host_and_port(context.base_url))
        probes.tunnel(context.connection, target, endpoint.headers, _limit(context))
        facts["tunnel"] = target
        summary += f", which leads on to {target}"
    return Finding(summary, facts)


def tls(context: CheckContext) -> Finding:
    """What the handshake shows, by the same trust as the HTTP client's.

    Raises:
        NetworkError: the certificate is not valid, or there is no TLS.
    """
    endpoint = context.proxy_endpoint
    if endpoint and endpoint.scheme == "https":
        _check_tls_to_proxy(context, endpoint)
    if not _encrypted(context):
        context.connection.close()
        return Finding("not used (http://)", {"why": "http"}, skipped=True)
    if endpoint and not endpoint.tunnels:
        context.connection.close()
        return Finding(f"cannot be looked at through {endpoint.scheme}://", {"why": "proxy"}, skipped=True)
    host, _ = host_and_port(context.base_url)
    with context.own_time():  # reading the certificates of this machine
        trust = _trusted(context)
    try:
        found = probes.start_tls(context.connection, host, trust, _limit(context))
    except NetworkError as failure:
        return _untrusted(context, failure)
    facts = {"version": found.version, "issuer": found.issuer, "days_left": found.days_left}
    days = f"{found.days_left} day{'' if found.days_left == 1 else 's'}"
    summary = f"{found.version}, issued by {found.issuer}, {days} left"
    warnings = (f"the certificate of {host} ends in {days}",)
    return Finding(summary, facts, warnings if found.days_left < CERTIFICATE_LIMIT_DAYS else ())


def _check_tls_to_proxy(context: CheckContext, endpoint: ProxyEndpoint) -> None:
    """Report an https:// proxy that does not speak TLS. The HTTP stage reports anything else."""
    try:
        probes.start_tls(context.connection, endpoint.host, _trusted(context), _limit(context))
    except NetworkError as failure:
        if failure.kind in _NO_TLS:
            named = f"the proxy at {authority(endpoint.host, endpoint.port)} does not speak TLS"
            raise failure.with_message(named).with_kind(FailureKind.PROXY_NO_TLS) from None


def _trusted(context: CheckContext) -> ssl.SSLContext:
    try:
        return trusted(context.base_url)
    except NetworkError as failure:
        raise failure.with_kind(FailureKind.TLS_CERTIFICATES) from None


def _untrusted(context: CheckContext, failure: NetworkError) -> Finding:
    """Who signed a certificate that is not trusted; through a proxy it is not asked for again."""
    issuer = None
    if failure.kind == FailureKind.TLS_UNTRUSTED and context.proxy_endpoint is None:
        _, port = _next_host(context)
        issuer = probes.issuer_of(context.addresses, port, _limit(context))
    if issuer is None:
        raise failure
    named = failure.with_message(f"{failure.message}, issued by {issuer}")
    return Finding("", {"issuer": issuer}, failure=named)


def _encrypted(context: CheckContext) -> bool:
    return context.base_url.startswith("https://")


def _next_host(context: CheckContext) -> tuple[str, int]:
    """Who is connected to: the proxy, or the gateway itself."""
    endpoint = context.proxy_endpoint
    return (endpoint.host, endpoint.port) if endpoint else host_and_port(context.base_url)


def _limit(context: CheckContext) -> float:
    return min(CONNECT_TIMEOUT_S, context.deadline.left())
