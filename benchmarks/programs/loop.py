"""The bare loop of the SDK over a streamed answer: model, then `-` for a prompt on standard input."""

import os
import sys

import anthropic

client = anthropic.Anthropic(base_url=os.environ["RESPAN_BASE_URL"], api_key=os.environ["RESPAN_API_KEY"])
prompt = sys.stdin.read() if sys.argv[2:] == ["-"] else "Hello"
for event in client.messages.create(
    model=sys.argv[1], max_tokens=4096, messages=[{"role": "user", "content": prompt}], stream=True
):
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        sys.stdout.write(event.delta.text)
