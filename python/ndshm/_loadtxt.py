"""`loadtxt`: NumPy's function, done by the library's workers."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arguments as args
from . import _blank
from . import _codes as codes
from . import _structs as structs
from ._library import library
from ._numpy_errors import as_column, numpy_exception
from ._owner import Owner
from ._rows import Rows
from ._source import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

# How long a step may wait before Python looks for signals.
TICK_MS = 100


def loadtxt(fname: Any, dtype: DTypeLike | None = float, comments: str | bytes | Sequence[str] | None = "#",
            delimiter: str | bytes | None = None, converters: Any = None, skiprows: int = 0,
            usecols: int | Sequence[int] | None = None, unpack: bool = False, ndmin: int = 0, encoding: str | None = None,
            max_rows: int | None = None, *, quotechar: str | None = None, like: Any = None, workers: int | None = None,
            chunk_bytes: int | None = None) -> Any:
    """Loads a table of text as `np.loadtxt` does: the same array or the same exception.

    The parameters are NumPy's. The array shows shared memory that worker processes have written; it can be
    changed, and goes when nothing refers to it any more. `converters` are refused, since they are Python functions.
    What else differs is in `docs/text.md`. Exceptions are NumPy's; those about a row have `file`, `line` (from 1) and
    `column` (from 1) as attributes.

    >>> ndshm.loadtxt(["1 2", "3 4"])
    array([[1., 2.],
           [3., 4.]])
    """
    if like is not None:
        dispatched = dispatch(like, fname, dtype=dtype, comments=comments, delimiter=delimiter, converters=converters,
                              skiprows=skiprows, usecols=usecols, unpack=unpack, ndmin=ndmin, encoding=encoding,
                              max_rows=max_rows)
        if dispatched is not NotImplemented:
            return dispatched
        quotechar = None  # NumPy forgets it, too
    call = Call(dtype, comments, delimiter, quotechar, skiprows, max_rows, usecols, ndmin)
    encoding = None if isinstance(encoding, str) and encoding == "bytes" else encoding
    with contextlib.closing(open_source(fname, encoding, call)) as source:
        call.check()
        args.check_converters(converters)
        array = call.run(source, workers or 0, chunk_bytes or 0)
    return shaped(array, fname, ndmin, unpack)


def dispatch(like, *positional, **keywords):
    """What `like` makes of the call, `NotImplemented` if it is NumPy's own kind of array."""
    if not hasattr(type(like), "__array_function__"):
        raise TypeError("The `like` argument must be an array-like that implements the `__array_function__` protocol.")
    if type(like).__array_function__ is np.ndarray.__array_function__:
        return NotImplemented
    return like.__array_function__(np.loadtxt, (type(like),), positional, keywords)


class Call:
    """What is to be read, and how. Arguments are checked in two steps: before the file is opened, and behind that."""

    def __init__(self, dtype, comments, delimiter, quotechar, skiprows, max_rows, usecols, ndmin):
        if isinstance(comments, (str, bytes)):
            comments = [comments]
        if comments is not None:
            comments = [args.decoded(c) for c in comments]
        self.delimiter, self.quotechar = args.decoded(delimiter), quotechar
        self.dtype = args.as_dtype(dtype)
        self.usecols = args.listed(usecols)
        args.check_ndmin(ndmin)
        self.comment, self.strings = args.split_comments(comments, self.delimiter, quotechar)
        self.skiprows, self.max_rows = skiprows, max_rows
        args.check_count(skiprows)
        if max_rows is not None:
            args.check_count(max_rows)

    def check(self):
        if args.is_open(self.dtype) and self.max_rows is not None and self.max_rows == 0:
            raise ValueError("need at least one array to concatenate")
        for character in (self.delimiter, self.comment, self.quotechar):
            args.check_character(character)
        self.skiprows = args.as_count(self.skiprows)
        self.max_rows = None if self.max_rows is None else args.as_count(self.max_rows)
        args.check_collisions(self.delimiter, self.comment, self.quotechar)
        self.usecols = None if self.usecols is None else args.as_columns(self.usecols)
        args.check_dtype(self.dtype, self.usecols)

    def run(self, source, workers, chunk_bytes):
        """The array, before it gets its dimensions."""
        rows = Rows(self.dtype, self.usecols)
        if self.max_rows == 0 and self.skiprows == 0:
            return rows.made(0, ())
        options = structs.sized(structs.TextOptions, workers=workers, piece_bytes=chunk_bytes, allow_empty=1,
                            dtype=rows.text.encode(), encoding=utf8(source.encoding), delimiter=utf8(self.delimiter),
                            quote=utf8(self.quotechar), skiprows=source.without(self.skiprows, self.comment, self.delimiter),
                            max_rows=self.max_rows or 0, no_rows=self.max_rows == 0)
        self.set_comments(options, source)
        if rows.columns is not None:
            options.usecols = (ctypes.c_int32 * len(rows.columns))(*map(as_column, rows.columns))
            options.usecols_len = len(rows.columns)
        array = rows.array(self.read(rows, source, options))
        if self.max_rows and _blank.WARNS:
            _blank.warn(source, self)
        return array

    def read(self, rows, source, options):
        """The segment with the rows."""
        owner, error = read(source, options)
        if error is None:
            return owner
        if rows.open and self.dtype.kind == "M" and error.fault == codes.FAULT_CONVERT and source.again is not None:
            # NumPy takes all rows for text first, and finds out about columns.
            options.dtype = b"U1"
            with contextlib.closing(source.again()) as source:
                source.without(self.skiprows, self.comment, self.delimiter)
                error = read(source, options)[1] or error
        raise numpy_exception(error, source.path, self.usecols, self.dtype if rows.open else None)

    def set_comments(self, options, source):
        if self.strings is None or source.path is None:
            options.comments = utf8(self.comment or "")
            return
        wrong = [text for text in self.strings if not isinstance(text, str)]
        if wrong and source.has_lines():
            raise TypeError(f"must be str or None, not {type(wrong[0]).__name__}")
        given = [utf8(text) for text in self.strings if text not in wrong]
        options.comment_strings = (ctypes.c_char_p * len(given))(*given)
        options.comment_strings_len = len(given)


def utf8(text):
    """A text for the library."""
    if text is None:
        return None
    if "\0" in text:
        raise ValueError("NUL cannot be a delimiter, a quote, or part of a comment: use np.loadtxt")
    return text.encode()


def read(source, options):
    """(the segment with the rows: two dimensions, or one if they are records, None), or (None, what is wrong)."""
    native, error, job, owner = library(), structs.sized(structs.Error), structs.Job(), Owner(late=True)
    source.check()
    errors = []
    inputs = structs.Input(kind=codes.INPUT_FILE if source.path else codes.INPUT_READER, read=reader(source.read, errors),
                       path=os.fsencode(source.path) if source.path else None)
    made = structs.sized(structs.CreateOptions, naming=codes.NAMING_LATE_OR_NONE)
    progress = structs.sized(structs.Progress)
    status = native.ndshm_load_start(inputs, 1, options, None, made, job, error)
    try:
        while status == codes.OK and not progress.done:
            status = native.ndshm_job_step(job, TICK_MS, progress, error)
        if status == codes.OK:
            status = native.ndshm_load_finish(job, owner.handle, error)
    finally:
        native.ndshm_job_discard(job)
    if errors and comes_first(source, options, error, owner):
        raise errors.pop()
    if status != codes.OK:
        if error.fault in (0, codes.FAULT_ENCODING):
            source.retry()
        return None, error
    return owner, None


def comes_first(source, options, error, owner):
    """Whether what ended the text comes before the row that is wrong, and before the last one that is wanted."""
    if error.fault:
        return source.read.quoted
    limited = options.max_rows or options.no_rows
    return error.code != codes.OK or not limited or owner.shape[0] < options.max_rows


def reader(read, errors):
    """The function that the library calls for text. What goes wrong in it is kept, and ends the text: a row before it
    may be wrong, too, or the last one that is wanted."""
    if read is None:
        return structs.ReadFunction(0)

    @structs.ReadFunction
    def give(_context, buffer, size):
        try:
            data = bytes(read(size))
            ctypes.memmove(buffer, data, len(data))
            return len(data)
        except BaseException as error:  # noqa: BLE001 - it is raised again
            errors.append(error)
            return 0 if isinstance(error, Exception) else -errno.EINTR

    return give


def shaped(array, fname, ndmin, unpack):
    """The dimensions that NumPy gives it."""
    if array.ndim > ndmin:
        array = np.squeeze(array)
    if array.ndim < ndmin:
        array = np.atleast_1d(array) if ndmin == 1 else np.atleast_2d(array).T
    if array.shape and array.shape[0] == 0:
        warnings.warn(f'loadtxt: input contained no data: "{fname}"', category=UserWarning, stacklevel=3)
    if not unpack:
        return array
    if array.dtype.names is not None:
        return [array[name] for name in array.dtype.names]
    return array.T
