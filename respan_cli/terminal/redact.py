"""Which values are secret, and what is shown in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"
REFERENCE = "env:"  # how a header's value refers to an environment variable
SHORTEST_SECRET = 8  # characters; what is shorter would be found in every other word

# An idempotency key opens nothing; any other header that calls itself a key may.
_SECRET = re.compile(
    r"auth|api[-_]?key|cookie|token|secret|password|credential|signature|(?<!idempotency)[-_]key$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a header (or parameter) of this name carries a credential, and its value is never shown."""
    return bool(_SECRET.search(name))


def redact(headers: Mapping[str, str], *, show_secrets: bool = False) -> dict[str, str]:
    """A copy of `headers` for people's eyes. References to variables are no secrets and stay readable."""
    return {
        name: value if show_secrets or value.startswith(REFERENCE) or not is_secret(name) else HIDDEN
        for name, value in headers.items()
    }


def redact_params(params: Mapping[str, Any], *, show_secrets: bool = False) -> dict[str, Any]:
    """A copy of Respan's parameters for people's eyes: some of them carry a provider's credentials."""
    return {name: HIDDEN if is_secret(name) and not show_secrets else value for name, value in params.items()}
