"""What was found in the columns of a table: values, and how they look."""

from __future__ import annotations

import ctypes
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _codes as codes
from . import _describe_structs as describe_structs
from . import _structs as structs
from ._describe_library import describe_library
from ._errors import check
from ._owner import SCRATCH

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

# Columns that are shown, and characters of a text.
SHOWN, WIDEST = 60, 24


@dataclass(frozen=True)
class ColumnSummary:
    """What is in a column. What is not known of its type, or has no values, is None or empty."""

    name: str
    dtype: np.dtype[Any]
    count: int  # values that are not missing
    missing: int  # NaN, NaT, empty texts
    min: Any = None
    max: Any = None
    mean: float | None = None  # of times in units of the dtype, since 1970
    std: float | None = None  # of a sample (ddof=1)
    quantiles: dict[float, float] = field(default_factory=dict)  # of 0.05, 0.25, 0.5, 0.75, 0.95
    quantile_errors: dict[float, float] = field(default_factory=dict)  # how far each may be off; 0 if it is exact
    distinct: int | None = None
    distinct_error: float = 0.0  # standard error as a part of it; 0 if it was counted
    top: list[tuple[Any, int]] = field(default_factory=list)  # the most frequent values and how often they occur
    top_rest: int = 0  # rows of other values that were counted
    top_uncounted: int = 0  # rows of values that were not counted, because there are too many
    histogram: tuple[Array, Array] | None = None  # counts and edges, as numpy.histogram gives them
    histogram_error: float = 0.0  # how far a value may be from its bar

    def __repr__(self) -> str:
        lines = zip(*(cells for cells in table([self]) if cells[1]))
        head, values = ([*line] for line in lines)
        width = max(map(len, head))
        return "\n".join(f"{label or 'name':{width}}  {value}" for label, value in zip(head, values))


@dataclass(frozen=True, repr=False)
class Description:
    """What is in the columns of a table. `d["name"]` is one of them; `repr` is a table."""

    rows: int
    columns: list[ColumnSummary]
    bad_rows: int = 0  # rows of text that were left out
    bad_row_messages: list[str] = field(default_factory=list)  # of the first ten of them

    def __getitem__(self, column: str | int) -> ColumnSummary:
        if not isinstance(column, str):
            return self.columns[column]
        for found in self.columns:
            if found.name == column:
                return found
        raise KeyError(column)

    def __iter__(self) -> Iterator[ColumnSummary]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def title(self) -> str:
        """How many rows and columns."""
        return f"{self.rows:,} row{'s' * (self.rows != 1)}, {len(self)} column{'s' * (len(self) != 1)}"

    def lines(self) -> list[list[str]]:
        """The table, line by line: a head, and one for each column, if there are not too many."""
        shown = self.columns if len(self) <= SHOWN else self.columns[:SHOWN // 2] + self.columns[-SHOWN // 2:]
        lines = [list(line) for line in zip(*(cells for cells in table(shown) if any(cells[1:]) or not cells[0]))]
        if len(shown) < len(self):
            lines.insert(1 + SHOWN // 2, ["..."] + [""] * (len(lines[0]) - 1))
        return lines

    def __repr__(self) -> str:
        lines = self.lines()
        widths = [max(map(len, cells)) for cells in zip(*lines)]
        # Names and the last column, of texts, stand to the left, numbers to the right.
        left = {0, len(widths) - 1 if lines[0][-1] == "top" else 0}
        out = ["  ".join(cell.ljust(width) if place in left else cell.rjust(width)
                         for place, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
        return "\n".join([self.title, "", *out])

    def _repr_html_(self) -> str:
        head, *lines = self.lines()

        def row(cells: Sequence[str], tag: str) -> str:
            rest = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells[1:])
            return f"<tr><th>{html.escape(cells[0])}</th>{rest}</tr>"

        body = "".join(row(line, "td") for line in lines)
        return f"<p>{self.title}</p><table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"


def table(columns: Sequence[ColumnSummary]) -> list[list[str]]:
    """The cells of each column of the table: a head, and one for each of `columns`."""
    def quantile(part: float) -> list[str]:
        return [mark(c.quantile_errors[part]) + units(c, c.quantiles[part]) if part in c.quantiles else "" for c in columns]

    return [
        ["", *(cut(c.name) for c in columns)],
        ["type", *(short_type(c.dtype) for c in columns)],
        ["count", *(f"{c.count:,}" for c in columns)],
        ["missing", *(f"{c.missing:,}" for c in columns)],
        ["distinct", *("" if c.distinct is None else f"{mark(c.distinct_error)}{c.distinct:,}" for c in columns)],
        ["mean", *("" if c.mean is None else units(c, c.mean) for c in columns)],
        ["std", *("" if c.std is None else short(c.std) for c in columns)],
        ["min", *(shown(c.min) for c in columns)],
        ["25%", *quantile(0.25)],
        ["50%", *quantile(0.5)],
        ["75%", *quantile(0.75)],
        ["max", *(shown(c.max) for c in columns)],
        ["top", *(f"{shown(c.top[0][0])} ({c.top[0][1]:,})" if c.top and c.top[0][1] > 1 else "" for c in columns)],
    ]


def mark(error: float) -> str:
    """Before an estimate."""
    return "~" if error > 0 else ""


def cut(text: str) -> str:
    """A text that is not too long, and in one line."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return plain if len(plain) <= WIDEST else plain[:WIDEST - 2] + ".."


def shown(value: Any) -> str:
    """A value in a cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        return short(value)
    return cut(value.decode("latin1") if isinstance(value, bytes) else str(value))


def short(number: float) -> str:
    """A number with six digits that count, as the command writes it."""
    if number == 0 or not np.isfinite(number):
        return f"{number + 0:g}"
    digits, _, exponent = f"{number:.5e}".partition("e")
    if not -4 <= int(exponent) < 15:
        return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"
    text = f"{number:.{max(0, 5 - int(exponent))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def units(column: ColumnSummary, number: float) -> str:
    """A number of the column's units: of dates a date."""
    if column.dtype.kind == "M" and np.isfinite(number):
        return str(np.array(round(number), "i8").view(column.dtype)[()])
    return short(number)


def short_type(dtype: np.dtype[Any]) -> str:
    """A type as the command writes it."""
    return "?" if dtype.kind == "b" else dtype.str.lstrip("<>|=") if dtype.kind != "V" else f"V{dtype.itemsize}"


def description_of(handle: Any, bad_rows: list[str]) -> Description:
    """Reads what the library has found."""
    native = describe_library()
    columns = [column_of(handle, number) for number in range(native.ndshm_description_columns(handle))]
    return Description(native.ndshm_description_rows(handle), columns, native.ndshm_description_bad_rows(handle), bad_rows)


def column_of(handle: Any, number: int) -> ColumnSummary:
    """One column."""
    native, is_ = describe_library(), structs.sized(describe_structs.Column)
    check(native.ndshm_description_column(handle, number, is_, SCRATCH.error), SCRATCH.error)

    def text(what: int, index: int, size: int) -> str:
        buffer = ctypes.create_string_buffer(size + 1)
        native.ndshm_description_text(handle, number, what, index, buffer, size + 1)
        return buffer.raw[:size].decode()

    def value(found: describe_structs.Value, what: int, index: int = 0) -> Any:
        return value_of(dtype, found, lambda: text(what, index, found.text_len))

    dtype = np.dtype(text(codes.TEXT_DTYPE, 0, is_.dtype_len))
    quantiles = (describe_structs.Quantile * is_.quantiles_len)()
    native.ndshm_description_quantiles(handle, number, quantiles, len(quantiles))
    top, one, count = [], describe_structs.Value(), ctypes.c_uint64()
    for index in range(is_.frequent_len):
        native.ndshm_description_frequent(handle, number, index, one, count)
        top.append((value(one, codes.TEXT_FREQUENT, index), count.value))
    ranged, known = is_.known & codes.KNOWN_RANGE, is_.known
    return ColumnSummary(
        name=text(codes.TEXT_NAME, 0, is_.name_len), dtype=dtype, count=is_.count, missing=is_.missing,
        min=value(is_.min, codes.TEXT_MIN) if ranged else None, max=value(is_.max, codes.TEXT_MAX) if ranged else None,
        mean=is_.mean if known & codes.KNOWN_MEAN else None, std=is_.std if known & codes.KNOWN_STD else None,
        quantiles={q.part: q.value for q in quantiles}, quantile_errors={q.part: q.error for q in quantiles},
        distinct=is_.distinct if known & codes.KNOWN_DISTINCT else None, distinct_error=is_.distinct_error,
        top=top, top_rest=is_.frequent_rest, top_uncounted=is_.frequent_uncounted,
        histogram=histogram_of(handle, number, is_), histogram_error=is_.histogram_error)


def value_of(dtype: np.dtype[Any], found: describe_structs.Value, text: Any) -> Any:
    """A value of a column as Python has it; times as NumPy has them."""
    if dtype.kind == "b":
        return bool(found.integer)
    if dtype.kind in "iu":
        return found.integer if dtype.kind == "i" else found.natural
    if dtype.kind in "mM":
        return np.array(found.integer, "i8").view(dtype)[()]
    if dtype.kind in "SU":
        return text().encode("latin1") if dtype.kind == "S" else text()
    return found.number


def histogram_of(handle: Any, number: int, found: describe_structs.Column) -> tuple[Array, Array] | None:
    """The counts of a histogram, and where its bars begin and end."""
    if not found.known & codes.KNOWN_HISTOGRAM:
        return None
    counts = np.zeros(found.histogram_len, np.uint64)
    room = counts.ctypes.data_as(ctypes.POINTER(ctypes.c_uint64))
    describe_library().ndshm_description_histogram(handle, number, room, len(counts))
    return counts.astype(np.int64), np.linspace(found.histogram_low, found.histogram_high, len(counts) + 1)
