#!/usr/bin/env python3
"""NumPy's loadtxt, broken on purpose in many ways: differential_loadtxt.py has to catch every one.

    loadtxt_mutants.py [--cases 3000] [NAME...]          says which are not caught

Each is a mistake that a parallel reader can make.
"""
import os
import re
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = np.loadtxt
MUTANTS = {}


def mutant(function):
    """A loadtxt of its own: `function` gets NumPy's, what it is called with, and the size of a piece."""
    def call(fname, *, workers=None, chunk_bytes=None, **options):
        return function(fname, options, chunk_bytes or 64)
    MUTANTS[function.__name__] = call
    return function


def plain(fname):
    return isinstance(fname, (str, os.PathLike)) and os.path.isfile(fname) and str(fname).endswith(".txt")


def changed(fname, options, change):
    """The result for a text that is changed, told as if it were the file's own."""
    if not plain(fname):
        return REAL(fname, **options)
    with open(fname, "rb") as f:
        before = f.read()
    with open(fname, "wb") as f:
        f.write(change(before))
    try:
        return REAL(fname, **options)
    finally:
        with open(fname, "wb") as f:
            f.write(before)


def with_words(fname, options, change):
    """The same error in other words."""
    try:
        return REAL(fname, **options)
    except ValueError as error:
        raise type(error)(change(str(error))) from None if type(error) is ValueError else error


def with_array(fname, options, change):
    array = REAL(fname, **options)
    return array if isinstance(array, list) else change(array)


def count(options, name):
    value = options.get(name)
    return value if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 < value < 1000 else None


# ------------------------------------------------------------------ text


@mutant
def characters_torn_at_borders(fname, options, piece):
    def change(data):
        return b"".join(data[at:at + piece].decode("utf-8", "ignore").encode() for at in range(0, len(data), piece))
    return changed(fname, options, change)


@mutant
def line_end_torn_at_borders(fname, options, piece):
    def change(data):
        pieces = (data[at:at + piece] for at in range(0, len(data), piece))
        return b"".join(re.sub(rb"\r$|^\n", b"\n", one) for one in pieces)
    if options.get("quotechar") is None:
        return REAL(fname, **options)
    return changed(fname, options, change)


@mutant
def quotes_end_at_borders(fname, options, piece):
    quote = options.get("quotechar")
    if not isinstance(quote, str) or len(quote) != 1 or not quote.isascii():
        return REAL(fname, **options)

    def change(data):
        head, tail = data[:piece], data[piece:]
        return head + (quote.encode() if head.count(quote.encode()) % 2 else b"") + tail
    return changed(fname, options, change)


@mutant
def lone_cr_is_no_line_end(fname, options, _piece):
    return changed(fname, options, lambda data: data.replace(b"\r\n", b"\n").replace(b"\r", b" "))


@mutant
def last_line_needs_its_end(fname, options, _piece):
    return changed(fname, options, lambda data: data if data[-1:] in (b"\n", b"\r") else data[:data.rfind(b"\n") + 1])


@mutant
def bad_bytes_are_replaced(fname, options, _piece):
    if options.get("encoding") not in (None, "utf-8"):
        return REAL(fname, **options)
    return changed(fname, options, lambda data: data.decode("utf-8", "replace").encode())


@mutant
def byte_order_mark_is_always_dropped(fname, options, _piece):
    return changed(fname, options, lambda data: data.removeprefix(b"\xef\xbb\xbf"))


@mutant
def quoted_line_ends_stay_as_they_are(fname, options, _piece):
    return with_array(fname, options, lambda a: np.char.replace(a, "\n", "\r\n").astype(a.dtype)
                      if a.dtype.kind == "U" and options.get("quotechar") else a)


@mutant
def doubled_quotes_stay_two(fname, options, _piece):
    quote = options.get("quotechar")
    return with_array(fname, options, lambda a: np.char.replace(a, quote, quote * 2).astype(a.dtype)
                      if a.dtype.kind == "U" and isinstance(quote, str) else a)


@mutant
def cut_off_files_are_accepted(fname, options, _piece):
    try:
        return REAL(fname, **options)
    except EOFError:
        return np.array([])


# ------------------------------------------------------------------ parameters


@mutant
def skiprows_counts_rows(fname, options, _piece):
    if not plain(fname) or not count(options, "skiprows"):
        return REAL(fname, **options)
    with open(fname, "rb") as f:
        lines = f.read().splitlines()
    extra = sum(1 for line in lines[:options["skiprows"]] if not line.strip())
    return REAL(fname, **{**options, "skiprows": options["skiprows"] + extra})


@mutant
def max_rows_for_every_worker(fname, options, _piece):
    return REAL(fname, **({**options, "max_rows": options["max_rows"] * 2} if count(options, "max_rows") else options))


@mutant
def errors_behind_max_rows(fname, options, _piece):
    if count(options, "max_rows"):
        REAL(fname, **{**options, "max_rows": None})
    return REAL(fname, **options)


@mutant
def comment_strings_in_any_order(fname, options, _piece):
    comments = options.get("comments", "#")
    if isinstance(comments, (list, tuple)) and len(comments) > 1 and all(isinstance(c, (str, bytes)) for c in comments):
        options = {**options, "comments": sorted(comments, key=len, reverse=True) if sorted(comments, key=len) == list(comments)
                   else sorted(comments, key=len)}
    return REAL(fname, **options)


@mutant
def delimiter_bytes_are_utf8(fname, options, _piece):
    delimiter = options.get("delimiter")
    if isinstance(delimiter, bytes) and not delimiter.isascii():
        delimiter = delimiter.decode("utf-8", "replace")
    return REAL(fname, **{**options, "delimiter": delimiter})


@mutant
def comments_reach_into_quotes(fname, options, _piece):
    mark, quote = options.get("comments", "#"), options.get("quotechar")
    if not isinstance(mark, str) or not isinstance(quote, str) or len(mark) != 1 or len(quote) != 1:
        return REAL(fname, **options)
    return changed(fname, options, lambda data: b"".join(
        line.split(mark.encode())[0] + b"\n" if mark.encode() in line else line for line in data.splitlines(True)))


@mutant
def negative_usecols_by_the_first_row(fname, options, _piece):
    usecols = options.get("usecols")
    if not isinstance(usecols, list) or not plain(fname) or not any(i < 0 for i in usecols if isinstance(i, int)):
        return REAL(fname, **options)
    try:
        first = REAL(fname, **{**options, "usecols": None, "dtype": "U1", "max_rows": 1, "ndmin": 2, "unpack": False})
    except Exception:  # noqa: BLE001 - then there is no first row
        return REAL(fname, **options)
    return REAL(fname, **{**options, "usecols": [i % first.shape[1] if -first.shape[1] <= i < 0 else i for i in usecols]})


# ------------------------------------------------------------------ values


@mutant
def nan_has_no_sign(fname, options, _piece):
    def change(a):
        if a.dtype.kind == "f":
            a[np.isnan(a)] = np.nan
        return a
    return with_array(fname, options, change)


@mutant
def zero_has_no_sign(fname, options, _piece):
    return with_array(fname, options, lambda a: a + a.dtype.type(0) if a.dtype.kind == "f" else a)


@mutant
def floats_are_off_by_a_bit(fname, options, _piece):
    def change(a):
        if a.dtype == np.float64 and a.size:
            bits = a.view("u8")
            a = np.where((bits & 255) == 255, np.nextafter(a, 0), a)
        return a
    return with_array(fname, options, change)


@mutant
def float32_rounds_once(fname, options, _piece):
    def change(a):
        return np.nextafter(a, np.float32(0)) if a.dtype.type is np.float32 and a.ndim == 0 else a
    return with_array(fname, options, change)


@mutant
def full_strings_lose_a_character(fname, options, _piece):
    def change(a):
        if a.dtype.kind == "S" and a.size:
            a = np.where(np.char.str_len(a) == a.dtype.itemsize, a.astype(f"S{max(1, a.dtype.itemsize - 1)}"), a).astype(a.dtype)
        return a
    return with_array(fname, options, change)


@mutant
def unicode_is_always_little_endian(fname, options, _piece):
    return with_array(fname, options, lambda a: a.byteswap() if a.dtype.str[:2] == ">U" else a)


@mutant
def widths_of_the_first_rows(fname, options, _piece):
    if options.get("dtype") is not str or options.get("unpack"):
        return REAL(fname, **options)
    array = REAL(fname, **options)
    width = max([1] + [len(text) for text in array.ravel()[:6]])
    return array.astype(f"U{width}")


@mutant
def unit_of_the_first_row(fname, options, _piece):
    def change(a):
        if a.dtype.kind == "M" and a.size > 1 and str(options.get("dtype")) == "M8":
            unit = np.datetime_data(np.datetime64(np.datetime_as_string(a.ravel()[0], unit="auto")).dtype)[0]
            return a.astype(f"M8[{unit}]") if unit != "generic" else a
        return a
    return with_array(fname, options, change)


@mutant
def integers_wrap_around(fname, options, _piece):
    try:
        return REAL(fname, **options)
    except ValueError as error:
        if "could not convert" in str(error) and options.get("dtype") in ("u1", "u2", "u4", "i1", "i2", "i4"):
            try:
                return REAL(fname, **{**options, "dtype": "i8"}).astype(options["dtype"])
            except ValueError:
                raise error from None
        raise


# ------------------------------------------------------------------ shapes, words


@mutant
def squeezes_one_axis(fname, options, _piece):
    return with_array(fname, options, lambda a: a.reshape(1) if a.ndim == 0 else a)


@mutant
def ndmin_2_lies_down(fname, options, _piece):
    def change(a):
        return a.reshape(1, -1) if a.ndim == 2 and a.shape[1] == 1 and options.get("ndmin") == 2 and a.dtype.names else a
    return with_array(fname, options, change)


@mutant
def unpack_gives_an_array(fname, options, _piece):
    result = REAL(fname, **options)
    return tuple(result) if isinstance(result, list) else result


@mutant
def rows_of_the_piece(fname, options, _piece):
    return with_words(fname, options, lambda text: text.replace("at row 3", "at row 0"))


@mutant
def columns_of_usecols(fname, options, _piece):
    usecols = options.get("usecols")
    return with_words(fname, options, lambda text: text.replace(", column 2.", ", column 1.") if isinstance(usecols, list) else text)


@mutant
def columns_changed_the_other_way(fname, options, _piece):
    return with_words(fname, options, lambda text: text.replace("changed from 2 to 1 ", "changed from 1 to 2 "))


@mutant
def text_is_cut_earlier(fname, options, _piece):
    return with_words(fname, options, lambda text: text.replace(text[24:122], text[24:121]) if text[123:126] == " to" else text)


@mutant
def says_nothing_of_no_data(fname, options, _piece):
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return REAL(fname, **options)


@mutant
def looks_at_row_limits_last(fname, options, _piece):
    if isinstance(options.get("max_rows"), int) and options["max_rows"] < 0:
        REAL(fname, **{**options, "max_rows": None})
    return REAL(fname, **options)


@mutant
def read_only(fname, options, _piece):
    def change(a):
        a.flags.writeable = False
        return a
    return with_array(fname, options, change)


@mutant
def fields_in_any_order(fname, options, _piece):
    def change(a):
        names = a.dtype.names
        if names and len(names) > 1 and a.dtype[0] == a.dtype[1] and a.dtype[0].subdtype is None:
            a[names[0]], a[names[1]] = a[names[1]].copy(), a[names[0]].copy()
        return a
    return with_array(fname, options, change)


def main():
    names = [name for name in sys.argv[1:] if name in MUTANTS] or list(MUTANTS)
    cases = sys.argv[sys.argv.index("--cases") + 1] if "--cases" in sys.argv else "3000"
    command = [sys.executable, os.path.join(HERE, "differential_loadtxt.py"), "--cases", cases, "--least", "0", "--quiet", "--first",
               "--no-shrink"]
    missed = [name for name in names if subprocess.run([*command, "--reader", f"mutant:{name}"], stdout=subprocess.DEVNULL,
                                                       check=False).returncode == 0]
    print(f"{len(names) - len(missed)} of {len(names)} mutants caught" + (f"; not {missed}" if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
