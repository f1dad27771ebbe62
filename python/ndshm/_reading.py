"""The text of `loadtxt` goes to the library: starts the load, steps it, and finds what is wrong."""

import contextlib
import ctypes
import errno
import os

from . import _codes as codes
from . import _structs as structs
from ._library import library
from ._owner import Owner

# How long a step may wait before Python looks for signals.
TICK_MS = 100
# What is wrong with the call or the name, and not with a file.
NO_FILE = (codes.ERR_ARGUMENT, codes.ERR_NAME, codes.ERR_EXISTS, codes.ERR_FILL, codes.ERR_COLUMNS, codes.ERR_NO_SPACE)


def read(sources, options, name=None):
    """(the segment with the rows: two dimensions, or one if they are records, None), or (None, what is wrong)."""
    native, error, job = library(), structs.sized(structs.Error), structs.Job()
    owner = Owner(late=name is None)
    for source in sources:
        source.check()
    errors = []
    given = [input_of(source, errors) for source in sources]
    # The type of an array is in a cycle, which only the collector ends.
    inputs = given[0] if len(given) == 1 else (structs.Input * len(given))(*given)
    made = structs.sized(structs.CreateOptions, naming=codes.NAMING_LATE_OR_NONE if name is None else codes.NAMING_GIVEN)
    progress = structs.sized(structs.Progress)
    try:
        # Ctrl-C is raised as soon as a call is back.
        status = native.ndshm_load_start(inputs, len(sources), options, structs.utf8(name), made, job, error)
        while status == codes.OK and not progress.done:
            status = native.ndshm_job_step(job, TICK_MS, progress, error)
        if status == codes.OK:
            status = native.ndshm_load_finish(job, owner.handle, error)
    finally:
        native.ndshm_job_discard(job)
    if errors and comes_first(*errors[0], options, error, owner):
        raise told(*errors[0], options)
    if status != codes.OK:
        if error.fault in (0, codes.FAULT_ENCODING) and error.code not in NO_FILE:
            retry(sources, options, error)
        return None, error
    return owner, None


def comes_first(source, raised, options, error, owner):
    """Whether what ended a text comes before the row that is wrong, and before the last one that is wanted."""
    if not isinstance(raised, Exception):
        return True  # Ctrl-C
    if error.fault:
        return source.read.quoted
    limited = options.max_rows or options.no_rows
    return error.code != codes.OK or not limited or owner.shape[0] < options.max_rows


def told(source, raised, options):
    """What a function of Python's has raised; of a text that cannot be decoded as Python's own reader says it."""
    if isinstance(raised, UnicodeDecodeError) and not source.by_lines:
        try:
            source.retry(options.comment_strings_len > 0)
        except UnicodeDecodeError as again:
            raised = again.with_traceback(None)
    if isinstance(raised, Exception):
        place(raised, source.label, source.read.line)
    return raised


def retry(sources, options, error):
    """Lets Python's own reader say what is wrong with a file, if it finds something."""
    for number, source in enumerate(sources):
        if error.input in (number, codes.NO_INPUT):
            try:
                source.retry(options.comment_strings_len > 0)
            except Exception as raised:
                place(raised, source.label, error.line or None)
                raise


def place(raised, file, line):
    """Says where, on an exception of Python's, unless it says so."""
    with contextlib.suppress(AttributeError):
        for name, value in (("file", file), ("line", line), ("column", None)):
            if name not in raised.__dict__:
                setattr(raised, name, value)


def input_of(source, errors):
    """One input of the library."""
    if source.path is not None:
        return structs.Input(kind=codes.INPUT_FILE, path=os.fsencode(source.path))
    return structs.Input(kind=codes.INPUT_READER, read=reader(source, errors),
                         path=os.fsencode(source.label) if source.label else None)


def reader(source, errors):
    """The function that the library calls for text. What goes wrong in it is kept, and ends the text: a row before it
    may be wrong, too, or the last one that is wanted."""
    @structs.ReadFunction
    def give(_context, buffer, size):
        try:
            data = bytes(source.read(size))
            ctypes.memmove(buffer, data, len(data))
            return len(data)
        except BaseException as error:  # noqa: BLE001 - it is raised again
            errors.append((source, error))
            # What is before a bad line is whole; what is before bad bytes ends anywhere.
            return 0 if isinstance(error, Exception) and source.by_lines else -errno.EIO

    return give
