"""The end of a process, which frees nothing of what is in globals, or runs no destructors: what it has is left, so that
names go.

The memory stays mapped, so that threads and functions that run to the last moment may use it.
"""

from __future__ import annotations

import os
from multiprocessing import util

from ._library import library
from ._owner import OWNERS

# After all others of multiprocessing: it joins children, and the threads that send what is in queues.
LAST = -1_000_000


class Here:
    """What multiprocessing calls `at_end` for."""


def leave() -> None:
    """Has nothing any more."""
    for owner in list(OWNERS):
        library().ndshm_segment_leave(owner.handle)


def at_end(_: object = None) -> None:
    """Asks multiprocessing to call `leave`, in its own processes and in others: it forgets that when it forks."""
    util.Finalize(None, leave, exitpriority=LAST)


def register() -> None:
    """Tells multiprocessing."""
    at_end()
    os.register_at_fork(after_in_child=at_end)
    util.register_after_fork(Here, at_end)
