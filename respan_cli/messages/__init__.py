"""Messages as data: the prompt and its attachments, the request, and the answer as it grows."""
