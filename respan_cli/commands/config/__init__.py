"""`respan config`: profiles made, shown and changed."""

from __future__ import annotations

from respan_cli.commands.config import change, edit, init, show
from respan_cli.commands.page import App

app = App()


@app.callback()
def config() -> None:
    """Profiles: make, show and change them.

    $ respan config init               # a profile in one step
    $ respan config show --origin      # what is in force, and why
    $ respan config set model claude-sonnet-5-5
    """


app.command("init")(init.init)
app.command("list")(show.list_profiles)
app.command("show")(show.show)
app.command("get")(show.get)
app.command("set")(change.set_)
app.command("unset")(change.unset)
app.command("use")(change.use)
app.command("delete")(change.delete)
app.command("edit")(edit.edit)
app.command("path")(show.path)
app.command("mcp")(show.mcp)
