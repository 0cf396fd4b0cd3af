"""Every variable of the environment that changes what this program does: one table. Pure."""

from __future__ import annotations

from respan_cli.settings.fields import FIELDS, PROFILE_VARIABLE, THREAD_VARIABLE

# What is no setting; whoever reads the variable is named where that is not ourselves.
_OTHERS = {
    PROFILE_VARIABLE: "The profile to use.",
    THREAD_VARIABLE: "The file of the conversation that 'send' continues (--thread).",
    "RESPAN_CONFIG": "The profile file, instead of the one in the configuration directory.",
    "XDG_CONFIG_HOME": "Where configuration directories are (Linux; APPDATA on Windows).",
    "VISUAL": "The editor for --editor and 'config edit'.",
    "EDITOR": "The same, when VISUAL is not set.",
    "TMPDIR": "Where a file lives while an editor has it open.",
    "NO_COLOR": "Any value: no colour.",
    "FORCE_COLOR": "Any value: colour also off a terminal.",
    "TERM": "'dumb': no colour, no animation.",
    "COLUMNS": "The width of the terminal, where it does not say itself.",
    "HTTPS_PROXY": "The proxy for https:// (ALL_PROXY for all, HTTP_PROXY for http://).",
    "NO_PROXY": "Hosts that no proxy is used for; this machine is always one.",
    "SSL_CERT_FILE": "Certificates to trust, such as a company's; SSL_CERT_DIR for a directory of them.",
}


def variables() -> dict[str, str]:
    """Every variable and what it means, the settings' own first."""
    return {field.env: field.help for field in FIELDS if field.env} | _OTHERS
