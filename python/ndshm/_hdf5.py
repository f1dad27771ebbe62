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
# Coordinates of dimensions: each numbers, or `slice(start, stop, step)` to count them; without `stop` as many as needed.
Coordinates = Mapping[str, Union[Iterable[float], slice]]


def hdf5_options(*, dataset: str | None = None, arrange: str = "auto", replace: bool = False, append: bool = False,
                 append_rows: bool = False, sync: bool = False, bool_as_u8: bool = False, layout: str = "auto",
                 compression: str | None = None, level: int | None = None, shuffle: bool = True, fletcher32: bool = False,
                 chunk: int | Sequence[int] | None = None, shape: int | Sequence[int] | None = None,
                 source_column: str | None = None, attributes: Mapping[str, Value] | None = None,
                 categories: Categories = None, provenance: bool = True, checksum: bool = False,
                 dims: str | Iterable[str] | None = None, coords: Coordinates | None = None,
                 units: Mapping[str, str] | None = None,
                 object_attributes: Mapping[str, Mapping[str, Value]] | None = None) -> file_structs.Hdf5Options:
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
    options.attributes, options.attributes_len = items(file_structs.Attribute, attributes_of(attributes))
    columns = [category(name, labels) for name, labels in named(categories)]
    options.categories, options.categories_len = items(file_structs.Category, columns)
    options.dims, options.dims_len = items(file_structs.Dimension, dimensions(dims, coords))
    options.units, options.units_len = items(file_structs.Attribute, units_of(units))
    single = [file_structs.ObjectAttribute(structs.utf8(path), each)
              for path, given in (object_attributes or {}).items() for each in attributes_of(given)]
    options.object_attributes, options.object_attributes_len = items(file_structs.ObjectAttribute, single)
    return options


def items(struct: Any, made: list[Any]) -> tuple[Any, int]:
    """An array of structs, and how many there are."""
    return (struct * len(made))(*made), len(made)


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


def attributes_of(given: Mapping[str, Value] | None) -> list[file_structs.Attribute]:
    """Attributes by their names."""
    return [attribute(name, value) for name, value in (given or {}).items()]


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


def units_of(given: Mapping[str, str] | None) -> list[file_structs.Attribute]:
    """Units of columns."""
    wrong = [column for column, text in (given or {}).items() if not isinstance(text, str)]
    if wrong:
        raise TypeError(f"the units of {wrong[0]!r} must be a text, as 'm/s'")
    return attributes_of(given)


def dimensions(dims: str | Iterable[str] | None, coords: Coordinates | None) -> list[file_structs.Dimension]:
    """The names of axes with their coordinates."""
    names = [] if dims is None else [dims] if isinstance(dims, str) else list(dims)
    unknown = [name for name in coords or {} if name not in names]
    if unknown:
        raise ValueError(f"coords has {unknown[0]!r}, which dims does not name")
    return [dimension(name, (coords or {}).get(name)) for name in names]


def dimension(name: str, coordinates: Iterable[float] | slice | None) -> file_structs.Dimension:
    """One axis."""
    made = file_structs.Dimension(name=structs.utf8(name))
    if isinstance(coordinates, slice):
        made.start, made.step = number(name, coordinates.start, 0.0), number(name, coordinates.step, 1.0)
        made.coordinates = codes.COORDINATES_STEPS if coordinates.stop is None else codes.COORDINATES_RANGE
        made.stop = number(name, coordinates.stop, 0.0)
    elif coordinates is not None:
        values = [number(name, value, None) for value in listed(name, coordinates)]
        made.coordinates, made.values, made.values_len = codes.COORDINATES_VALUES, *items(ctypes.c_double, values)
    return made


def number(name: str, value: Any, default: float | None) -> float:
    """A coordinate, or what stands for none."""
    if value is None and default is not None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        raise no_coordinates(name, value) from None


def listed(name: str, given: Any) -> list[Any]:
    """Coordinates, one by one. A text is none, although its characters may be numbers."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise no_coordinates(name, given)
    return list(given)


def no_coordinates(name: str, given: object) -> TypeError:
    """What to say of others."""
    return TypeError(f"the coordinates of {name!r} must be numbers, or slice(start, stop, step), not {given!r:.100}")
