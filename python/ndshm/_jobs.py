"""The library's jobs: stepped, so that Ctrl-C and other signals are seen in between, and ended whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import _codes as codes
from . import _structs as structs
from ._errors import exception
from ._library import library
from ._progress import Quiet, Reporter, reporter, seen

# How long a step may wait before Python looks for signals.
TICK_MS = 100


# Starts or finishes the job that it is given, and writes what is wrong to the record.
Step = Callable[[Any, structs.Error], int]


class Work:
    """A job from its start to its end. `files` are its inputs, for messages."""

    def __init__(self, files: Sequence[object] = ()) -> None:
        self.job, self.error, self.files = structs.Job(), structs.sized(structs.Error), files
        self.now = structs.sized(structs.Progress)
        # Exceptions of functions that the library called.
        self.raised: list[BaseException] = []

    def run(self, start: Step, finish: Step, progress: Reporter = None) -> None:
        """Starts the job, steps it until it is done, and finishes it; whatever is raised, nothing is left of it."""
        shown = reporter(progress)
        try:
            self.check(start(self.job, self.error))
            self.step(shown)
            self.check(finish(self.job, self.error))
        finally:
            library().ndshm_job_discard(self.job)
            shown.close()

    def step(self, shown: Quiet) -> None:
        """Steps it until it is done."""
        while not self.now.done:
            self.check(library().ndshm_job_step(self.job, TICK_MS, self.now, self.error))
            shown.show(seen(self.now))

    def check(self, status: int) -> None:
        """Raises what a step says, or what was raised in a function that the library called."""
        if self.raised:
            raise self.raised.pop()
        if status != codes.OK:
            raise exception(self.error, self.files)

    def bad_rows(self) -> list[str]:
        """What is wrong with the first rows that were left out. To be asked before the job is finished."""
        out: list[str] = []
        record = structs.sized(structs.Error)
        while library().ndshm_job_bad_row(self.job, len(out), record) == codes.OK:
            out.append(record.message.decode(errors="replace"))
        return out
