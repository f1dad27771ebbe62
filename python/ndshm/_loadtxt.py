"""`loadtxt`: NumPy's function, done by the library's workers."""

import ctypes
import errno
import os
import warnings

import numpy as np

from . import _arguments as args
from . import _blank
from . import _library as lib
from ._array import Owner
from ._errors import exception
from ._rows import Rows
from ._source import open_source

# How long a step may wait before Python looks for signals.
TICK_MS = 100


def loadtxt(fname, dtype=float, comments="#", delimiter=None, converters=None, skiprows=0, usecols=None, unpack=False,
            ndmin=0, encoding=None, max_rows=None, *, quotechar=None, like=None, workers=None, chunk_bytes=None):
    """Loads a table of text as `np.loadtxt` does: the same array or the same exception.

    The parameters are NumPy's. The array shows shared memory that worker processes have written; it can be
    changed, and goes when nothing refers to it any more. `converters` are refused, since they are Python functions.
    What else differs is in `docs/text.md`.
    """
    if like is not None:
        dispatched = dispatch(like, fname, dtype=dtype, comments=comments, delimiter=delimiter, converters=converters,
                              skiprows=skiprows, usecols=usecols, unpack=unpack, ndmin=ndmin, encoding=encoding,
                              max_rows=max_rows)
        if dispatched is not NotImplemented:
            return dispatched
        quotechar = None  # NumPy forgets it, too
    if isinstance(comments, (str, bytes)):
        comments = [comments]
    if comments is not None:
        comments = [args.decoded(c) for c in comments]
    delimiter = args.decoded(delimiter)
    if isinstance(encoding, str) and encoding == "bytes":
        encoding = None
    dtype = args.as_dtype(dtype)
    usecols = args.listed(usecols)
    args.check_ndmin(ndmin)
    comment, strings = args.split_comments(comments, delimiter, quotechar)
    args.check_count(skiprows)
    if max_rows is not None:
        args.check_count(max_rows)
    source = open_source(fname, encoding, quotechar, strings)
    try:
        if args.is_open(dtype) and max_rows is not None and max_rows == 0:
            raise ValueError("need at least one array to concatenate")
        for character in (delimiter, comment, quotechar):
            args.check_character(character)
        skiprows = args.as_count(skiprows)
        max_rows = None if max_rows is None else args.as_count(max_rows)
        args.check_collisions(delimiter, comment, quotechar)
        usecols = None if usecols is None else args.as_columns(usecols)
        args.check_dtype(dtype, usecols)
        args.check_converters(converters)
        shown = Rows(dtype, usecols)
        options = lib.sized(lib.TextOptions, workers=workers or 0, dtype=shown.text.encode(),
                            skiprows=source.without(skiprows, comment),
                            allow_empty=1, piece_bytes=chunk_bytes or 0, delimiter=utf8(delimiter),
                            comments=utf8(comment or ""), quote=utf8(quotechar), encoding=None if source.encoding == "utf-8" else utf8(source.encoding))
        if strings is not None and source.path is not None:
            set_strings(options, strings, source)
        if shown.columns is not None:
            options.usecols = (ctypes.c_int32 * len(shown.columns))(*map(lib.as_column, shown.columns))
            options.usecols_len = len(shown.columns)
        if max_rows is not None:
            options.max_rows, options.no_rows = max_rows, max_rows == 0
        array = shown.array(read(source, options, usecols))
        if max_rows and _blank.WARNS:
            dialect = _blank.Dialect(delimiter, comment, strings, quotechar)
            _blank.warn(source.lines(), max_rows, skiprows, dialect, source.path is None or strings is not None)
    finally:
        source.close()
    return shaped(array, fname, ndmin, unpack)


def dispatch(like, *positional, **keywords):
    """What `like` makes of the call, `NotImplemented` if it is NumPy's own kind of array."""
    if not hasattr(type(like), "__array_function__"):
        raise TypeError("The `like` argument must be an array-like that implements the `__array_function__` protocol.")
    if type(like).__array_function__ is np.ndarray.__array_function__:
        return NotImplemented
    return like.__array_function__(np.loadtxt, (type(like),), positional, keywords)


def utf8(text):
    """A text for the library."""
    if text is None:
        return None
    if "\0" in text:
        raise ValueError("NUL cannot be a delimiter, a quote, or part of a comment: use np.loadtxt")
    return text.encode()


def set_strings(options, strings, source):
    wrong = [text for text in strings if not isinstance(text, str)]
    if wrong and source.has_lines():
        raise TypeError(f"must be str or None, not {type(wrong[0]).__name__}")
    given = [utf8(text) for text in strings if text not in wrong]
    options.comments = None
    options.comment_strings = (ctypes.c_char_p * len(given))(*given)
    options.comment_strings_len = len(given)


def read(source, options, usecols):
    """The segment with the rows: two dimensions, or one if they are records."""
    library, error, job, owner = lib.library(), lib.sized(lib.Error), lib.Job(), Owner()
    source.check()
    errors = []
    inputs = lib.Input(kind=lib.INPUT_FILE if source.path else lib.INPUT_READER, read=reader(source.read, errors),
                       path=os.fsencode(source.path) if source.path else None)
    made = lib.sized(lib.CreateOptions, policy=lib.POLICY_ANONYMOUS)
    progress = lib.sized(lib.Progress)
    status = library.ndshm_load_start(inputs, 1, options, None, made, job, error)
    try:
        while status == lib.OK and not progress.done:
            status = library.ndshm_job_step(job, TICK_MS, progress, error)
        if status == lib.OK:
            status = library.ndshm_load_finish(job, owner.handle, error)
    finally:
        library.ndshm_job_discard(job)
    limited = options.max_rows or options.no_rows
    if errors and not error.fault and (status != lib.OK or not limited or owner.shape()[0] < options.max_rows):
        raise errors.pop()
    if status != lib.OK:
        source.retry()
        raise exception(error, usecols)
    return owner


def reader(read, errors):
    """The function that the library calls for text. What goes wrong in it is kept, and ends the text: a row before it
    may be wrong, too, or the last one that is wanted."""
    if read is None:
        return lib.ReadFunction(0)

    @lib.ReadFunction
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
