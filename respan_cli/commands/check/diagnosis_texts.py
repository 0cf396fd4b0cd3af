"""What a failure means, and the command to type next: data.

A key is the kind of a failure, or its stage with its HTTP status or class (see `diagnosis`). The texts may
name the words of `DiagnosisContext`; a command must be one that works as it is printed.
"""

from __future__ import annotations

from collections.abc import Mapping

from respan_cli.errors import FailureKind as Kind
from respan_cli.settings.pages import CREDITS_PAGE, KEYS_PAGE, PROVIDERS_PAGE

Text = tuple[str, str]

_SEE_PROXY = "env | grep -i _proxy"
_BAD_KEY = f"the key from {{key_source}} is not valid there, or no longer; create one at {KEYS_PAGE}"
_PROVIDER_KEY = (
    "the gateway accepted your key, so the provider refuses: the account's own provider key "
    f"({PROVIDERS_PAGE}), or {{model}}"
)
_SILENT: Text = (
    "something accepts the connection and then does nothing with it: it hangs, or speaks another protocol",
    "{post}",
)
_FAILING: Text = ("the gateway, or the provider behind it, is failing; {key_state}", "sleep {wait}; {again}")
_NO_GATEWAY: Text = (
    "no gateway answers there: a sign-in page of this network, a company's proxy, or a wrong base URL",
    "{post}",
)
_PROXY_AUTH: Text = ("the proxy requires a username and password", "export {proxy}")

_SETTINGS: Mapping[str, Text] = {
    "any": ("the check cannot go on from here", "{again} --debug"),
    "settings": ("these settings cannot send, so nothing was tried on the network", "{show}"),
    "usage": ("the command line asks for what cannot be sent, so nothing was tried", "respan check --help"),
}

_CONNECTION: Mapping[str, Text] = {
    Kind.DNS: (
        "the name is mistyped, or this machine's name server does not know it, or is silent",
        "{show}",
    ),
    "dns default": (
        "the name is right: there is no network, or this network's name server is silent or does not know it",
        "nslookup {host}",
    ),
    Kind.TCP_REFUSED: (
        "the machine is there, but nothing listens on that port: wrong port, or not running",
        "{show}",
    ),
    Kind.TCP_TIMEOUT: (
        "the machine is down, or a firewall drops the connection; some networks need a proxy (HTTPS_PROXY)",
        "curl -v --connect-timeout 30 -d '{{}}' {endpoint}",
    ),
    Kind.TCP: (
        "there is no route from this network to that address",
        "curl -v --connect-timeout 30 -d '{{}}' {endpoint}",
    ),
    Kind.TLS_UNTRUSTED: (
        "the certificate is not signed by a trusted CA: "
        "it is self-signed, or a company's proxy intercepts TLS",
        "SSL_CERT_FILE=/path/to/the/company-ca.pem {again}",
    ),
    Kind.TLS_CERTIFICATES: (
        "a message would fail alike; with the variable unset, the system's own certificates are trusted",
        "env | grep SSL_CERT_",
    ),
    Kind.TLS_EXPIRED: ("the certificate has expired, or this machine's clock is ahead", "date -u"),
    Kind.TLS_NOT_YET_VALID: (
        "the certificate is not yet valid, or this machine's clock is behind",
        "date -u",
    ),
    Kind.TLS_HOSTNAME: (
        "the certificate is for another name: wrong base URL, or something intercepts the connection",
        "{show}",
    ),
    Kind.TLS_NONE: ("what listens there does not speak TLS: wrong port, or a captive portal", "{show}"),
    "tls_none here": (
        "what listens there does not speak TLS: the base URL needs http://",
        "{elsewhere} --base-url {plain}",
    ),
    Kind.TLS_SILENT: _SILENT,
    Kind.TLS_CLIENT_CERTIFICATE: (
        "the server requires a client certificate (mutual TLS), and respan sends none; "
        "a proxy on this machine can add it",
        "openssl s_client -connect {authority}",
    ),
    Kind.TLS: ("the TLS handshake failed", "openssl s_client -connect {authority}"),
}

_PROXY: Mapping[str, Text] = {
    f"proxied {Kind.DNS}": ("it is the proxy's name that cannot be resolved", _SEE_PROXY),
    f"proxied {Kind.TCP_REFUSED}": ("the proxy is not running, or its port is another", _SEE_PROXY),
    f"proxied {Kind.TCP_TIMEOUT}": ("the proxy is down, or not on this network", _SEE_PROXY),
    f"proxied {Kind.TCP}": ("the proxy cannot be reached from here", _SEE_PROXY),
    "proxied unreached": ("the proxy is there, and did not lead to the gateway", "{post}"),
    "proxied provider": ("the gateway is failing, or the proxy cannot reach it; {key_state}", "{post}"),
    Kind.PROXY_UNUSABLE: ("nothing can go through such a proxy", _SEE_PROXY),
    Kind.PROXY_SOCKS: ("the package is missing where respan is installed", "pip install socksio"),
    Kind.PROXY_AUTH: _PROXY_AUTH,
    Kind.PROXY_NO_TLS: (
        "https:// in the variable means TLS to the proxy itself, which this proxy does not speak; "
        "with http:// the gateway's own TLS goes through it",
        "export {plain_proxy}",
    ),
    Kind.PROXY: ("the proxy is there, and will not, or cannot, connect to the gateway", "{post}"),
}

_KEY: Mapping[str, Text] = {
    "key": (_BAD_KEY, "respan config init{p}"),
    "key RESPAN_API_KEY": (_BAD_KEY, "export RESPAN_API_KEY='the new key'"),
    "key profile": (_BAD_KEY, "respan config set api_key -{p}"),
    "provider key": (_PROVIDER_KEY, "{again} --debug"),
    "provider key model": (_PROVIDER_KEY, "{other_model}"),
}

_HTTP: Mapping[str, Text] = {
    "http unreached": _SILENT,
    "http timeout": _SILENT,
    "http broken_reply": _NO_GATEWAY,
    "http": _FAILING,
    "redirect": (
        "it points elsewhere, and the key goes to one host only: a sign-in page, or the gateway has moved",
        "{post}",
    ),
    "authentication unreached": _SILENT,
    "authentication timeout": _SILENT,
    "authentication broken_reply": _NO_GATEWAY,
    "authentication": _FAILING,
}

_MESSAGE: Mapping[str, Text] = {
    "odd message unreached": _SILENT,
    "odd message timeout": _SILENT,
    "odd message broken_reply": _NO_GATEWAY,
    "odd message refused": (
        "it may be no gateway: a wrong base URL, or something in front of the gateway; {key_state}",
        "{post}",
    ),
    "message 402": (
        f"the account has no credits ({CREDITS_PAGE}) or no provider key ({PROVIDERS_PAGE}); {{key_state}}",
        "{again}",
    ),
    "message 404 model": (
        "no such model for this account, or a wrong base URL; {model} came from {model_source}",
        "{other_model}",
    ),
    "message 404": ("the base URL is wrong, or the account may not use {model}", "{show}"),
    "message limit": (
        "rate limit or quota exceeded; {key_state}",
        "sleep {wait}; {again} --no-probe",
    ),
    "message provider": _FAILING,
    "message refused": ("what this profile sends was refused; {key_state}", "{dry_run}"),
    "message broken_reply": (
        "the gateway, or something on the way, ended the answer early, or put something else in its place",
        "{again} --count 5",
    ),
    "message timeout": (
        "the gateway accepts requests, and did not answer this one in time; {key_state}",
        "{again} --timeout {longer}",
    ),
    "message unreached": ("the connection ends before an answer; {key_state}", "{again} --count 5"),
}

_LOG: Mapping[str, Text] = {
    Kind.LOG_MISSING: (
        "the message was answered; its log entry is late, or this gateway keeps no log",
        "{again} --log --log-timeout {longer_log}",
    ),
    Kind.LOG_NONE: ("the message was answered, but this gateway has no log to read", "{again}"),
    "log_forbidden": ("the message was answered, so the key is valid; it may not read this log", "{again}"),
    Kind.LOG_DIFFERS: (
        "the logged identity differs from what was sent: costs would be attributed wrongly",
        "{dry_run}",
    ),
    "log": ("the message was answered, but the log cannot be read", "{again} --log"),
}

TEXTS: Mapping[str, Text] = {**_SETTINGS, **_CONNECTION, **_PROXY, **_KEY, **_HTTP, **_MESSAGE, **_LOG}
