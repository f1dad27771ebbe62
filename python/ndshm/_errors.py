"""Errors of the library as the exceptions that NumPy raises."""

import numpy as np

from . import _library as lib

PYTHON_CLASSES = {lib.ERR_ARGUMENT: ValueError, lib.ERR_DTYPE: TypeError, lib.ERR_NOT_TEXT: TypeError,
                  lib.ERR_TEXT: ValueError, lib.ERR_INPUT: OSError, lib.ERR_NO_SPACE: MemoryError,
                  lib.ERR_MEMORY: MemoryError}

SUBSET = "use `usecols` to select a subset and avoid this error"


def exception(error, usecols=None, dtype=None):
    """What the record of a failed call says, as an exception. `dtype`: the one that was asked for, if the library has
    found another."""
    if error.fault:
        if error.fault == lib.FAULT_CONVERT and dtype is not None and dtype.kind == "M":
            return date_error(lib.text_of(error))
        message = row_message(error, usecols, dtype)
        if message:
            return ValueError(message)
    message = error.message.decode(errors="replace")
    if error.os_errno:
        return OSError(error.os_errno, message)
    return PYTHON_CLASSES.get(error.code, RuntimeError)(message)


def row_message(error, usecols, dtype):
    """NumPy's words for a row that cannot be read: rows from 1, but from 0 if a value does not convert."""
    wanted, found, row = error.wanted, error.found, error.row + 1
    if error.fault == lib.FAULT_CONVERT:
        # What is to be found NumPy keeps as objects at first.
        kind = np.dtype(error.dtype.decode()) if dtype is None else "object"
        return (f"could not convert string {lib.text_of(error)!r:.100} to {kind} at row {error.row}, "
                f"column {error.column}.")
    if error.fault == lib.FAULT_COLUMNS_CHANGED:
        return f"the number of columns changed from {wanted} to {found} at row {row}; {SUBSET}"
    if error.fault == lib.FAULT_COLUMNS_REQUIRED:
        return f"the dtype passed requires {wanted} columns but {found} were found at row {row}; {SUBSET}"
    if error.fault == lib.FAULT_COLUMN_INDEX:
        index = next((i for i in usecols or () if lib.as_column(i) == wanted), wanted)
        return f"invalid column index {index} at row {row} with {found} columns"
    return None


def date_error(text):
    """What NumPy says when it has read the text and converts it."""
    try:
        np.datetime64(text)
    except ValueError as error:
        return error
    return ValueError(f'the date "{text}" does not fit the unit that the text needs')
