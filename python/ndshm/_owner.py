"""What keeps a segment attached: one object for each, at the end of the `base` chain of every array that shows it."""

from __future__ import annotations

import ctypes
import weakref
from _thread import _local
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _structs as structs
from ._codes import UUID_SIZE
from ._dtypes import from_text
from ._library import library

# Room for the text of most types.
DTYPE_SIZE = 512


class Owner:
    """A segment's handle in the library, detached when nobody refers to it any more.

    It refers to nothing, so that it is in no cycle: arrays refer to it, and what refers to arrays may come and
    go in any order.
    """

    __slots__ = ("__weakref__", "detach", "handle", "late")

    def __init__(self, late: bool = False) -> None:
        # Whether it gets a name when it is first sent.
        self.late = late
        # Kept here: modules may be gone when it is needed.
        self.detach: Callable[[Any], int] = library().ndshm_segment_detach
        self.handle = structs.Segment()
        OWNERS.add(self)

    def __del__(self) -> None:
        if hasattr(self, "handle"):  # else the library is missing
            self.detach(self.handle)

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
    def dtype_text(self) -> bytes:
        """The type as the library writes it."""
        text = SCRATCH.text
        size = library().ndshm_segment_dtype(self.handle, text, DTYPE_SIZE)
        if size >= DTYPE_SIZE:
            text = ctypes.create_string_buffer(size + 1)
            library().ndshm_segment_dtype(self.handle, text, size + 1)
        return text.value

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type as NumPy has it."""
        return from_text(self.dtype_text)

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return int(library().ndshm_segment_data_len(self.handle))

    @property
    def is_writable(self) -> bool:
        """Whether the data may be written."""
        return library().ndshm_segment_data_mut(self.handle) is not None

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Its data as bytes, for NumPy."""
        data = library().ndshm_segment_data_mut(self.handle)
        return {"version": 3, "typestr": "|u1", "shape": (self.nbytes,),
                "data": (data or library().ndshm_segment_data(self.handle), data is None)}

    def array(self, dtype: np.dtype[Any] | None = None) -> np.ndarray[Any, Any]:
        """Its data as an array, which keeps it attached. With `dtype` the elements are shown as of this type."""
        shown = self.dtype if dtype is None else dtype
        native, handle = library(), self.handle
        ndim = native.ndshm_segment_ndim(handle)
        shape = native.ndshm_segment_shape(handle)[:ndim]
        strides = native.ndshm_segment_strides(handle)[:ndim]
        itemsize = native.ndshm_segment_itemsize(handle)
        if itemsize != shown.itemsize:
            raise RuntimeError(f"the library's elements have {itemsize} bytes, NumPy's {shown.itemsize}")
        # An array over an array that shows this object's bytes: NumPy looks there whether they may be written.
        made: np.ndarray[Any, Any] = np.ndarray(shape, shown, np.asarray(self), 0, strides)
        return made


# All that this process has.
OWNERS: weakref.WeakSet[Owner] = weakref.WeakSet()


def leave() -> None:
    """Has none of them any more."""
    for owner in list(OWNERS):
        library().ndshm_segment_leave(owner.handle)


def owner_of(array: object) -> Owner | None:
    """The segment that an array shows, or shows a part of; None if it shows other memory.

    Memory that went through a `memoryview` is followed, too.
    """
    at = array
    while at is not None and not isinstance(at, Owner):
        at = at.obj if isinstance(at, memoryview) else getattr(at, "base", None)
    return at


class Scratch(_local):  # `threading.local`, of which the rest is not needed
    """What calls write to that fail, or that tell of a type: one for each thread."""

    def __init__(self) -> None:
        self.error = structs.sized(structs.Error)
        self.text = ctypes.create_string_buffer(DTYPE_SIZE)


SCRATCH = Scratch()
