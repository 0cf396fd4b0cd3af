"""`respan config`: create, show and change profiles."""

from __future__ import annotations

from respan_cli.commands.shared.app import App

app = App(
    {
        "init": "respan_cli.commands.config.init:init",
        "list": "respan_cli.commands.config.show:list_profiles",
        "show": "respan_cli.commands.config.show:show",
        "get": "respan_cli.commands.config.show:get",
        "set": "respan_cli.commands.config.change:set_",
        "unset": "respan_cli.commands.config.change:unset",
        "use": "respan_cli.commands.config.change:use",
        "delete": "respan_cli.commands.config.change:delete",
        "edit": "respan_cli.commands.config.edit:edit",
        "path": "respan_cli.commands.config.show:path",
        "mcp": "respan_cli.commands.config.show:mcp",
    },
    name="config",
)


@app.callback()
def config() -> None:
    """Manage profiles and settings.

    $ respan config init               # a profile in one step
    $ respan config show --origin      # the effective settings, and why
    $ respan config set model claude-sonnet-5-5
    """
