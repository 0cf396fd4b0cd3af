"""The least that a Typer program can be, with Rich for its help: what start-up is measured against."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def send(
    prompt: Annotated[str, typer.Argument(help="The prompt.")],
    model: Annotated[str, typer.Option("-m", "--model", help="The model that answers.")] = "",
) -> None:
    """Send a message and print the answer."""


@app.command()
def config() -> None:
    """Show the settings."""


if __name__ == "__main__":
    app()
