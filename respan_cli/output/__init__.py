"""What is shown of an answer: renderers, the result, Markdown, progress, and a request that is not sent."""
