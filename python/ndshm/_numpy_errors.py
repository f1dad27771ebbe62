"""Errors of `loadtxt`, as the exceptions that NumPy raises, with the place as attributes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _codes as codes
from . import _structs as structs
from ._errors import exception

PYTHON_CLASSES: dict[int, type[Exception]] = {
    codes.ERR_ARGUMENT: ValueError, codes.ERR_DTYPE: TypeError, codes.ERR_NOT_TEXT: TypeError, codes.ERR_TEXT: ValueError,
    codes.ERR_INPUT: OSError, codes.ERR_NO_SPACE: MemoryError, codes.ERR_MEMORY: MemoryError,
    codes.ERR_FILL: ValueError, codes.ERR_COLUMNS: ValueError,
}

SUBSET = "use `usecols` to select a subset and avoid this error"


def numpy_exception(error: structs.Error, file: str | None = None, usecols: Sequence[int] | None = None,
                    dtype: np.dtype[Any] | None = None) -> Exception:
    """What the record of a failed call says, as NumPy says it. `dtype`: the one that was asked for, if the library has
    found another. The exception has `file`, `line` and `column`, as those of this package have."""
    found = unplaced(error, usecols, dtype)
    found.__dict__.update(code=error.code, file=file, line=error.line or None, column=error.column or None,
                          row=None if error.row == codes.NO_PLACE else error.row,
                          byte=None if error.byte == codes.NO_PLACE else error.byte)
    return found


def unplaced(error: structs.Error, usecols: Sequence[int] | None, dtype: np.dtype[Any] | None) -> Exception:
    """The exception without a place."""
    if error.fault:
        if error.fault == codes.FAULT_CONVERT and dtype is not None and dtype.kind == "M":
            return date_error(text_of(error))
        message = row_message(error, usecols, dtype)
        if message:
            return ValueError(message)
    message = error.message.decode(errors="replace")
    if error.os_errno:
        return OSError(error.os_errno, message)
    kind = PYTHON_CLASSES.get(error.code)
    # Of what NumPy does not know, as of a name that is taken, the exception of this package.
    return exception(error) if kind is None else kind(message)


def row_message(error: structs.Error, usecols: Sequence[int] | None, dtype: np.dtype[Any] | None) -> str | None:
    """NumPy's words for a row that cannot be read: rows from 1, but from 0 if a value does not convert."""
    wanted, found, row = error.wanted, error.found, error.row + 1
    if error.fault == codes.FAULT_CONVERT:
        # What is to be found NumPy keeps as objects at first.
        kind = np.dtype(error.dtype.decode()) if dtype is None else "object"
        return (f"could not convert string {text_of(error)!r:.100} to {kind} at row {error.row}, "
                f"column {error.column}.")
    if error.fault == codes.FAULT_COLUMNS_CHANGED:
        return f"the number of columns changed from {wanted} to {found} at row {row}; {SUBSET}"
    if error.fault == codes.FAULT_COLUMNS_REQUIRED:
        return f"the dtype passed requires {wanted} columns but {found} were found at row {row}; {SUBSET}"
    if error.fault == codes.FAULT_COLUMN_INDEX:
        index = next((i for i in usecols or () if as_column(i) == wanted), wanted)
        return f"invalid column index {index} at row {row} with {found} columns"
    return None


def date_error(text: str) -> ValueError:
    """What NumPy says when it has read the text and converts it."""
    try:
        np.datetime64(text)
    except ValueError as error:
        return error
    return ValueError(f'the date "{text}" does not fit the unit that the text needs')


def text_of(error: structs.Error) -> str:
    """The text that an error is about: NULs may be in it."""
    at = ctypes.addressof(error) + structs.Error.text.offset
    return ctypes.string_at(at, error.text_len).decode(errors="surrogateescape")


def as_column(index: int) -> int:
    """An index that fits `usecols`; what does not names no column either way."""
    return max(-(2**31), min(index, 2**31 - 1))
