"""How far a job is, for people: a bar of tqdm, a line on a terminal, or a function of the caller's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from . import _structs as structs


@dataclass(frozen=True)
class Progress:
    """How far a job is. `bytes_total` is 0 where it is not known before, as of a pipe or a compressed file.

    >>> import io
    >>> seen = []
    >>> _ = ndshm.load(io.StringIO("1 2"), dtype="i4", progress=seen.append)
    >>> seen[-1].done, seen[-1].rows
    (True, 1)
    """

    bytes_done: int
    bytes_total: int
    rows: int
    inputs_done: int
    inputs_total: int
    bad_rows: int
    done: bool


# What the jobs' `progress` may be.
Reporter = Union[bool, None, Callable[[Progress], object]]


def seen(record: structs.Progress) -> Progress:
    """The library's record."""
    return Progress(record.bytes_done, record.bytes_total, record.rows, record.inputs_done, record.inputs_total,
                    record.bad_rows, bool(record.done))


class Quiet:
    """Shows nothing."""

    def show(self, now: Progress) -> None:
        """Called after each step."""

    def close(self) -> None:
        """Called when the job is over, however it ends."""


class Function(Quiet):
    """Calls a function of the caller's."""

    def __init__(self, function: Callable[[Progress], object]) -> None:
        self.function = function

    def show(self, now: Progress) -> None:
        self.function(now)


class Line(Quiet):
    """One line on a terminal, ten times a second at most."""

    def __init__(self) -> None:
        self.last = 0.0
        self.width = 0

    def show(self, now: Progress) -> None:
        if not now.done and time.monotonic() - self.last < 0.1:
            return
        self.last = time.monotonic()
        of = f" of {now.bytes_total / 1e6:,.0f}" if now.bytes_total else ""
        text = f"{now.bytes_done / 1e6:,.0f}{of} MB, {now.rows:,} rows, {now.inputs_done} of {now.inputs_total} inputs"
        self.width = max(self.width, len(text))
        print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.width:
            print(file=sys.stderr)


class Bar(Quiet):
    """A bar of tqdm."""

    def __init__(self, tqdm: Any) -> None:
        self.bar = tqdm(unit="B", unit_scale=True)

    def show(self, now: Progress) -> None:
        if now.bytes_total:
            self.bar.total = now.bytes_total
        self.bar.update(now.bytes_done - self.bar.n)

    def close(self) -> None:
        self.bar.close()


def reporter(progress: Reporter) -> Quiet:
    """What shows the progress: with True a bar of tqdm, if that is installed, else a line if stderr is a terminal."""
    if progress is None or progress is False:
        return Quiet()
    if callable(progress):
        return Function(progress)
    try:
        from tqdm import tqdm
    except ImportError:
        return Line() if sys.stderr is not None and sys.stderr.isatty() else Quiet()
    return Bar(tqdm)
