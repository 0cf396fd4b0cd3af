"""Layers of settings: the effective value, its source, and the errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from respan_cli.errors import RespanError, SettingsError, UsageError
from respan_cli.settings import profiles
from respan_cli.settings import resolve as resolve_module
from respan_cli.settings.fields import BY_NAME, FIELDS
from respan_cli.settings.layers import MisplacedError, from_environment, from_flags, from_profile
from respan_cli.settings.resolve import Settings


def resolve(
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    profile: Mapping[str, Any] | None = None,
) -> Settings:
    layers = [
        from_flags(flags or {}),
        from_environment(env or {}),
        from_profile(profile or {}, "work"),
    ]
    return resolve_module.resolve("work", layers)


# One value for each setting and layer: (name, flag's, variable's, profile's)
LAYERED = [
    ("base_url", "http://localhost:1/", "http://localhost:2/", "http://localhost:3/"),
    ("model", "flag", "variable", "profile"),
    ("max_tokens", "1", "2", 3),
    ("customer_identifier", "flag", "variable", "profile"),
    ("custom_identifier", "flag", "variable", "profile"),
    ("timeout", "1", "2", 3),
    ("max_retries", "1", "2", 3),
]


@pytest.mark.parametrize(("name", "flag", "variable", "own"), LAYERED)
def test_the_first_of_flag_variable_profile_and_default_is_effective(
    name: str, flag: str, variable: str, own: Any
) -> None:
    field = BY_NAME[name]
    assert field.env
    env, profile = {field.env: variable}, {name: own}
    found = [
        resolve({name: flag}, env, profile),
        resolve({}, env, profile),
        resolve({}, {}, profile),
        resolve(),
    ]
    assert [str(getattr(one, name)).removesuffix(".0") for one in found[:3]] == [flag, variable, str(own)]
    assert getattr(found[3], name) == field.default
    default = ["default"] if field.default is not None else [None]
    origins = [one.sources.get(name) for one in found]
    assert origins == [field.flag, field.env, "profile work", *default]


@pytest.mark.parametrize(("name", "flag", "variable", "own"), LAYERED)
def test_an_empty_value_takes_away_what_lower_layers_gave(
    name: str, flag: str, variable: str, own: Any
) -> None:
    field = BY_NAME[name]
    assert field.env
    for emptied in (
        resolve({name: ""}, {field.env: variable}, {name: own}),
        resolve({}, {field.env: ""}, {name: own}),
        resolve({}, {}, {name: ""}),
    ):
        assert getattr(emptied, name) == field.default
        assert emptied.sources.get(name) == ("default" if field.default is not None else None)
    # A higher layer speaks again above an empty one.
    assert str(getattr(resolve({name: flag}, {field.env: ""}, {name: own}), name)).removesuffix(".0") == flag


def test_metadata_merges_key_by_key_and_every_layer_can_take_a_key_away() -> None:
    settings = resolve(
        {"metadata": ["a=flag", "gone=", "text="]},
        {"RESPAN_METADATA": '{"a": "variable", "b": 2, "lost": ""}'},
        {"metadata": {"a": "profile", "b": "profile", "c": True, "gone": "x", "lost": "x"}},
    )
    assert settings.metadata == {"a": "flag", "b": "2", "c": "true"}
    assert {name: source for name, source in settings.sources.items() if name.startswith("metadata")} == {
        "metadata.a": "--metadata",
        "metadata.b": "RESPAN_METADATA",
        "metadata.c": "profile work",
    }


def test_an_empty_variable_takes_the_whole_table_away_and_flags_begin_anew() -> None:
    settings = resolve({"metadata": ["a=1"]}, {"RESPAN_METADATA": ""}, {"metadata": {"b": "2"}})
    assert settings.metadata == {"a": "1"}


@pytest.mark.parametrize("scope", ["headers", "gateway_headers"])
def test_header_names_compare_without_case_and_are_written_as_the_highest_layer_has_them(scope: str) -> None:
    profile = {scope: {"X-One": "profile", "X-Two": "profile", "X-Three": "profile"}}
    settings = resolve({scope: ["x-one: flag", "X-TWO:"]}, {}, profile)
    assert getattr(settings, scope) == {"x-one": "flag", "X-Three": "profile"}
    assert settings.sources[f"{scope}.x-one"].startswith("--")
    assert settings.sources[f"{scope}.x-three"] == "profile work"


def test_the_last_of_two_flags_for_one_key_counts() -> None:
    settings = resolve({"metadata": ["a=1", "a=2", "b=1", "b="], "headers": ["X-A: 1", "x-a: 2"]})
    assert (settings.metadata, settings.headers) == ({"a": "2"}, {"x-a": "2"})


def test_respan_params_merge_and_keep_their_types() -> None:
    settings = resolve(
        {"respan_params": ["cache_ttl:=60", "thread_identifier=t", "disable_log="]},
        {},
        {"respan_params": {"cache_ttl": 5, "disable_log": True, "properties": {"a": [1]}}},
    )
    assert settings.respan_params == {"cache_ttl": 60, "thread_identifier": "t", "properties": {"a": [1]}}


# The key, which has two names


def test_a_key_from_the_environment_takes_the_place_of_the_profiles_command() -> None:
    settings = resolve({}, {"RESPAN_API_KEY": "k"}, {"api_key_command": "pass show respan"})
    assert settings.api_key
    assert (settings.api_key.reveal(), settings.api_key_command) == ("k", None)
    assert settings.sources["api_key"] == "RESPAN_API_KEY"
    assert "api_key_command" not in settings.sources


@pytest.mark.parametrize("own", [{"api_key": "k"}, {"api_key_command": "pass show respan"}])
def test_an_empty_key_in_the_environment_takes_the_profiles_key_away(own: dict[str, str]) -> None:
    settings = resolve({}, {"RESPAN_API_KEY": ""}, own)
    assert (settings.api_key, settings.api_key_command) == (None, None)


def test_no_repr_shows_the_key() -> None:
    settings = resolve({}, {"RESPAN_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(settings) + repr(settings.api_key) + str(settings.api_key)


def test_a_profile_cannot_have_a_key_and_a_command_for_it() -> None:
    with pytest.raises(SettingsError, match="both api_key and api_key_command"):
        resolve({}, {}, {"api_key": "k", "api_key_command": "pass"})


# Which profile


@pytest.mark.parametrize(
    ("flag", "variable", "default", "chosen"),
    [
        ("a", "b", "c", ("a", "--profile")),
        (None, "b", "c", ("b", "RESPAN_PROFILE")),
        (None, None, "c", ("c", "default_profile")),
        (None, None, None, ("default", "default")),
        ("", "b", "c", ("default", "--profile")),
        (None, "", "c", ("default", "RESPAN_PROFILE")),
    ],
)
def test_the_profile_is_chosen_like_any_setting(
    flag: str | None, variable: str | None, default: str | None, chosen: tuple[str, str]
) -> None:
    env = {} if variable is None else {"RESPAN_PROFILE": variable}
    document = {} if default is None else {"default_profile": default}
    found = profiles.choose_profile(flag, env, document)
    assert (found.value, found.source) == chosen


# The messages for invalid values


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("max_tokens", "lots", "='lots' is not a positive integer"),
        ("max_tokens", "0", "='0' is not a positive integer"),
        ("max_tokens", "1e3", "='1e3' is not a positive integer"),
        ("max_retries", "-1", "='-1' is not a whole number of 0 or more"),
        ("max_retries", "+-1", "='+-1' is not a whole number of 0 or more"),
        ("timeout", "soon", "='soon' is not a number of seconds above 0"),
        ("timeout", "inf", "='inf' is not a number of seconds above 0"),
        ("base_url", "ftp://x", "='ftp://x' is not an http:// or https:// URL"),
    ],
)
def test_one_message_form_for_every_layer_and_it_names_the_source(name: str, raw: str, words: str) -> None:
    field = BY_NAME[name]
    assert field.env
    tries: list[tuple[dict[str, Any], str, type[RespanError]]] = [
        ({"flags": {name: raw}}, field.flag, UsageError),
        ({"env": {field.env: raw}}, field.env, SettingsError),
        ({"profile": {name: raw}}, f"profiles.work.{name}", SettingsError),
    ]
    for layers, source, kind in tries:
        with pytest.raises(kind) as caught:
            resolve(**layers)
        assert caught.value.message == source + words


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"max_tokens": True}, "profiles.work.max_tokens=True is not a positive integer"),
        ({"max_tokens": 4096.0}, "profiles.work.max_tokens=4096.0 is not a positive integer"),
        ({"model": 5}, "profiles.work.model=5 is not text"),
        ({"metadata": "x"}, "profiles.work.metadata='x' is not a table"),
        ({"headers": "X-A: 1"}, "profiles.work.headers is not a table"),
        ({"gateway_headers": ["X-A: 1"]}, "profiles.work.gateway_headers is not a table"),
        ({"respan_params": 3}, "profiles.work.respan_params is not a table"),
        ({"metadata": {"a": [1]}}, "has no text under 'a': metadata values are strings"),
        ({"required": ["modle"]}, "names 'modle', which is no setting, did you mean 'model'?"),
        ({"required": ["model.x"]}, "names 'model.x', and model has no such key"),
        ({"required": ["metadata."]}, "names 'metadata.', and metadata has no such key"),
        ({"modle": "x"}, "profiles.work.modle is not a setting, did you mean 'model'?"),
        ({"zzzzzz": "x"}, "profiles.work.zzzzzz is not a setting"),
        ({"headers": {"Host": "x"}}, "profiles.work.headers sets 'Host', which cannot be set"),
        ({"respan_params": {"model": "x"}}, "sets 'model', a field of the message"),
        ({"respan_params": {"fallback_models": []}}, "does not honour fallback models"),
        ({"respan_params": {"metadata": {}}}, "has a flag of its own: --metadata"),
        ({"customer_identifier": "x" * 255}, "is 255 characters long: the gateway cuts silently after 254"),
    ],
)
def test_a_profile_is_read_strictly(profile: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve({}, {}, profile)
    assert words in caught.value.message


def test_the_longest_identifier_that_the_gateway_keeps_is_taken() -> None:
    assert resolve({"customer_identifier": "x" * 254}).customer_identifier == "x" * 254


@pytest.mark.parametrize("name", ["headers", "gateway_headers"])
def test_a_message_never_repeats_a_header_value(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve({name: ["x-api-key: sk-secret\r\nX: y"]})
    assert "sk-secret" not in caught.value.message
    assert caught.value.message.endswith("does not allow in the value of 'x-api-key'")


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:s3cret@host",
        "https://s3cret@host/",
        "https://ada:s3/cret@host",
        "ada:s3cret@host",
        "https://ada:s3cret@@host",
        "https://host/?token=s3cret",
        "ftp://ada:s3cret@host",
    ],
)
def test_a_message_never_repeats_the_password_of_a_url(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve({}, {"RESPAN_BASE_URL": url})
    assert "s3" not in caught.value.message
    assert "[hidden]" in caught.value.message


def test_required_settings_are_missed_by_name_whole_tables_included() -> None:
    required = {"required": ["customer_identifier", "metadata.agent", "metadata", "headers", "model"]}
    assert resolve({}, {}, required).missing() == [
        "customer_identifier",
        "metadata.agent",
        "metadata",
        "headers",
    ]
    given = resolve({"customer_identifier": "c", "metadata": ["agent=x"], "headers": ["a: b"]}, {}, required)
    assert given.missing() == []


def test_a_required_key_is_given_by_itself_only_and_a_header_in_any_case() -> None:
    required = {"required": ["metadata.a", "headers.X-Team"]}
    assert resolve({"metadata": ["a.b=x"], "headers": ["x-team: y"]}, {}, required).missing() == [
        "metadata.a"
    ]


@pytest.mark.parametrize(
    ("document", "words", "path"),
    [
        ({"modle": 1}, "modle is not a setting, did you mean 'model'?", ("modle",)),
        ({"model": "x"}, "is outside of every profile: it belongs under [profiles.default]", ("model",)),
        ({"default_profle": "x"}, "did you mean 'default_profile'?", ("default_profle",)),
        ({"default_profile": 1}, "default_profile is not text", ("default_profile",)),
        ({"profiles": 1}, "write [profiles.NAME]", ("profiles",)),
        ({"profiles": {"a": 1}}, "write [profiles.NAME]", ("profiles",)),
        ({"profiles": {"a": {"max_token": 1}}}, "did you mean 'max_tokens'?", ("profiles", "a", "max_token")),
        (
            {"profiles": {"a": {"metadata": {"good": "x", "bad": []}}}},
            "profiles.a.metadata={'bad': []} has no text under 'bad'",
            ("profiles", "a", "metadata", "bad"),
        ),
    ],
)
def test_the_whole_document_is_checked_and_the_place_is_named(
    document: dict[str, Any], words: str, path: tuple[str, ...]
) -> None:
    with pytest.raises(MisplacedError) as caught:
        profiles.check_document(document)
    assert words in caught.value.message
    assert caught.value.path == path


def test_the_table_of_fields_and_the_settings_name_the_same() -> None:
    assert {field.name for field in FIELDS} | {"profile", "sources"} == set(Settings.__dataclass_fields__)
    assert all(field.help.endswith(".") for field in FIELDS)
