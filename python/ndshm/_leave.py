"""The end of a process, which frees nothing of what is in globals, or runs no destructors: what it has is left, so that
names go.

The memory stays mapped, so that threads and functions that run to the last moment may use it.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any

# After all others of multiprocessing: it joins children, and the threads that send what is in queues.
LAST = -1_000_000


class Here:
    """What multiprocessing calls `at_end` for."""


def leave() -> None:
    """Has nothing any more."""
    owner = sys.modules.get("ndshm._owner")
    if owner is not None:  # else it never had anything
        owner.leave()


def register() -> None:
    """Where multiprocessing is not imported yet: what it does at the end of a process goes before this."""
    atexit.register(leave)


def tell(util: Any) -> None:
    """Asks multiprocessing to call `leave`, in its own processes and in others: it forgets that when it forks."""
    def at_end(_: object = None) -> None:
        util.Finalize(None, leave, exitpriority=LAST)

    at_end()
    os.register_at_fork(after_in_child=at_end)
    util.register_after_fork(Here, at_end)
