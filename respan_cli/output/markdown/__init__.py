"""Markdown that streams to a terminal.

text deltas -> `blocks` (which lines belong together) -> `inline` and `rows` (what they look like)
-> `screen` (which bytes change the picture) -> the terminal, conducted by `stream`.
"""

from __future__ import annotations

from respan_cli.output.markdown.stream import MarkdownStream

__all__ = ["MarkdownStream"]
