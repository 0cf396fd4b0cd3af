"""What each kind of setting accepts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from respan_cli.settings import parsers, strict_json, tables, urls

RESPAN = "https://api.respan.ai/api/anthropic/"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.respan.ai", RESPAN),
        ("https://api.respan.ai/", RESPAN),
        ("https://api.respan.ai/api", RESPAN),
        ("https://api.respan.ai/api/", RESPAN),
        ("https://api.respan.ai/api/anthropic", RESPAN),
        ("https://api.respan.ai/api/anthropic/", RESPAN),
        ("https://api.respan.ai/api/anthropic//", RESPAN),
        ("https://api.respan.ai/api/anthropic/v1", RESPAN),
        ("https://api.respan.ai/api/anthropic/v1/", RESPAN),
        ("https://api.respan.ai/api/anthropic/v1/messages", RESPAN),
        ("https://api.respan.ai/api/anthropic/v1/messages/", RESPAN),
        ("https://api.respan.ai/v1/messages", RESPAN),
        ("  https://api.respan.ai  ", RESPAN),
        ("HTTPS://API.Respan.AI/api", "https://API.Respan.AI/api/anthropic/"),
        ("https://respan.ai", "https://respan.ai/api/anthropic/"),
        ("https://eu.api.keywordsai.co/api", "https://eu.api.keywordsai.co/api/anthropic/"),
        ("https://api.respan.ai:8443", "https://api.respan.ai:8443/api/anthropic/"),
        ("https://api.respan.ai/api/openai", "https://api.respan.ai/api/openai/"),
        # Any other host is used as given.
        ("https://gateway.example.com", "https://gateway.example.com/"),
        ("https://gateway.example.com/api", "https://gateway.example.com/api/"),
        ("https://gateway.example.com/v1", "https://gateway.example.com/"),
        ("https://gateway.example.com/deep/v1/messages", "https://gateway.example.com/deep/"),
        ("https://notrespan.ai", "https://notrespan.ai/"),
        ("https://respan.ai.example.com", "https://respan.ai.example.com/"),
        ("http://localhost:8080", "http://localhost:8080/"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/"),
    ],
)
def test_a_base_url_is_completed_at_respan_and_elsewhere_taken_as_given(given: str, expected: str) -> None:
    assert urls.base_url(given) == expected
    assert urls.base_url(expected) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("api.respan.ai", "is not an http:// or https:// URL"),
        ("ftp://api.respan.ai", "is not an http:// or https:// URL"),
        ("https://", "is not an http:// or https:// URL"),
        ("https:///path", "is not an http:// or https:// URL"),
        ("https://host:port", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://ada:pw@host", "holds a user or a password"),
        ("https://ada@host", "holds a user or a password"),
        ("https://host?x=1", "has a query or a fragment"),
        ("https://host#x", "has a query or a fragment"),
        ("https://ho st", "has a character that a URL cannot have"),
        ("https://host/\x1b[31m", "has a character that a URL cannot have"),
        ("https://host/\nX", "has a character that a URL cannot have"),
        (5, "is not a URL"),
        ("https://[::1].example.com", "is not a URL|has an invalid host name"),
        ("https://x[::1]/", "is not a URL|has an invalid host name"),
        ("https://[::1]x:80/", "is not a URL|has an invalid host name"),
        ("https://a\\b/", "has an invalid host name"),
    ],
)
def test_what_is_no_base_url_is_refused(given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        urls.base_url(given)


@pytest.mark.parametrize(
    ("url", "insecure"),
    [
        ("https://example.com/", False),
        ("http://example.com/", True),
        ("http://localhost/", False),
        ("http://no-such-name.localhost/", True),
        ("http://[::1].example.com/", True),
        ("http://x[::1]/", True),
        ("http://127.0.0.1\\.example.com/", True),
        ("http://127.0.0.1:8080/", False),
        ("http://127.8.9.1/", False),
        ("http://[::1]/", False),
        ("http://0.0.0.0/", True),
        ("http://192.168.1.2/", True),
        ("http://localhost.example.com/", True),
        ("http://127.0.0.1.example.com/", True),
    ],
)
def test_plain_http_is_insecure_to_any_machine_but_this_one(url: str, insecure: bool) -> None:
    assert urls.is_insecure(url) is insecure


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, 1), ("1", 1), (" 12 ", 12), ("+3", 3), ("007", 7), (10**30, 10**30)],
)
def test_positive_integers(given: object, expected: int) -> None:
    assert parsers.positive_integer(given) == expected


@pytest.mark.parametrize("given", [0, -1, "0", "-1", "", "1.0", 1.0, "١", "1_000", True, None, [], "9" * 40])
def test_what_is_no_positive_integer(given: object) -> None:
    with pytest.raises(ValueError, match="is not a positive integer"):
        parsers.positive_integer(given)


@pytest.mark.parametrize(("given", "expected"), [(0, 0), ("0", 0), ("5", 5)])
def test_counts_may_be_zero(given: object, expected: int) -> None:
    assert parsers.count(given) == expected


@pytest.mark.parametrize(("given", "expected"), [("0.5", 0.5), (1, 1.0), (" 30 ", 30.0), ("1e3", 1000.0)])
def test_seconds(given: object, expected: float) -> None:
    assert parsers.seconds(given) == expected


@pytest.mark.parametrize(
    "given", [0, "-1", "inf", "nan", math.inf, True, [], "", "1s", "1_0", "٣", "1e99", 10**400]
)
def test_what_is_no_number_of_seconds(given: object) -> None:
    with pytest.raises(ValueError, match="is not a number of seconds above 0"):
        parsers.seconds(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b.c"], ("a", "b.c")),
        ('["a", "b.c"]', ("a", "b.c")),
        ("a, b.c,", ("a", "b.c")),
        ("a", ("a",)),
    ],
)
def test_lists_of_names(given: object, expected: tuple[str, ...]) -> None:
    assert parsers.setting_names(given) == expected


@pytest.mark.parametrize("given", [5, [1], "[1]", {}])
def test_what_is_no_list_of_names(given: object) -> None:
    with pytest.raises(ValueError, match="is not a list of settings"):
        parsers.setting_names(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": "x", "b": 1, "c": True, "d": 1.5}, {"a": "x", "b": "1", "c": "true", "d": "1.5"}),
        ('{"a": "x", "b": 1}', {"a": "x", "b": "1"}),
        (["a=x", "b=c=d", "e="], {"a": "x", "b": "c=d", "e": ""}),
        ([" a = x\r\n", "b= y z "], {"a": "x", "b": "y z"}),
        ({"a": " x\r", "b": "\n"}, {"a": "x", "b": ""}),
    ],
)
def test_metadata_values_become_strings(given: object, expected: dict[str, str]) -> None:
    assert tables.metadata(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("[]", "is not a JSON object"),
        ("{", "is not a JSON object"),
        (["ab"], "is not of the form KEY=VALUE"),
        (["=b"], "has an empty key"),
        (["_a=b"], "has the key '_a': keys that begin with '_' are reserved"),
        ({"a": "b\x1bc"}, r"has a control character \(U\+001B\) under 'a'"),
        ({"a\n": "b"}, r"has a control character \(U\+000A\) in the key"),
        ({"a": None}, "has no text under 'a'"),
        ({"a": {"b": 1}}, "has no text under 'a'"),
    ],
)
def test_what_is_no_metadata(given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tables.metadata(given)


@pytest.mark.parametrize("given", ["text", "NaN", "{", "[" * 100_000])
def test_what_is_no_json(given: str) -> None:
    with pytest.raises(ValueError):
        strict_json.loads(given)


@pytest.mark.parametrize(
    "name", sorted(tables.OWN_FLAGS) + sorted(tables.BODY_FIELDS) + sorted(tables.NOT_HONOURED)
)
def test_a_parameter_that_would_do_harm_or_nothing_is_refused(name: str) -> None:
    tries: list[Any] = [{name: 1}, [f"{name}=1"]]
    for given in tries:
        with pytest.raises(ValueError, match=f"sets '{name}'"):
            tables.respan_params(given)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("customer_params.email", "set 'customer_params' to JSON such as '{\"email\": …}'"),
        ("metadata.agent", "which has a flag of its own: --metadata"),
        ("prompt.prompt_id", "does not honour prompt management"),
    ],
)
def test_a_parameter_with_a_dot_in_its_name_would_do_nothing_and_is_refused(name: str, words: str) -> None:
    with pytest.raises(ValueError, match="sets ") as caught:
        tables.respan_params({name: 1})
    assert words in str(caught.value)
