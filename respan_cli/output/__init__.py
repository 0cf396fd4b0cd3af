"""The output of an answer: renderers, the result, Markdown, progress; and `--dry-run`."""
