"""How an HDF5 file is written: keywords as the library's options."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from . import _codes as codes
from . import _file_structs as file_structs
from . import _structs as structs

Value = Union[str, int, float]
# Columns, each with its labels or None to number them as they appear.
Categories = Union[Iterable[str], Mapping[str, Union[Sequence[str], None]], None]


def hdf5_options(*, dataset: str | None = None, arrange: str = "auto", replace: bool = False, append: bool = False,
                 append_rows: bool = False, sync: bool = False, bool_as_u8: bool = False, layout: str = "auto",
                 compression: str | None = None, level: int | None = None, shuffle: bool = True, fletcher32: bool = False,
                 chunk: int | Sequence[int] | None = None, shape: int | Sequence[int] | None = None,
                 source_column: str | None = None, attributes: Mapping[str, Value] | None = None,
                 categories: Categories = None, provenance: bool = True, checksum: bool = False) -> file_structs.Hdf5Options:
    """The options. `compression` may name its level, as in "gzip:6"."""
    codec, _, written = (compression or "none").partition(":")
    if written:
        level = int(written)
    options = structs.sized(
        file_structs.Hdf5Options, dataset=structs.utf8(dataset), arrange=one_of(codes.ARRANGEMENTS, "arrange", arrange),
        replace=replace, append=append, append_rows=append_rows, sync=sync, bool_as_u8=bool_as_u8,
        layout=one_of(codes.LAYOUTS, "layout", layout), compression=one_of(codes.COMPRESSIONS, "compression", codec),
        level=level or 0, no_shuffle=not shuffle, fletcher32=fletcher32, source_column=structs.utf8(source_column),
        no_provenance=not provenance, checksum=checksum)
    if chunk is not None:
        options.chunk, options.chunk_len = extents(chunk)
    if shape is not None:
        options.shape, options.shape_len = extents(shape)
    made = [attribute(name, value) for name, value in (attributes or {}).items()]
    options.attributes, options.attributes_len = (file_structs.Attribute * len(made))(*made), len(made)
    columns = [category(name, labels) for name, labels in named(categories)]
    options.categories, options.categories_len = (file_structs.Category * len(columns))(*columns), len(columns)
    return options


def one_of(table: Mapping[str, int], what: str, given: str) -> int:
    """The number of a word."""
    if given not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}; got {given!r}")
    return table[given]


def extents(given: int | Sequence[int]) -> tuple[Any, int]:
    """A shape, in which -1 stands for the extent that follows."""
    shape = [given] if isinstance(given, int) else [operator.index(extent) for extent in given]
    wrong = [extent for extent in shape if extent < -1]
    if wrong:
        raise ValueError(f"{wrong[0]} is no extent")
    numbers = [codes.OPEN_EXTENT if extent == -1 else extent for extent in shape]
    return (ctypes.c_uint64 * len(numbers))(*numbers), len(numbers)


def attribute(name: str, value: Any) -> file_structs.Attribute:
    """One attribute: a text, an integer or a float."""
    key = structs.utf8(name)
    if isinstance(value, str):
        return file_structs.Attribute(name=key, kind=codes.ATTRIBUTE_TEXT, text=structs.utf8(value))
    if isinstance(value, float):
        return file_structs.Attribute(name=key, kind=codes.ATTRIBUTE_NUMBER, number=value)
    try:
        return file_structs.Attribute(name=key, kind=codes.ATTRIBUTE_INTEGER, integer=operator.index(value))
    except TypeError:
        raise TypeError(f"the attribute {name!r} must be a text, an integer or a float, "
                        f"not {type(value).__name__}") from None


def named(categories: Categories) -> list[tuple[str, Sequence[str] | None]]:
    """Columns with their labels."""
    if categories is None:
        return []
    if isinstance(categories, str):
        return [(categories, None)]
    return list(categories.items()) if isinstance(categories, Mapping) else [(name, None) for name in categories]


def category(name: str, labels: Sequence[str] | None) -> file_structs.Category:
    """One column."""
    if labels is None:
        return file_structs.Category(name=structs.utf8(name))
    return file_structs.Category(name=structs.utf8(name), labels=structs.texts(list(labels)), labels_len=len(labels))
