"""One case through two readers: what each gave, whether it is the same, what differs on purpose."""
import bz2
import gzip
import io
import lzma
import os
import pathlib
import re
import warnings
import zlib
from dataclasses import replace

import numpy as np
from loadtxt_cases import COMPRESS, STREAMS

# ------------------------------------------------------------------ a call


def without_parallel(function):
    """NumPy's own, which has no workers."""
    def call(*args, workers=None, chunk_bytes=None, **options):
        return function(*args, **options)
    return call


class Call:
    """The arguments of a case, made anew."""

    def __init__(self, case, folder):
        self.case, self.folder, self.close = case, folder, []
        self.path = os.path.join(folder, "table" + case.suffix)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for file in self.close:
            file.close()

    def options(self):
        return {name: eval(text, {"np": np}) for name, text in self.case.options.items()}  # noqa: S307 - text of ours

    def opened(self, *mode, **how):
        self.close.append(open(self.path, *mode, **how))
        return self.close[-1]

    def text(self):
        encoding = self.case.options.get("encoding", "None")
        encoding = eval(encoding)  # noqa: S307 - text of ours
        try:
            return self.case.data.decode("utf-8" if encoding in (None, "bytes") else encoding, "replace")
        except LookupError:
            return self.case.data.decode("latin1")

    def lines(self):
        return re.findall("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", self.text())

    def fname(self):
        kind = self.case.source
        if kind == "path":
            return self.path
        if kind == "pathlib":
            return pathlib.Path(self.path)
        if kind == "without suffix":
            return self.path.removesuffix(self.case.suffix)
        return getattr(self, kind.replace(" ", "_"))()

    def StringIO(self):
        return io.StringIO(self.text())

    def BytesIO(self):
        return io.BytesIO(self.case.data)

    def text_file(self):
        return self.opened(encoding="latin1" if b"\xff" in self.case.data else "utf-8", errors="replace")

    def binary_file(self):
        return self.opened("rb")

    def bytes_lines(self):
        return self.case.data.splitlines(keepends=len(self.case.data) % 2 == 0)

    def generator(self):
        return (line.rstrip("\r\n") for line in self.lines())

    def long_lines(self):
        return [*self.lines()[:2], "1 2\n3 4\n", "5\n"]

    def no_text(self):
        return [*self.lines()[:2], 5, "1\n"]

    def nothing(self):
        return [5, None, 1.5][len(self.case.data) % 3]

    def missing(self):
        return os.path.join(self.folder, "missing" + [".txt", ".gz", ""][len(self.case.data) % 3])

    def directory(self):
        return self.folder


def outcome(function, case, folder, **parallel):
    """(array, exception, warnings)"""
    with Call(case, folder) as call, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            array, error = function(call.fname(), **call.options(), **parallel), None
        except Exception as exception:  # noqa: BLE001 - any refusal counts
            array, error = None, exception
    def plain(message):
        return re.sub(" at 0x[0-9a-f]+>", ">", str(message).replace(call.path, "TABLE"))

    said = [(w.category, plain(w.message)) for w in caught if not quiet(w)]
    return array, error, said


def quiet(warning):
    """Warnings that differ on purpose: NumPy's conversions warn from the inside of C; and types that are found by looking
    at the text warn of its own pieces of 50000 rows."""
    return warning.category is not UserWarning or re.search("timezones|`max_rows=50000`", str(warning.message))


# ------------------------------------------------------------------ the comparison


def parts(array, dtype):
    """Every value of an array, apart from what pads its records."""
    if dtype.names is None:
        yield np.ascontiguousarray(array).tobytes()
        return
    for name in dtype.names:
        field = array[name]
        yield from parts(field, field.dtype)


def array_fault(ours, numpys):
    """How two arrays differ, or None."""
    if isinstance(numpys, list) or isinstance(ours, list):
        if type(ours) is not type(numpys) or len(ours) != len(numpys):
            return f"{ours!r}, not {numpys!r}"
        return next(filter(None, map(array_fault, ours, numpys)), None)
    for what in ("dtype", "shape"):
        a, b = repr(getattr(ours, what)), repr(getattr(numpys, what))
        if a != b:
            return f"{what} {a}, not {b}"
    if type(ours) is not np.ndarray or not ours.flags.writeable:
        return f"{type(ours)}, writeable {ours.flags.writeable}"
    if list(parts(ours, ours.dtype)) != list(parts(numpys, numpys.dtype)):
        return f"{words(ours)}, not {words(numpys)}"
    return None


def words(array):
    try:
        return repr(array)
    except SystemError:  # code points that are none
        return repr(array.tobytes())


def error_fault(ours, numpys):
    """How two exceptions differ, or None."""
    if type(ours) is not type(numpys):
        return f"{ours!r}, not {numpys!r}"
    return None if str(ours) == str(numpys) else f"says {str(ours)!r}, not {str(numpys)!r}"


def compare(case, function, folder):
    """(what happened, fault or None): both readers on a case."""
    path = os.path.join(folder, "table" + case.suffix)
    with open(path, "wb") as f:
        f.write(case.data)
    try:
        numpys = outcome(np.loadtxt, case, folder)
        ours = outcome(function, case, folder, workers=case.workers, chunk_bytes=case.chunk_bytes)
        what, fault = verdict(ours, numpys)
        if fault:
            for reason, rule in ON_PURPOSE.items():
                if holds_good(rule, case, folder, ours, numpys):
                    return f"{what}; on purpose: {reason}", None
        return what, fault
    finally:
        os.unlink(path)


def holds_good(rule, *args):
    """A rule that cannot be applied does not hold."""
    try:
        return rule(*args)
    except (EOFError, OSError, OverflowError, ValueError, lzma.LZMAError, zlib.error):
        return False


def verdict(ours, numpys):
    if numpys[1] is not None:
        what = "error: " + error_class(numpys[1])
        return what, f"{ours[0]!r}, NumPy refuses: {numpys[1]!r}" if ours[1] is None else error_fault(ours[1], numpys[1])
    if ours[1] is not None:
        return "refused", f"{ours[1]!r}, NumPy gives {numpys[0]!r}"
    fault = array_fault(ours[0], numpys[0])
    if not fault and ours[2] != numpys[2]:
        fault = f"warns {ours[2]}, not {numpys[2]}"
    return "array with a warning" if numpys[2] else "array", fault


# ------------------------------------------------------------------ classes of errors

CLASSES = {
    "convert": "could not convert string",
    "datetime": "Error parsing datetime string|in datetime string|NumPy datetime|^the date",
    "columns changed": "the number of columns changed",
    "columns required": "the dtype passed requires",
    "column index": "invalid column index",
    "not decoded": "codec can't decode|stream does not start with BOM|illegal encoding",
    "compressed: not of its kind": "Not a gzipped file|Invalid data stream|Input format not supported",
    "compressed: cut off": "Compressed file ended before",
    "compressed: damaged": "CRC check failed|Corrupt input data|while decompressing|Incorrect length|Unknown compression|reserved flag",
    "file is missing": "not found\\.$",
    "file is a directory": "Is a directory",
    "fname": "fname must be",
    "dtype is a subarray": "file reader does not support subarray",
    "comments are empty": "comments cannot be an empty string",
    "comments and quotes": "when multiple comments",
    "comments include the delimiter": "Comment characters",
    "comments are no strings": "object is not iterable|must be str or None, not|argument of type",
    "not a character": "Text reading control character",
    "newline": "cannot be a newline",
    "clash": "are incompatible",
    "not a count": "argument must be an integer",
    "bool as a count": "an integer is required",
    "negative count": "argument must be nonnegative",
    "count too large": "Python int too large",
    "usecols are no integers": "usecols must be an int",
    "usecols are too large": "cannot fit 'int'",
    "usecols do not fit the dtype": "If a structured dtype is used",
    "ndmin": "Illegal value of ndmin",
    "encoding": "unknown encoding|is not a text encoding",
    "converters": "converters must be|converters dictionary|converter specified",
    "like": "The `like` argument",
    "no text": "non-string returned|has no attribute 'split'",
    "line end in a line": "Found an unquoted embedded newline",
    "no rows of an open type": "need at least one array",
    "dtype": "data type .* not understood|Field elements must be|Cannot interpret|format number 1 of|invalid type|must be a",
}


def error_class(error):
    """Which class of errors it is of."""
    if error is None:
        return "None"
    message = str(error)
    for name, pattern in CLASSES.items():
        if re.search(pattern, message):
            return name
    return f"other: {type(error).__name__}: {message[:80]}"


# ------------------------------------------------------------------ what differs on purpose

EXPAND = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress, ".lzma": lzma.decompress}


def again(case, folder, **changes):
    """What NumPy makes of a case that is changed."""
    other = replace(case, **changes)
    with open(os.path.join(folder, "table" + other.suffix), "wb") as f:
        f.write(other.data)
    try:
        return outcome(np.loadtxt, other, folder)
    finally:
        if other.suffix != case.suffix:
            os.unlink(os.path.join(folder, "table" + other.suffix))


def same(ours, numpys):
    return verdict(ours, numpys)[1] is None


def decoded_ahead(case, folder, ours, numpys):
    """NumPy decodes whole blocks before it looks at a row, and so finds wrong bytes behind the place where it stops."""
    if not isinstance(numpys[1], UnicodeError) or isinstance(ours[1], UnicodeError):
        return False
    if ours[1] is None and "max_rows" not in case.options:
        return False
    case = expanded(case)
    # What is before the wrong bytes gives the same; and before their line.
    good = decodable(case)
    options = {**case.options, "encoding": "'utf-8'"}
    cuts = (good, re.sub("[^\r\n]*$", "", good))
    return any(same(ours, again(case, folder, data=text.encode(), options=options)) for text in cuts)


def expanded(case):
    """The same text, not compressed."""
    if case.suffix not in COMPRESS:
        return case
    return replace(case, data=EXPAND[case.suffix](case.data), suffix=".txt", source="path")


def decodable(case):
    """The text up to the first wrong byte."""
    codec = eval(case.options.get("encoding", "None")) or "utf-8"  # noqa: S307 - text of ours
    try:
        return case.data.decode("utf-8" if codec == "bytes" else codec)
    except UnicodeError as error:
        for end in range(getattr(error, "start", 0) + 4, 0, -1):
            try:
                return case.data[:end].decode("utf-8" if codec == "bytes" else codec)
            except UnicodeError:
                pass
        return ""


def damaged(case, _folder, ours, numpys):
    """Of a damaged file, readers find different things wrong first: they inflate and decode in blocks of their own."""
    kinds = [error_class(error) for error in (ours[1], numpys[1])]
    return "damage" in case.tags and kinds[0] != kinds[1] and "None" not in kinds and any(
        kind.startswith(("compressed", "not decoded")) for kind in kinds)


def damaged_behind(case, folder, ours, numpys):
    """The rows that are wanted come before the damage; Python inflates whole blocks."""
    if ours[1] is not None or "max_rows" not in case.options or not error_class(numpys[1]).startswith("compressed"):
        return False
    inflate = {".gz": lambda: zlib.decompressobj(31), ".bz2": bz2.BZ2Decompressor}.get(case.suffix, lzma.LZMADecompressor)()
    text = b""
    try:
        for at in range(len(case.data)):
            text += inflate.decompress(case.data[at:at + 1])
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        pass
    return same(ours, again(case, folder, data=text, suffix=".txt", source="path"))


def converters_first(case, _folder, ours, _numpys):
    """Converters are refused before the text is read, NumPy looks at them behind the first row."""
    return case.options.get("converters", "None") != "None" and "converters" in str(ours[1])


def now(case, _folder, ours, numpys):
    """'now' and 'today' depend on when a file is read."""
    return numpys[1] is None and re.search("could not convert string '(now|today)'", str(ours[1]))


def wraps_around(_case, _folder, ours, numpys):
    """A date that the unit cannot hold becomes some other date in NumPy; here it is an error."""
    said = re.match("could not convert string '(.*)' to ([<>]?(?:M8|datetime64).*) at row", str(ours[1]))
    if said:
        return not holds(said[1], np.dtype(said[2]))
    said = re.match('the date "(.*)" does not fit', str(ours[1]))
    if said and numpys[1] is not None:
        return "Integer overflow getting a common metadata divisor" in str(numpys[1])
    return said and not holds(said[1], (numpys[0][0] if isinstance(numpys[0], list) else numpys[0]).dtype)


def holds(text, dtype):
    """Whether a unit can hold a date."""
    unit, count = np.datetime_data(dtype)
    if re.match("[-+]?[0-9]{12,}", text):
        return False
    tick = {"ns": 10**9, "us": 10**6, "ps": 10**12, "ms": 10**3}.get(unit, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return abs(int(np.datetime64(text.strip(), "s").view("i8"))) * tick // count < 2**63 - tick


def dates_last(case, folder, ours, numpys):
    """NumPy converts dates of no unit when it has read all rows. So does this, but not where it cannot read again."""
    if error_class(ours[1]) != "datetime" or case.source not in [*STREAMS, "long lines", "no text"]:
        return False
    return same(numpys, again(case, folder, options={**case.options, "dtype": "'U1'"}))


def words_for_dates(case, _folder, ours, numpys):
    """Beside a wrong date, NumPy may complain of units first: if there is no other date, or they are far apart."""
    return numpys[1] is not None and error_class(ours[1]) == error_class(numpys[1]) == "datetime" and re.search(
        "other than NaT with generic units|common metadata divisor", str(numpys[1]))


def timedelta_too_large(_case, _folder, ours, numpys):
    """NumPy cuts what does not fit to the largest timedelta."""
    said = re.match("could not convert string '([-+]?[0-9]+)' to ([<>]?m8|timedelta64)", str(ours[1]))
    return said and abs(int(said[1])) >= 2**63 - 1


def float16_by_python(case, folder, ours, numpys):
    """NumPy's float16 comes from Python's float(), which takes 1_0 and digits of all scripts, and does not strip U+001C to
    U+001F."""
    said = re.match("could not convert string '(.*)' to [<>]?(float16|f2)", str(ours[1]))
    if said and numpys[1] is None:
        return "_" in said[1] or not said[1].isascii()
    if "float16" not in str(numpys[1]):
        return False
    case = expanded(case)
    return same(ours, again(case, folder, data=re.sub(b"[\x1c-\x1f]", b" ", case.data)))


def garbage_behind(case, _folder, ours, numpys):
    """Python leaves out what follows a stream of bzip2 or xz and is none; here it is an error."""
    return "damage" in case.tags and re.search("goes on with something else|no valid header \\(byte [1-9]", str(ours[1]))


def quotes_of_long_text(_case, _folder, ours, numpys):
    """Which quotes Python puts around a text depends on all of it; here of its first 100 characters."""
    start, left, right = "could not convert string ", str(ours[1]), str(numpys[1])
    plain = [re.sub("[\"']", "", text).replace("\\", "")[:100] for text in (left, right)]
    return type(ours[1]) is type(numpys[1]) and left.startswith(start) and right.startswith(start) and plain[0] == plain[1]


def quotes_over_items(case, folder, ours, numpys):
    """Items of an iterable become lines of a text. In NumPy quotes may go on in the next one without a line end between
    them, and keep \r\n."""
    if case.source not in [*STREAMS, "long lines", "no text"] or "quotechar" not in case.options:
        return False
    if case.source == "no text":
        return ours[1] is not None and numpys[1] is not None
    with Call(case, folder) as call:
        codec = call.options().get("encoding") or "latin1"
        lines = [line if isinstance(line, str) else line.decode("latin1" if codec == "bytes" else codec, "replace")
                 for line in call.fname()]
    data = "\n".join(line.removesuffix("\n").removesuffix("\r") for line in lines)
    data += "\n" * lines[-1].endswith("\n") if lines else ""
    options = {**case.options, "encoding": "'utf-8'"}
    return same(ours, again(case, folder, data=data.encode(), source="path", options=options))


ON_PURPOSE = {
    "bytes behind the row that stops the reading": decoded_ahead,
    "what is found first in a damaged file": damaged,
    "damage behind the rows that are wanted": damaged_behind,
    "converters are looked at first": converters_first,
    "now and today": now,
    "dates that the unit cannot hold": wraps_around,
    "dates are converted at once": dates_last,
    "units beside a wrong date": words_for_dates,
    "quotes over items of an iterable": quotes_over_items,
    "timedeltas that are too large": timedelta_too_large,
    "float16 by Python's float()": float16_by_python,
    "garbage behind a compressed stream": garbage_behind,
    "quotes around a long text": quotes_of_long_text,
}


# ------------------------------------------------------------------ failures


def script(case):
    """Python that does it again."""
    options = "".join(f", {name}={text}" for name, text in case.options.items())
    parallel = f", workers={case.workers}, chunk_bytes={case.chunk_bytes}"
    lines = [f"    data = {case.data!r}", f"    open('table{case.suffix}', 'wb').write(data)  # read as: {case.source}",
             f"    np.loadtxt('table{case.suffix}'{options})", f"    ndshm.loadtxt('table{case.suffix}'{options}{parallel})"]
    return "\n".join(lines) + "\n"


def shrink(case, function, folder, what):
    """The same failure with fewer lines and fewer arguments."""
    def fails(smaller):
        happened, fault = compare(smaller, function, folder)
        return fault and happened == what

    for name in list(case.options):
        smaller = replace(case, options={k: v for k, v in case.options.items() if k != name})
        case = smaller if fails(smaller) else case
    size, budget = 1 + case.data.count(b"\n") // 2, 60
    while size >= 1 and budget > 0 and case.suffix not in COMPRESS:
        lines = case.data.splitlines(keepends=True)
        for at in range(0, len(lines), size):
            smaller, budget = replace(case, data=b"".join(lines[:at] + lines[at + size:])), budget - 1
            if fails(smaller):
                case = smaller
                break
        else:
            size //= 2
    return case



