"""Settings: one table of fields, layers in order of precedence, sources remembered. Pure.

A layer is what one place says: a flat mapping from a path (`("model",)`, `("metadata", "agent")`) to the
value and the place. The list of layers, highest first, is the precedence rule and its explanation at once:
`config show --origin`, `headers list --effective` and `send` all read the same list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respan_cli import values
from respan_cli.errors import RespanError, SettingsError, UsageError

DEFAULT_PROFILE = "default"
PROFILE_VARIABLE = "RESPAN_PROFILE"
DEFAULT_BASE_URL = "https://api.respan.ai/api/anthropic/"
DEFAULT_MODEL = "claude-sonnet-5-5"
# What completion offers; any other name is sent as well. A test holds them against the installed SDK.
MODELS = (
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-haiku-5-5",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-sonnet-5",
    "claude-opus-5",
    "claude-haiku-4-5",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: everything that flags, validation, help, completion and the docs say of it.

    `read` turns a value from any layer into the value in force (see `values`). A table merges key by key;
    `ignore_case` says that its keys are header names. A `secret` is never repeated in a message.
    """

    name: str
    read: Callable[[object], Any]
    help: str
    flags: tuple[str, ...] = ()
    env: str | None = None
    default: object = None
    metavar: str = "TEXT"
    panel: str = "Message"
    table: bool = False
    ignore_case: bool = False
    secret: bool = False

    @property
    def flag(self) -> str:
        """The flag that messages name: the first long one, or nothing."""
        return next((flag for flag in self.flags if flag.startswith("--")), "")

    def path(self, key: str | None = None) -> Path:
        """Where this field, or one key of its table, stands in a layer."""
        if key is None:
            return (self.name,)
        return (self.name, key.lower() if self.ignore_case else key)


FIELDS: tuple[Field, ...] = (
    Field(
        "api_key",
        values.text,
        "The Respan API key.",
        env="RESPAN_API_KEY",
        secret=True,
    ),
    Field(
        "api_key_command",
        values.text,
        "A command line whose output is the key, run without a shell when a request is made.",
        metavar="COMMAND",
    ),
    Field(
        "base_url",
        values.base_url,
        "Where the gateway's Anthropic endpoint is.",
        flags=("--base-url",),
        env="RESPAN_BASE_URL",
        default=DEFAULT_BASE_URL,
        metavar="URL",
        panel="Connection",
    ),
    Field(
        "model",
        values.text,
        "The model that answers.",
        flags=("-m", "--model"),
        env="RESPAN_MODEL",
        default=DEFAULT_MODEL,
        metavar="MODEL",
    ),
    Field(
        "max_tokens",
        values.positive_integer,
        "The most tokens the answer may have.",
        flags=("--max-tokens",),
        env="RESPAN_MAX_TOKENS",
        default=4096,
        metavar="N",
    ),
    Field(
        "system",
        values.text,
        "The system prompt.",
        flags=("-s", "--system"),
    ),
    Field(
        "customer_identifier",
        values.identifier,
        "Who the customer is: the name that Respan's log and costs are kept under.",
        flags=("--customer-identifier", "--customer-id"),
        env="RESPAN_CUSTOMER_ID",
        metavar="ID",
        panel="Identity",
    ),
    Field(
        "custom_identifier",
        values.identifier,
        "Your own name for this request, to find it in the log; 'auto' makes a fresh UUID for each.",
        flags=("--custom-identifier", "--custom-id"),
        env="RESPAN_CUSTOM_ID",
        metavar="ID",
        panel="Identity",
    ),
    Field(
        "metadata",
        values.metadata,
        "Metadata kept with the request, such as agent=committer.",
        flags=("-M", "--metadata"),
        env="RESPAN_METADATA",
        metavar="KEY=VALUE",
        panel="Identity",
        table=True,
    ),
    Field(
        "respan_params",
        values.respan_params,
        "Any other Respan parameter.",
        flags=("--param",),
        metavar="KEY=JSON",
        panel="Identity",
        table=True,
        secret=True,
    ),
    Field(
        "headers",
        values.header_table,
        "A header that the gateway forwards to the model's provider.",
        flags=("-H", "--header"),
        metavar="'NAME: VALUE'",
        panel="Connection",
        table=True,
        ignore_case=True,
        secret=True,
    ),
    Field(
        "gateway_headers",
        values.header_table,
        "A real HTTP header of the request to the gateway.",
        flags=("--gateway-header",),
        metavar="'NAME: VALUE'",
        panel="Connection",
        table=True,
        ignore_case=True,
        secret=True,
    ),
    Field(
        "timeout",
        values.seconds,
        "Seconds without a byte before giving up.",
        flags=("--timeout",),
        env="RESPAN_TIMEOUT",
        default=600.0,
        metavar="SECONDS",
        panel="Connection",
    ),
    Field(
        "max_retries",
        values.count,
        "How often a request that failed in passing is tried again.",
        flags=("--max-retries",),
        env="RESPAN_MAX_RETRIES",
        default=2,
        metavar="N",
        panel="Connection",
    ),
    Field(
        "required",
        values.names,
        "Settings without which nothing is sent, such as customer_identifier.",
        metavar="LIST",
        default=(),
    ),
)
BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
# Two ways to say one thing: whoever says one of them takes away what lower layers said of the other.
KEY_FIELDS = ("api_key", "api_key_command")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What one layer says of one setting: the value, where it stands, and its key as it was written there.

    A value of None takes away what lower layers gave.
    """

    value: Any
    source: str
    key: str


Layer = Mapping[Path, Given]


class Secret:
    """A key that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([hidden])"


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """The settings in force. `sources` names the place each came from, by dotted name (`metadata.agent`)."""

    profile: str
    api_key: Secret | None
    api_key_command: str | None
    base_url: str
    model: str
    max_tokens: int
    system: str | None
    customer_identifier: str | None
    custom_identifier: str | None
    metadata: Mapping[str, str]
    respan_params: Mapping[str, Any]
    headers: Mapping[str, str]
    gateway_headers: Mapping[str, str]
    timeout: float
    max_retries: int
    required: tuple[str, ...]
    sources: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Settings(profile={self.profile!r}, base_url={self.base_url!r})"

    def missing(self) -> list[str]:
        """The `required` settings that no layer gave."""
        return [name for name in self.required if not self._is_given(name)]

    def _is_given(self, name: str) -> bool:
        word, dot, key = name.partition(".")
        if dot:
            return ".".join(BY_NAME[word].path(key)) in self.sources
        return any(source == word or source.startswith(word + ".") for source in self.sources)


def resolve(profile: str, layers: Sequence[Layer]) -> Settings:
    """Merge the layers, highest first, into the settings in force."""
    found: dict[Path, Given] = {}
    for layer in reversed([*layers, DEFAULTS]):
        for path, given in layer.items():
            for hidden in [known for known in found if _hides(path, known)]:
                del found[hidden]
            if given.value is not None:
                found[path] = given
    found = {**DEFAULTS, **found}
    sources = {".".join(path): given.source for path, given in found.items() if given.value is not None}
    in_force = {field.name: _in_force(field, found) for field in FIELDS}
    return Settings(profile=profile, sources=sources, **in_force)


def _hides(path: Path, lower: Path) -> bool:
    return lower[: len(path)] == path or (path[0] in KEY_FIELDS and lower[0] in KEY_FIELDS)


def _in_force(field: Field, found: Mapping[Path, Given]) -> Any:
    if field.table:
        return {given.key: given.value for path, given in found.items() if path[0] == field.name}
    given = found.get(field.path())
    value = given.value if given else None
    return Secret(value) if field.name == "api_key" and value else value


def from_flags(params: Mapping[str, Any]) -> Layer:
    """The layer of the command line, from the parameters of a command; names that are no field are skipped.

    Raises:
        UsageError: a flag's value is not what its field accepts.
    """
    layer: dict[Path, Given] = {}
    for field in FIELDS:
        raw = params.get(field.name)
        # A repeatable flag is read item by item, so that an error names the one that is wrong.
        items = [[one] for one in raw or ()] if field.table else [raw]
        for item in items:
            if item is not None:
                layer |= read_field(field, item, name=field.flag, source=field.flag, error=UsageError)
    return layer


def from_environment(env: Mapping[str, str]) -> Layer:
    """The layer of the environment: the variables that the table names, and no others.

    Raises:
        SettingsError: a variable's value is not what its field accepts.
    """
    layer: dict[Path, Given] = {}
    for field in FIELDS:
        if field.env and field.env in env:
            layer |= read_field(field, env[field.env], name=field.env, source=field.env)
    return layer


def from_profile(table: Mapping[str, Any], name: str) -> Layer:
    """The layer of one `[profiles.NAME]` table.

    Raises:
        MisplacedError: a key that is no setting, a value that its field does not accept, or `api_key`
            beside `api_key_command`.
    """
    layer: dict[Path, Given] = {}
    for key, raw in table.items():
        if key not in BY_NAME:
            raise _unknown(("profiles", name, key), BY_NAME)
        # A table is read key by key, so that an error stands at the line that is wrong.
        inner = raw if BY_NAME[key].table and isinstance(raw, dict) else {}
        pieces: list[tuple[Path, object]] = [((key, one), {one: value}) for one, value in inner.items()] or [
            ((key,), raw)
        ]
        for path, piece in pieces:
            layer |= _piece_of_profile(BY_NAME[key], piece, ("profiles", name, *path))
    if {"api_key", "api_key_command"} <= table.keys():
        message = f"profile {name!r} has both api_key and api_key_command: keep one of them"
        raise MisplacedError(message, ("profiles", name, "api_key_command"))
    return layer


def _piece_of_profile(field: Field, raw: object, path: Path) -> dict[Path, Given]:
    named = ".".join(path[:3])
    if field.table and raw != "" and not isinstance(raw, dict):
        raise MisplacedError(f"{_naming(field, named, raw)} is not a table", path)
    try:
        return read_field(field, raw, name=named, source=f"profile {path[1]}")
    except SettingsError as error:
        raise MisplacedError(error.message, path) from None


def read_field(
    field: Field, raw: object, *, name: str, source: str, error: type[RespanError] = SettingsError
) -> dict[Path, Given]:
    """What one raw value means for its field, as a piece of a layer.

    Args:
        field: the setting.
        raw: the value as its layer gives it.
        name: what a message calls it: a flag, a variable, a dotted key of the file.
        source: what `--origin` calls the place.
        error: what to raise.

    Raises:
        RespanError: of the class `error`, in the one form "NAME=VALUE is not …".
    """
    if raw == "":
        return {field.path(): Given(None, source, field.name)}
    try:
        value = field.read(raw)
        values.check_sendable(value)
        _check_names(field, value)
    except ValueError as wrong:
        raise error(f"{_naming(field, name, raw)} {wrong}") from None
    if not field.table:
        return {field.path(): Given(value, source, field.name)}
    return {field.path(key): Given(None if item == "" else item, source, key) for key, item in value.items()}


def _check_names(field: Field, value: Any) -> None:
    if field.name == "required":
        for name in value:
            word, dot, key = name.partition(".")
            if word not in BY_NAME:
                raise ValueError(f"names {name!r}, which is no setting{did_you_mean(name, BY_NAME)}")
            if dot and not (key and BY_NAME[word].table):  # which nobody could ever give
                raise ValueError(f"names {name!r}, and {word} has no such key")


def _naming(field: Field, name: str, raw: object) -> str:
    return name if field.secret else f"{name}={_shown(field, raw)}"


def _shown(field: Field, raw: object, limit: int = 80) -> str:
    if isinstance(raw, list) and len(raw) == 1:
        raw = raw[0]
    if field.name == "base_url" and isinstance(raw, str):
        raw = _without_credentials(raw)
    text = repr(raw)
    return text if len(text) <= limit else text[:limit] + "…" + text[-1]  # the quote that it began with


def _without_credentials(url: str) -> str:
    """A URL for people's eyes, even one that is no URL: a password stands before "@", a token after "?"."""
    url = re.sub(r"^(\w*://)?.*@", r"\1[hidden]@", url, flags=re.DOTALL)
    return re.sub(r"[?#].*", "?[hidden]", url, flags=re.DOTALL)


def shown(value: Any) -> str:
    """A value in force as text, in the form that `config set` takes: text as it is, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ",".join(value) if isinstance(value, tuple) else json.dumps(value, ensure_ascii=False)


class MisplacedError(SettingsError):
    """Something in the profile file that cannot stand there; `path` is where, for the line and column."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def _unknown(path: Path, known: Iterable[str]) -> MisplacedError:
    return MisplacedError(f"{'.'.join(path)} is not a setting{did_you_mean(path[-1], known)}", path)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ ", did you mean 'model'?" when something known is near, else nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def profile_choice(params: Mapping[str, Any], env: Mapping[str, str], document: Mapping[str, Any]) -> Given:
    """Which profile is in force, and who says so: flag, environment, the file, or nobody.

    As with every setting, an empty value takes away what lower layers say.
    """
    said = (
        ("--profile", params.get("profile")),
        (PROFILE_VARIABLE, env.get(PROFILE_VARIABLE)),
        ("default_profile", document.get("default_profile")),
    )
    source, name = next(((source, name) for source, name in said if name is not None), ("default", ""))
    return Given(name or DEFAULT_PROFILE, source, "profile")


def as_typed(name: str) -> str:
    """The name of a profile for a command that a message tells people to type, mostly between quotes."""
    from shlex import quote

    if re.fullmatch(r"[^\"$`\\!]* [^\"$`\\!]*", name):
        return f'"{name}"'
    return quote(name)


def profile_table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table of one profile; `default` need not exist.

    Raises:
        SettingsError: there is no profile of this name.
    """
    profiles = document.get("profiles", {})
    if name in profiles or name == DEFAULT_PROFILE:
        table: Mapping[str, Any] = profiles.get(name, {})
        return table
    known = ", ".join(profiles) or "none yet"
    raise SettingsError(
        f"there is no profile {name!r}{did_you_mean(name, profiles)}",
        hint=f"profiles: {known}; 'respan config init -p {as_typed(name)}' makes one",
    )


def check_document(document: Mapping[str, Any]) -> None:
    """Check the whole profile file, every profile in it.

    Raises:
        MisplacedError: a key that is no setting, or a value that its field does not accept.
    """
    for key in document:
        if key in BY_NAME:
            message = f"{key} stands outside of every profile: it belongs under [profiles.{DEFAULT_PROFILE}]"
            raise MisplacedError(message, (key,))
        if key not in ("default_profile", "profiles"):
            raise _unknown((key,), ["default_profile", "profiles", *BY_NAME])
    if not isinstance(document.get("default_profile", ""), str):
        raise MisplacedError("default_profile is not text", ("default_profile",))
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise MisplacedError("profiles is not a table of tables: write [profiles.NAME]", ("profiles",))
    for name, table in profiles.items():
        from_profile(table, name)


DEFAULTS: Layer = {
    field.path(): Given(field.default, "default", field.name) for field in FIELDS if field.default is not None
}
