"""What one writes with the SDK for many prompts: `AsyncAnthropic`, 64 at once, a line of JSON for each."""

import asyncio
import json
import os
import sys
from pathlib import Path

import anthropic

AT_ONCE = 64


async def main(rows: Path, answers: Path, model: str) -> None:
    client = anthropic.AsyncAnthropic(
        base_url=os.environ["RESPAN_BASE_URL"], api_key=os.environ["RESPAN_API_KEY"]
    )
    semaphore = asyncio.Semaphore(AT_ONCE)
    with rows.open() as lines, answers.open("w") as file:

        async def send(row: dict) -> None:
            async with semaphore:
                text = ""
                async for event in await client.messages.create(
                    model=model,
                    max_tokens=4096,
                    messages=[{"role": "user", "content": row["prompt"]}],
                    stream=True,
                ):
                    if event.type == "content_block_delta" and event.delta.type == "text_delta":
                        text += event.delta.text
                file.write(json.dumps({"id": row["id"], "text": text}) + "\n")

        await asyncio.gather(*(send(json.loads(line)) for line in lines))


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
