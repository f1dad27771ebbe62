"""What text is read from: files by their names, descriptors, and Python's own files."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from typing import IO, Any, Union

from . import _codes as codes
from . import _structs as structs
from ._errors import name_of

# One input.
Input = Union[str, "os.PathLike[str]", int, "IO[str]", "IO[bytes]"]
Inputs = Union[Input, Sequence[Input]]


def listed(files: Inputs) -> list[Any]:
    """One input or several, as a list."""
    single = isinstance(files, (str, bytes, os.PathLike, int)) or hasattr(files, "read")
    return [files] if single else list(files)  # type: ignore[arg-type]


def inputs_of(files: Sequence[Any], raised: list[BaseException]) -> ctypes.Array[structs.Input]:
    """The library's inputs. What a file of Python's raises is kept in `raised`."""
    if not files:
        raise ValueError("at least one input is needed")
    return (structs.Input * len(files))(*[input_of(file, raised) for file in files])


def input_of(file: Any, raised: list[BaseException]) -> structs.Input:
    """One input."""
    if isinstance(file, (str, bytes, os.PathLike)):
        return structs.Input(kind=codes.INPUT_FILE, path=os.fsencode(file))
    name = os.fsencode(name_of(file) or "<input>")
    if isinstance(file, int):
        return structs.Input(kind=codes.INPUT_FD, fd=file, path=f"descriptor {file}".encode())
    if not hasattr(file, "read"):
        raise TypeError(f"an input is a path, a descriptor or a file, not {type(file).__name__}")
    return structs.Input(kind=codes.INPUT_READER, path=name, read=structs.ReadFunction(reader(file, raised)))


def reader(file: Any, raised: list[BaseException]) -> Any:
    """The function that gives the library the text of one of Python's files: as UTF-8, if it is decoded already."""
    rest = b""

    def give(_context: object, buffer: int, size: int) -> int:
        nonlocal rest
        try:
            # A character has at most four bytes.
            data = rest or file.read(max(1, size // 4))
            if isinstance(data, str):
                data = data.encode("utf-8", "surrogateescape")
            data, rest = data[:size], data[size:]
            ctypes.memmove(buffer, data, len(data))
            return len(data)
        except BaseException as error:  # noqa: BLE001 - it is raised when the call is back
            raised.append(error)
            return -errno.EIO

    return give
