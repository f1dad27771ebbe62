"""How text is read: keywords in the terms of `np.loadtxt` as the library's options."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _codes as codes
from . import _structs as structs
from ._dtypes import to_text

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Column = Union[int, str]
# Texts of missing values: for all columns, or for some by number or name.
Missing = Union[str, Iterable[str], Mapping[Column, Union[str, Iterable[str]]], None]
Fill = Union[object, Mapping[Column, object], None]

BAD_ROWS = {"error": 0, "skip": 1}


def text_options(dtype: DTypeLike = "auto", *, delimiter: str | None = None,
                 comments: str | Sequence[str] | None = "#", quotechar: str | None = None, header: bool = False,
                 usecols: Column | Sequence[Column] | None = None, skiprows: int = 0, skip_footer: int = 0,
                 max_rows: int | None = None, missing: Missing = None, fill: Fill = None,
                 on_bad_rows: str = "error", decimal: str = ".", encoding: str | None = None,
                 allow_empty: bool = False, workers: int | None = None, memory: int | None = None,
                 piece_bytes: int = 0) -> structs.TextOptions:
    """The options. Without `dtype` types are found in the text, and without `delimiter`, too, how it is written."""
    if on_bad_rows not in BAD_ROWS:
        raise ValueError(f"on_bad_rows must be 'error' or 'skip'; got {on_bad_rows!r}")
    rows = row_type(dtype)
    options = structs.sized(
        structs.TextOptions, dtype=rows.encode(), sniff=delimiter is None and rows == "auto",
        delimiter=structs.utf8(delimiter), quote=structs.utf8(quotechar), header=header, skiprows=skiprows,
        skip_footer=skip_footer, max_rows=max_rows or 0, no_rows=max_rows == 0, on_bad_rows=BAD_ROWS[on_bad_rows],
        decimal=structs.utf8(decimal), encoding=structs.utf8(encoding), allow_empty=allow_empty, workers=workers or 0,
        memory=memory or 0, piece_bytes=piece_bytes)
    set_comments(options, comments)
    set_columns(options, usecols)
    missing_texts, fills = list(column_texts(missing)), list(column_texts(fill, single=True))
    options.missing, options.missing_len = (structs.ColumnText * len(missing_texts))(*missing_texts), len(missing_texts)
    options.fill, options.fill_len = (structs.ColumnText * len(fills))(*fills), len(fills)
    return options


def row_type(dtype: DTypeLike) -> str:
    """The text of a row's type. Texts go to the library as they are, if NumPy does not know them."""
    if dtype is None:
        return "auto"
    if isinstance(dtype, str):
        return dtype
    found = np.dtype(dtype)
    if found.names is None and found.itemsize == 0:
        return found.kind
    return found.str if found.names is None and found.kind == "M" else to_text(found)


def set_comments(options: structs.TextOptions, comments: str | Sequence[str] | None) -> None:
    """One character, or texts."""
    given = [] if comments is None else [comments] if isinstance(comments, str) else list(comments)
    if not given or (len(given) == 1 and len(given[0]) <= 1):
        options.comments = structs.utf8(given[0]) if given else b""
        return
    options.comment_strings, options.comment_strings_len = structs.texts(given), len(given)


def set_columns(options: structs.TextOptions, usecols: Column | Sequence[Column] | None) -> None:
    """Columns by their numbers, or by the names in the header."""
    if usecols is None:
        return
    given = [usecols] if isinstance(usecols, (int, str)) else list(usecols)
    names = [column for column in given if isinstance(column, str)]
    if names and len(names) < len(given):
        raise TypeError("usecols are numbers or names, not both")
    if names:
        options.usecols_names, options.usecols_names_len = structs.texts(names), len(names)
    else:
        options.usecols, options.usecols_len = (ctypes.c_int32 * len(given))(*map(operator.index, given)), len(given)  # type: ignore[arg-type]


def column_texts(given: Any, single: bool = False) -> list[structs.ColumnText]:
    """Texts for all columns, or for some. With `single` each is one value."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        return [structs.ColumnText(which=codes.COLUMN_ALL, text=structs.utf8(text)) for text in values(given, single)]
    out: list[structs.ColumnText] = []
    for column, found in given.items():
        place: dict[str, Any] = {"which": codes.COLUMN_NAME, "name": structs.utf8(column)} if isinstance(column, str) \
            else {"which": codes.COLUMN_INDEX, "index": column}
        out.extend(structs.ColumnText(text=structs.utf8(text), **place) for text in values(found, single))
    return out


def values(given: Any, single: bool) -> list[str]:
    """One value or several, as texts."""
    return [str(given)] if single or isinstance(given, str) else [str(value) for value in given]
