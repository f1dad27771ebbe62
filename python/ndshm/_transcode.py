"""Encodings that only Python knows, for the library: decoded by Python's codecs, block by block."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

# Bytes that are decoded at once.
BLOCK = 1 << 18


class Transcoder:
    """The text of a binary file as bytes of UTF-8. Its first block is kept."""

    quoted = False

    def __init__(self, file: Any, encoding: str) -> None:
        self.file, self.encoding = file, encoding
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.rest, self.ended, self.start = memoryview(b""), False, ""
        # Where the text could not be decoded; how many lines came before the block, whether it ended with a `\r`.
        self.line: int | None = None
        self.lines, self.half = 0, False

    def __call__(self, size: int) -> memoryview:
        while not self.rest and not self.ended:
            data = self.file.read1(BLOCK)
            self.ended = not data
            text = self.decoded(data)
            self.start = self.start or text
            self.rest = memoryview(text.encode())
        out, self.rest = self.rest[:size], self.rest[size:]
        return out

    def decoded(self, data: bytes) -> str:
        """A block of text."""
        try:
            text = self.decoder.decode(data, self.ended)
        except UnicodeDecodeError as error:
            before = bytes(error.object[:error.start]).decode(self.encoding, "ignore")
            self.line = self.lines + self.ends(before) + 1
            raise
        self.lines += self.ends(text)
        self.half = text.endswith("\r") if text else self.half
        return text

    def ends(self, text: str) -> int:
        """How many lines end in a text, which may begin within a `\\r\\n`."""
        return text.count("\n") + text.count("\r") - text.count("\r\n") - (self.half and text.startswith("\n"))

    @property
    def first(self) -> Iterator[str]:
        """The first lines."""
        return iter(self.start.splitlines(keepends=True))
