"""What was tried, how often: parameters, kinds of types, classes of errors."""
import re

import numpy as np
from loadtxt_cases import COMPRESS, PATHS, STREAMS, leaves, read_dtype
from loadtxt_compare import CLASSES

KINDS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "S", "U", "M8", "m8"]
# What has to be in a run, besides the classes of errors.
WANTED = [
    *(f"dtype {kind}" for kind in KINDS), "dtype >", "dtype record", "dtype nested", "dtype subarray", "dtype holes", "dtype title",
    "dtype open S", "dtype open U", "dtype open M", "dtype no width",
    *(f"parameter {name}" for name in ("dtype", "comments", "delimiter", "converters", "skiprows", "usecols", "unpack", "ndmin",
                                       "encoding", "max_rows", "quotechar", "like")),
    "comments none", "comments strings", "comments bytes", "comments not ASCII", "comments list",
    "delimiter space", "delimiter tab", "delimiter ASCII", "delimiter bytes", *(f"delimiter of {n} bytes" for n in (2, 3, 4)),
    "quotechar ASCII", "quotechar not ASCII", "quotes with a line end", "quotes doubled", "quotes unbalanced",
    "usecols int", "usecols list", "usecols tuple", "usecols array", "usecols iterator", "usecols negative", "usecols twice",
    "usecols none", "max_rows 0", "max_rows large", "ndmin 1", "ndmin 2",
    *(f"encoding {name}" for name in ("utf-8", "utf-8-sig", "latin1", "ascii", "utf-16", "utf-32", "bytes", "others")),
    "ends \\n", "ends \\r\\n", "ends \\r", "ends mixed", "ends without the last",
    *(f"source {name}" for name in sorted({*PATHS, *STREAMS, "without suffix"})), *(f"suffix {name}" for name in COMPRESS),
    *(f"workers {n}" for n in (1, 2, 3, 4)), "chunk_bytes 1-8", "chunk_bytes 9-64", "chunk_bytes default",
]


def features(case):
    """Words for what a case tries, arguments that are wrong left out."""
    yield f"workers {case.workers}"
    size = case.chunk_bytes
    yield "chunk_bytes " + ("default" if size is None else "1-8" if size <= 8 else "9-64" if size <= 64 else "more")
    yield f"source {case.source}"
    yield f"suffix {case.suffix}"
    yield from (f"parameter {name}" for name in case.options)
    wrong = [tag for tag in case.tags if tag.startswith("argument")]
    yield from wrong
    if not wrong:
        yield from dtype_words(read_dtype(case.options.get("dtype", "float")), case.options.get("dtype", "float"))
        yield from set(option_words(case))
    if case.suffix not in COMPRESS:
        yield from end_words(case.data)


def dtype_words(dtype, text):
    found = leaves(dtype)
    yield from {f"dtype {leaf.str[1:] if leaf.kind in 'iufc' else {'b': '?', 'M': 'M8', 'm': 'm8'}.get(leaf.kind, leaf.kind)}"
                for leaf in found}
    if any(leaf.str[0] == ">" for leaf in found):
        yield "dtype >"
    if dtype.names is None:
        if dtype in (np.dtype("S"), np.dtype("U"), np.dtype("M8")):
            yield f"dtype open {dtype.kind}"
        return
    yield "dtype record"
    fields = [dtype.fields[name][0] for name in dtype.names]
    yield from ["dtype nested"] * any(field.base.names is not None for field in fields)
    yield from ["dtype subarray"] * any(field.subdtype is not None for field in fields)
    yield from ["dtype holes"] * (dtype.itemsize != sum(field.itemsize for field in fields))
    yield from ["dtype title"] * ("title" in text)
    yield from ["dtype no width"] * any(leaf.itemsize == 0 for leaf in found)


def option_words(case):
    options = {name: eval(text, {"np": np}) for name, text in case.options.items()}  # noqa: S307 - text of ours
    given = options.get("comments", "#")
    each = [given] if isinstance(given, (str, bytes)) else list(given or [])
    yield from ["comments none"] * (not each) + ["comments list"] * (given is not None and each != [given])
    yield from ["comments strings"] * (len(each) > 1 or any(len(one) > 1 for one in each))
    yield from ["comments bytes"] * any(isinstance(one, bytes) for one in each)
    yield from ["comments not ASCII"] * any(isinstance(one, str) and not one.isascii() for one in each)
    yield from delimiter_words(options.get("delimiter"))
    quote = options.get("quotechar")
    if quote:
        yield "quotechar ASCII" if quote.isascii() else "quotechar not ASCII"
        yield from quote_words(case, quote)
    if "usecols" in options:
        yield from usecols_words(case.options["usecols"])
    if "max_rows" in options:
        rows = int(options["max_rows"])
        yield from ["max_rows 0"] * (rows == 0) + ["max_rows large"] * (rows > 100)
    yield f"ndmin {int(options.get('ndmin', 0))}"
    name = str(options.get("encoding")).lower()
    plain = {"utf8": "utf-8", "iso-8859-1": "latin1", "us-ascii": "ascii"}.get(name, re.sub("-[lb]e$", "", name))
    yield "encoding " + (plain if f"encoding {plain}" in WANTED else "others" if name != "none" else "none")


def delimiter_words(delimiter):
    if delimiter is None:
        return
    yield from ["delimiter bytes"] * isinstance(delimiter, bytes)
    text = delimiter.decode("latin1") if isinstance(delimiter, bytes) else delimiter
    size = len(text.encode())
    yield f"delimiter of {size} bytes" if size > 1 else {" ": "delimiter space", "\t": "delimiter tab"}.get(text, "delimiter ASCII")


def quote_words(case, quote):
    text = case.data.decode("utf-8", "replace")
    inside = re.findall(f"{re.escape(quote)}((?:[^{re.escape(quote)}]|{re.escape(quote * 2)})*){re.escape(quote)}", text)
    yield from ["quotes with a line end"] * any("\n" in one or "\r" in one for one in inside)
    yield from ["quotes doubled"] * any(quote in one for one in inside)
    yield from ["quotes unbalanced"] * (text.count(quote) % 2)


def usecols_words(text):
    usecols = eval(text, {"np": np})  # noqa: S307 - text of ours
    kind = {list: "list", tuple: "tuple", np.ndarray: "array"}.get(type(usecols))
    try:
        usecols = list(usecols)
        yield f"usecols {kind or 'iterator'}"
    except TypeError:
        usecols = [usecols]
        yield "usecols int"
    yield from ["usecols negative"] * any(index < 0 for index in usecols)
    yield from ["usecols twice"] * (len(set(map(int, usecols))) < len(usecols)) + ["usecols none"] * (not usecols)


def end_words(data):
    kinds = set(re.findall(b"\r\n|\r|\n", data))
    yield "ends " + ("mixed" if len(kinds) > 1 else repr(kinds.pop())[2:-1] if kinds else "none")
    if data and data[-1:] not in b"\r\n":
        yield "ends without the last"


def rare(tried, least):
    """What was tried less than `least` times."""
    wanted = WANTED + [f"outcome: error: {name}" for name in CLASSES] + ["outcome: array", "outcome: array with a warning"]
    out = {name: tried[name] for name in wanted if tried[name] < least}
    # An error of no class is a class that is forgotten.
    return out | {name: count for name, count in tried.items() if name.startswith("outcome: error: other")}


def show(tried):
    for name, count in sorted(tried.items()):
        print(f"  {count:6d}  {name}")
