"""The party at fault for a failure. Names: Respan's official Python client (`respan-api` 0.1.49)."""

from __future__ import annotations

from respan_cli.gateway.log_entry import LogEntry

OWNERS = {"user": "yours", "provider": "the provider's", "respan": "Respan's"}
CAUSES = {
    "user_invalid_request": "the request is invalid",
    "user_auth_byok": "your provider key was not accepted",
    "user_quota": "your quota or credits are used up",
    "user_rate_limit": "your rate limit was exceeded",
    "user_content_policy": "a content policy refused the request",
    "user_context_window": "the prompt is longer than the model's context",
    "user_payload_too_large": "the request is too large",
    "provider_down": "the provider failed",
    "provider_overloaded": "the provider is overloaded",
    "provider_timeout": "the provider did not answer in time",
    "provider_rate_limit": "the provider's rate limit was exceeded",
    "respan_managed_auth": "the provider did not accept Respan's key",
    "respan_managed_billing": "Respan's account with the provider has no credits",
    "respan_config": "Respan is configured wrongly for it",
    "respan_internal": "Respan failed",
    "network_transient": "the network failed for a moment",
    "client_cancelled": "the client cancelled the request",
    "unknown": "the cause is unknown",
}


def fault(entry: LogEntry) -> str:
    """Such as "the provider's: the provider is overloaded (provider_overloaded)"; empty without a fault."""
    name, domain = entry.text("error_class"), entry.text("fault_domain")
    owner = "" if domain in (None, "none") else OWNERS.get(domain or "", domain)
    cause = CAUSES.get(name or "", "")
    words = ": ".join(part for part in (owner, cause) if part)
    if not name:
        return words or ""
    return f"{words} ({name})" if words else name
