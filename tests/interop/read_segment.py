"""A segment as a NumPy array, knowing only the tables of docs/interop.md."""
import fcntl
import mmap
import os
import struct
import zlib

import numpy as np

UNITS = "? generic Y M W D h m s ms us ns ps fs as".split()


def read_header(buffer):
    """The header's fixed part, and a copy of the whole; what others write later is not seen."""
    if len(buffer) < 256 or bytes(buffer[:8]) != b"\x89NDSHM\r\n":
        raise ValueError("not a segment")
    endian, major, _, incompat = struct.unpack_from("=IHHI", buffer, 8)
    if endian != 0x01020304 or major != 1 or incompat != 0:
        raise ValueError("another byte order, or a newer format")
    head = bytes(buffer[: struct.unpack_from("=Q", buffer, 32)[0]])
    length, total, start, size, state = struct.unpack_from("=QQQQI", head, 32)
    if length != len(head) or start + size != total or total > len(buffer):
        raise ValueError("the lengths do not fit the object")
    if zlib.crc32(head[88:], zlib.crc32(head[:64])) != struct.unpack_from("=I", head, 76)[0]:
        raise ValueError("wrong checksum")
    if state != 1:
        raise ValueError("not ready")
    return start, head


def section(head, at, code):
    """The items of the section whose offset and count are at `at`."""
    offset, count = struct.unpack_from("=II", head, at)
    return struct.unpack_from(f"={count}{code}", head, offset)


def read_dtype(head, node=0):
    """The dtype of a node of the table, with all that is in it."""
    at = struct.unpack_from("=I", head, 152)[0] + 32 * node
    fields = struct.unpack_from("=IHBBIIIIHBBI", head, at)
    _, _, kind, order, itemsize, _, span, _, _, unit, _, count = fields
    kind, order = chr(kind), chr(order)
    if kind == "U":
        return np.dtype(f"{order}U{itemsize // 4}")
    if kind in "mM":
        return np.dtype(f"{order}{kind}8" + (f"[{count}{UNITS[unit]}]" if unit > 1 else ""))
    if kind != "r":
        return np.dtype(f"{order}{kind}{itemsize}")
    record = {"names": [], "formats": [], "offsets": [], "itemsize": itemsize}
    child = node + 1
    while child < node + span:
        at = struct.unpack_from("=I", head, 152)[0] + 32 * child
        start, length, _, _, _, offset, step, dims, ndim = struct.unpack_from("=IHBBIIIIH", head, at)
        name = bytes(section(head, 168, "B")[start : start + length]).decode()
        shape = section(head, 160, "I")[dims : dims + ndim]
        record["names"].append(name)
        record["formats"].append((read_dtype(head, child), shape))
        record["offsets"].append(offset)
        child += step
    return np.dtype(record)


def as_array(buffer):
    """The array in a buffer that begins with a header. It shares the buffer's memory."""
    start, head = read_header(buffer)
    shape, strides = section(head, 136, "Q"), section(head, 144, "q")
    return np.ndarray(shape, read_dtype(head), buffer=buffer, offset=start, strides=strides)


def attach(name):
    """The segment `name`, read-only. It is alive at least as long as the array."""
    with open(f"/dev/shm/ndshm.{name}", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.fstat(file.fileno()).st_nlink == 0:
            raise FileNotFoundError(name)  # removed between open and flock
        # The mapping keeps the file open, and so locked, when `file` is closed.
        return as_array(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
