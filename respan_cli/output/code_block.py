"""The first fenced code block of an answer, by itself."""

from __future__ import annotations

from respan_cli.messages.answer import Event
from respan_cli.output.renderers import Renderer
from respan_cli.output.result import Result


def first_code_block(text: str) -> str | None:
    """The content of the first fenced code block of a Markdown text, also in a list or a quote.

    A fence that is never closed reaches to the end, as CommonMark has it.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])  # what stands within a line does not matter
    return next((token.content for token in parser.parse(text) if token.type == "fence"), None)


class CodeBlock(Renderer):
    """The code block that was found in the answer, or else the whole text, once the answer is whole."""

    def prepare(self) -> None:
        """Load the parser while the network is waited for."""
        import markdown_it  # noqa: F401

    def render(self, event: Event, text: str) -> str:
        """Nothing yet."""
        return ""

    def finish(self, result: Result) -> str:
        """The block, with one newline at its end if it lacks one."""
        return result.text if result.text.endswith("\n") or not result.text else result.text + "\n"

    def abort(self) -> str:
        """Nothing: part of a program is no program."""
        return ""
