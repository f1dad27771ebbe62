"""Random calls of loadtxt: tables that are nearly right, and parameters of every kind.

`make_case(seed, number)` is always the same case. Arguments are kept as Python text, and made
anew for every call: some of them are generators.
"""
import bz2
import codecs
import gzip
import lzma
import random
from dataclasses import dataclass, field

import numpy as np
from text_values import BAD_NUMBERS, NOT_SPACES, SPACES, beyond, limits, plain_text

COMPRESS = {".gz": lambda data: gzip.compress(data, mtime=0), ".bz2": bz2.compress, ".xz": lzma.compress,
            ".lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE)}
PATHS = ["path"] * 24 + ["pathlib"] * 2
STREAMS = ["StringIO", "BytesIO", "text file", "binary file", "lines", "bytes lines", "generator"]


@dataclass
class Case:
    """One call. `source` says what `fname` is made of `data`, `options` are the arguments as Python text."""

    data: bytes
    source: str = "path"
    suffix: str = ".txt"
    options: dict = field(default_factory=dict)
    workers: int = 1
    chunk_bytes: int = None
    tags: set = field(default_factory=set)


# ------------------------------------------------------------------ dtypes

NUMBERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "f8", "c8", "c16"]
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "10us", "25s", "7D"]
OPEN = ["'U'", "str", "'S'", "bytes", "'M8'", "'M8'", "'M8'", "np.dtype('M8')", "np.dtype('U')"]


def leaf_text(rng):
    """A type that is no record, with its byte order."""
    kind = rng.choice(NUMBERS + ["S", "S", "U", "U", "M8", "M8", "m8"])
    order = rng.choice(["", "", "<", ">", "="])
    if kind == "S":
        return f"S{rng.choice([1, 2, 3, 5, 8, 10, 16, 17, 32])}"
    if kind == "U":
        return f"{order}U{rng.choice([1, 2, 3, 5, 12])}"
    if kind in ("M8", "m8"):
        return f"{order}{kind}[{rng.choice(UNITS)}]"
    return order + kind


def fields_text(rng, depth=0):
    """Fields of a record: nested ones, subarrays, titles, strings of no width."""
    out = []
    for number in range(rng.choice([1, 1, 2, 2, 3, 3, 4])):
        name = repr(rng.choice(["a", "b", "größe", "x y", "f"]) + str(number))
        if depth < 2 and rng.random() < 0.2:
            kind = fields_text(rng, depth + 1)
        else:
            kind = repr(rng.choice(["S0", "U0"]) if rng.random() < 0.06 else leaf_text(rng))
        if rng.random() < 0.05:
            name = f"('title {number}', {name})"
        extents = f", {rng.choice([(2,), (3,), (2, 2), (1,)])}" if rng.random() < 0.15 and kind[2:] != "0'" else ""
        out.append(f"({name}, {kind}{extents})")
    return "[" + ", ".join(out) + "]"


def dict_text(rng):
    """A record with holes, or out of order."""
    kinds = [leaf_text(rng) for _ in range(rng.choice([1, 2, 3]))]
    offsets, at = [], rng.choice([0, 0, 3])
    for kind in kinds:
        offsets.append(at)
        at += np.dtype(kind).itemsize + rng.choice([0, 0, 1, 4])
    names = [f"f{n}" for n in range(len(kinds))]
    if rng.random() < 0.3:
        kinds.reverse(), offsets.reverse()
    return repr({"names": names, "formats": kinds, "offsets": offsets, "itemsize": at + rng.choice([0, 2])})


def dtype_text(rng):
    pick = rng.random()
    if pick < 0.12:
        return rng.choice(["float", "int", "None", "bool", "complex", "np.float32", "np.dtype('i2')"])
    if pick < 0.52:
        return repr(leaf_text(rng))
    if pick < 0.64:
        return rng.choice(OPEN)
    if pick < 0.655:
        return rng.choice(["'>U'", "'m8'", "'>m8'", "'c'"])
    if pick < 0.72:
        return repr(",".join(leaf_text(rng) for _ in range(rng.randint(2, 4))))
    if pick < 0.78:
        return dict_text(rng)
    if pick < 0.83:
        return f"np.dtype({fields_text(rng)}, align=True)"
    return fields_text(rng)


def read_dtype(text):
    value = eval(text, {"np": np})  # noqa: S307 - it is text of ours
    return np.dtype(float if value is None else value)


def leaves(dtype):
    """The types of the values of a row."""
    if dtype.subdtype:
        return leaves(dtype.subdtype[0]) * int(np.prod(dtype.subdtype[1]))
    if dtype.names is not None:
        return [leaf for name in dtype.names for leaf in leaves(dtype.fields[name][0])]
    return [dtype]


# ------------------------------------------------------------------ the dialect

DELIMITERS = [None] * 24 + [","] * 16 + ["\t"] * 6 + [";", " ", "|", ":"] * 2 + ["§", "é", "·", "☃", "😀", "\u3000"] * 2 + [
    "e", "-", ".", "0", "\x01", "\x1c"]
COMMENTS = ["'#'"] * 30 + ["None"] * 8 + ["'%'", "';'", "'!'", "'§'", "'☃'", "'😀'", "'e'", "'1'"] + [
    "b'#'", "['#']", "('%',)", "[]", "'//'", "'ab'", "'REM '", "'é#'", "['#', '%']", "['#', '//']", "('b', 'ab')", "['ab', 'b']",
    "['#', '#!']", "{'##'}", "[b'#', '%%']", "['--', '-']", "'# '", "['☃', '😀']"]
QUOTES = [None] * 18 + ['"'] * 8 + ["'"] * 3 + ["|", "q", "“", "😀", "§"]
ENCODINGS = [None] * 30 + ["utf-8"] * 8 + ["UTF8", "bytes", "utf-8-sig", "utf-8-sig", "latin1", "latin1", "iso-8859-1", "ascii",
                                          "ascii", "us-ascii", "utf-16", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le",
                                          "utf-32-be", "cp1252", "utf-7", "shift_jis"]
ENDS = [["\n"]] * 8 + [["\r\n"]] * 3 + [["\r"]] * 2 + [["\n", "\r\n"], ["\n", "\r"], ["\n", "\r\n", "\r"], ["\r\n", "\r"]]


class Dialect:
    """How the table is written."""

    def __init__(self, rng):
        self.delimiter = rng.choice(DELIMITERS)
        self.comments = rng.choice(COMMENTS)
        self.marks = self.read_marks()
        single = len(self.marks) <= 1 and all(len(mark) == 1 for mark in self.marks)
        self.quote = rng.choice(QUOTES) if single and rng.random() < 0.9 else None
        if self.quote in (self.delimiter, *self.marks):
            self.quote = None
        if self.delimiter in self.marks:
            self.delimiter = ","
        self.encoding = rng.choice(ENCODINGS)
        self.ends = rng.choice(ENDS)
        self.quoted = rng.choice([0.05, 0.3, 0.9]) if self.quote else 0
        self.padding = rng.choice([0, 0, 0.1, 0.5])
        self.odd = rng.random() < 0.2
        self.fillers = rng.choice([0, 0, 0.05, 0.2])

    def read_marks(self):
        given = eval(self.comments)  # noqa: S307 - it is text of ours
        given = [given] if isinstance(given, (str, bytes)) else given or []
        return [mark.decode("latin1") if isinstance(mark, bytes) else mark for mark in given]

    def codec(self):
        return "utf-8" if self.encoding in (None, "bytes") else self.encoding

    def forbidden(self):
        out = {"\n", "\r", self.delimiter or " ", self.quote or "\n"} | {mark[0] for mark in self.marks}
        return out | set(SPACES) if self.delimiter is None else out

    def blank(self, rng):
        pool = [s for s in (SPACES if self.odd else [" ", " ", "\t"]) if s != self.delimiter]
        return rng.choice(pool)

    def field(self, rng, leaf):
        """The text of one good value."""
        blanks = self.delimiter is not None
        enclosed = rng.random() < self.quoted
        text = plain_text(rng, leaf, {"\0"} if enclosed else self.forbidden(), blanks or enclosed, True)
        if leaf.kind == "S":
            text = "".join(c for c in text if c < "\u0100")
        if leaf.kind in "SU" and enclosed and rng.random() < 0.3:
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice([self.delimiter or " ", *self.marks, self.quote, rng.choice(self.ends), "\r\n"]) + text[at:]
        if leaf.kind in "?biufc" and rng.random() < self.padding and (blanks or enclosed):
            text = rng.choice(["", self.blank(rng)]) + text + rng.choice(["", self.blank(rng), "  "])
        if not blanks and not text and not enclosed:
            enclosed, text = bool(self.quote), "" if self.quote else "NaT" if leaf.kind in "Mm" else "0"
        if not enclosed:
            return text
        tail = rng.choice(["x", self.quote, " " * blanks]) if leaf.kind in "SU" and rng.random() < 0.05 else ""
        return self.quote + text.replace(self.quote, self.quote * 2) + self.quote + tail

    def join(self, rng, cells):
        if self.delimiter is not None:
            return self.delimiter.join(cells)
        gaps = [s for s in (SPACES if self.odd else [" ", "  ", "\t"])]
        line = "".join(cell + rng.choice(gaps) for cell in cells[:-1]) + (cells[-1] if cells else "")
        return rng.choice(["", "", "", " ", "\t"]) + line + rng.choice(["", "", "", " ", " \t"])

    def note(self, rng):
        """A comment, if there are any."""
        return rng.choice(self.marks) + rng.choice(["", " 1 2 3", "é" * rng.randint(1, 30), '"', " a,b"]) if self.marks else ""

    def filler(self, rng):
        """A line that holds no row."""
        blank = rng.choice(["", "", " ", "\t ", "\x0b"]) if self.delimiter is None else ""
        return blank + (self.note(rng) if rng.random() < 0.5 else "")


# ------------------------------------------------------------------ tables


def bad_text(rng, leaf):
    """Text that a type does not take, as far as there is any."""
    if leaf.kind in "iub" and rng.random() < 0.4:
        return beyond(rng, *limits(leaf))
    if leaf.kind == "S":
        return rng.choice(["Ω", "a日", "🙂"])
    if leaf.kind in "Mm":
        return rng.choice(["x", "2012-13-01", "2012-02-30", "12-1", "2012-1-1", "1.5", "2012-01-01T25", "2012-01-01T00:00:60", "--",
                           "20120101", "NaTx", "1e3", "9" * 25, "2012-02-30T00", "1-1-1", "12:00"])
    if leaf.kind == "U":
        return rng.choice(NOT_SPACES)
    return rng.choice(BAD_NUMBERS)


def usable(dialect, text):
    """Text without what would end a field."""
    return "".join(c for c in text if c not in dialect.forbidden())


def table(rng, dialect, columns, rows, faults):
    """The lines, the types of the columns given; `faults` are put in at random."""
    lines, chosen = [], {fault: rng.randrange(max(1, rows)) for fault in faults}
    for number in range(rows):
        while rng.random() < dialect.fillers:
            lines.append(dialect.filler(rng))
        cells = [dialect.field(rng, leaf or np.dtype("U9")) for leaf in columns]
        if chosen.get("convert") == number and cells:
            at = rng.randrange(len(cells))
            cells[at] = usable(dialect, bad_text(rng, columns[at] or np.dtype("f8")))
        if chosen.get("ragged") == number:
            cells = cells[:-1] if rng.random() < 0.5 and len(cells) > 1 else cells + [rng.choice(["1", "x", "2.5"])]
        line = dialect.join(rng, cells)
        if rng.random() < dialect.fillers and dialect.marks:
            line += rng.choice(["", " " * (dialect.delimiter is None)]) + dialect.note(rng)
        lines.append(line)
    while rng.random() < dialect.fillers:
        lines.append(dialect.filler(rng))
    if "unbalanced" in faults and lines and dialect.quote:
        at = rng.randrange(len(lines))
        lines[at] = lines[at].replace(dialect.quote, "", 1) if dialect.quote in lines[at] else dialect.quote + lines[at]
    text = "".join(line + rng.choice(dialect.ends) for line in lines)
    return text.rstrip("\r\n") if rng.random() < 0.3 else text


def header(rng, dialect, lines):
    words = ["", "date,value", "# made by hand", "1 2 3", "Größe\tµm", "x" * 100]
    return "".join(rng.choice(words) + rng.choice(dialect.ends) for _ in range(lines))


def encode(dialect, text):
    """Its bytes: what the encoding does not have is left out."""
    return codecs.encode(text, dialect.codec(), "ignore")


def spoil(rng, codec, data):
    """Bytes that do not decode."""
    if codec.startswith("utf-16"):
        return data + rng.choice([b"x", "\ud800".encode("utf-16-be" if codec.endswith("be") else "utf-16-le", "surrogatepass")])
    if codec.startswith("utf-32"):
        return data + rng.choice([b"x", b"xy", b"\xff\xff\xff\xff", "\ud800".encode("utf-32-le", "surrogatepass")])
    bad = rng.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82", b"\x80", b"\xf5\x80\x80\x80", b"\xf0\x80\x80\x80"])
    at = rng.choice([rng.randint(0, len(data)), len(data)])
    return data[:at] + bad + data[at:]


def damage(rng, suffix, data):
    """A compressed file that is cut off, changed, or none at all."""
    pick = rng.randrange(6)
    if pick < 1:
        return data[:rng.randint(1, len(data) - 1)]
    if pick < 4:
        at = rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]
    if pick == 4:
        return b"1 2 3\n" * 3
    return data + (COMPRESS[suffix](b"1\n")[:8] if rng.random() < 0.5 else b"garbage")


# ------------------------------------------------------------------ columns


def pick_usecols(rng, kinds, structured, columns, broken):
    """(the argument as text, the indexes), or (None, None)."""
    if rng.random() < 0.6 and not broken:
        return None, None
    count = len(kinds) if structured else rng.choice([0, 1, 1, 1, 2, 2, 3, 4, 6]) if rng.random() < 0.9 else 1
    picked = [rng.randint(-columns, columns - 1) for _ in range(count)]
    if rng.random() < 0.4 and count <= columns:
        picked = sorted(rng.sample(range(columns), count))
    if broken and picked:
        picked[rng.randrange(count)] = rng.choice([columns, columns + 3, -columns - 1, 2**31, -(2**40)])
    if count == 1 and rng.random() < 0.5:
        text = rng.choice(["{}", "np.int64({})", "np.array({})"]).format(picked[0])
        if picked[0] in (0, 1) and rng.random() < 0.2:
            text = str(bool(picked[0]))
        return text, picked
    form = rng.choice(["{}", "{}", "tuple({})", "np.array({}, int)", "iter({})", "(i for i in {})", "[np.int16(i) for i in {}]"])
    return form.format(picked if all(abs(i) < 30000 for i in picked) else [int(i) for i in picked]).replace(
        "np.int16", "np.int64"), picked


def column_types(kinds, structured, picked, columns):
    """The type that each column of the text is written for; None for one that is not read."""
    if picked is None:
        return kinds if structured else kinds * columns
    out = [None] * columns
    for slot, index in enumerate(picked):
        if -columns <= index < columns:
            out[index] = kinds[min(slot, len(kinds) - 1)]
    return out


# ------------------------------------------------------------------ cases

FAULTS = ["convert", "convert", "ragged", "ragged", "usecols", "bytes", "bytes", "unbalanced", "damage", "damage", "no rows"]


def make_case(seed, number):
    """Case `number` of a seed: always the same one."""
    rng = random.Random(f"{seed}:{number}")
    dialect = Dialect(rng)
    faults = [rng.choice(FAULTS)] if rng.random() < 0.3 else []
    dtype = dtype_text(rng)
    kinds, structured = leaves(read_dtype(dtype)), read_dtype(dtype).names is not None
    columns = len(kinds) if structured else rng.choice([1, 1, 2, 2, 3, 4, 5, 8, 17])
    columns += rng.choice([0, 1, 3]) if structured and rng.random() < 0.25 else 0
    usecols, picked = pick_usecols(rng, kinds, structured, columns, "usecols" in faults)
    if structured and usecols is None and "ragged" not in faults:
        columns = len(kinds)
    types = column_types(kinds, structured, picked, columns)
    rows = 0 if "no rows" in faults else rng.choice([0] + [1, 1, 2, 3, 5, 8] * 3 + [13, 20, 40])
    skiprows = rng.choice([0] * 9 + [1, 2, 5])
    text = header(rng, dialect, skiprows if rng.random() < 0.85 else 0) + table(rng, dialect, types, rows, faults)
    case = Case(encode(dialect, text), options=options_of(rng, dialect, dtype, usecols, skiprows))
    if "bytes" in faults:
        case.data = spoil(rng, dialect.codec(), case.data)
    source(rng, case, dialect, "damage" in faults)
    case.workers = rng.choice([1, 1, 1, 1, 2, 2, 3, 4])
    case.chunk_bytes = rng.choice([rng.randint(1, 64)] * 9 + [None, 200])
    case.tags = set(faults)
    if rng.random() < 0.24:
        from loadtxt_wrong import break_argument
        break_argument(rng, case)
    return case


def options_of(rng, dialect, dtype, usecols, skiprows):
    """The arguments that are not their defaults, as Python text."""
    out = {"dtype": dtype}
    if dtype == "float" and rng.random() < 0.7:
        del out["dtype"]
    if dialect.comments != "'#'":
        out["comments"] = dialect.comments
    if dialect.delimiter is not None:
        latin = dialect.delimiter < "\u0100" and rng.random() < 0.15
        out["delimiter"] = repr(dialect.delimiter.encode("latin1") if latin else dialect.delimiter)
    if dialect.quote is not None:
        out["quotechar"] = repr(dialect.quote)
    if dialect.encoding is not None or rng.random() < 0.1:
        out["encoding"] = repr(dialect.encoding)
    if usecols is not None:
        out["usecols"] = usecols
    if skiprows:
        out["skiprows"] = rng.choice(["{}", "{}", "np.int64({})"]).format(skiprows)
    if rng.random() < 0.12:
        out["max_rows"] = rng.choice(["0", "1", "1", "2", "3", "7", "np.int32(2)", "1000", "10**5"])
    if rng.random() < 0.3:
        out["ndmin"] = rng.choice(["1", "1", "2", "2", "2", "1.0", "True", "0", "2.0"])
    if rng.random() < 0.2:
        out["unpack"] = rng.choice(["True", "True", "1", "'yes'", "[]"])
    if rng.random() < 0.03:
        out["like"] = rng.choice(["np.array(1)", "np.ones(3)"])
    if rng.random() < 0.04:
        out["converters"] = "None"
    return out


def source(rng, case, dialect, damaged):
    """What `fname` is."""
    if damaged or rng.random() < 0.12:
        case.suffix = rng.choice(list(COMPRESS))
        case.data = COMPRESS[case.suffix](case.data)
        if damaged:
            case.data = damage(rng, case.suffix, case.data)
        case.source = rng.choice(["path", "path", "pathlib", "without suffix"])
    else:
        case.source = rng.choice(PATHS) if rng.random() < 0.8 else rng.choice(STREAMS)
