"""What keeps a segment attached: one object for each, at the end of the `base` chain of every array that shows it."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from _thread import _local
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _structs as structs
from ._codes import ERR_OS, OK, POLICIES, UUID_SIZE
from ._dtypes import from_text
from ._errors import check
from ._library import library

ARRAY_SIZE = ctypes.sizeof(structs.Array)
# Room for the text of most types.
TEXT_SIZE = 256
Text = ctypes.c_char * TEXT_SIZE
# The handles of all that this process has, by their id. Who takes one out of it, ends it.
HELD: dict[int, Any] = {}


class Owner:
    """A segment's handle in the library, detached when nobody refers to it any more.

    It refers to nothing, so that it is in no cycle: arrays refer to it, and what refers to arrays may come and
    go in any order.
    """

    __slots__ = ("detach", "handle", "late")

    def __init__(self, late: bool = False) -> None:
        # Whether it gets a name when it is first sent.
        self.late = late
        # Kept here: modules may be gone when it is needed.
        self.detach: Callable[[Any], int] = library().ndshm_segment_detach
        self.handle = handle = structs.Segment()
        HELD[id(handle)] = handle

    def __del__(self, pop: Callable[..., Any] = HELD.pop) -> None:
        # Without one the library is missing, or it was left.
        handle = getattr(self, "handle", None)
        if pop(id(handle), None) is not None:
            self.detach(handle)

    @property
    def name(self) -> str | None:
        """Its name; None of an anonymous one, and of a draft."""
        name = library().ndshm_segment_name(self.handle)
        return None if name is None else name.decode()

    @property
    def uuid(self) -> bytes:
        """Random bytes, of no other segment."""
        raw = (ctypes.c_uint8 * UUID_SIZE)()
        library().ndshm_segment_uuid(self.handle, raw, None)
        return bytes(raw)

    @property
    def ndim(self) -> int:
        """How many dimensions."""
        return int(library().ndshm_segment_ndim(self.handle))

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents, slowest first."""
        return tuple(library().ndshm_segment_shape(self.handle)[:self.ndim])

    @property
    def strides(self) -> tuple[int, ...]:
        """Steps in bytes."""
        return tuple(library().ndshm_segment_strides(self.handle)[:self.ndim])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type as NumPy has it."""
        text = ctypes.create_string_buffer(self.seen().dtype_len + 1)
        self.seen(text)
        return from_text(text.value)

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return int(library().ndshm_segment_data_len(self.handle))

    @property
    def is_writable(self) -> bool:
        """Whether the data may be written."""
        return bool(self.seen().writable)

    def memory(self, found: structs.Array | None = None) -> np.ndarray[Any, Any]:
        """Its data as bytes."""
        return np.asarray(Memory(self, found or self.seen()))

    def seen(self, text: Any = None) -> structs.Array:
        """What an array of it needs. `text` gets its type as the library writes it, as far as there is room."""
        found, error = structs.Array(ARRAY_SIZE), SCRATCH.error
        size = 0 if text is None else len(text)
        check(library().ndshm_segment_array(self.handle, text, size, found, error), error)
        return found

    def array(self, dtype: np.dtype[Any] | None = None) -> np.ndarray[Any, Any]:
        """Its data as an array, which keeps it attached. With `dtype` the elements are shown as of this type."""
        if dtype is None:
            text = Text()
            found = self.seen(text)
            dtype = from_text(text.value) if found.dtype_len < TEXT_SIZE else self.dtype
        else:
            found = self.seen()
        ndim, itemsize = found.ndim, found.itemsize
        shape, strides = found.shape[:ndim], found.strides[:ndim]
        if itemsize != dtype.itemsize:
            raise RuntimeError(f"the library's elements have {itemsize} bytes, NumPy's {dtype.itemsize}")
        # An array over an array that shows the bytes: NumPy looks there whether they may be written.
        made: np.ndarray[Any, Any] = np.ndarray(shape, dtype, self.memory(found), 0, strides)
        return made


class Memory:
    """Data of a segment as bytes, for NumPy, which keeps this as long as they are shown."""

    __slots__ = ("__array_interface__", "base")

    def __init__(self, owner: Owner, found: structs.Array) -> None:
        self.base = owner
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": (found.data_len,),
                                    "data": (found.data, not found.writable)}


def leave() -> None:
    """Has nothing any more."""
    while HELD:
        with contextlib.suppress(KeyError):  # another thread was faster
            leave_one(HELD.popitem()[1])


def leave_one(handle: Any) -> None:
    """Leaves a segment, or says why it cannot: an exception needs modules, which cannot be read without a descriptor."""
    native = library()
    name, policy = native.ndshm_segment_name(handle), native.ndshm_segment_policy(handle)
    status = native.ndshm_segment_leave(handle)
    if status != OK and policy != POLICIES["persist"] and sys.stderr is not None:
        why = native.ndshm_strerror(status).decode() + (" (it needs a free descriptor)" if status == ERR_OS else "")
        print(f"ndshm: {name.decode() if name else 'a draft'!r} cannot be left: {why}. It is dead when "
              "this process has ended; ndshm.prune() removes it", file=sys.stderr)


def owner_of(array: object) -> Owner | None:
    """The segment that an array shows, or shows a part of; None if it shows other memory.

    Memory that went through a `memoryview` is followed, too.
    """
    at = array
    while at is not None and not isinstance(at, Owner):
        at = at.obj if isinstance(at, memoryview) else getattr(at, "base", None)
    return at


class Scratch(_local):  # `threading.local`, of which the rest is not needed
    """What calls write to that fail: one for each thread."""

    def __init__(self) -> None:
        self.error = structs.sized(structs.Error)


SCRATCH = Scratch()
