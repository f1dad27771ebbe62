"""Segments of this machine: look, list, prune, unlink."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from . import _codes as codes
from . import _structs as structs
from ._dtypes import from_text
from ._errors import NdshmError, check
from ._library import library
from ._owner import SCRATCH, owner_of
from ._segment import POLICY_NAMES, Segment

# Room for the text of most types.
DTYPE_SIZE = 4096


@dataclass(frozen=True)
class Info:
    """What is known of a segment, or of an array. `str()` of it is a small table."""

    name: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    nbytes: int
    policy: str | None = None  # None if it is not in shared memory
    holders: int = 0  # processes that have it attached, as far as they could count themselves
    attached: bool = False  # whether somebody has it attached
    age: float | None = None  # seconds since it was created
    uuid: UUID | None = None
    mode: int | None = None

    def __str__(self) -> str:
        rows = [("name", self.name or "none"), ("shape", self.shape), ("dtype", self.dtype), ("bytes", f"{self.nbytes:,}"),
                ("policy", self.policy or "none: not in shared memory"), ("holders", self.holders)]
        if self.age is not None:
            rows.append(("age", f"{self.age:.0f} s"))
        return "\n".join(f"{label:8} {value}" for label, value in rows)


def info(what: object) -> Info:
    """What is known of a segment, by its name or its handle, or of an array, in shared memory or not.

    Nothing is locked or counted; a segment is not attached for it. What is in the columns of an array is told by
    `describe`.

    Raises `NotFoundError`, `NotReadyError`, `CorruptError`, `AccessError`.

    >>> t = ndshm.create("doc-info", (4, 2), "i4").publish()
    >>> ndshm.info("doc-info").shape
    (4, 2)
    >>> print(ndshm.info(ndshm.zeros((2, 3), "f4")))
    name     none
    shape    (2, 3)
    dtype    float32
    bytes    24
    policy   last-detach
    holders  0
    """
    if isinstance(what, str):
        return named(what)
    if isinstance(what, Segment):
        return described(what, what.shape, what.dtype, what.nbytes)
    array = np.asanyarray(what)
    owner = owner_of(array)
    if owner is None:
        return Info(None, array.shape, array.dtype, array.nbytes)
    return described(Segment(owner, owner.name), array.shape, array.dtype, array.nbytes)


def named(name: str) -> Info:
    """A segment that need not be attached here."""
    found, text = structs.sized(structs.Info), ctypes.create_string_buffer(DTYPE_SIZE)
    status = library().ndshm_segment_peek(structs.utf8(name), text, len(text), found, SCRATCH.error)
    if status == codes.OK and found.dtype_len >= len(text):
        text = ctypes.create_string_buffer(found.dtype_len + 1)
        status = library().ndshm_segment_peek(structs.utf8(name), text, len(text), found, SCRATCH.error)
    check(status, SCRATCH.error, repr(name))
    return Info(name=name, shape=tuple(found.shape[:found.ndim]), dtype=from_text(text.value), nbytes=found.data_len,
                policy=POLICY_NAMES.get(found.policy, f"policy {found.policy}"), holders=found.refcount,
                attached=bool(found.attached), age=max(0.0, time.time() - found.created_ns / 1e9),
                uuid=UUID(bytes=bytes(found.uuid)), mode=found.mode)


def described(segment: Segment, shape: tuple[int, ...], dtype: np.dtype[Any], nbytes: int) -> Info:
    """A segment that is attached here, or a part of it."""
    age = mode = None
    if segment.name is not None and library().ndshm_segment_is_current(segment.owner.handle):
        try:
            seen = named(segment.name)
            age, mode = seen.age, seen.mode
        except NdshmError:  # it went just now
            pass
    return Info(segment.name, shape, dtype, nbytes, segment.policy, segment.holders, True, age, segment.uuid, mode)


def names() -> list[str]:
    """The names of all segments, sorted."""
    found: list[bytes] = []

    def add(name: bytes, _user: object) -> int:
        found.append(name)
        return 0

    check(library().ndshm_segment_list(structs.ListFunction(add), None, SCRATCH.error), SCRATCH.error)
    return sorted(name.decode(errors="surrogateescape") for name in found)


def ls() -> list[Info]:
    """All segments that can be looked at, by name.

    >>> t = ndshm.create("doc-ls", 3).publish()
    >>> [(i.name, i.shape) for i in ndshm.ls() if i.name == "doc-ls"]
    [('doc-ls', (3,))]
    """
    out = []
    for name in names():
        try:
            out.append(named(name))
        except NdshmError:  # not ready, another user's, or gone meanwhile
            continue
    return out


def prune() -> list[str]:
    """Removes every dead segment of this user, which killed processes left; their names.

    >>> removed = ndshm.prune()
    """
    removed: list[bytes] = []

    def note(name: bytes, what: int, _user: object) -> int:
        if what == codes.PRUNE_REMOVED:
            removed.append(name)
        return 0

    check(library().ndshm_segment_prune(structs.PruneFunction(note), None, SCRATCH.error), SCRATCH.error)
    return sorted(name.decode(errors="surrogateescape") for name in removed)


def unlink(name: str) -> None:
    """Removes the name of a segment now, whatever its policy. Who has it attached keeps it.

    >>> ndshm.create("doc-unlink", 3, policy="persist").publish().close()
    >>> ndshm.unlink("doc-unlink")
    """
    check(library().ndshm_segment_unlink(structs.utf8(name), SCRATCH.error), SCRATCH.error, repr(name))
