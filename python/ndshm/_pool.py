"""A pool of worker processes whose results arrive as shared arrays: `concurrent.futures`, and who died at what."""

from __future__ import annotations

import contextlib
import copy
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ._directory import unlink
from ._errors import NotFoundError, WorkersError
from ._library import library
from ._owner import owner_of
from ._segment import array, empty

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    AnyArray = np.ndarray[Any, Any]

# What the row of an item says: nobody has begun it, or who works on it; then that it is done.
DONE = -1
# The first row says whether the map goes on.
STOPPED = 1
ROW = np.dtype([("pid", "i8"), ("name", "S64")])


def start_method() -> str:
    """Fork where this process has one thread, of whatever library; a fork server else, as locks may be held."""
    return "fork" if len(os.listdir("/proc/self/task")) == 1 else "forkserver"


def quiet() -> None:
    """In a worker: Ctrl-C is the parent's, who stops the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def shared(value: Any) -> Any:
    """A result; an array in private memory is copied to shared memory, once."""
    private = isinstance(value, np.ndarray) and owner_of(value) is None and not value.dtype.hasobject
    return array(value) if private else value


def call(func: Callable[..., Any], item: Any, number: int, rows: AnyArray, out: tuple[Any, Any] | None) -> Any:
    """One item, in a worker."""
    if rows["pid"][0] == STOPPED:
        return None
    rows["pid"][number] = os.getpid()
    if out is None:
        made = shared(func(item))
    else:
        made = empty(*out)
        func(item, made)
    owner = owner_of(made)
    if owner is not None and owner.late and owner.name is None:
        rows["name"][number] = f"anon-{owner.uuid.hex()}".encode()  # as it is called when it is sent
    rows["pid"][number] = DONE
    return made


def lost(rows: AnyArray, futures: list[Future[Any]]) -> None:
    """Removes the results that were on their way when the workers ended."""
    owner = owner_of(rows)
    names = [owner.name if owner is not None else None]
    for name, future in itertools.zip_longest(rows["name"][1:], futures):
        if future is None or future.cancelled() or future.exception() is not None:
            names.append(name.decode())
    for name in filter(None, names):
        with contextlib.suppress(NotFoundError):
            unlink(name)


class Map:
    """The rows of one map, as long as a worker may have them."""

    def __init__(self, rows: AnyArray) -> None:
        self.rows = rows
        # None while the map goes on; then those whose items are still to be done, after an error.
        self.waiting: list[Future[Any]] | None = None
        # Whether a worker was forked meanwhile, which has them to its end.
        self.inherited = False

    def is_needed(self) -> bool:
        """Whether a worker has them, or has yet to get them."""
        if self.waiting is None or self.inherited:
            return True
        self.waiting = [future for future in self.waiting if not future.done()]
        owner = owner_of(self.rows)
        return bool(self.waiting) or (owner is not None and library().ndshm_segment_refcount(owner.handle) > 1)


class Pool:
    """Worker processes. `workers` is how many (all processors), `method` how they start: "fork", "spawn", "forkserver".

    Without a method they are forked if this process has one thread, and come from a fork server else; then `func` must
    be one that can be imported, and a program needs its `if __name__ == "__main__":`.

    >>> with ndshm.Pool(2, method="fork") as pool:
    ...     [made.tolist() for made in pool.map(np.arange, [2, 3])]
    [[0, 1], [0, 1, 2]]
    """

    def __init__(self, workers: int | None = None, method: str | None = None) -> None:
        self.children: list[Any] = []
        # Of maps whose rows workers may have, or get: what only a worker has would stay if that is terminated.
        self.maps: list[Map] = []
        self.lock = threading.Lock()
        context = copy.copy(multiprocessing.get_context(method or start_method()))
        start = getattr(context, "Process")  # noqa: B009

        def process(*args: Any, **kwargs: Any) -> Any:
            self.children.append(start(*args, **kwargs))
            for known in self.maps:
                known.inherited |= context.get_start_method() == "fork"
            return self.children[-1]

        setattr(context, "Process", process)  # noqa: B010
        self.executor = ProcessPoolExecutor(workers, mp_context=context, initializer=quiet)

    def map(self, func: Callable[..., Any], items: Iterable[Any], shape: int | tuple[int, ...] | None = None,
            dtype: DTypeLike = float) -> list[Any]:
        """`func(item)` of each item, in their order. Arrays arrive in shared memory, and are not copied on their way.

        With `shape` and `dtype` it is `func(item, out)`, which fills `out`, an array of zeros: no copy at all.

        Raises what `func` raises. If a worker dies, `WorkersError` says at which item and how; the pool is of no more use
        then, and neither is it after Ctrl-C.

        >>> with ndshm.Pool(1, method="fork") as pool:
        ...     pool.map(np.negative, [1.0, 2.0], shape=1)
        [array([-1.]), array([-2.])]
        """
        todo = list(items)
        rows = empty(1 + len(todo), ROW)
        mine = Map(rows)
        self.maps.append(mine)
        out = None if shape is None else (shape, dtype)
        futures: list[Future[Any]] = []
        try:
            futures += [self.executor.submit(call, func, item, 1 + n, rows, out) for n, item in enumerate(todo)]
            # A worker that is started by a call is watched from the next one on, or from the next result on.
            self.executor.submit(int)
            return list(map(Future.result, futures))
        except BrokenProcessPool as error:
            raise self._death(todo, rows, futures) from error
        except BaseException as error:
            rows["pid"][0] = STOPPED
            if not isinstance(error, Exception):
                self._terminate(rows, futures)
            raise
        finally:
            mine.waiting = [future for future in futures if not future.done()]
            futures.clear()  # an exception refers to this frame, and would keep the arrays
            self._free()

    def _free(self) -> None:
        """Lets go of the rows that no worker has, or gets; others when the next map is over, or the pool is closed."""
        for known in list(self.maps):
            if not known.is_needed():
                with contextlib.suppress(ValueError):  # another thread was faster
                    self.maps.remove(known)

    def _terminate(self, rows: AnyArray, futures: list[Future[Any]]) -> None:
        """Ends all workers, whatever they do."""
        for child in self.children:
            child.terminate()
        self._ended(cancel=True)
        lost(rows, futures)

    def _ended(self, cancel: bool = False) -> None:
        """Waits for the workers. Maps of several threads may do so."""
        with self.lock:
            self.executor.shutdown(wait=True, cancel_futures=cancel)
            for child in self.children:
                if child.pid is not None:  # else it could not be started
                    child.join()

    def _death(self, todo: list[Any], rows: AnyArray, futures: list[Future[Any]]) -> WorkersError:
        """Which worker died, and at what; the executor terminates the others."""
        self._ended()
        lost(rows, futures)
        dead = [child for child in self.children if child.exitcode]
        dead.sort(key=lambda child: child.exitcode == -signal.SIGTERM)
        if not dead:
            return WorkersError("a worker process ended")
        code, found = dead[0].exitcode, np.flatnonzero(rows["pid"][1:] == dead[0].pid)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        others = any(dead[0].pid in known.rows["pid"][1:] for known in list(self.maps))
        where = f" at item {found[0]}: {todo[found[0]]!r:.200}" if len(found) \
            else " at an item of another map" if others else " between items"
        return WorkersError(f"worker process {dead[0].pid} {how}{where}")

    def close(self) -> None:
        """Ends the workers when they are done; the end of `with` does it.

        >>> pool = ndshm.Pool(1, method="fork")
        >>> pool.map(abs, [-1])
        [1]
        >>> pool.close()
        """
        self._ended()
        self.maps.clear()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()
