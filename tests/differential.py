#!/usr/bin/env python3
"""Random tables and options through `ndshm convert` and np.loadtxt, which must agree.

    differential.py [--cases 2000] [--seed 1] [--ndshm target/release/ndshm] [--jobs 2]
    differential.py --seed 1 --case 123          one case again, with its input kept

Where NumPy gives an array, the HDF5 file must hold it, bit for bit. Where NumPy refuses,
ndshm must refuse, name the same line, column and text, and leave nothing behind. What
is different on purpose is listed in `on_purpose` and counted apart. Small pieces of work
are forced with NDSHM_PIECE_BYTES, so that every border falls everywhere.

A failing case is made smaller and saved in the folder of --keep, with one line that
reproduces it. The last line says how many passed.
"""
import argparse
import ast
import collections
import concurrent.futures
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass, field, replace

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "h5"))
import check_output  # noqa: E402
from text_values import BAD_NUMBERS, SPACES, beyond, limits, plain_text, string_text  # noqa: E402

TIMEOUT = 30


@dataclass
class Case:
    """A table as bytes, and the options it is read with."""

    table: bytes
    dtype: str
    options: dict = field(default_factory=dict)
    workers: int = None
    piece: int = None
    tags: set = field(default_factory=set)


# ------------------------------------------------------------------ values as text


def value_text(rng, leaf, context):
    """Text for one field of a leaf dtype, mostly good."""
    if rng.random() < context["bad"]:
        bad = rng.choice(BAD_NUMBERS)
        return beyond(rng, *limits(leaf)) if leaf.kind in "iub" and rng.random() < 0.4 else bad
    wide = leaf.kind == "U" or context["bad"] > 0
    text = plain_text(rng, leaf, context["forbidden"], context["delimiter"] is not None, wide)
    if context["delimiter"] is not None and leaf.kind not in "SU" and rng.random() < context["padding"]:
        blank = [s for s in (SPACES if context["odd"] else [" ", " ", "\t"]) if s != context["delimiter"]]
        text = rng.choice(["", rng.choice(blank)]) + text + rng.choice(["", rng.choice(blank), "  "])
    return text


# ------------------------------------------------------------------ dtypes and options


def leaf_dtype(rng):
    code = rng.choice(["?", "i1", "i2", "i4", "i4", "i8", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f4", "f8", "f8", "f8",
                       "f8", "c8", "c16", "S", "S", "U", "m8"])
    if code == "S":
        return f"S{rng.choice([1, 2, 3, 5, 8, 10, 16, 17, 32])}"
    if code == "U":
        return rng.choice("<>") + f"U{rng.choice([1, 2, 3, 5, 12])}"
    if code == "m8":
        return rng.choice("<>") + f"m8[{rng.choice(['s', 'ms', 'D', 'ns', '10us'])}]"
    return code if code in ("?", "i1", "u1") else rng.choice("<>=<<") + code


def field_list(rng, depth):
    out = []
    for number in range(rng.choice([1, 1, 2, 3, 3, 4, 5, 6])):
        name = rng.choice(["a", "b", "pos", "größe", "x y", "f"]) + str(number)
        kind = field_list(rng, depth + 1) if depth < 2 and rng.random() < 0.1 else leaf_dtype(rng)
        extents = rng.choice([(2,), (3,), (2, 2), (1,)]) if rng.random() < 0.1 else None
        out.append((name, kind, extents) if extents else (name, kind))
    return out


def leaves(dtype):
    """The leaf dtypes in the order of the text's columns."""
    if dtype.subdtype:
        base, extents = dtype.subdtype
        return leaves(base) * int(np.prod(extents))
    if dtype.names:
        return [leaf for n in dtype.names for leaf in leaves(dtype.fields[n][0])]
    return [dtype]


def dtype_text(rng):
    if rng.random() < 0.5:
        return leaf_dtype(rng)
    if rng.random() < 0.2:
        kinds = [leaf_dtype(rng) for _ in range(rng.randint(2, 5))]
        return ",".join(kinds)
    return repr(field_list(rng, 0))


def pick_usecols(rng, kinds, structured, columns):
    """A list of indexes, or None."""
    if rng.random() < 0.62:
        return None
    count = len(kinds) if structured and rng.random() < 0.97 else rng.randint(1, 6)
    low, high = (-columns, columns - 1) if rng.random() < 0.9 else (-columns - 1, columns)
    picked = [rng.randint(low, high) for _ in range(count)]
    if rng.random() < 0.3 and count <= columns:
        picked = sorted(rng.sample(range(columns), count))
    return picked


def column_kinds(rng, kinds, structured, usecols, columns):
    """The leaf dtype that each column of the text is made for."""
    if usecols is None:
        return kinds if structured else kinds * columns
    out = [None] * columns
    for slot, index in enumerate(usecols):
        if -columns <= index < columns:
            out[index] = kinds[min(slot, len(kinds) - 1)]
    return out


# ------------------------------------------------------------------ tables

DELIMITERS = [None] * 10 + [","] * 7 + ["\t"] * 6 + [";", " ", " ", "|", ":", "/", "e", "-", ".", "0", "\x01", "§"]
COMMENTS = ["#"] * 14 + [None] * 6 + ["%", "%", ";", "!", "//", "§", "e", " ", "1"]


def one_row(rng, kinds, context):
    cells = []
    for kind in kinds:
        if kind is None:
            cells.append(string_text(rng, context["forbidden"], context["delimiter"] is not None, True))
        else:
            cells.append(value_text(rng, kind, context))
    if rng.random() < context["ragged"]:
        cells = cells[:-1] if rng.random() < 0.5 else cells + [rng.choice(["1", "", "x", "2.5"])]
    return cells


def join(rng, cells, context):
    if context["delimiter"] is not None:
        return context["delimiter"].join(cells)
    gaps = SPACES if context["odd"] else [" ", "  ", "\t"]
    line = "".join(c + rng.choice(gaps) for c in cells[:-1]) + (cells[-1] if cells else "")
    return rng.choice(["", "", "", " ", "\t"]) + line + rng.choice(["", "", "", " ", " \t"])


def filler(rng, context):
    """A line that holds no row, or looks like it."""
    comment = context["comment"] or "#"
    return rng.choice(["", "", " ", "\t ", comment, comment + " a note", " " + comment + "x", comment * 2, "\x0b", "\u3000"])


def table_text(rng, kinds, context):
    ends = context["ends"]
    lines = []
    for _ in range(context["rows"]):
        while rng.random() < context["fillers"]:
            lines.append(filler(rng, context))
        line = join(rng, one_row(rng, kinds, context), context)
        if context["comment"] and rng.random() < context["fillers"]:
            line += rng.choice(["", " "]) + context["comment"] + rng.choice(["", " 1 2 3", "é" * rng.randint(1, 40)])
        lines.append(line)
    while rng.random() < context["fillers"]:
        lines.append(filler(rng, context))
    text = "".join(line + rng.choice(ends) for line in lines)
    return text.rstrip("\r\n") if rng.random() < 0.3 else text


def header(rng, lines, context):
    """Lines to be skipped, whatever they hold."""
    words = ["", "date,value", "# made by hand", "\"quoted", "1 2 3", "Größe\tµm", "x" * 200]
    return "".join(rng.choice(words) + rng.choice(context["ends"]) for _ in range(lines)).encode()


def spoil(rng, data):
    """Bytes that are not UTF-8, somewhere."""
    at = rng.randint(0, len(data))
    bad = rng.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82", b"\x80", b"\xf5\x80\x80\x80", b"\xf0\x80\x80\x80"])
    return data[:at] + bad + data[at:]


def make_context(rng, delimiter, comment):
    dirty = rng.random() < 0.35
    forbidden = {"\n", "\r", delimiter or " ", (comment or "\n")[0]}
    if delimiter is None:
        forbidden |= set(SPACES)
    return {
        "delimiter": delimiter, "comment": comment, "forbidden": forbidden,
        "bad": rng.choice([0.002, 0.01, 0.05]) if dirty else 0.0,
        "ragged": rng.choice([0, 0, 0.01, 0.05]) if dirty else 0.0,
        "padding": rng.choice([0, 0, 0.1, 0.5]),
        "odd": rng.random() < 0.15,
        "fillers": rng.choice([0, 0, 0.03, 0.1, 0.3]),
        "ends": rng.choice([["\n"]] * 5 + [["\r\n"]] * 2 + [["\r"], ["\n", "\r\n"], ["\n", "\r\n", "\r"]]),
        "rows": rng.choice([0, 1, 1, 2, 3, 5, 8, 8, 13, 13, 20, 20, 40, 40, 80, 200]),
    }


def make_case(seed, number):
    """Case `number` of a seed: always the same one."""
    rng = random.Random(f"{seed}:{number}")
    text = dtype_text(rng)
    dtype = read_dtype(text)
    kinds, structured = leaves(dtype), dtype.names is not None
    columns = len(kinds) if structured else rng.choice([1, 1, 2, 3, 4, 5, 8, 8, 17, 40])
    columns += rng.choice([0, 1, 3]) if structured and rng.random() < 0.25 else 0
    usecols = pick_usecols(rng, kinds, structured, columns)
    if structured and usecols is None and rng.random() < 0.97:
        columns = len(kinds)
    delimiter, comment = rng.choice(DELIMITERS), rng.choice(COMMENTS)
    context = make_context(rng, delimiter, comment)
    data = table_text(rng, column_kinds(rng, kinds, structured, usecols, columns), context).encode()
    tags = set()
    if rng.random() < 0.02:
        data, tags = spoil(rng, data), {"not UTF-8"}
    if rng.random() < 0.01:
        data = b"\xef\xbb\xbf" + data
    options = {"delimiter": delimiter, "comments": comment, "usecols": usecols}
    options["skiprows"] = rng.choice([0] * 8 + [1, 1, 2, 3, 5, 30])
    options["max_rows"] = rng.choice([None] * 9 + [1, 2, 3, 7, 30, 1000])
    if rng.random() < 0.01:
        options["max_rows"] = 0
    if rng.random() < 0.85:
        data = header(rng, options["skiprows"], context) + data
    return Case(data, text, options, rng.choice([None, None, 1, 2, 3, 8]),
                rng.choice([None, None, 1, 2, 7, 16, 64, 100, 256, 1024, 4096]), tags)


def read_dtype(text):
    return np.dtype(ast.literal_eval(text) if text[:1] == "[" else text)


# ------------------------------------------------------------------ what NumPy says


def ask_numpy(case, path):
    """(array, None), or (None, the exception)."""
    dtype = read_dtype(case.dtype)
    try:
        array = np.loadtxt(path, dtype, encoding="utf-8", ndmin=1 if dtype.names else 2, **case.options)
    except Exception as error:  # noqa: BLE001 - any refusal counts
        return None, error
    return array, None


def rows_of(case):
    """(line number from 1, fields) of every row, read the plain way."""
    text = case.table.decode("utf-8", "surrogateescape")
    delimiter, comment = case.options["delimiter"], case.options["comments"]
    out = []
    for number, line in enumerate(re.split("\r\n|\r|\n", text), 1):
        if number <= case.options["skiprows"]:
            continue
        if comment:
            line = line.split(comment, 1)[0]
        fields = line.split() if delimiter is None else line.split(delimiter)
        if fields and fields != [""]:
            out.append((number, fields))
    return out


@dataclass
class Place:
    """Where NumPy found the first fault, and which one."""

    kind: str
    line: int = 0
    column: int = 0
    text: str = ""
    words: str = ""
    dtype: str = ""


REFUSALS = [
    ("convert", r"could not convert string .* to (?P<dtype>\S+) at row (?P<row>\d+), column (?P<column>\d+)\.", 0),
    ("columns changed", r"the number of columns changed from (?P<a>\d+) to (?P<b>\d+) at row (?P<row>\d+);", 1),
    ("columns required", r"the dtype passed requires (?P<a>\d+) columns but (?P<b>\d+) were found at row (?P<row>\d+);", 1),
    ("column index", r"invalid column index (?P<a>-?\d+) at row (?P<row>\d+) with (?P<b>\d+) columns", 1),
]
# What ndshm says in the same place; {a} and {b} are NumPy's numbers.
SAYINGS = {
    "convert": "could not convert '",
    "columns changed": "the number of columns changed from {a} to {b};",
    "columns required": "the dtype has {a} fields, the line {b} columns;",
    "column index": "column {a} of usecols does not exist: the line has {b} columns",
}


def refusal(case, error):
    """NumPy's exception as a Place; line 0 if it names none."""
    if isinstance(error, UnicodeDecodeError):
        return Place("not UTF-8")
    message = str(error)
    for kind, pattern, base in REFUSALS:
        found = re.match(pattern, message, re.DOTALL)
        if not found:
            continue
        line, fields = rows_of(case)[int(found["row"]) - base]
        place = Place(kind, line, words=SAYINGS[kind].format(**{"a": "", "b": "", **found.groupdict()}))
        if kind == "convert":
            place.column = int(found["column"])
            place.text = fields[place.column - 1]
            place.dtype = found["dtype"]
        return place
    return Place("argument" if isinstance(error, TypeError) else "other: " + message[:60])


# ------------------------------------------------------------------ what ndshm says


def arguments(case):
    """The options as `ndshm convert` takes them."""
    out = [f"--dtype={case.dtype}", "--allow-empty"]
    for name, value in case.options.items():
        if name == "comments":
            out += [] if value == "#" else [f"--comments={value or ''}"]
        elif name == "usecols" and value is not None:
            out.append("--usecols=" + ",".join(map(str, value)))
        elif value not in (None, 0) or (name == "max_rows" and value == 0):
            out.append(f"--{name.replace('_', '-')}={value}")
    return out + ([f"--workers={case.workers}"] if case.workers else [])


def environment(case):
    out = {k: v for k, v in os.environ.items() if k != "NDSHM_PIECE_BYTES"}
    if case.piece:
        out["NDSHM_PIECE_BYTES"] = str(case.piece)
    return out


def ask_ndshm(command, case, path, out):
    """The finished process; None if it did not finish in time."""
    try:
        return subprocess.run([command, "convert", path, "-o", out, *arguments(case)], env=environment(case),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return None


def reproduction(command, case, path):
    piece = f"NDSHM_PIECE_BYTES={case.piece} " if case.piece else ""
    return piece + shlex.join([command, "convert", path, "-o", "/tmp/out.h5", "--force", *arguments(case)])


# ------------------------------------------------------------------ the comparison


def on_purpose(case, place, message):
    """Why ndshm may refuse what NumPy takes, or None."""
    comment, delimiter = case.options["comments"], case.options["delimiter"]
    if case.tags and case.options["max_rows"] is not None:
        return "bytes behind max_rows"
    if comment and len(comment) > 1:
        return "comment strings"
    if not (comment or "").isascii() or not (delimiter or "").isascii():
        return "delimiter or comment character that is not ASCII"
    text = re.search("could not convert '(.*)' to (float16|[<>]f2)", message, re.DOTALL)
    if text and ("_" in text[1] or not text[1].isascii()):
        return "float16 from Python's float()"
    text = re.search("could not convert '(.*)' to (timedelta64|[<>]m8)", message, re.DOTALL)
    if text and re.fullmatch("[-+]?[0-9]{19,}", text[1].strip()):
        return "timedelta out of range"
    return None


def accepted_on_purpose(place):
    """Why ndshm may take what NumPy refuses, or None."""
    if "timedelta64" in place.dtype or "m8" in place.dtype:
        good = re.fullmatch("([-+]?[0-9]+|nat)?", place.text.strip(), re.IGNORECASE | re.ASCII)
        return "white space around a timedelta" if good and place.text != place.text.strip() else None
    if place.dtype in ("float16", "<f2", ">f2") and re.search("[\x1c-\x1f]", place.text):
        return "float16 from Python's float()"
    return None


def message_fault(place, path, message):
    """What is wrong with the words of a refusal, or None."""
    if not place.line:
        return None
    where = f"{path}:{place.line}:" + (f"{place.column}:" if place.column else "")
    if where + " " not in message:
        return f"does not name {where!r}"
    said = message.split(where + " ", 1)[1]
    if not said.startswith(place.words):
        return f"does not say {place.words!r}"
    if place.kind == "convert" and place.text.isprintable() and place.text.isascii():
        shown = re.escape(place.text[:90]).replace("'", "\\\\?'")
        if not re.match("could not convert '" + shown.replace("\\\\\\\\", "\\\\+"), said):
            return f"does not show {place.text[:90]!r}"
    return None


def dataset_fault(path, array):
    """What is wrong with the file's only dataset, or None."""
    with h5py.File(path, "r") as f:
        dataset = f["table"]
        if len(array) == 0 and dataset.shape[0] == 0:
            return None
        return check_output.dataset_fault(dataset, array)


def compare(case, command, folder):
    """(what happened, fault or None): runs both on a case."""
    path, out = os.path.join(folder, "table.txt"), os.path.join(folder, "out.h5")
    with open(path, "wb") as f:
        f.write(case.table)
    array, error = ask_numpy(case, path)
    done = ask_ndshm(command, case, path, out)
    what, fault = verdict(case, array, error, done, path, out)
    left = sorted(set(os.listdir(folder)) - {"table.txt", "out.h5"})
    for name in left + ["out.h5"] * os.path.exists(out):
        os.unlink(os.path.join(folder, name))
    return what, fault or (f"left behind: {left}" if left else None)


def verdict(case, array, error, done, path, out):
    if done is None:
        return "hung", f"did not finish in {TIMEOUT} s"
    message = done.stderr.decode(errors="replace")
    if done.returncode < 0 or done.returncode > 2 or "panicked" in message:
        return "crash", f"exit status {done.returncode}: {message[:400]}"
    place = refusal(case, error) if error is not None else None
    if done.returncode == 0:
        if error is None:
            return "same values", dataset_fault(out, array)
        if place.kind == "not UTF-8" and case.options["max_rows"] is not None:
            return "different on purpose: bytes behind max_rows", None
        reason = accepted_on_purpose(place)
        return (f"different on purpose: {reason}", None) if reason else ("accepted", f"NumPy refuses: {error}")
    if os.path.exists(out):
        return "refused", "refused, and left an output file"
    reason = on_purpose(case, place, message) or (place and accepted_on_purpose(place))
    if error is None:
        return (f"different on purpose: {reason}", None) if reason else ("refused", f"NumPy accepts: {message[:400]}")
    fault = None if reason or case.tags else message_fault(place, path, message)
    return f"both refuse: {place.kind}", fault and f"{fault} (NumPy: {str(error)[:200]}) in {message[:400]!r}"


def shrink(case, command, folder, what):
    """The same failure with fewer lines."""
    budget, size = 80, 1 + case.table.count(b"\n") // 2
    while size >= 1 and budget > 0 and what != "hung":
        lines = case.table.splitlines(keepends=True)
        for at in range(0, len(lines), size):
            smaller = replace(case, table=b"".join(lines[:at] + lines[at + size:]))
            budget -= 1
            happened, fault = compare(smaller, command, folder)
            if fault and happened == what:
                case = smaller
                break
        else:
            size //= 2
    return case


# ------------------------------------------------------------------ the run


def features(case):
    """Words for the counts of what was tried."""
    options, dtype = case.options, read_dtype(case.dtype)
    yield from {f"dtype {leaf.kind}{'' if leaf.kind in 'SUm' else leaf.itemsize}" for leaf in leaves(dtype)}
    if any(leaf.byteorder == ">" for leaf in leaves(dtype)):
        yield "dtype big-endian"
    yield "dtype structured" if dtype.names else "dtype scalar"
    yield f"delimiter {options['delimiter']!r}"
    yield f"comments {options['comments']!r}"
    for name in ("usecols", "skiprows", "max_rows"):
        if options[name] not in (None, 0) or (name == "max_rows" and options[name] == 0):
            yield f"{name} given"
    if options["usecols"] and min(options["usecols"]) < 0:
        yield "usecols negative"
    if options["usecols"] and len(set(options["usecols"])) < len(options["usecols"]):
        yield "usecols twice"
    yield f"workers {case.workers}"
    yield f"piece bytes {case.piece}"
    kinds = {end for end in re.findall(b"\r\n|\r|\n", case.table)}
    yield "line ends " + (" ".join(sorted(repr(k)[2:-1] for k in kinds)) or "none")
    if case.table and not case.table.endswith((b"\r", b"\n")):
        yield "last line without end"
    if not rows_of(case):
        yield "no rows"


def run_one(args, number):
    """One case in a folder of its own: (number, case, what happened, fault)."""
    case = make_case(args.seed, number)
    with tempfile.TemporaryDirectory(prefix="ndshm-diff-") as folder:
        try:
            what, fault = compare(case, args.ndshm, folder)
            if fault and not args.no_shrink:
                case = shrink(case, args.ndshm, folder, what)
                fault = compare(case, args.ndshm, folder)[1] or fault
        except Exception as error:  # noqa: BLE001 - a broken oracle must be seen too
            what, fault = "oracle", repr(error)
    return number, case, what, fault


def save(args, number, case, what, fault):
    """Keeps the input; returns the lines that tell of the failure."""
    os.makedirs(args.keep, exist_ok=True)
    path = os.path.join(args.keep, f"seed{args.seed}-case{number}.txt")
    with open(path, "wb") as f:
        f.write(case.table)
    options = {k: v for k, v in case.options.items() if v not in (None, 0) or k == "comments"}
    return (f"case {number}: {what}: {fault}\n  {reproduction(args.ndshm, case, path)}\n"
            f"  np.loadtxt({path!r}, np.dtype({case.dtype!r}), encoding='utf-8', **{options!r})\n")


def print_counts(title, counts):
    print(title)
    for name, number in sorted(counts.items()):
        print(f"  {number:6d}  {name}")


def segments():
    return {n for n in os.listdir("/dev/shm") if "ndshm" in n} if os.path.isdir("/dev/shm") else set()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = os.path.normpath(os.path.join(HERE, ".."))
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="this case only")
    parser.add_argument("--ndshm", default=os.path.join(root, "target", "release", "ndshm"))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep", default=os.path.join(root, "target", "differential"), help="folder for failing cases")
    parser.add_argument("--no-shrink", action="store_true", help="keep failing tables as they are")
    parser.add_argument("--quiet", action="store_true", help="without the counts")
    return parser.parse_args()


def main():
    args = parse_arguments()
    warnings.simplefilter("ignore")
    numbers = range(args.cases) if args.case is None else [args.case]
    outcomes, tried, failures, before = collections.Counter(), collections.Counter(), [], segments()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for number, case, what, fault in pool.map(lambda n: run_one(args, n), numbers):
            outcomes[what] += 1
            tried.update(features(case))
            if fault or args.case is not None:
                failures += [number] if fault else []
                print(save(args, number, case, what, fault or "no fault"), end="", flush=True)
    left = segments() - before
    if left:
        print(f"left in /dev/shm: {sorted(left)}")
    if not args.quiet:
        print_counts("outcomes:", outcomes)
        print_counts("tried (cases):", tried)
    print(f"{len(numbers) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or left else 0


if __name__ == "__main__":
    sys.exit(main())
