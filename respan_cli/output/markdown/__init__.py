"""Markdown that streams to a terminal.

text deltas -> `blocks` and `reader` (which lines belong together) -> `inline`, `code`, `tables` and `rows`
(what they look like) -> `screen` (which bytes change the picture) -> the terminal. `stream` conducts them.
"""

from __future__ import annotations

from respan_cli.output.markdown.stream import MarkdownStream

__all__ = ["MarkdownStream"]
