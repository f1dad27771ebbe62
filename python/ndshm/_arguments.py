"""The arguments of `loadtxt`: checked as NumPy does, in its order, with its messages."""

import operator
import sys
from typing import Any

import numpy as np

NEWLINES = ("\r", "\n")
# A dtype that is one of these is found by looking at the values.
OPEN = (np.dtype("S0"), np.dtype("U0"), np.dtype("M8"))


def decoded(text):
    """Bytes as NumPy takes them for control characters."""
    return text.decode("latin1") if isinstance(text, bytes) else text


def as_dtype(dtype):
    return np.dtype(np.float64 if dtype is None else dtype)


def is_open(dtype: Any) -> bool:
    """Whether the width or the unit is to be found in the text."""
    return dtype.kind in "SUM" and dtype in OPEN


def leaves(dtype: Any) -> Any:
    """(type, offset) of every value of a row, in the order of the text's columns."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        for number in range(int(np.prod(shape))):
            for leaf, offset in leaves(base):
                yield leaf, number * base.itemsize + offset
    elif dtype.names is not None:
        for name in dtype.names:
            field, start = dtype.fields[name][:2]
            for leaf, offset in leaves(field):
                yield leaf, start + offset
    else:
        yield dtype, 0


def listed(usecols):
    """One index, or any iterable of them, as a list."""
    if usecols is None:
        return None
    try:
        return list(usecols)
    except TypeError:
        return [usecols]


def check_ndmin(ndmin):
    if ndmin not in [0, 1, 2]:
        raise ValueError(f"Illegal value of ndmin keyword: {ndmin}")


def split_comments(comments, delimiter, quotechar):
    """(the comment character or None, the comment strings or None)."""
    if comments is None:
        return None, None
    if "" in comments:
        raise ValueError("comments cannot be an empty string. Use comments=None to disable comments.")
    strings = tuple(comments)
    if not strings:
        return None, None
    if len(strings) == 1:
        if isinstance(strings[0], str) and len(strings[0]) == 1:
            return strings[0], None
    elif delimiter in strings:
        raise TypeError(f"Comment characters '{strings}' cannot include the delimiter '{delimiter}'")
    if quotechar is not None:
        raise ValueError("when multiple comments or a multi-character comment is given, quotes are not supported.  "
                         "In this case quotechar must be set to None.")
    return None, strings


def check_count(value):
    """A number of rows or lines."""
    try:
        operator.index(value)
    except TypeError:
        raise TypeError("argument must be an integer") from None
    if value < 0:
        raise ValueError("argument must be nonnegative")


def as_count(value):
    """It, as a C integer: NumPy finds out later than `check_count`."""
    if isinstance(value, bool):
        raise TypeError("an integer is required")
    value = operator.index(value)
    if value > sys.maxsize:
        raise OverflowError("Python int too large to convert to C long")
    return value


def check_character(value):
    """A control character, or None."""
    if value is not None and (not isinstance(value, str) or len(value) != 1):
        raise TypeError("Text reading control character must be a single unicode character or None; "
                        f"but got: {value!r:.100}")


def check_collisions(delimiter, comment, quotechar):
    """Control characters must differ, and none may end a line."""
    def check(name, value, others):
        if value in NEWLINES:
            raise TypeError(f"control character '{name}' cannot be a newline (`\\r` or `\\n`).")
        for other, clash in others:
            if clash:
                raise TypeError(f"The values for control characters '{name}' and '{other}' are incompatible")

    if comment is not None:
        check("comment", comment, [("quotechar", comment == quotechar), ("delimiter", comment == delimiter)])
    if quotechar is not None:
        check("quotechar", quotechar, [("delimiter", quotechar == delimiter)])
    blank = delimiter is None
    check("delimiter", delimiter, [("comment", blank and comment is not None and comment.isspace()),
                                   ("quotechar", blank and quotechar is not None and quotechar.isspace())])


def as_columns(usecols):
    """The indexes as integers."""
    out = []
    for index in usecols:
        try:
            index = operator.index(index)
        except TypeError as error:
            # Python's own message has the name of the type as C knows it.
            name = (str(error).split("'") + [type(index).__name__])[1]
            raise TypeError("usecols must be an int or a sequence of ints but it contains at least one element of type "
                            f"'{name}'") from None
        if not -sys.maxsize - 1 <= index <= sys.maxsize:
            raise OverflowError("cannot fit 'int' into an index-sized integer")
        out.append(index)
    return out


def check_dtype(dtype, usecols):
    """What a row's type may be."""
    if dtype.subdtype is not None:
        raise TypeError("file reader does not support subarray dtypes.  You can"
                        "put the dtype into a structured one using `np.dtype(('name', dtype))` to avoid this limitation.")
    if dtype.names is not None and usecols is not None:
        count = sum(1 for _ in leaves(dtype))
        if count != len(usecols):
            raise TypeError("If a structured dtype is used, the number of columns in `usecols` must match the effective "
                            f"number of fields. But {len(usecols)} usecols were given and the number of fields is {count}.")


def check_converters(converters):
    """Converters are Python functions, which no worker can run."""
    if converters is None:
        return
    if not callable(converters):
        if not isinstance(converters, dict):
            raise TypeError("converters must be a dictionary mapping columns to converter functions or a single callable.")
        for key, value in converters.items():
            if not hasattr(type(key), "__index__"):
                raise TypeError(f"keys of the converters dictionary must be integers; got {key!r}")
            if not callable(value):
                raise TypeError("values of the converters dictionary must be callable, but the value associated with key "
                                f"{key!r} is not")
        if not converters:
            return
    raise NotImplementedError("converters are Python functions, which the workers cannot run: use np.loadtxt, or read the "
                              "column as text and convert it afterwards")
