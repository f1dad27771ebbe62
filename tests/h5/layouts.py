#!/usr/bin/env python3
"""Converts random tables in every layout and compares what is in the file with what NumPy
reads from the same text.

    layouts.py NDSHM GROUP [SEED]

GROUP is one of the functions below that begin with `group_`. Files are read by h5py, by
h5dump, h5repack and h5diff, by PyTables and pandas, as far as these are installed; a line
`skipped: WHAT: WHY` says what was not. The last line says how many cases passed.
"""
import ast
import gzip
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
import zlib

import h5py
import numpy as np

import check_output as co

try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None

SCALARS = ["i1", "u1", "<i2", ">u2", "<i4", ">i4", "<u4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "?",
           "<c8", ">c16", "S1", "S7", "<U3", ">U5", "<M8[D]", ">M8[10s]", "<m8[ms]"]
NUMBERS = ["<f8", "<f4", ">i2", "u1", "<i8", "<f2", ">f8", "?", "S5", "<c16"]
RECORDS = [
    [("a", "<i4"), ("b", "<f8")],
    [("chr", "S10"), ("pos", "<i4"), ("pct", "<f4"), ("ok", "?")],
    [("b", ">f4"), ("t", "<M8[us]"), ("u", "<U4"), ("z", "<c8"), ("h", "<f2")],
    [("v", "<i4", (3,)), ("m", ">f4", (2, 2)), ("x", "u1")],
    [("r", [("x", "<i2"), ("y", [("z", ">f8"), ("on", "?")])]), ("s", "S3"), ("d", "<m8[D]", (2,))],
    [("one", "u1")],
    {"names": ["a", "b"], "formats": ["u1", "<f8"], "offsets": [0, 8], "itemsize": 24},
]


class Tested:
    """The command, a folder, a source of chance, and what came of it."""

    def __init__(self, command, seed):
        self.command = command
        self.chance = random.Random(seed)
        self.folder = tempfile.mkdtemp(dir=os.environ.get("NDSHM_TEST_DIR"))
        self.cases = 0
        self.faults = []
        self.skipped = {}
        self.pieces = [1, 7, 50, 997, 20_000]

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, args, **env):
        env = {**{k: v for k, v in os.environ.items() if k != "NDSHM_PIECE_BYTES"}, **env}
        return subprocess.run([self.command, "convert", *map(str, args)], cwd=self.folder, env=env, timeout=300,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def disturbed(self):
        """Workers and pieces, which must make no difference."""
        env = {}
        if self.chance.random() < 0.5:
            env["NDSHM_PIECE_BYTES"] = str(self.chance.choice(self.pieces))
        return ["-j", self.chance.choice([1, 2, 3])], env

    def convert(self, args, out="x.h5"):
        """Converts; None, or what the command said."""
        workers, env = self.disturbed()
        done = self.run([*args, *workers, "-q", "-f", "-o", out], **env)
        if done.returncode or done.stderr or done.stdout:
            return f"exit status {done.returncode}: {done.stdout}{done.stderr.strip()}"
        return None

    def check(self, args, faults):
        """Counts a case; `faults` is a generator of what is wrong."""
        self.cases += 1
        fault = self.convert(args)
        try:
            fault = fault or next((f for f in faults(self.path("x.h5")) if f), None)
        except Exception as error:  # pylint: disable=broad-except
            fault = f"{type(error).__name__}: {error}"
        if fault:
            self.faults.append(f"{' '.join(map(str, args))}: {fault}")

    def skip(self, what, why):
        self.skipped[what] = why

    def has(self, program):
        if shutil.which(program):
            return True
        self.skip(program, "it is not installed")
        return False

    def finish(self):
        for what, why in self.skipped.items():
            print(f"skipped: {what}: {why}")
        for fault in self.faults[:20]:
            print(f"FAILED {fault}")
        print(f"{self.cases} cases, {len(self.faults)} failed")
        if not self.faults:
            shutil.rmtree(self.folder)
        return 1 if self.faults or not self.cases else 0


# ------------------------------------------------------------------ text


def word(t, dtype):
    """A random value, as text."""
    chance, kind, size = t.chance, dtype.kind, dtype.itemsize
    if kind == "b":
        return str(chance.randrange(2))
    if kind in "iu":
        info = np.iinfo(dtype)
        return str(chance.choice([0, info.min, info.max, chance.randint(info.min, info.max), chance.randint(0, 99)]))
    if kind == "f":
        return chance.choice(["0", "-0.0", "nan", "inf", repr(chance.gauss(0, 1000)), f"{chance.random():.3f}"])
    if kind == "c":
        return f"{chance.gauss(0, 1):.5g}{chance.gauss(0, 1):+.5g}j"
    if kind in "mM":
        return date(chance) if kind == "M" else str(chance.randint(-10**6, 10**6))
    letters = "abcXYZ01" if kind == "S" else "abßé日🙂"
    return "".join(chance.choice(letters) for _ in range(chance.randint(1, max(1, size // (1 if kind == "S" else 4)))))


def date(chance):
    day = f"{chance.randint(1600, 2200)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    return chance.choice([day, day + "T12:34:56", "NaT"])


def leaves(dtype):
    if dtype.subdtype:
        base, extents = dtype.subdtype
        return list(leaves(base)) * int(np.prod(extents))
    if dtype.names:
        return [leaf for name in dtype.names for leaf in leaves(dtype.fields[name][0])]
    return [dtype]


def table(t, dtype, rows, columns=1):
    """Text of so many rows: of the fields of a record, or of so many columns."""
    kinds = leaves(dtype) if dtype.names else [dtype] * columns
    pool = [[word(t, kind) for _ in range(17)] for kind in kinds]
    return "".join(" ".join(t.chance.choice(words) for words in pool) + "\n" for _ in range(rows))


def read(path, dtype):
    """What NumPy reads."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.loadtxt(path, dtype, ndmin=1 if dtype.names else 2, encoding="utf-8")


def joined(arrays, axis_more=False):
    """One behind the other, or along a new axis; NumPy's own way loses byte order and gaps."""
    rows = len(arrays) if axis_more else sum(map(len, arrays))
    out = np.zeros((rows, *arrays[0].shape[0 if axis_more else 1:]), arrays[0].dtype)
    at = 0
    for array in arrays:
        out[at:at + (1 if axis_more else len(array))] = array
        at += 1 if axis_more else len(array)
    return out


def spelled(dtype):
    return str(dtype.descr) if dtype.names and not isinstance(dtype.descr, str) and dtype.itemsize == sum(
        np.dtype((d[1], d[2]) if len(d) > 2 else d[1]).itemsize for d in dtype.descr if d[0]) else str(dtype)


# ------------------------------------------------------------------ filters


class Storage:
    """Options that say how the rows lie, and what must be seen of them."""

    def __init__(self, layout=None, codec=None, level=None, shuffle=True, fletcher=False, chunk=None, maxshape=False):
        self.layout, self.codec, self.level, self.shuffle = layout, codec, level, shuffle
        self.fletcher, self.chunk, self.maxshape = fletcher, chunk, maxshape

    def args(self):
        all_args = ["--layout", self.layout] if self.layout else []
        if self.codec:
            all_args += ["--compress", self.codec + (f":{self.level}" if self.level else "")]
            all_args += [] if self.shuffle else ["--no-shuffle"]
        all_args += ["--fletcher32"] if self.fletcher else []
        all_args += ["--chunks", ",".join(map(str, self.chunk))] if self.chunk else []
        return all_args + (["--maxshape"] if self.maxshape else [])

    @property
    def chunked(self):
        return bool(self.layout in ("chunked", "columns") or self.codec or self.fletcher or self.chunk or self.maxshape)

    def filters(self):
        wanted = [(2, None)] if self.codec and self.shuffle else []
        if self.codec == "gzip":
            wanted.append((1, (self.level or 4,)))
        if self.codec == "zstd":
            wanted.append((32015, (self.level or 3,)))
        return wanted + ([(3, None)] if self.fletcher else [])

    def fault(self, dataset):
        """What is wrong with the way in which a dataset lies."""
        if (dataset.chunks is not None) != self.chunked:
            return f"chunks {dataset.chunks}"
        if not self.chunked:
            return None
        plist = dataset.id.get_create_plist()
        found = [plist.get_filter(i) for i in range(plist.get_nfilters())]
        found = [(f[0], tuple(f[2]) if f[0] in (1, 32015) else None) for f in found]
        if found != self.filters():
            return f"filters {found}, expected {self.filters()}"
        if dataset.maxshape[0] is not None:
            return f"maxshape {dataset.maxshape}"
        if self.chunk and dataset.shape[0]:
            fixed = [extent if limit is not None else 1 << 62 for extent, limit in zip(dataset.shape, dataset.maxshape)]
            wanted = tuple(min(a, b) for a, b in zip(self.chunk, fixed))
            if dataset.chunks != wanted:
                return f"chunks {dataset.chunks}, expected {wanted}"
        if dataset.size and not self.chunk:
            size = int(np.prod(dataset.chunks)) * dataset.id.get_type().get_size()
            if size > 2 << 20 and dataset.id.get_type().get_size() < 1 << 20:
                return f"a chunk of {size} bytes"
        return None


def storage(t, shape, element):
    """A random one for a dataset of this shape."""
    chance = t.chance
    kind = chance.choice(["contiguous", "chunked", "gzip", "gzip", "zstd", "fletcher", "maxshape"])
    if kind == "contiguous":
        return Storage(layout=chance.choice([None, "contiguous"]))
    own = Storage(layout=chance.choice([None, "chunked"]))
    if kind in ("gzip", "zstd"):
        own.codec = kind
        own.level = chance.choice([None, 1, 9])
        own.shuffle = chance.random() < 0.8
    own.layout = own.layout if own.codec else "chunked"
    own.maxshape = kind == "maxshape"
    own.fletcher = kind == "fletcher" or chance.random() < 0.3
    if chance.random() < 0.8:
        own.chunk = [max(1, chance.randint(1, max(1, int(extent * 1.4)))) for extent in shape]
        # Not more chunks than a debug build makes in a moment.
        blocks = [-(-extent // chunk) for extent, chunk in zip(shape, own.chunk)]
        if int(np.prod(blocks)) > 600:
            own.chunk = [max(1, extent // 3 + 1) for extent in shape]
    if own.codec == "zstd" and hdf5plugin is None:
        t.skip("zstd read by HDF5", "hdf5plugin is not installed")
        own.codec = "gzip"
    return own


# ------------------------------------------------------------------ comparisons


def dataset_faults(dataset, array, own):
    yield own.fault(dataset)
    yield co.dataset_fault(dataset, array)


def said_dtype(group):
    """The dtype that the group of a table's columns tells; gaps have no name in NumPy's descr."""
    text = group.attrs.get("ndshm_dtype", "i1")
    return np.lib.format.descr_to_dtype(ast.literal_eval(text))


def columns_faults(group, array, own):
    """A group with a dataset for each column, in their order."""
    if not isinstance(group, h5py.Group):
        yield "is no group"
        return
    if said_dtype(group) != array.dtype:
        yield f"the group's dtype is {group.attrs.get('ndshm_dtype')}"
    if list(iter(group)) != list(array.dtype.names) and group.id.get_create_plist().get_link_creation_order() == 0:
        yield f"columns {list(group)}"
    if sorted(group) != sorted(array.dtype.names):
        yield f"columns {list(group)}"
    for name in array.dtype.names:
        yield from (f and f"column {name}: {f}" for f in column_faults(group[name], array, name, own))


def column_faults(dataset, array, name, own):
    dtype = array.dtype.fields[name][0]
    column = array[name]
    yield own.fault(dataset)
    if dtype.subdtype is None:
        yield co.dataset_fault(dataset, np.ascontiguousarray(column))
        return
    base, extents = dtype.subdtype
    if dataset.shape != array.shape or dataset.dtype != np.dtype((co.stored_dtype(base), extents)):
        yield f"shape {dataset.shape}, dtype {dataset.dtype}"
        return
    yield co.first_difference(dataset[...], co.stored(column))


def command(args, **env):
    done = subprocess.run(args, capture_output=True, text=True, env={**os.environ, **env}, check=False)
    text = (done.stdout[-300:] + done.stderr).strip()
    return None if done.returncode == 0 else f"{args[0]}: exit status {done.returncode}: {text[:400]}"


def tool_faults(t, path):
    """The C programs: prints all, and packs it anew without filters, which must change nothing."""
    plugins = {"HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH} if hdf5plugin else {}
    if t.has("h5dump"):
        yield command(["h5dump", "-H", "-p", path])
    if t.has("h5repack") and t.has("h5diff"):
        plain = path + ".plain"
        yield command(["h5repack", "-f", "NONE", "-l", "CONTI", path, plain], **plugins)
        yield command(["h5diff", "-q", path, plain], **plugins)
        # What h5diff calls equal may be two times the same nonsense.
        with h5py.File(path) as a, h5py.File(plain) as b:
            names = []
            a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            for name in names:
                same = np.array_equal(np.asarray(a[name][...]).view(np.uint8) if a[name].size else 0,
                                      np.asarray(b[name][...]).view(np.uint8) if b[name].size else 0)
                yield None if same else f"{name}: h5repack reads other values than h5py"
        os.remove(plain)


def readable_by_tables(dtype):
    """Whether PyTables and pandas can be expected to read a record."""
    return dtype.names and all(dtype.fields[n][0].subdtype is None and dtype.fields[n][0].names is None
                               and dtype.fields[n][0].kind not in "UmMV" for n in dtype.names)


def peer_faults(t, path, name, array):
    """PyTables and pandas, of a one-dimensional table of scalars."""
    with h5py.File(path) as f:
        plist = f[name].id.get_create_plist()
        if any(plist.get_filter(i)[0] == 32015 for i in range(plist.get_nfilters())):
            return
    yield from tables_faults(t, path, name, array)
    yield from pandas_faults(t, path, name, array)


def same_column(got, want):
    want = want.view("i1") if want.dtype.kind == "b" else want
    got = np.asarray(got)
    got = got.view("i1") if got.dtype.kind == "b" else got
    if got.shape != want.shape:
        return False
    if want.dtype.kind == "S":
        return [str(v, "ascii") if isinstance(v, bytes) else str(v) for v in got] == [v.decode() for v in want]
    return np.array_equal(got.astype(want.dtype.newbyteorder("=")), want, equal_nan=want.dtype.kind in "fc")


def tables_faults(t, path, name, array):
    try:
        import tables
    except ImportError:
        t.skip("PyTables", "it is not installed")
        return
    with tables.open_file(path) as f:
        got = f.get_node("/" + name)[:]
    for column in array.dtype.names:
        if not same_column(got[column], array[column]):
            yield f"PyTables reads another column {column}: {got[column][:3]}, expected {array[column][:3]}"


def pandas_faults(t, path, name, array):
    try:
        import pandas
        import tables  # noqa: F401 pandas needs it
    except ImportError:
        t.skip("pandas", "it is not installed")
        return
    if len(array) == 0 or any(array.dtype[n].str[1:] == "f2" for n in array.dtype.names):
        return
    got = pandas.read_hdf(path, name)
    for column in array.dtype.names:
        if not same_column(got[column].to_numpy(), array[column]):
            yield f"pandas reads another column {column}: {got[column][:3]}, expected {array[column][:3]}"


# ------------------------------------------------------------------ the groups


def group_grids(t):
    """Two axes: chunk extents that do not divide, every filter."""
    for number in range(60):
        dtype = np.dtype(t.chance.choice(NUMBERS))
        rows, columns = t.chance.choice([1, 2, t.chance.randint(1, 300)]), t.chance.choice([1, t.chance.randint(1, 60)])
        source = t.write("g.txt", table(t, dtype, rows, columns))
        array = read(source, dtype)
        own = storage(t, array.shape, dtype.itemsize)

        def faults(path, array=array, own=own, number=number):
            with h5py.File(path) as f:
                yield from dataset_faults(f["g"], array, own)
            if number % 6 == 0:
                yield from tool_faults(t, path)

        t.check(["g.txt", "-t", dtype.str, *own.args()], faults)


def group_shapes(t):
    """Three axes and more by --shape, stacks, and stacks of these."""
    for number in range(60):
        dtype = np.dtype(t.chance.choice(NUMBERS) if t.chance.random() < 0.7 else RECORDS[t.chance.choice([0, 1, 3])])
        count = t.chance.choice([1, 1, 2, 3])
        inner = [t.chance.randint(1, 7) for _ in range(t.chance.randint(1, 3))]
        first = t.chance.randint(1, 40)
        reshaped = count == 1 or t.chance.random() < 0.5
        elements = first * int(np.prod(inner))
        columns = 1 if dtype.names else t.chance.choice([1, inner[-1]])
        arrays, names = [], []
        for i in range(count):
            names.append(f"s{i}.txt")
            array = read(t.write(names[-1], table(t, dtype, elements // columns, columns)), dtype)
            arrays.append(array.reshape([first, *inner]) if reshaped else array)
        args = ["-t", spelled(dtype)]
        if reshaped:
            lead = first if t.chance.random() < 0.5 else -1
            args.append("--shape=" + ",".join(map(str, [lead, *inner])))
        whole = arrays[0]
        name = "s0"
        if count > 1:
            whole, name = joined(arrays, True), "all"
            args += ["--stack", name]
        own = storage(t, whole.shape, dtype.itemsize)
        if own.chunk and count > 1:
            own.chunk[0] = 1

        def faults(path, array=whole, own=own, name=name, number=number):
            with h5py.File(path) as f:
                yield from dataset_faults(f[name], array, own)
            if number % 6 == 0:
                yield from tool_faults(t, path)

        t.check([*names, *args, *own.args()], faults)


def group_types(t):
    """Every dtype of the mapping, in a block, in chunks, and as a column."""
    records = [[("a", "<i2"), ("x", scalar), ("y", scalar, (2,))] for scalar in SCALARS]
    for number, fields in enumerate([*SCALARS, *RECORDS, *records]):
        dtype = np.dtype(fields)
        source = t.write("t.txt", table(t, dtype, t.chance.randint(2, 90), 1 if dtype.names else 3))
        array = read(source, dtype)
        ways = [Storage(), storage(t, array.shape, dtype.itemsize)]
        if dtype.names:
            chunk = t.chance.choice([None, [t.chance.randint(1, 100)]])
            ways.append(Storage(layout="columns", codec=t.chance.choice([None, "gzip"]), chunk=chunk,
                                fletcher=t.chance.random() < 0.4))
        for own in ways:
            def faults(path, array=array, own=own, number=number):
                with h5py.File(path) as f:
                    check = columns_faults if own.layout == "columns" else dataset_faults
                    yield from check(f["t"], array, own)
                if number % 3 == 0:
                    yield from tool_faults(t, path)
                if own.layout != "columns" and readable_by_tables(array.dtype):
                    yield from peer_faults(t, path, "t", array)

            t.check(["t.txt", "-t", spelled(dtype), *own.args()], faults)


def group_tables(t):
    """Records in chunks of any number of rows, and as columns; one dataset of several inputs."""
    t.pieces = [50, 997, 20_000]
    for number in range(30):
        dtype = np.dtype(t.chance.choice(RECORDS))
        inputs = t.chance.choice([1, 1, 3])
        names = [f"r{i}.txt" for i in range(inputs)]
        parts = [read(t.write(n, table(t, dtype, t.chance.randint(1, 1200))), dtype) for n in names]
        array = joined(parts)
        own = storage(t, array.shape, dtype.itemsize)
        if own.layout == "chunked" and t.chance.random() < 0.5:
            own.layout = "columns"
        args = ["--concat", "all"] if inputs > 1 else []

        def faults(path, array=array, own=own, inputs=inputs, number=number):
            with h5py.File(path) as f:
                check = columns_faults if own.layout == "columns" else dataset_faults
                yield from check(f["all" if inputs > 1 else "r0"], array, own)
            if number % 6 == 0:
                yield from tool_faults(t, path)
            if own.layout != "columns" and readable_by_tables(array.dtype):
                yield from peer_faults(t, path, "all" if inputs > 1 else "r0", array)

        t.check([*names, "-t", spelled(dtype), *args, *own.args()], faults)


EVERY = [Storage(), Storage(layout="chunked"), Storage(codec="gzip"), Storage(layout="columns", codec="gzip", fletcher=True),
         Storage(maxshape=True)]


def group_edges(t):
    """Nothing, one row, rows longer than a chunk, thousands of columns."""
    record = np.dtype(RECORDS[0])
    for own, dtype in itertools.product(EVERY, [record, np.dtype("<f8"), np.dtype("S3")]):
        empty = np.zeros((0,) if dtype.names else (0, 1), dtype)
        t.write("none.txt", "# nothing\n")
        one = read(t.write("one.txt", table(t, dtype, 1, 5)), dtype)
        columns = own.layout == "columns" and dtype.names

        def faults(path, own=own, empty=empty, one=one, columns=columns):
            with h5py.File(path) as f:
                for name, array in (("none", empty), ("one", one)):
                    yield from (columns_faults if columns else dataset_faults)(f[name], array, own)
            yield from tool_faults(t, path)

        t.check(["none.txt", "one.txt", "--allow-empty", "-t", spelled(dtype), *own.args()], faults)
    # Between inputs with rows; alone; at both ends.
    for names in (["one.txt", "none.txt", "one.txt"], ["none.txt", "one.txt", "none.txt"], ["none.txt", "none.txt"]):
        dtype = np.dtype("<f8")
        one = read(t.write("one.txt", "1 2 3\n"), dtype)
        parts = [one for n in names if n == "one.txt"]
        array = joined(parts) if parts else np.zeros((0, 1))
        for own in EVERY[:3]:
            def faults(path, own=own, array=array):
                with h5py.File(path) as f:
                    yield from dataset_faults(f["c"], array, own)

            t.check([*names, "--allow-empty", "-t", "f8", "--concat", "c", *own.args()], faults)


def group_wide(t):
    """A row longer than a chunk, and more columns than a compound can have."""
    t.pieces = [50_000, 1_000_000]
    line = " ".join(str(i % 1000) for i in range(1_000_000)) + "\n"
    source = t.write("wide.txt", line + line)
    array = np.loadtxt(source, "<f4", ndmin=2)
    for own in (Storage(), Storage(codec="gzip", level=1), Storage(layout="chunked", chunk=[2, 300_007])):
        def faults(path, own=own):
            with h5py.File(path) as f:
                yield own.fault(f["wide"])
                yield co.first_difference(f["wide"][...], array)

        t.check(["wide.txt", "-t", "<f4", *own.args()], faults)
    names = [f"column{i}" for i in range(3000)]
    dtype = np.dtype([(name, "<i4" if i % 2 else "<f8") for i, name in enumerate(names)])
    rows = read(t.write("many.txt", table(t, np.dtype("i1"), 40, 3000)), dtype)
    for own in (Storage(layout="columns"), Storage(layout="columns", codec="gzip", chunk=[7])):
        def columns(path, own=own):
            with h5py.File(path) as f:
                yield from columns_faults(f["many"], rows, own)

        t.write("dtype", str(dtype.descr))
        t.check(["many.txt", "-t", "@dtype", *own.args()], columns)


def group_many(t):
    """Two thousand small files: datasets, groups, one dataset with a source column."""
    dtype = np.dtype([("a", "<i4"), ("b", "<f8")])
    names = [f"d{i % 7}/f{i}.txt" for i in range(2000)]
    for i, name in enumerate(names):
        t.write(name, "".join(f"{i} {j}\n" for j in range(i % 4 + 1)))
    arrays = [np.array([(i, j) for j in range(i % 4 + 1)], dtype) for i in range(len(names))]
    with open(t.path("list"), "wb") as f:
        f.write(b"\0".join(name.encode() for name in names))
    base = ["--files-from0", "list", "-t", spelled(dtype)]
    t.pieces = [1000]
    for own in (Storage(), Storage(codec="gzip")):
        def each(path, own=own, group=False):
            with h5py.File(path) as f:
                for name, array in zip(names, arrays):
                    d = f[name[:-4] if group else name[3:-4]]
                    yield own.fault(d) or (None if np.array_equal(d[...], array) else f"{name}: {d[...]}")
                    if d.attrs["source_file"] != name[3:] or d.attrs["source_bytes"] != os.path.getsize(t.path(name)):
                        yield f"{name}: attributes {dict(d.attrs)}"

        t.check([*base, *own.args()], each)
        t.check([*base, "--groups", *own.args()], lambda path, own=own: each(path, own, True))
        concat = joined(arrays)
        sources = np.array([n[3:] for n, a in zip(names, arrays) for _ in a], "S9")

        def concatenated(path, own=own, concat=concat, sources=sources):
            with h5py.File(path) as f:
                d = f["all"]
                yield own.fault(d)
                yield None if d.dtype.names == ("a", "b", "from") else f"fields {d.dtype}"
                for name in ("a", "b"):
                    yield None if np.array_equal(d[name], concat[name]) else f"column {name}"
                yield None if np.array_equal(d["from"], sources) else "the source column"
                yield None if list(d.attrs["source_file"]) == [n[3:] for n in names] else "the list of sources"

        t.check([*base, "--concat", "all", "--source-column", "from", *own.args()], concatenated)


def attribute_faults(got, want):
    """Attributes, with types: `want` maps names to Python values."""
    if set(got) != set(want):
        yield f"attributes {sorted(got)}, expected {sorted(want)}"
        return
    for name, value in want.items():
        found, wanted = got[name], value
        if isinstance(wanted, list):
            wanted = np.array(wanted, object if isinstance(wanted[0], str) else "<i8")
            same = found.dtype == wanted.dtype and list(found) == list(wanted)
        elif isinstance(wanted, str):
            same = isinstance(found, str) and found == wanted
        else:
            same = found.dtype == np.dtype("<i8" if isinstance(wanted, int) else "<f8") and found == wanted
        if not same:
            yield f"attribute {name} is {found!r}, expected {value!r}"


def group_attributes(t):
    """What is said of datasets: by the caller, by ndshm, and nothing."""
    text = "1 2020-01-02\n2 2021-02-03\n"
    t.write("a.txt", text)
    t.write("b.txt", text + text)
    with gzip.open(t.path("c.txt.gz"), "wb") as f:
        f.write(text.encode())
    size = {name: os.path.getsize(t.path(name)) for name in ("a.txt", "b.txt", "c.txt.gz")}
    crc = {}
    for name in size:
        with open(t.path(name), "rb") as f:
            crc[name] = f"{zlib.crc32(f.read()):08x}"
    given = ["--attr", "n=-12", "--attr", "x=2.5e3", "--attr", "who=größe in µm", "--attr", 'id="007"', "--attr",
             "empty=", "--attr", "big=9223372036854775807", "--attr", "word=nan"]
    own = {"n": -12, "x": 2500.0, "who": "größe in µm", "id": "007", "empty": "", "big": 2**63 - 1, "word": "nan"}
    record = {"t.units": "days since 1970-01-01T00:00:00", "ndshm_dtype": "[('a', '<i4'), ('t', '<M8[D]')]"}
    base = ["-t", "a:i4,t:M8[D]"]

    def origin(*names, sums=False):
        def value(of):
            return of[0] if len(of) == 1 else of
        said = {"source_file": value(list(names)), "source_bytes": value([size[n] for n in names])}
        return {**said, "source_crc32": value([crc[n] for n in names])} if sums else said

    def seen(path, want, file_attributes):
        with h5py.File(path) as f:
            for name, attributes in want.items():
                yield from attribute_faults(dict(f[name].attrs), attributes)
            yield from attribute_faults(dict(f.attrs), file_attributes)

    version = subprocess.run([t.command, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    made = {"created_by": version}
    for way in EVERY:
        columns = way.layout == "columns"
        dtype = {"ndshm_dtype": record["ndshm_dtype"]} if columns else record
        for flags, sums in (([], False), (["--checksum"], True)):
            t.check(["a.txt", "c.txt.gz", *base, *given, *flags, *way.args()],
                    lambda p, s=sums, d=dtype: seen(p, {"a": {**own, **d, **origin("a.txt", sums=s)},
                                                        "c": {**own, **d, **origin("c.txt.gz", sums=s)}}, made))
            t.check(["a.txt", "b.txt", *base, *given, *flags, "--concat", "x", *way.args()],
                    lambda p, s=sums, d=dtype: seen(p, {"x": {**own, **d, **origin("a.txt", "b.txt", sums=s)}}, made))
        t.check(["a.txt", *base, *given, "--no-provenance", *way.args()],
                lambda p, d=dtype: seen(p, {"a": {**own, **d}}, {}))
        # What the caller says counts.
        mine = {**dtype, "source_file": "hidden"}
        if columns or not way.chunked:
            mine["ndshm_dtype"] = "not this"
        args = ["--attr", "source_file=hidden", "--attr", "ndshm_dtype=" + mine["ndshm_dtype"]]
        t.check(["a.txt", *base, *(args if columns or not way.chunked else args[:2]), *way.args()],
                lambda p, m=mine: seen(p, {"a": {**m, "source_bytes": size["a.txt"]}}, made))
        if columns:
            t.check(["a.txt", *base, *way.args()], lambda p: seen(
                p, {"a/t": {"units": record["t.units"], "ndshm_dtype": "<M8[D]"}, "a/a": {}}, made))
        options = {**made, "reading_options": "delimiter=',' header skiprows=1"}
        t.write("h.csv", "skipped\na,b\n1,2\n")
        t.check(["h.csv", "-d", ",", "--header", "--skiprows", 1, "-t", "i4,i4", *way.args()],
                lambda p, o=options: seen(p, {}, o))


def group_meeting(t):
    """Columns and shapes, attributes that the dtype has, too, and one name twice."""
    dtype = np.dtype(RECORDS[0])
    arrays = [read(t.write(f"p{i}.txt", table(t, dtype, 24)), dtype).reshape(4, 3, 2) for i in range(2)]
    columns = Storage(layout="columns")
    for inputs, args in ((1, []), (2, ["--stack", "p0"])):
        array = joined(arrays, True) if inputs > 1 else arrays[0]

        def faults(path, array=array):
            with h5py.File(path) as f:
                yield from columns_faults(f["p0"], array, columns)

        t.check(["p0.txt", "p1.txt"][:inputs] + ["-t", spelled(dtype), "--shape=4,3,2", *args, *columns.args()], faults)
    t.write("d.txt", "2020-01-01\n")
    for way in ("contiguous", "chunked"):
        def units(path):
            with h5py.File(path) as f:
                yield None if f["d"].attrs["units"] == "mine" else f["d"].attrs["units"]

        t.check(["d.txt", "-t", "M8[D]", "--attr", "units=mine", "--layout", way], units)
    refused(t, [(1, ["d.txt", "-t", "S10", "--attr", "x=1", "--attr", "x=2"], "'x'")])


def group_refused(t):
    """Combinations that make no sense, and what is said of them."""
    t.write("a.txt", "1 2\n3 4\n5 6\n")
    t.write("b.txt", "1 2\n3 4\n")
    t.write("d.txt", "2020-01-01\n")
    os.makedirs(t.path("e"), exist_ok=True)
    t.write("e/a.txt", "1 2\n")
    record = ["-t", "a:f8,b:f8"]
    wide = "".join(f"column_with_a_name_{i}:f8," for i in range(3000))[:-1]
    cases = [
        (1, ["a.txt", "--layout", "contiguous", "--compress", "gzip"], "a contiguous dataset has no chunks"),
        (1, ["a.txt", "--layout", "contiguous", "--maxshape"], "a contiguous dataset has no chunks"),
        (1, ["a.txt", "--layout", "contiguous", "--fletcher32"], "a contiguous dataset has no chunks"),
        (1, ["a.txt", "--layout", "contiguous", "--chunks", "3,3"], "a contiguous dataset has no chunks"),
        (1, ["a.txt", "--chunks", "3"], "dataset 'a' has 2 axes, and the shape of its chunks 1"),
        (1, ["a.txt", *record, "--chunks", "3,1"], "dataset 'a' has 1 axis, and the shape of its chunks 2"),
        (1, ["a.txt", "a.txt", "--stack", "s", "--chunks", "2,3,2"], "its first extent must be 1"),
        (1, ["a.txt", "--chunks", "1000000000,2"], "chunks of fewer rows"),
        (1, ["a.txt", "b.txt", "--stack", "s"], "b.txt has the shape (2, 2), and a.txt the shape (3, 2)"),
        (1, ["a.txt", "b.txt", "--stack", "s", "--compress", "gzip"], "only equal ones can be stacked"),
        (1, ["a.txt", "--shape", "4,2"], "dataset 'a': 6 elements do not fill the shape (4, 2)"),
        (1, ["a.txt", "--shape=-1,4"], "dataset 'a': 6 elements do not fill the shape (-1, 4)"),
        (1, ["a.txt", "--shape=-1,4", "--compress", "gzip"], "do not fill the shape (-1, 4)"),
        (1, ["a.txt", "--shape=4,18446744073709551615"], "do not fill the shape"),
        (1, ["a.txt", "--concat", "c", "--source-column", "from"], "needs records"),
        (1, ["a.txt", *record, "--concat", "c", "--source-column", "a"], "name"),
        (1, ["a.txt", "e/a.txt"], "would both become dataset 'a'"),
        (1, ["a.txt", "-t", wide], "columns"),
        (1, ["a.txt", "-t", "a/b:f8,c:f8", "--layout", "columns"], "must not hold '/'"),
        (2, ["a.txt", "--source-column", "from"], "--concat"),
        (2, ["a.txt", "--concat", "c", "--stack", "s"], "--stack"),
        (2, ["a.txt", "--groups", "--stack", "s"], "--stack"),
        (2, ["a.txt", "--no-provenance", "--checksum"], "--checksum"),
        (2, ["a.txt", "--no-shuffle"], "--compress"),
        (2, ["a.txt", "--compress", "lzf"], "gzip, zstd or none"),
        (2, ["a.txt", "--compress", "gzip:10"], "from 1 to 9"),
        (2, ["a.txt", "--compress", "zstd:20"], "from 1 to 19"),
        (2, ["a.txt", "--chunks", "0,3"], "at least 1"),
        (2, ["a.txt", "--shape", "2,-1"], "-1"),
        (2, ["a.txt", "--attr", "x"], "KEY=VALUE"),
        (2, ["a.txt", "--layout", "rows"], "contiguous, chunked, columns"),
    ]
    refused(t, cases)


def refused(t, cases):
    for status, args, words in cases:
        t.cases += 1
        args = args if "-t" in args else [*args, "-t", "f8"]
        done = t.run([*args, "-o", "no.h5"])
        left = [n for n in os.listdir(t.folder) if "no.h5" in n]
        if done.returncode != status or words not in done.stderr or "HDF5 failed" in done.stderr or left:
            t.faults.append(f"{args}: exit status {done.returncode}: {done.stderr.strip()} {left}, expected {words!r}")


def main():
    command_, group, *seed = sys.argv[1:]
    t = Tested(os.path.abspath(command_), int(seed[0]) if seed else 1)
    globals()["group_" + group](t)
    return t.finish()


if __name__ == "__main__":
    sys.exit(main())
