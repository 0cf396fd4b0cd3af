"""What the answer to an unpaid request tells of a gateway and of the key. Pure.

The request is a message that says nothing: the API refuses it for that, after it has accepted the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from respan_cli.gateway.body import is_message
from respan_cli.gateway.error_body import error_type, words
from respan_cli.gateway.http import HttpResponse

_REFUSED = (401, 403)
_INVALID = ("invalid_request_error", "bad_request")  # the API's type, and that of respan-gateway
# The field's name, or a description of it: respan-gateway asks for "at least one user or assistant message".
_ABOUT = re.compile(r"\bmessages?\b")


def asks_for_key(response: HttpResponse) -> bool:
    """Whether it is the refusal of a request without a valid key, in whatever form."""
    return response.status in _REFUSED


def speaks_of_message(response: HttpResponse) -> bool:
    """Whether it is about the message itself: only then was a key that came with it accepted.

    LiteLLM without a database, for one, answers 400 to a wrong key.
    """
    if response.status in (400, 422):
        invalid = response.status == 422 or error_type(response.body) in _INVALID
        return invalid and bool(_ABOUT.search(f"{words(response.body)} {_fields(response.body)}"))
    return answers(response)


def answers(response: HttpResponse) -> bool:
    """Whether it is a whole message of the API: the gateway does not mind an empty conversation."""
    return response.status < 300 and is_message(response.body)


def _fields(body: object) -> str:
    """The names of the fields that a validation error is about: Respan's `errors`, FastAPI's `loc`."""
    if not isinstance(body, Mapping):
        return ""
    return f"{body.get('errors') or ''} {body.get('detail') or ''}"


def leaves_key_open(response: HttpResponse) -> bool:
    """Whether, given without a key, it means that the same request with a key proves nothing."""
    return response.status == HTTPStatus.TOO_MANY_REQUESTS or speaks_of_message(response)


def describe(response: HttpResponse) -> tuple[str, str | None]:
    """A one-line summary of the answer to a request without a key; and what is unusual about it, or None."""
    status = response.status
    odd = f"odd for a gateway: {response.what}"
    if asks_for_key(response):
        return f"the gateway answers ({status} without a key, as it should)", None
    if answers(response):
        return f"the gateway answers ({status} without a key: it asks for none)", None
    if speaks_of_message(response):
        return f"the gateway answers ({status}: it reads the message before the key)", None
    if status == HTTPStatus.NOT_FOUND:
        return odd, f"{seen(response)}; there may be no v1/messages under this base URL"
    return odd, seen(response)


def seen(response: HttpResponse) -> str:
    """The status, type and text of the answer."""
    if 300 <= response.status < 400:
        return f"{response.what}, a redirect to {response.headers.get('location') or 'nowhere'}"
    said = words(response.body)
    return f"{response.what}: {said}" if said else response.what
