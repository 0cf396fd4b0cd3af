"""Options that commands share. The help of a setting's flag comes from its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from respan_cli.commands.shared import completion
from respan_cli.commands.shared.app import terminal_of
from respan_cli.settings.fields import BY_NAME, FIELDS, PROFILE_VARIABLE, format_value


class Color(StrEnum):
    """The values of `--color`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Effort(StrEnum):
    """The values of `--effort`: the API's own levels."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class Rendering(StrEnum):
    """The values of `--render`."""

    AUTO = "auto"
    MARKDOWN = "markdown"
    PLAIN = "plain"


def setting(name: str) -> Any:
    """The option of a setting: flags, help, variable and default as its field has them."""
    field = BY_NAME[name]
    facts = (("env", field.env), ("default", field.default and format_value(field.default)))
    told = ", ".join(f"{name}: {fact}" for name, fact in facts if fact)
    files = " @FILE reads lines." if field.ignore_case else ""
    meaning = field.help + files + (" Repeatable." if field.table else "")
    return typer.Option(
        *field.flags,
        help=f"{meaning} ({told})" if told else meaning,
        metavar=field.metavar,
        rich_help_panel=field.panel,
        show_default=False,
        autocompletion=completion.FOR_SETTING.get(name),
    )


def flag(names: str, meaning: str, panel: str) -> Any:
    """The option of a switch; short and long name are given as '-u/--usage'."""
    return typer.Option(*names.split("/"), help=meaning, rich_help_panel=panel)


def _set_color(ctx: typer.Context, color: Color) -> Color:
    terminal_of(ctx).color = color.value
    return color


def _set_debug(ctx: typer.Context, debug: bool) -> bool:
    terminal_of(ctx).debug = debug
    return debug


FlagValue = str | Sequence[str] | None  # of a setting, as it is typed
Text = str | None
Texts = list[str] | None

Profile = Annotated[
    Text,
    typer.Option(
        "-p",
        "--profile",
        help=f"The profile to use. (env: {PROFILE_VARIABLE}, default: default)",
        metavar="NAME",
        rich_help_panel="Connection",
        autocompletion=completion.profile_names,
    ),
]
BaseUrl = Annotated[Text, setting("base_url")]
Model = Annotated[Text, setting("model")]
MaxTokens = Annotated[Text, setting("max_tokens")]
System = Annotated[Text, setting("system")]
CustomerIdentifier = Annotated[Text, setting("customer_identifier")]
CustomIdentifier = Annotated[Text, setting("custom_identifier")]
Metadata = Annotated[Texts, setting("metadata")]
Param = Annotated[Texts, setting("respan_params")]
Header = Annotated[Texts, setting("headers")]
GatewayHeader = Annotated[Texts, setting("gateway_headers")]
Files = Annotated[
    Texts,
    typer.Option(
        "-f",
        "--file",
        help="A file to send along: text, PNG, JPEG, GIF, WebP or PDF; '-' is standard input. Repeatable.",
        metavar="PATH",
        rich_help_panel="Message",
    ),
]
PromptFile = Annotated[
    Text,
    typer.Option(
        "--prompt-file",
        help="A prompt with settings and {variables}, kept in a file.",
        metavar="FILE",
        rich_help_panel="Message",
    ),
]
Variables = Annotated[
    Texts,
    typer.Option(
        "--var",
        help="A variable of the prompt file; NAME=@PATH reads a file. Repeatable.",
        metavar="NAME=VALUE",
        rich_help_panel="Message",
    ),
]
Messages = Annotated[
    Text,
    typer.Option(
        "--messages",
        help="A JSON array of messages, or a thread, to send; the prompt becomes the last turn. "
        "'-' is standard input.",
        metavar="PATH",
        rich_help_panel="Message",
    ),
]
ExtraBody = Annotated[
    Text,
    typer.Option(
        "--extra-body",
        help="""Any other fields of the Messages API, such as '{"top_k": 5}', or @PATH to read them.""",
        metavar="JSON",
        rich_help_panel="Message",
    ),
]
Stops = Annotated[
    Texts,
    typer.Option(
        "--stop",
        help="A text at which the answer ends. Repeatable.",
        metavar="TEXT",
        rich_help_panel="Message",
    ),
]
EffortLevel = Annotated[
    Effort | None,
    typer.Option("--effort", help="How much effort the model puts in.", rich_help_panel="Message"),
]
Schema = Annotated[
    Text,
    typer.Option(
        "--schema",
        help="A file with the JSON Schema that the answer follows; --json then has it under 'parsed'.",
        metavar="PATH",
        rich_help_panel="Message",
    ),
]
Timeout = Annotated[Text, setting("timeout")]
MaxRetries = Annotated[Text, setting("max_retries")]
InsecureHttp = Annotated[
    bool,
    typer.Option(
        "--insecure-http",
        help="Allow http:// to another machine: key and prompt cross the network in the clear.",
        rich_help_panel="Connection",
    ),
]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Answer from the sandbox inside this program: no key, no network.",
        rich_help_panel="Connection",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]
ShowSecrets = Annotated[bool, typer.Option("--show-secrets", help="Show the key and secret headers.")]
ShowSecretHeaders = Annotated[
    bool, typer.Option("--show-secrets", help="Show secret header values in what is printed; never the key.")
]
ColorMode = Annotated[
    Color,
    typer.Option(
        "--color", help="When to use colour.", callback=_set_color, is_eager=True, show_default=False
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Log the exchange to standard error, secrets hidden; show tracebacks.",
        callback=_set_debug,
        is_eager=True,
    ),
]


@dataclass(frozen=True, kw_only=True)
class CommandOptions:
    """The options of every command."""

    color: ColorMode = Color.AUTO
    debug: Debug = False


@dataclass(frozen=True, kw_only=True)
class ProfileOptions(CommandOptions):
    """The options of a command that reads or changes a profile."""

    profile: Profile = None

    def flags(self) -> Mapping[str, FlagValue]:
        """The settings that the command line gives, by the names of their fields."""
        return {field.name: vars(self)[field.name] for field in FIELDS if field.name in vars(self)}


@dataclass(frozen=True, kw_only=True)
class RequestOptions(ProfileOptions):
    """The settings of a request that `send` and `check` share."""

    model: Model = None
    customer_identifier: CustomerIdentifier = None
    custom_identifier: CustomIdentifier = None
    metadata: Metadata = None
    respan_params: Param = None
    base_url: BaseUrl = None
    headers: Header = None
    gateway_headers: GatewayHeader = None
    insecure_http: InsecureHttp = False


@dataclass(frozen=True, kw_only=True)
class MessageOptions(RequestOptions):
    """All settings of a message, as `send` and `config init` take them."""

    max_tokens: MaxTokens = None
    system: System = None
    timeout: Timeout = None
    max_retries: MaxRetries = None


@dataclass(frozen=True, kw_only=True)
class BodyOptions(MessageOptions):
    """Further fields of a message's body."""

    stops: Stops = None
    effort: EffortLevel = None
    schema: Schema = None
    extra_body: ExtraBody = None


@dataclass(frozen=True, kw_only=True)
class InputOptions(BodyOptions):
    """The parts of a message, apart from settings."""

    prompt: Annotated[
        list[str] | None,
        typer.Argument(help="The prompt; '-' names standard input.", metavar="PROMPT"),
    ] = None
    files: Files = None
    prompt_file: PromptFile = None
    variables: Variables = None
    messages: Messages = None
    editor: Annotated[bool, flag("-e/--editor", "Write the prompt in $VISUAL or $EDITOR.", "Message")] = False
    no_stdin: Annotated[bool, flag("--no-stdin", "Ignore standard input.", "Message")] = False
