"""The end of a worker of multiprocessing, which runs no destructors: what it has is detached first, so that names go."""

from __future__ import annotations

import os
import threading
from multiprocessing import process, util

from ._owner import OWNERS

# After all others, which may use arrays.
LAST = -1_000_000


class Here:
    """What is known of this process."""

    forked = False


def ends_at_once() -> bool:
    """Whether this is a worker that ends by `os._exit`: one that was forked, also by a fork server."""
    if process.parent_process() is None:
        return False
    if Here.forked:
        return True
    with open("/proc/self/cmdline", "rb") as file:
        line = file.read()
    return b"--multiprocessing-fork" not in line and b"popen_loky" not in line


def leave() -> None:
    """Detaches everything. Nothing of Python's runs after it; where other threads do, it leaves all as it is."""
    if not ends_at_once() or threading.active_count() > 1:
        return
    for owner in list(OWNERS):
        owner.detach(owner.handle)


def note_fork() -> None:
    """In a forked child."""
    Here.forked = True


def at_end(_: object = None) -> None:
    """Asks multiprocessing to call `leave`: it forgets that when it forks."""
    util.Finalize(None, leave, exitpriority=LAST)


def register() -> None:
    """Tells multiprocessing."""
    os.register_at_fork(after_in_child=note_fork)
    at_end()
    util.register_after_fork(Here, at_end)
