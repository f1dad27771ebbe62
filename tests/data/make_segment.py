#!/usr/bin/env python3
"""Writes segment-1.0.bin: a whole segment of format 1.0, by another encoder than the library.

Every field of the header that can be used is used: a record with a nested one,
a subarray, a field out of order, unused bytes, both byte orders and a unit; two
dimensions in Fortran order; metadata; a handoff. `--check` compares instead.
"""
import pathlib
import struct
import sys
import zlib

FILE = pathlib.Path(__file__).with_name("segment-1.0.bin")
PAGE = 4096

# name, kind, order, itemsize, offset in the record, nodes of the subtree, subarray, unit, its count
NODES = [
    ("", "r", "|", 40, 0, 7, (), 0, 0),
    ("id", "i", ">", 4, 0, 1, (), 0, 0),
    ("position", "r", "|", 10, 4, 3, (2,), 0, 0),
    ("x", "f", "<", 8, 2, 1, (), 0, 0),
    ("flag", "b", "|", 1, 0, 1, (), 0, 0),
    ("time", "M", "<", 8, 28, 1, (), 8, 10),  # seconds, 10 of them
    ("é", "S", "|", 3, 24, 1, (), 0, 0),
]
SHAPE = (2, 3)
STRIDES = (40, 80)
METADATA = b'{"unit": "m"}'


def sections():
    """The bytes behind the fixed part, and where each section lies."""
    nodes, dims, names = b"", [], b""
    for name, kind, order, size, offset, span, subarray, unit, count in NODES:
        text = name.encode()
        nodes += struct.pack(
            "<IHBBIIIIHBBI", len(names) if name else 0, len(text), ord(kind), ord(order), size,
            offset, span, len(dims) if subarray else 0, len(subarray), unit, 0, count)
        dims += subarray
        names += text
    parts = [
        (struct.pack(f"<{len(SHAPE)}Q", *SHAPE), len(SHAPE)),
        (struct.pack(f"<{len(STRIDES)}q", *STRIDES), len(STRIDES)),
        (nodes, len(NODES)),
        (struct.pack(f"<{len(dims)}I", *dims), len(dims)),
        (names, len(names)),
        (METADATA, len(METADATA)),
    ]
    body, places = b"", []
    for content, count in parts:
        places += [256 + len(body), count]
        body += content + bytes(-len(content) % 8)
    return body, places


def segment():
    body, places = sections()
    header_len, data_offset, data_len = 256 + len(body), PAGE, 40 * 6
    start = struct.pack(
        "<8sIHHIIIIQQQQ", b"\x89NDSHM\r\n", 0x01020304, 1, 0, 0, 0, 0, 4,
        header_len, data_offset + data_len, data_offset, data_len)
    behind = struct.pack(
        "<QQQ16sII12IIII60x", 600_000_000_000, 1_700_000_000_000_000_000, 7,
        bytes(range(16)), len(SHAPE), 40, *places, PAGE, 3, 4242)
    checksum = zlib.crc32(behind + body, zlib.crc32(start))
    header = start + struct.pack("<IIIIQ", 1, 0, 0, checksum, 0) + behind + body
    assert len(start) == 64 and len(header) == header_len
    return header + bytes(data_offset - header_len) + bytes(range(data_len))


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(FILE.read_bytes() != segment())
    FILE.write_bytes(segment())
