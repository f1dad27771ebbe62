"""Arrays travel between processes by name: the messages that multiprocessing and joblib send of them.

An array that shows a segment is sent as the segment's name and uuid and the place in it. The sender promises an attach
before the message goes, so it may end before the receiver begins. Plain pickle and deepcopy know nothing of this, and copy.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _codes as codes
from . import _structs as structs
from ._errors import LapsedError, NotFoundError, check, exception
from ._hooks import AnyArray, Reduced
from ._library import library
from ._owner import SCRATCH, Owner, owner_of

# NumPy 2 has moved it.
byte_bounds: Callable[[AnyArray], tuple[int, int]] = getattr(np.lib, "array_utils", np).byte_bounds
# How long a message may be on its way; 0 for the library's ten minutes.
PROMISE_MS = 0
ATTACH_SIZE = ctypes.sizeof(structs.AttachOptions)


class Publishing:
    """Threads that send the same draft: one publishes it."""

    lock = threading.Lock()

    @classmethod
    def renew(cls) -> None:
        """In a forked child, where the thread that has the lock may not be."""
        cls.lock = threading.Lock()


os.register_at_fork(after_in_child=Publishing.renew)


def published(owner: Owner) -> bool:
    """Whether others can attach it; a draft without a name gets one now."""
    with Publishing.lock:
        if library().ndshm_segment_state(owner.handle) == codes.STATE_READY:
            return True
        if not owner.late:
            return False
        check(library().ndshm_segment_publish(owner.handle, SCRATCH.error), SCRATCH.error)
        return True


def place_of(array: AnyArray, owner: Owner) -> int | None:
    """Bytes from the start of the data to the first element; None if a part of the array lies elsewhere."""
    data = library().ndshm_segment_data(owner.handle)
    low, high = byte_bounds(array)
    inside = data is not None and data <= low and high <= data + owner.nbytes
    return int(array.ctypes.data - data) if inside else None


def message_of(array: AnyArray) -> Reduced | None:
    """The array as its name, and an attach promised; None for one that is not in shared memory."""
    owner = owner_of(array)
    if owner is None or array.dtype.hasobject:
        return None
    offset = place_of(array, owner) if array.size else None
    if offset is None or not published(owner):
        return None
    view = (array.dtype, array.shape, array.strides, offset, bool(array.flags.writeable))
    fd = library().ndshm_segment_fd(owner.handle)
    if fd >= 0:
        from multiprocessing import reduction
        return received_fd, (reduction.DupFd(fd), *view)
    status = library().ndshm_segment_promise(owner.handle, 1, PROMISE_MS, SCRATCH.error)
    if status in (codes.ERR_NOT_FOUND, codes.ERR_PERMISSION, codes.ERR_ARGUMENT):
        return None  # its name is gone, or it takes no promises: a copy is right
    check(status, SCRATCH.error)
    return received, (owner.name, owner.uuid, *view)


def received(name: str, uuid: bytes, *view: Any) -> AnyArray:
    """The array of a message, attached."""
    owner, error = Owner(), SCRATCH.error
    access = codes.ACCESS_READ_WRITE if view[-1] else codes.ACCESS_READ
    options = structs.AttachOptions(ATTACH_SIZE, access, 1000, 1, (ctypes.c_uint8 * codes.UUID_SIZE)(*uuid))
    status = library().ndshm_segment_attach(structs.utf8(name), options, owner.handle, error)
    if status != codes.OK:
        failed = exception(error, about=repr(name))
        if isinstance(failed, NotFoundError):
            raise LapsedError(f"the array that was sent is gone: the message came too late, or {name!r} was removed; "
                              "receive messages within ten minutes") from failed
        raise failed
    return shown(owner, *view)


def received_fd(sent: Any, *view: Any) -> AnyArray:
    """The array of a message that brought a descriptor."""
    fd, owner = sent.detach(), Owner()
    access = codes.ACCESS_READ_WRITE if view[-1] else codes.ACCESS_READ
    try:
        status = library().ndshm_segment_attach_fd(fd, access, owner.handle, SCRATCH.error)
        check(status, SCRATCH.error)
    finally:
        os.close(fd)
    return shown(owner, *view)


def shown(owner: Owner, dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...], offset: int,
          writable: bool) -> AnyArray:
    """A part of the segment, at `offset` bytes."""
    out: AnyArray = np.ndarray(shape, dtype, owner.memory(), offset, strides)
    out.flags.writeable = writable
    return out
