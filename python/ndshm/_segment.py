"""Segments by name, as NumPy arrays: make, publish, attach."""

from __future__ import annotations

import ctypes
import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _codes as codes
from . import _structs as structs
from ._dtypes import to_text
from ._errors import check, exception
from ._library import library
from ._owner import SCRATCH, Owner

if TYPE_CHECKING:
    from uuid import UUID

    from numpy.typing import ArrayLike, DTypeLike

    AnyArray = np.ndarray[Any, Any]

POLICY_NAMES = {number: name for name, number in codes.POLICIES.items()}
# How long a call may wait before Python looks for signals.
TICK_MS = 100


class Segment:
    """One segment that this process has attached, or is making. Made by `create` and `attach`.

    Arrays of it keep it attached, too: it is detached when the handle is closed and the last array is gone.

    >>> t = ndshm.create("doc-segment", (2, 3), [("pos", "<i4"), ("pct", "<f4")], metadata=b"run 7")
    >>> t.array["pos"] = [[1, 2, 3], [4, 5, 6]]
    >>> t.publish()  # now others see it
    <ndshm.Segment 'doc-segment': shape=(2, 3), dtype=[('pos', '<i4'), ('pct', '<f4')], policy='last-detach', holders=1>
    >>> t.name, t.shape, t.nbytes, t.metadata, t.published
    ('doc-segment', (2, 3), 48, b'run 7', True)
    >>> seen = t.array["pos"].T
    >>> t.close()
    >>> seen[2].tolist()  # an array outlives the handle
    [3, 6]
    """

    __slots__ = ("_array", "_name", "_owner")

    def __init__(self, owner: Owner, name: str | None) -> None:
        self._owner: Owner | None = owner
        self._name = name
        self._array: AnyArray | None = None

    @property
    def owner(self) -> Owner:
        """What has it attached; at the end of the `base` chain of each of its arrays."""
        if self._owner is None:
            raise ValueError("the segment is closed" + (f": {self._name!r}" if self._name else ""))
        return self._owner

    @property
    def array(self) -> AnyArray:
        """The data: an ndarray of `shape` and `dtype`, without a copy. Read-only if attached with mode "r"."""
        if self._array is None:
            self._array = self.owner.array()
        return self._array

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        """For `np.asarray(segment)`."""
        array = self.array if dtype is None else self.array.astype(dtype, copy=False)
        if copy is False and array is not self._array:
            raise ValueError("a copy is needed for another dtype")
        return array.copy() if copy and array is self._array else array

    @property
    def name(self) -> str | None:
        """Its name; None for one without, or one that gets its name when it is first sent."""
        return self._name if self._name is not None or self._owner is None else self._owner.name

    @property
    def uuid(self) -> UUID:
        """Random, and of no other segment."""
        from uuid import UUID
        return UUID(bytes=self.owner.uuid)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self.owner.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents."""
        return self.owner.shape

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return self.owner.nbytes

    @property
    def holders(self) -> int:
        """Processes that have it attached, as far as they could count themselves; 0 before it is published."""
        return int(library().ndshm_segment_refcount(self.owner.handle))

    @property
    def policy(self) -> str:
        """When its name goes: "last-detach", "persist", "owner", "handoff" or "anonymous"."""
        number = library().ndshm_segment_policy(self.owner.handle)
        return POLICY_NAMES.get(number, f"policy {number}")

    @property
    def metadata(self) -> bytes:
        """The bytes that its creator gave it."""
        at = library().ndshm_segment_metadata(self.owner.handle)
        return ctypes.string_at(at, library().ndshm_segment_metadata_len(self.owner.handle)) if at else b""

    @property
    def published(self) -> bool:
        """Whether others can attach it."""
        return bool(library().ndshm_segment_state(self.owner.handle) == codes.STATE_READY)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._owner is None

    def publish(self) -> Segment:
        """Makes it visible under its name, complete and at once. Its array stays valid, and can be written on.

        Raises `ExistsError` if a live segment has the name. Returns the segment itself.

        >>> ndshm.create("doc-publish", 3, "i4").publish().published
        True
        """
        check(library().ndshm_segment_publish(self.owner.handle, SCRATCH.error), SCRATCH.error, self._name)
        if self._array is not None and not self.owner.is_writable:
            self._array.flags.writeable = False
        return self

    def close(self) -> None:
        """Lets it go: a draft that is not published is discarded. Arrays that are still there stay valid.

        >>> t = ndshm.create("doc-close", 3, "i4").publish()
        >>> t.close()
        >>> t
        <ndshm.Segment 'doc-close', closed>
        """
        self._array = None
        self._owner = None

    def __enter__(self) -> Segment:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        name = "without a name" if self.name is None else repr(self.name)
        if self._owner is None:
            return f"<ndshm.Segment {name}, closed>"
        state = f"holders={self.holders}" if self.published else "not published"
        return f"<ndshm.Segment {name}: shape={self.shape}, dtype={self.dtype}, policy={self.policy!r}, {state}>"


def create_options(policy: str, mode: int = 0, metadata: bytes = b"", handoff_attaches: int = 0,
                   handoff_timeout: float | None = None) -> structs.CreateOptions:
    """Options of a new segment, but for its type and shape."""
    if policy not in codes.POLICIES:
        raise ValueError(f"policy must be one of {', '.join(codes.POLICIES)}; got {policy!r}")
    if policy == "handoff":
        handoff_attaches = handoff_attaches or 1
    return structs.sized(structs.CreateOptions, policy=codes.POLICIES[policy], mode=mode, metadata=bytes(metadata),
                         metadata_len=len(metadata), handoff_attaches=handoff_attaches,
                         handoff_timeout_ms=milliseconds(handoff_timeout))


def milliseconds(seconds: float | None) -> int:
    """For the library: 0 for nothing given, all bits for ever."""
    if seconds is None:
        return 0
    return codes.FOREVER if math.isinf(seconds) else max(1, math.ceil(seconds * 1000))


def create(name: str | None, shape: int | tuple[int, ...], dtype: DTypeLike = float, *, policy: str = "last-detach",
           mode: int = 0o600, metadata: bytes = b"", order: str = "C", handoff_attaches: int = 0,
           handoff_timeout: float | None = None) -> Segment:
    """Makes a segment, filled with zeros, that nobody sees until it is published.

    `dtype` is anything that NumPy takes; padding, offsets, nesting and byte order stay as they are. `policy` says when
    the name goes: with the last process that has it ("last-detach"), when somebody unlinks it ("persist"), with its
    creator ("owner"), or as the first but not before it was attached `handoff_attaches` times or `handoff_timeout`
    seconds are over ("handoff"). `name` is None for `policy="anonymous"`. `mode` are permission bits, `metadata` bytes
    of your own. `order` is "C" or "F".

    Raises `ExistsError` if a live segment has the name (it may also say so when it is published), `NoSpaceError` if
    shared memory is full, `DTypeError` or `TypeError` for a type that a segment cannot hold.

    >>> with ndshm.create("doc-create", (2, 3), "f4") as t:
    ...     t.array[:] = 1.5
    ...     t.publish()
    <ndshm.Segment 'doc-create': shape=(2, 3), dtype=float32, policy='last-detach', holders=1>
    """
    if name is None and policy == "last-detach":
        policy = "anonymous"
    return made(name, shape, dtype, order, create_options(policy, mode, metadata, handoff_attaches, handoff_timeout))


def made(name: str | None, shape: int | tuple[int, ...], dtype: DTypeLike, order: str,
         options: structs.CreateOptions) -> Segment:
    """A new segment of the shape and type."""
    kind = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if min(shape, default=0) < 0:
        raise ValueError("negative dimensions are not allowed")
    options.dtype = to_text(kind).encode()
    options.ndim, options.shape = len(shape), (ctypes.c_uint64 * max(1, len(shape)))(*shape)
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F'; got {order!r}")
    if order == "F":
        steps = [kind.itemsize * math.prod(max(1, extent) for extent in shape[:axis]) for axis in range(len(shape))]
        options.strides = (ctypes.c_int64 * max(1, len(shape)))(*steps)
    owner = Owner(late=options.naming != codes.NAMING_GIVEN)
    check(library().ndshm_segment_create(structs.utf8(name), options, owner.handle, SCRATCH.error), SCRATCH.error, name)
    return Segment(owner, name)


def attach(name: str, mode: str = "r", timeout: float | None = None) -> Segment:
    """Attaches the segment `name`, which any process has published.

    The array is read-only, or can be written with `mode="r+"`. With `timeout` it waits that many seconds until the
    segment is there and ready (`math.inf`: for ever); without, it does not wait.

    Raises `NotFoundError`, `NotReadyError`, `AccessError`, or `CorruptError` if there is no whole segment.

    >>> t = ndshm.create("doc-attach", 3, "i4").publish()
    >>> t.array[:] = [1, 2, 3]
    >>> with ndshm.attach("doc-attach", timeout=5) as seen:
    ...     seen.array
    array([1, 2, 3], dtype=int32)
    """
    options = AT_ONCE.get(mode)
    if options is None:
        raise ValueError(f"mode must be 'r' or 'r+'; got {mode!r}")
    owner, error, text = Owner(), SCRATCH.error, structs.utf8(name)
    if timeout is None or timeout <= 0:
        status = library().ndshm_segment_attach(text, options, owner.handle, error)
    else:
        status = attach_slowly(text, options.access, timeout, owner, error)
    if status != codes.OK:
        raise exception(error, about=repr(name))
    return Segment(owner, name)


# How it is attached by each mode, without waiting.
AT_ONCE = {"r": structs.sized(structs.AttachOptions, access=codes.ACCESS_READ),
           "r+": structs.sized(structs.AttachOptions, access=codes.ACCESS_READ_WRITE)}


def attach_slowly(name: bytes | None, access: int, timeout: float, owner: Owner, error: structs.Error) -> int:
    """Waits in slices, between which Python's signal handlers run."""
    end = time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        wait = TICK_MS if left * 1000 > TICK_MS else max(0, math.ceil(left * 1000))
        options = structs.sized(structs.AttachOptions, access=access, timeout_ms=wait)
        status = int(library().ndshm_segment_attach(name, options, owner.handle, error))
        waits = (codes.ERR_NOT_FOUND, codes.ERR_NOT_READY, codes.ERR_BUSY)
        if status not in waits or left * 1000 <= TICK_MS:
            return status


def empty(shape: int | tuple[int, ...], dtype: DTypeLike = float, order: str = "C") -> AnyArray:
    """An ndarray in shared memory without a name, filled with zeros: gone with the last array that shows it.

    >>> ndshm.empty((2, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    options = create_options("last-detach")
    options.naming = codes.NAMING_LATE_OR_NONE
    return made(None, shape, dtype, order, options).array


zeros = empty


def array(values: ArrayLike, dtype: DTypeLike | None = None) -> AnyArray:
    """A copy of `values` in shared memory without a name, as `np.array` makes one in private memory.

    >>> ndshm.array([1, 2, 3]).sum()
    np.int64(6)
    """
    source = np.asanyarray(values, dtype)
    out = empty(source.shape, source.dtype)
    out[...] = source
    return out
