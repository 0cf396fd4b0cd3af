"""The ten-line program of Respan's documentation, with the address of the sandbox."""

import os

import anthropic

client = anthropic.Anthropic(base_url=os.environ["RESPAN_BASE_URL"], api_key=os.environ["RESPAN_API_KEY"])
message = client.messages.create(
    model="claude-sonnet-5-5",
    max_tokens=1000,
    system="Respond only in Yoda-speak.",
    messages=[{"role": "user", "content": "How are you today?"}],
    metadata={"respan_params": {"customer_identifier": "something"}},
)
print(message.content)
