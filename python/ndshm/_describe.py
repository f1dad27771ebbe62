"""What is in the columns of a table: of an array, a segment, a file, or text. Read once, by the library's threads."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _codes as codes
from . import _describe_structs as describe_structs
from . import _structs as structs
from ._describe_library import describe_library
from ._description import Description, description_of
from ._dtypes import KINDS, to_text
from ._inputs import Inputs, inputs_of, listed
from ._jobs import Step, Work
from ._progress import Reporter
from ._segment import Segment, attach
from ._text import text_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    What = Union[ArrayLike, Segment, Inputs]


def describe(what: What, *, columns: str | Sequence[str] | None = None, quick: bool = False,
             threads: int | None = None, progress: Reporter = None, dtype: DTypeLike = "auto",
             **text: Any) -> Description:
    """What is in each column: count, missing, smallest, largest, mean, deviation, quantiles, distinct and frequent
    values, and a histogram; `docs/describe.md` says what is exact. The library reads everything once, and copies nothing
    but some MB at a time. No thread of this process may write to an array meanwhile; of what others write to a segment,
    a part may be seen.

    `what` is an array, a `Segment`, or a text (a `str`), which means what it means to the command: a file that ends in
    the path of a dataset ("all.h5:/run1") or begins as HDF5 or `.npy`; the name of a segment, if there is no such file;
    else a file with text. A `Path` is never a segment. Several inputs of text, a list of names or files, are one table.
    `dtype` and the keywords of `text` are as for `convert`: `delimiter`, `header`, `missing`, ...

    An array of two axes has a column for each place of its last axis, "0", "1" and so on, a record for each of its
    fields. `columns` are the names of those to describe; `quick` leaves out what takes bins and dictionaries; `threads`
    is how many count, which makes no difference to what is found. Missing are NaN, NaT and empty texts.

    Raises `ArgumentError` if a column is not there, and what `convert` and `attach` raise.

    >>> calls = np.array([(1, 2.5), (4, np.nan), (4, 0.5)], [("pos", "i4"), ("pct", "f8")])
    >>> d = ndshm.describe(calls)
    >>> d["pct"].mean, d["pct"].missing, d["pos"].top
    (1.5, 1, [(4, 2), (1, 1)])
    >>> d
    3 rows, 2 columns
    <BLANKLINE>
         type  count  missing  distinct  mean      std  min  25%  50%  75%  max  top
    pos    i4      3        0         2     3  1.73205    1  2.5    4    4    4  4 (2)
    pct    f8      2        1         2   1.5  1.41421  0.5    1  1.5    2  2.5
    """
    names = [columns] if isinstance(columns, str) else list(columns or [])
    options = structs.sized(describe_structs.DescribeOptions, threads=threads or 0, quick=quick,
                            columns=structs.texts(names), columns_len=len(names))
    files = text_of(what)
    if files is None and (text or not (isinstance(dtype, str) and dtype == "auto")):
        raise TypeError("dtype and the keywords of text are for text, not for an array")
    work, made, found = Work(files or []), describe_structs.Description(), []
    start = of_text(files, work, options, dtype, text) if files is not None else of_array(what, options)

    def finish(job: Any, error: Any) -> int:
        found.extend(work.bad_rows())
        return int(describe_library().ndshm_describe_finish(job, made, error))

    try:
        work.run(start, finish, progress)
        return description_of(made, found)
    finally:
        describe_library().ndshm_description_close(made)


def text_of(what: Any) -> list[Any] | None:
    """The inputs, if it is text; None for an array."""
    if isinstance(what, (list, tuple)):
        return list(what) if what and all(is_input(item) for item in what) else None
    if not is_input(what):
        return None
    if isinstance(what, (str, os.PathLike)):
        kind = describe_library().ndshm_describe_kind(os.fsencode(what))
        if kind == codes.DESCRIBE_FILE or (kind == codes.DESCRIBE_SEGMENT and isinstance(what, str)):
            return None
    return listed(what)


def is_input(what: object) -> bool:
    """Whether text can be read from it."""
    return isinstance(what, (str, os.PathLike)) or hasattr(what, "read")


def of_text(files: list[Any], work: Work, options: describe_structs.DescribeOptions, dtype: DTypeLike,
            text: dict[str, Any]) -> Step:
    """Begins to read text."""
    how, sources = text_options(dtype, **text), inputs_of(files, work.raised)
    start = describe_library().ndshm_describe_text_start
    return lambda job, error: start(sources, len(files), how, options, job, error)


def of_array(what: Any, options: describe_structs.DescribeOptions) -> Step:
    """Begins to read a file, a segment or an array, which stays as long as what is returned."""
    if isinstance(what, (str, os.PathLike)):
        path = os.fsencode(what)
        if describe_library().ndshm_describe_kind(path) == codes.DESCRIBE_FILE:
            return lambda job, error: describe_library().ndshm_describe_file_start(path, None, options, job, error)
        what = attach(os.fspath(what))
    if isinstance(what, Segment) and what.published:
        owner = what.owner
        return lambda job, error: describe_library().ndshm_describe_segment_start(owner.handle, options, job, error)
    return of_memory(np.asanyarray(what), options)


def of_memory(array: np.ndarray[Any, Any], options: describe_structs.DescribeOptions) -> Step:
    """Begins to read an array where it lies."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("a masked array has values that are not there: fill them first, as in a.filled(np.nan)")
    if array.dtype.kind not in KINDS or array.dtype.hasobject:
        raise TypeError(f"elements of the type {array.dtype} cannot be described: they are no plain values in memory")
    text, ndim = to_text(array.dtype).encode(), array.ndim
    shape, strides = (ctypes.c_uint64 * ndim)(*array.shape), (ctypes.c_int64 * ndim)(*array.strides)
    start = describe_library().ndshm_describe_array_start
    return lambda job, error: start(array.ctypes.data, text, ndim, shape, strides, options, job, error)
