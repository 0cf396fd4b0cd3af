"""The options of a batch, apart from settings. Light: every help page loads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RowFormat(StrEnum):
    """The values of `--format`."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    LINES = "lines"


class ProgressMode(StrEnum):
    """The values of `--progress`."""

    AUTO = "auto"
    PLAIN = "plain"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of the input a run is about.

    Args:
        shard: the number of the shard, from 0.
        shards: how many there are.
        limit: the first so many rows of the shard; None for all.
    """

    shard: int = 0
    shards: int = 1
    limit: int | None = None

    def has(self, digest: bytes) -> bool:
        """Whether the row of an id with this digest belongs to the shard: all rows of one id are in one."""
        return int.from_bytes(digest[-8:], "big") % self.shards == self.shard
