"""`loadtxt`: NumPy's function, done by the library's workers."""

from __future__ import annotations

import contextlib
import ctypes
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arguments as args
from . import _blank
from . import _codes as codes
from . import _structs as structs
from ._numpy_errors import as_column, numpy_exception
from ._owner import owner_of
from ._reading import read
from ._rows import Rows
from ._segment import create
from ._source import files_of, open_source, open_sources
from ._text import column_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from ._text import Fill, Missing


def loadtxt(fname: Any, dtype: DTypeLike | None = float, comments: str | bytes | Sequence[str] | None = "#",
            delimiter: str | bytes | None = None, converters: Any = None, skiprows: int = 0,
            usecols: int | Sequence[int] | None = None, unpack: bool = False, ndmin: int = 0, encoding: str | None = None,
            max_rows: int | None = None, *, quotechar: str | None = None, like: Any = None, workers: int | None = None,
            chunk_bytes: int | None = None, name: str | None = None, concat: bool | None = None, header: bool = False,
            missing: Missing = None, fill: Fill = None) -> Any:
    """Loads a table of text as `np.loadtxt` does: the same array or the same exception.

    The parameters are NumPy's, and so are type and shape: of a record one dimension, (rows,), else (rows, columns), less
    what has one element only, or as `ndmin` and `unpack` say. The array shows shared memory that worker processes have
    written; it can be changed, and goes when nothing refers to it any more. `converters` are refused, since they are
    Python functions. What else differs is in `docs/text.md`. Exceptions are NumPy's; those about a row have `file`,
    `line` (from 1) and `column` (from 1) as attributes.

    NumPy has no `workers` (as many as there are processors), no `chunk_bytes` (of text that one takes at a time), and none
    of these:

    - a list of files gives a list of arrays, or with `concat=True` one array of all their rows. A list of texts is lines
      of a table, as for NumPy, unless `concat` is given, or they look like names of files and one is there.
    - `name` makes the array the segment of this name, which any process may attach while somebody has it.
    - `header`: the first line, behind `skiprows`, names the columns; they are the fields' names of a record, unless the
      dtype has its own, and `usecols` may name them.
    - `missing` are texts of missing values, `fill` is what they become (NaN, NaT or an empty text if left out): one for
      all columns, or a mapping from columns, by number or name.

    >>> ndshm.loadtxt(["1 2", "3 4"])
    array([[1., 2.],
           [3., 4.]])
    >>> table = ndshm.loadtxt(["chr1 5 0.5", "chr2 6 1.5"], dtype="S4,<i4,<f4", workers=2)
    >>> table.shape, table["f1"].tolist()
    ((2,), [5, 6])
    >>> ndshm.loadtxt(["x y", "1 NA"], header=True, missing="NA")["y"]
    array(nan)
    """
    if like is not None:
        dispatched = dispatch(like, fname, dtype=dtype, comments=comments, delimiter=delimiter, converters=converters,
                              skiprows=skiprows, usecols=usecols, unpack=unpack, ndmin=ndmin, encoding=encoding,
                              max_rows=max_rows)
        if dispatched is not NotImplemented:
            return dispatched
        quotechar = None  # NumPy forgets it, too
    files = files_of(fname, concat)
    several = isinstance(fname, (list, tuple)) and files is not None and not concat
    if several and name is not None:
        raise ValueError("a name is for one array: give concat=True for the rows of all files")
    encoding = None if isinstance(encoding, str) and encoding == "bytes" else encoding

    def one(given: list[Any]) -> Any:
        call = Call(dtype, comments, delimiter, quotechar, skiprows, max_rows, usecols, ndmin,
                    Beyond(name, header, missing, fill))
        with contextlib.ExitStack() as stack:
            opened = open_sources(given, encoding, call) if len(given) > 1 else [open_source(given[0], encoding, call)]
            sources = [stack.enter_context(contextlib.closing(source)) for source in opened]
            call.check()
            args.check_converters(converters)
            array = call.run(sources, workers or 0, chunk_bytes or 0)
        return shaped(array, given[0] if len(given) == 1 else given, ndmin, unpack)

    if several:
        return [one([file]) for file in files]
    return one(files or [fname])


class Beyond:
    """What NumPy does not have."""

    def __init__(self, name: str | None, header: bool, missing: Missing, fill: Fill) -> None:
        self.name, self.header, self.missing, self.fill = name, header, missing, fill

    def set(self, options: structs.TextOptions) -> None:
        """Sets the options."""
        options.header = bool(self.header)
        if self.missing is not None:
            gaps = column_texts(self.missing)
            options.missing, options.missing_len = (structs.ColumnText * len(gaps))(*gaps), len(gaps)
        if self.fill is not None:
            fills = column_texts(self.fill, single=True)
            options.fill, options.fill_len = (structs.ColumnText * len(fills))(*fills), len(fills)


def dispatch(like, *positional, **keywords):
    """What `like` makes of the call, `NotImplemented` if it is NumPy's own kind of array."""
    if not hasattr(type(like), "__array_function__"):
        raise TypeError("The `like` argument must be an array-like that implements the `__array_function__` protocol.")
    if type(like).__array_function__ is np.ndarray.__array_function__:
        return NotImplemented
    return like.__array_function__(np.loadtxt, (type(like),), positional, keywords)


class Call:
    """What is to be read, and how. Arguments are checked in two steps: before the file is opened, and behind that."""

    def __init__(self, dtype, comments, delimiter, quotechar, skiprows, max_rows, usecols, ndmin, beyond):
        if isinstance(comments, (str, bytes)):
            comments = [comments]
        if comments is not None:
            comments = [args.decoded(c) for c in comments]
        self.delimiter, self.quotechar = args.decoded(delimiter), quotechar
        self.dtype, self.beyond = args.as_dtype(dtype), beyond
        self.usecols = args.listed(usecols)
        args.check_ndmin(ndmin)
        self.comment, self.strings = args.split_comments(comments, self.delimiter, quotechar)
        self.skiprows, self.max_rows = skiprows, max_rows
        # Columns by the names of the header.
        self.names = None
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
        if self.beyond.header and self.usecols and all(isinstance(column, str) for column in self.usecols):
            self.names = self.usecols
        else:
            self.usecols = None if self.usecols is None else args.as_columns(self.usecols)
        args.check_dtype(self.dtype, self.usecols)

    def run(self, sources, workers, chunk_bytes):
        """The array, before it gets its dimensions."""
        beyond = self.beyond
        rows = Rows(self.dtype, self.usecols, beyond.header, beyond.name is not None)
        if self.max_rows == 0 and self.skiprows == 0 and not beyond.header:
            return self.kept(rows.made(0, ()))
        skip = max([source.without(self.skiprows, self.comment, self.delimiter, beyond.header) for source in sources])
        options = structs.sized(structs.TextOptions, workers=workers, piece_bytes=chunk_bytes, allow_empty=1,
                                dtype=rows.text.encode(), encoding=utf8(sources[0].encoding),
                                delimiter=utf8(self.delimiter), quote=utf8(self.quotechar), skiprows=skip,
                                max_rows=self.max_rows or 0, no_rows=self.max_rows == 0)
        beyond.set(options)
        self.set_comments(options, sources[0])
        self.set_columns(options, rows)
        array = self.kept(rows.array(self.read(rows, sources, options)))
        if self.max_rows and _blank.WARNS and len(sources) == 1 and not beyond.header:
            _blank.warn(sources[0], self)
        return array

    def kept(self, array):
        """The array; with a name, if the library has made none of this name."""
        if self.beyond.name is None or owner_of(array) is not None:
            return array
        with create(self.beyond.name, array.shape, array.dtype) as made:
            made.array[...] = array
            return made.publish().array

    def read(self, rows, sources, options):
        """The segment with the rows."""
        owner, error = read(sources, options, self.beyond.name)
        if error is None:
            return owner
        source = sources[error.input] if error.input < len(sources) else sources[0]
        if rows.open and self.dtype.kind == "M" and error.fault == codes.FAULT_CONVERT and source.again is not None:
            # NumPy takes all rows for text first, and finds out about columns.
            options.dtype = b"U1"
            with contextlib.closing(source.again()) as again:
                again.without(self.skiprows, self.comment, self.delimiter, self.beyond.header)
                error = read([again], options)[1] or error
        if error.line:
            error.line += source.skipped
        raise numpy_exception(error, source.label, self.usecols, self.dtype if rows.open else None)

    def set_columns(self, options, rows):
        if self.names is not None:
            options.usecols_names, options.usecols_names_len = structs.texts(self.names), len(self.names)
        elif rows.columns is not None:
            options.usecols = (ctypes.c_int32 * len(rows.columns))(*map(as_column, rows.columns))
            options.usecols_len = len(rows.columns)

    def set_comments(self, options, source):
        if self.strings is None or source.by_lines:
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


def shaped(array, fname, ndmin, unpack):
    """The dimensions that NumPy gives it."""
    if array.ndim > ndmin:
        array = np.squeeze(array)
    if array.ndim < ndmin:
        array = np.atleast_1d(array) if ndmin == 1 else np.atleast_2d(array).T
    if array.shape and array.shape[0] == 0:
        warnings.warn(f'loadtxt: input contained no data: "{fname}"', category=UserWarning, stacklevel=4)
    if not unpack:
        return array
    if array.dtype.names is not None:
        return [array[name] for name in array.dtype.names]
    return array.T
