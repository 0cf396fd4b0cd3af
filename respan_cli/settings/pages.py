"""Pages of the Respan platform to send people to (platform.respan.ai)."""

from __future__ import annotations

PLATFORM = "https://platform.respan.ai"
KEYS_PAGE = f"{PLATFORM}/platform/api/api-keys"
CREDITS_PAGE = f"{PLATFORM}/platform/api/credits"
PROVIDERS_PAGE = f"{PLATFORM}/platform/api/integrations"
REQUESTS_PAGE = f"{PLATFORM}/platform/requests"
