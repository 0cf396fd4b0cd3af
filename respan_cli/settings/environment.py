"""Every variable of the environment that changes what this program does: one table. Pure."""

from __future__ import annotations

from respan_cli.settings.fields import FIELDS, PROFILE_VARIABLE, THREAD_VARIABLE

# Variables that are not settings.
_OTHERS = {
    PROFILE_VARIABLE: "The profile to use.",
    THREAD_VARIABLE: "The file of the conversation that 'send' continues (--thread).",
    "RESPAN_CLI_CONFIG": "The profile file, instead of the one in the configuration directory.",
    "XDG_CONFIG_HOME": "Parent of the configuration directory (Linux; APPDATA on Windows).",
    "XDG_CACHE_HOME": "Parent of the cache directory (Linux; LOCALAPPDATA on Windows).",
    "VISUAL": "The editor for --editor and 'config edit'.",
    "EDITOR": "The same, when VISUAL is not set.",
    "TMPDIR": "Directory of the file that an editor has open.",
    "NO_COLOR": "Any value: no colour.",
    "FORCE_COLOR": "Any value: colour also off a terminal.",
    "TERM": "'dumb': no colour, no animation.",
    "COLUMNS": "Width of the terminal, if it cannot be determined.",
    "HTTPS_PROXY": "The proxy for https:// (ALL_PROXY for all, HTTP_PROXY for http://).",
    "NO_PROXY": "Hosts reached without the proxy; this machine always is.",
    "SSL_CERT_FILE": "Trusted CA certificates; SSL_CERT_DIR for a directory of them.",
}


def variables() -> dict[str, str]:
    """Every variable and what it means, the settings' own first."""
    return {field.env: field.help for field in FIELDS if field.env} | _OTHERS
