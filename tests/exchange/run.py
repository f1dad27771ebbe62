"""`ndshm import` and `ndshm export` against h5py and NumPy. Arguments: the command, the folder
with read_segment.py, a folder for files, a prefix for names, the cases (none for all)."""
import io
import os
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

NDSHM, READER, FOLDER, PREFIX = sys.argv[1:5]
sys.path.insert(0, READER)
import read_segment  # noqa: E402

RANDOM = np.random.default_rng(20261122)
os.chdir(FOLDER)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def run(*args):
    return subprocess.run([NDSHM, *args], capture_output=True, text=True, preexec_fn=limit)


def good(*args):
    done = run(*args)
    assert done.returncode == 0 and not done.stderr, (args, done)
    return done.stdout


def bad(*args, words=()):
    """An error with a message, and neither a panic nor a crash."""
    done = run(*args)
    assert done.returncode in (1, 2), (args, done)
    assert done.stderr.startswith("ndshm: ") and "panicked" not in done.stderr, done
    for word in words:
        assert word in done.stderr, (word, done.stderr)
    return done.stderr


def path_of(name):
    return f"/dev/shm/ndshm.{PREFIX}{name}"


def imported(file, name="in"):
    """The array that an import makes; its segment is removed."""
    good("import", file, "--name", PREFIX + name, "-q")
    try:
        return read_segment.attach(PREFIX + name)
    finally:
        good("rm", PREFIX + name)


def refused(file, *words):
    bad("import", file, "--name", PREFIX + "bad", words=words)
    assert not os.path.exists(path_of("bad"))


def leaves(array):
    """Plain arrays that say all but what is in gaps."""
    if array.dtype.names is None:
        return [np.ascontiguousarray(array)]
    return [leaf for name in array.dtype.names for leaf in leaves(array[name])]


def same(got, wanted, dtype=None):
    dtype = wanted.dtype if dtype is None else dtype
    assert got.dtype == dtype, (got.dtype, dtype)
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        assert one.tobytes() == other.tobytes(), (dtype, one, other)


PLAIN = """i1 <i2 >i2 <i4 >i4 <i8 >i8 u1 <u2 >u2 <u4 >u4 <u8 >u8 <f2 >f2 <f4 >f4 <f8 >f8 ? <c8 >c8 <c16 >c16
S1 S7 S300 V5 <U3 >U2 <M8[ns] >M8[10s] <M8[D] <m8[us] <M8""".split()
RECORDS = [
    [("a", "<i4"), ("b", "<f8")],
    [("r", "<f4"), ("i", ">f4")],
    [("a", "<i4", (3,)), ("b", ">f4", (2, 2))],
    [("a", "?", (3,)), ("s", "S3", (2,)), ("x y,\"'", "<f2")],
    [("a", [("x", "<i2"), ("y", [("z", ">c16"), ("b", "?")], (2,))]), ("v", "V3")],
    {"names": ["a", "b"], "formats": ["u1", "<f8"], "offsets": [0, 8], "itemsize": 24},
    [("t", "<M8[us]"), ("d", [("n", "<U2"), ("dt", "<m8[ms]")], (2,)), ("größe in µm", "<f4")],
]
BACKWARDS = {"names": ["a", "b"], "formats": ["<i4", "<f8"], "offsets": [8, 0], "itemsize": 12}
DTYPES = [np.dtype(text) for text in PLAIN + RECORDS]
SHAPES = [(), (0,), (1,), (7,), (2, 3), (3, 0, 2), (2, 3, 4)]


def random_dtype(depth=0):
    if depth > 2 or RANDOM.random() < 0.5:
        return np.dtype(str(RANDOM.choice(PLAIN)))
    fields = []
    for i in range(RANDOM.integers(1, 5)):
        shape = tuple(int(n) for n in RANDOM.integers(1, 4, RANDOM.integers(0, 3)))
        fields.append((f"f{i}", random_dtype(depth + 1), shape))
    return np.dtype(fields, align=bool(RANDOM.random() < 0.3))


def fill(array):
    """Values that every reader takes: no other booleans, no surrogates."""
    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            fill(array[name])
    elif dtype.kind == "b":
        array[...] = RANDOM.integers(0, 2, array.shape)
    elif dtype.kind == "U":
        width = dtype.itemsize // 4
        points = RANDOM.choice(list("aZ,\"' #0é\u4e16\U0001f600"), (*array.shape, width))
        flat = ["".join(row)[: RANDOM.integers(0, width + 1)] for row in points.reshape(-1, width)]
        array[...] = np.array(flat, dtype).reshape(array.shape)
    elif dtype.kind == "S":
        raw = RANDOM.integers(1, 256, (*array.shape, dtype.itemsize), dtype="u1")
        raw[raw == 13] = 14
        raw[..., RANDOM.integers(0, dtype.itemsize + 1) :] = 0
        array[...] = raw.view(dtype).reshape(array.shape)
    else:
        raw = RANDOM.bytes(array.size * dtype.itemsize)
        array[...] = np.frombuffer(raw, dtype).reshape(array.shape)
        if dtype.kind in "fc":
            plain = RANDOM.normal(size=array.shape) * 10.0 ** RANDOM.integers(-3, 4)
            array[...] = np.where(np.isfinite(array), array, plain)
    return array


def random_array(dtype, shape):
    return fill(np.zeros(shape, dtype))


def arrays():
    for dtype in DTYPES:
        for shape in (SHAPES if dtype in DTYPES[:3] else [(2, 3)]):
            yield random_array(dtype, shape)
    for _ in range(40):
        yield random_array(random_dtype(), SHAPES[RANDOM.integers(len(SHAPES))])


def in_file(dtype):
    """The dtype that h5py knows, with as many bytes."""
    if dtype.subdtype:
        base, shape = dtype.subdtype
        return np.dtype((in_file(base), shape))
    if dtype.names is not None:
        names, fields = dtype.names, [dtype.fields[name] for name in dtype.names]
        formats, offsets = [in_file(f[0]) for f in fields], [f[1] for f in fields]
        return np.dtype(dict(names=names, formats=formats, offsets=offsets, itemsize=dtype.itemsize))
    if dtype.kind in "mM":
        return np.dtype(dtype.byteorder + "i8")
    return np.dtype(f"S{dtype.itemsize}") if dtype.kind == "U" else dtype


def as_in_file(array):
    made = np.zeros(array.shape, in_file(array.dtype))
    def copy(to, of):
        if of.dtype.names is not None:
            for name in of.dtype.names:
                copy(to[name], of[name])
        elif of.dtype.kind == "U":
            to[...] = np.char.encode(of, "utf-8") if of.size else to
        elif of.dtype.kind in "mM":
            to[...] = np.ascontiguousarray(of).view(to.dtype).reshape(to.shape)
        else:
            to[...] = of
    copy(made, array)
    return made


def case_npy_in():
    for i, array in enumerate(arrays()):
        np.save("a.npy", array)
        same(imported("a.npy"), array)
        if array.ndim > 1:
            np.save("f.npy", np.asfortranarray(array))
            got = imported("f.npy")
            same(got, array)
            assert array.size == 0 or not array.itemsize or got.flags.f_contiguous
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open("v.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(10.0), version)
            file.write(b"more")
        same(imported("v.npy"), np.arange(10.0))
    large = np.arange(5_000_003, dtype="<u4")
    np.save("large.npy", large)
    same(imported("large.npy"), large)
    os.unlink("large.npy")


def case_npy_damaged():
    np.save("a.npy", random_array(np.dtype("<i4"), (3, 4)))
    whole = open("a.npy", "rb").read()
    for n in range(0, len(whole), 5):
        open("cut.npy", "wb").write(whole[:n])
        refused("cut.npy")
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(RANDOM.integers(1, 4)):
            broken[RANDOM.integers(6, 128)] = RANDOM.integers(256)
        open("broken.npy", "wb").write(broken)
        done = run("import", "broken.npy", "--name", PREFIX + "bad", "-q")
        assert done.returncode in (0, 1) and "panicked" not in done.stderr, (broken, done)
        if done.returncode == 0:
            good("rm", PREFIX + "bad")

    def header(text, version=1, length=None):
        raw = text.encode()
        size = len(raw) if length is None else length
        return b"\x93NUMPY" + bytes([version, 0]) + size.to_bytes(2 if version == 1 else 4, "little") + raw

    for text, *words in [
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"), "is cut"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"), "larger than any"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (), }"), "no segment can hold"),
        (header("{'descr': '|V2000000000', 'fortran_order': False, 'shape': (1,), }"), "is cut"),
        (header("x", 2, 0xFFFFFFF0), "is cut"),
        (header("x", 9), "version 9.0"),
        (header("{'descr': '<f8', 'shape': (0,), }"), "fortran_order"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 33 + "), }") + bytes(8), "33 axes"),
    ]:
        open("bad.npy", "wb").write(text)
        refused("bad.npy", *words)
    open("sparse.npy", "wb").write(header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"))
    os.truncate("sparse.npy", 9 << 40)
    refused("sparse.npy", "shared memory is full")
    os.unlink("sparse.npy")
    refused("none.npy", "can't open")
    refused(".", "neither")
    refused("a.npy:/x", "no datasets to name")
    open("text", "w").write("1,2\n")
    refused("text", "neither an HDF5 file nor")


def case_h5_in():
    for i, array in enumerate(arrays()):
        wanted = as_in_file(array)
        with h5py.File("a.h5", "w", libver=("earliest", "v108")[i % 2]) as file:
            layout = {}
            if array.ndim and array.size:
                layout = [{}, {"chunks": True}, {"compression": "gzip", "shuffle": True}][i % 3]
                if i % 9 == 1:
                    layout = {"chunks": True, "maxshape": (None,) * array.ndim, "fletcher32": True}
            file.create_dataset("g/x", data=wanted, **layout)
        # By convention, a record of two floats with these names is a complex number.
        if array.dtype.names == ("r", "i"):
            continue
        same(imported("a.h5"), wanted)
        same(imported("a.h5:/g/x"), wanted)


def case_h5_layouts():
    grid = RANDOM.integers(0, 1000, (700, 331)).astype("<i4")
    table = random_array(np.dtype([("a", "<i4"), ("s", "S5"), ("x", ">f8", (2,))]), (3001,))
    with h5py.File("l.h5", "w", userblock_size=512) as file:
        file["plain"] = grid
        for chunks in [(1, 331), (64, 64), (700, 10), (701, 400), (3, 5)]:
            name = "c%dx%d" % chunks
            chunks = tuple(np.minimum(chunks, grid.shape))
            file.create_dataset(name, data=grid, chunks=chunks, compression="gzip", compression_opts=1)
        file.create_dataset("table", data=table, chunks=(100,), compression="gzip", shuffle=True)
        file.create_dataset("unwritten", (50, 3), "<f8", fillvalue=2.5)
        file.create_dataset("sparse", (1000,), "<i2", chunks=(10,), fillvalue=7)[500] = 1
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((9,))
        small = h5py.h5d.create(file.id, b"compact", h5py.h5t.STD_I16BE, space, plist)
        small.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(9, dtype=">i2"))
        file["arrays"] = np.zeros(0)
        del file["arrays"]
        file.create_dataset("arrays", (4,), np.dtype(("<f4", (2, 3))))[...] = np.arange(24).reshape(4, 2, 3)
        file.create_dataset("outside", (5,), "<i4", external=[("raw.bin", 0, 20)])[...] = np.arange(5)
    with h5py.File("v.h5", "w") as file:
        layout = h5py.VirtualLayout((2, 700, 331), "<i4")
        layout[0] = layout[1] = h5py.VirtualSource("l.h5", "plain", grid.shape)
        file.create_virtual_dataset("v", layout)
    for name in ["plain", "c1x331", "c64x64", "c700x10", "c701x400", "c3x5"]:
        same(imported(f"l.h5:{name}"), grid)
    same(imported("l.h5:table"), table)
    same(imported("l.h5:unwritten"), np.full((50, 3), 2.5))
    sparse = np.full(1000, 7, "<i2")
    sparse[500] = 1
    same(imported("l.h5:sparse"), sparse)
    same(imported("l.h5:compact"), np.arange(9, dtype=">i2"))
    same(imported("l.h5:arrays"), np.arange(24, dtype="<f4").reshape(4, 2, 3))
    same(imported("l.h5:outside"), np.arange(5, dtype="<i4"))
    same(imported("v.h5"), np.stack([grid, grid]))
    os.link("l.h5", "with:colon.h5")
    same(imported("with:colon.h5:/compact"), np.arange(9, dtype=">i2"))


def string_type(size, pad, cset=h5py.h5t.CSET_ASCII):
    made = h5py.h5t.C_S1.copy()
    made.set_size(size)
    made.set_strpad(pad)
    made.set_cset(cset)
    return made


def case_h5_types():
    with h5py.File("t.h5", "w") as file:
        space = h5py.h5s.create_simple((3,))

        def write(name, kind, raw):
            made = h5py.h5d.create(file.id, name.encode(), kind, space)
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, raw, kind)

        write("term", string_type(4, h5py.h5t.STR_NULLTERM), np.array([b"ab\0x", b"abcd", b"\0abc"], "V4"))
        write("space", string_type(4, h5py.h5t.STR_SPACEPAD), np.array([b"ab  ", b" b c", b"    "], "V4"))
        write("pad", string_type(4, h5py.h5t.STR_NULLPAD), np.array([b"a\0b\0", b"abcd", b"\0\0\0\0"], "V4"))
        write("utf8", string_type(4, h5py.h5t.STR_NULLPAD, h5py.h5t.CSET_UTF8), np.array(["é".encode(), b"a", b""], "V4"))
        colour = h5py.enum_dtype({"RED": 0, "GREEN": 300}, "<i2")
        file.create_dataset("enum", data=np.array([0, 300, 0], "<i2"), dtype=colour)
        swapped = h5py.enum_dtype({"TRUE": 0, "FALSE": 1}, "i1")
        file.create_dataset("swapped", data=np.array([0, 1, 0], "i1"), dtype=swapped)
        bits = h5py.h5t.STD_B16BE.copy()
        write("bits", bits, np.array([1, 2, 0x8000], ">u2"))
        file["bool"] = np.array([True, False, True])
        file.create_dataset("vlen", data=["a", "bc"], dtype=h5py.string_dtype())
        file.create_dataset("seq", (2,), h5py.vlen_dtype("<i4"))
        file.create_dataset("ref", (2,), h5py.ref_dtype)
        file["null"] = h5py.Empty("f8")
        file["g/long"] = np.arange(3, dtype=np.longdouble)
        odd = h5py.h5t.STD_I32LE.copy()
        odd.set_precision(17)
        write("odd", odd, np.arange(3, dtype="<i4"))
        file.create_dataset("rec", (2,), np.dtype([("a", "<i4"), ("b", h5py.string_dtype())]))
        file["type"] = np.dtype("<f8")
    same(imported("t.h5:term"), np.array([b"ab", b"abcd", b""], "S4"))
    same(imported("t.h5:space"), np.array([b"ab", b" b c", b""], "S4"))
    same(imported("t.h5:pad"), np.array([b"a\0b", b"abcd", b""], "S4"))
    same(imported("t.h5:utf8"), np.array(["é".encode(), b"a", b""], "S4"))
    same(imported("t.h5:enum"), np.array([0, 300, 0], "<i2"))
    same(imported("t.h5:swapped"), np.array([0, 1, 0], "i1"))
    same(imported("t.h5:bits"), np.array([1, 2, 0x8000], ">u2"))
    same(imported("t.h5:bool"), np.array([True, False, True]))
    same(imported("t.h5:vlen"), np.array(["a", "bc"]))
    refused("t.h5:seq", "sequences")
    refused("t.h5:ref", "references")
    refused("t.h5:null", "empty dataspace")
    refused("t.h5:g/long", "16 bytes")
    refused("t.h5:odd", "17 bits")
    refused("t.h5:rec", "field 'b'", "variable length")
    refused("t.h5:type", "is not a dataset")
    refused("t.h5:g", "is not a dataset")
    refused("t.h5:none", "no such dataset")
    refused("t.h5", "datasets", "/bits")
    with h5py.File("empty.h5", "w"):
        pass
    refused("empty.h5", "has no dataset")


def text_of(count, letters):
    return "".join(RANDOM.choice(list(letters), RANDOM.integers(count)))


def case_h5_texts():
    """Strings of variable length, as h5py reads them."""
    letters = "abcé😀ß "
    table = lambda rows, columns: np.array([[text_of(5, letters) for _ in range(columns)] for _ in range(rows)], object)
    with h5py.File("v.h5", "w") as file:
        text, ascii = h5py.string_dtype(), h5py.string_dtype("ascii")
        make = file.create_dataset
        make("utf8", data=[text_of(12, letters) for _ in range(70_000)], dtype=text)
        make("ascii", data=[text_of(9, "abc ") for _ in range(333)], dtype=ascii)
        make("table", data=table(11, 7), dtype=text)
        packed = dict(chunks=(4, 3), compression="gzip", maxshape=(None, None), dtype=text)
        make("packed", data=table(23, 7), shuffle=True, **packed)
        make("plain", data=table(23, 7), chunks=(5, 4), dtype=text)
        make("holes", (20,), chunks=(3,), dtype=text)[7] = "só"
        make("never", (4,), dtype=text)
        make("scalar", data="hé", dtype=text)
        make("none", (0,), maxshape=(None,), dtype=text)
        make("long", data=["x" * 100_000, "", "y"], dtype=text)
        make("longest", data=["x" * 3_000_000, "y" * 2_500_000, ""], dtype=ascii)
        make("lzf", data=["a", "b"] * 10, compression="lzf", dtype=text)
        make("filled", (9,), chunks=(3,), fillvalue="zz", dtype=text)[1] = "q"
        make("latin", data=[b"a", b"\xff"], dtype=text)
        file["linked"] = h5py.SoftLink("/table")
        names = [name for name in file if name not in ("lzf", "filled", "latin")]
    with h5py.File("v.h5") as file:
        for name in names:
            values = file[name][()] if "ascii" in name or name == "longest" else file[name].asstr()[()]
            wanted = np.array(values, "S" if h5py.check_string_dtype(file[name].dtype).encoding == "ascii" else "U")
            got = imported(f"v.h5:{name}")
            assert got.shape == wanted.shape and got.dtype.kind == wanted.dtype.kind, (name, got.dtype)
            width = max([len(one) for one in np.ravel(wanted)] + [1])
            assert got.dtype == np.dtype(f"{wanted.dtype.kind}{width}"), (name, got.dtype)
            assert (got == wanted).all(), name
    refused("v.h5:lzf", "variable length")
    refused("v.h5:filled", "variable length")
    refused("v.h5:latin", "element 1", "not UTF-8")
    with h5py.File("w.h5", "w") as file:
        file["away"] = h5py.ExternalLink("v.h5", "/ascii")
        file["here"] = np.arange(3)
    refused("w.h5:away", "another file")
    # A reference that leads astray.
    with h5py.File("v.h5") as file:
        offset = file["ascii"].id.get_offset()
    whole = open("v.h5", "rb").read()
    for at, byte in [(0, 0), (4, 1), (9, 0x7F), (12, 0xEE), (14, 1)]:
        bytes = bytearray(whole)
        row = next(i for i in range(333) if bytes[offset + 16 * i])
        bytes[offset + 16 * row + at] ^= byte or bytes[offset + 16 * row + at]
        open("x.h5", "wb").write(bytes)
        refused("x.h5:ascii", "is damaged")


def case_h5_columns():
    """A group of columns comes back as the record that it was."""
    rows = 70_000
    with open("c.txt", "w") as text:
        for i in range(rows):
            text.write(f"{i} {i * 0.5} t{i % 13} 2020-01-01T00:00:{i % 60:02d} é{i % 7} {i} {i + 1}\n")
    dtype = "a:i4,b:>f8,c:S4,d:M8[s],e:U3,f:(2)i4"
    convert = ["convert", "-q", "c.txt", "-t", dtype, "--concat", "g/t", "-o"]
    good(*convert, "plain.h5")
    wanted = imported("plain.h5:g/t")
    assert wanted.shape == (rows,) and wanted["e"][8] == "é1" and list(wanted["f"][-1]) == [rows - 1, rows]
    for i, how in enumerate([[], ["--compress", "gzip"], ["--compress", "zstd", "--fletcher32"], ["--chunks", "777"]]):
        file = f"c{i}.h5"
        good(*convert, file, "--layout", "columns", *how)
        same(imported(f"{file}:/g/t"), wanted)
        # Nothing else is in it.
        same(imported(file), wanted)
    with h5py.File("c0.h5", "a") as file:
        file["g/t/more"] = np.arange(3)
        file["g/none"] = 1
    same(imported("c0.h5:g/t"), wanted)
    refused("c0.h5:g", "is not a dataset")
    refused("c0.h5", "datasets")
    for change, word in [("del", "no such dataset"), ("rows", "no column"), ("type", "no column")]:
        with h5py.File("c1.h5", "a") as file:
            group = file["g/t"]
            old = group["b"][()]
            del group["b"]
            if change == "rows":
                group["b"] = old[:-1]
            elif change == "type":
                group["b"] = old.astype("<f8")
        refused("c1.h5:g/t", word)
        with h5py.File("c1.h5", "a") as file:
            file["g/t"].pop("b", None)
            file["g/t/b"] = old


def case_h5_damaged():
    with h5py.File("whole.h5", "w", libver=("v108", "v108")) as file:
        file["plain"] = np.arange(5000.0)
    whole = open("whole.h5", "rb").read()
    for n in range(0, len(whole), 997):
        open("cut.h5", "wb").write(whole[:n])
        refused("cut.h5")
    flags = bytearray(whole)
    flags[11] = 1
    open("open.h5", "wb").write(flags)
    refused("open.h5", "has not closed it")
    with h5py.File("huge.h5", "w") as file:
        file.create_dataset("x", (1 << 40,), "<f8", chunks=(1 << 10,))
    refused("huge.h5", "shared memory is full")
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(RANDOM.integers(1, 3)):
            broken[RANDOM.integers(0, 2048)] ^= 1 << RANDOM.integers(8)
        open("broken.h5", "wb").write(broken)
        done = run("import", "broken.h5", "--name", PREFIX + "bad", "-q")
        assert done.returncode in (0, 1) and "panicked" not in done.stderr, done
        if done.returncode == 0:
            good("rm", PREFIX + "bad")


class segment:
    """A segment made of an array, for a while."""

    def __init__(self, array):
        np.save("made.npy", array)

    def __enter__(self):
        good("import", "made.npy", "--name", PREFIX + "out", "-q")
        return PREFIX + "out"

    def __exit__(self, *_):
        good("rm", PREFIX + "out")


def case_h5_out():
    for array in arrays():
        with segment(array) as name:
            good("export", name, "-o", "o.h5", "-f", "-q", "--dataset", "g/x")
        with h5py.File("o.h5") as file:
            same(np.asarray(file["g/x"][()], in_file(array.dtype)), as_in_file(array))
        same(imported("o.h5"), array)
    with segment(np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))) as name:
        good("export", name, "-o", "o.h5", "-f", "-q")
        with h5py.File("o.h5") as file:
            assert list(file) == [name] and (file[name][()] == np.arange(24.0).reshape(2, 3, 4)).all()
        good("export", name, "-o", "o.h5", "-f", "-q")
    backwards = np.zeros(4, BACKWARDS)
    backwards["a"], backwards["b"] = np.arange(4), np.arange(4) / 3
    with h5py.File("b.h5", "w") as file:
        file["x"] = backwards
    good("import", "b.h5", "--name", PREFIX + "out", "-q")
    good("export", PREFIX + "out", "-o", "o.h5", "-f", "-q", "--dataset", "x")
    bad("export", PREFIX + "out", "-o", "o.npy", words=["which .npy cannot say"])
    assert not os.path.exists("o.npy")
    good("rm", PREFIX + "out")
    same(imported("o.h5"), backwards)
    surrogate = np.array(["a", "\ud800"], "<U1")
    with segment(surrogate) as name:
        bad("export", name, "-o", "o2.h5", words=["element 1", "no character"])
        bad("export", name, "-o", "o2.csv", words=["element 1", "no character"])
    assert not os.path.exists("o2.h5") and not os.path.exists("o2.csv")


STORAGES = [
    ["--layout", "chunked"],
    ["--compress", "gzip:1"],
    ["--compress", "gzip:6", "--no-shuffle", "--fletcher32", "-j", "1"],
    ["--fletcher32", "--maxshape", "-j", "3"],
    ["--layout", "columns", "--compress", "gzip:2"],
]


def check_storage(made, options, array):
    assert made.chunks and made.maxshape[0] is None, made
    assert made.maxshape[1:] == tuple(max(n, 1) for n in array.shape[1:])
    assert made.compression == ("gzip" if "--compress" in options else None)
    assert made.shuffle == ("--compress" in options and "--no-shuffle" not in options)
    assert made.fletcher32 == ("--fletcher32" in options)


def case_h5_storage():
    """Every kind of storage, read by h5py; the bytes do not depend on the workers."""
    for i, array in enumerate(arrays()):
        options = STORAGES[i % len(STORAGES)]
        with segment(array) as name:
            if array.ndim == 0:
                bad("export", name, "-o", "s.h5", "-f", *options, words=["single value"])
                continue
            good("export", name, "-o", "s.h5", "-f", "-q", "--dataset", "g/x", *options)
        wanted = as_in_file(array)
        with h5py.File("s.h5") as file:
            made = file["g/x"]
            if isinstance(made, h5py.Group):
                assert "columns" in options and list(made) == sorted(array.dtype.names)
                for column in array.dtype.names:
                    check_storage(made[column], options, array)
                    got, of = made[column][()], wanted[column]
                    same(np.asarray(got, of.dtype if got.dtype.names is None else None), np.ascontiguousarray(of))
                continue
            check_storage(made, options, array)
            same(np.asarray(made[()], in_file(array.dtype)), wanted)
        same(imported("s.h5"), array)
    # Several blocks, a last one that is not full, all orders.
    big = fill(np.zeros((100_003, 3), "<i4")) % 1000
    tall = big.reshape(3, 100_003, 1)
    for array in [big, np.asfortranarray(big), big[:, 0].copy(), tall]:
        with segment(array) as name:
            for options in STORAGES[:4]:
                made = []
                for workers in ["1", "3"]:
                    more = ["-j", workers] if "-j" not in options else []
                    good("export", name, "-o", "s.h5", "-f", "-q", *options, *more)
                    made.append(open("s.h5", "rb").read())
                assert made[0] == made[1], options
                with h5py.File("s.h5") as file:
                    same(file[name][()], array)
                    check_storage(file[name], options, array)
            extents = (2, 50_000, 5) if array is tall else (1000, 2)[: array.ndim]
            shape = ",".join(map(str, extents))
            good("export", name, "-o", "s.h5", "-f", "-q", "--chunks", shape, "--compress", "gzip")
            with h5py.File("s.h5") as file:
                chunk = tuple(min(n, m) if i else n for i, (n, m) in enumerate(zip(extents, array.shape)))
                assert file[name].chunks == chunk, (file[name].chunks, chunk)
                same(file[name][()], array)
            bad("export", name, "-o", "s.h5", "-f", "--chunks", "1,2,3,4", words=["its chunks 4"])


def case_h5_as_convert():
    """A table that is loaded and exported is the file that a conversion makes."""
    rows = [(i, i / 7, ["ab", "c", ""][i % 3]) for i in range(90_000)]
    open("t.csv", "w").write("".join(f"{i},{x!r},\"{s}\"\n" for i, x, s in rows))
    text = ["t.csv", "--dtype", "n:i4,x:f8,s:S3", "--delimiter", ",", "--quotechar", '"']
    good("load", *text, "--name", PREFIX + "t", "-q")
    said = ["--attr", "n=3", "--attr", "/@title=all", "--dims", "row", "--units", "x=K"]
    for storage in [[], *STORAGES, ["--compress", "zstd:2", "--chunks", "777"]]:
        for more in [[], said]:
            good("export", PREFIX + "t", "-o", "e.h5", "--dataset", "t", "-f", "-q", *storage, *more)
            good("convert", *text, "-o", "c.h5", "--no-provenance", "-f", "-q", *storage, *more)
            one, other = (open(name, "rb").read() for name in ("e.h5", "c.h5"))
            assert one == other, (storage, more, len(one), len(other))
    good("rm", PREFIX + "t")


def case_h5_said():
    grid = np.arange(24.0).reshape(2, 3, 4)
    with segment(grid) as name:
        said = ["--attr", "units=K", "--attr", "lat@standard_name=latitude", "--dims", "time,lat,lon"]
        good("export", name, "-o", "d.h5", "-q", "--dataset", "a/x", *said, "--coords", "lat=0:10")
        good("export", name, "-o", "d.h5", "-q", "--dataset", "b/x", "--append", "--compress", "gzip")
        bad("export", name, "-o", "d.h5", "--dataset", "b/x", "--append", words=["b/x"])
        bad("export", name, "-o", "d.h5", words=["--append adds"])
        bad("export", name, "-o", "e.h5", "--dims", "x", words=["ax"])
        bad("export", name, "-o", "e.csv", "--compress", "gzip", words=["only in HDF5"])
        bad("export", name, "-o", "e.npy", "--append", words=["only in HDF5"])
        bad("export", name, "-o", "e.h5", "--layout", "contiguous", "--maxshape", words=["contiguous"])
    with h5py.File("d.h5") as file:
        same(file["a/x"][()], grid)
        same(file["b/x"][()], grid)
        assert file["b/x"].compression == "gzip" and file["a/x"].chunks is None
        assert file["a/x"].attrs["units"] == "K"
        assert [axis.label for axis in file["a/x"].dims] == ["time", "lat", "lon"]
        assert (file["a/x"].dims[1]["lat"][()] == [0, 10, 20]).all()
        assert file["a/lat"].attrs["standard_name"] == "latitude"
    assert not os.path.exists("e.h5") and not os.path.exists("e.csv")


def case_npy_out():
    for array in arrays():
        for one in [array, np.asfortranarray(array)] if array.ndim > 1 else [array]:
            with segment(one) as name:
                good("export", name, "-o", "o.npy", "-f", "-q")
            back = np.load("o.npy")
            same(back, array)
            assert back.flags.fnc == one.flags.fnc


def has_text(dtype):
    if dtype.subdtype:
        return has_text(dtype.subdtype[0])
    if dtype.names is not None:
        return all(has_text(dtype.fields[name][0]) for name in dtype.names)
    return dtype.kind != "V" and dtype != "M8"


def descr(dtype):
    return repr(dtype.descr) if dtype.names else dtype.str


def case_csv_out():
    for array in arrays():
        with segment(array) as name:
            if not has_text(array.dtype):
                bad("export", name, "-o", "none.csv", words=["no text"])
                assert not os.path.exists("none.csv")
                continue
            for more, read in [([], [",", "1"]), (["-d", "tab"], ["tab", "1"]), (["--no-header", "-d", " "], [" ", "0"])]:
                good("export", name, "-o", "o.csv", "-f", "-q", *more)
                delimiter, header = read
                if array.size == 0 or blank_rows(array.reshape(array.shape[0] if array.ndim else 1, -1)):
                    continue
                skip = header if array.dtype.names else "0"
                done = good("load", "o.csv", "--name", PREFIX + "again", "-q", "--delimiter", delimiter,
                            "--quotechar", '"', "--comments", "", "--skiprows", skip, "--dtype", descr(array.dtype))
                again = read_segment.attach(PREFIX + "again")
                good("rm", PREFIX + "again")
                rows = array.reshape(array.shape[0] if array.ndim else 1, -1)
                same(again, rows if array.dtype.names is None else rows.reshape(-1))
    with segment(np.array([(1, 0.1, b"a,b")], [("n", "i4"), ("x,y", "f4"), ("s", "S3")])) as name:
        out = good("export", name, "-o", "-")
        assert out == 'n,"x,y",s\n1,0.1,"a,b"\n', out
        assert good("export", name, "-o", "x.tsv", "-q") == ""
        assert open("x.tsv").read() == "n\tx,y\ts\n1\t0.1\ta,b\n"
        bad("export", name, "-o", "x.bin", words=[".h5, .npy or"])
        good("export", name, "-o", "x.bin", "--format", "npy", "-q")
        assert np.load("x.bin")["s"] == b"a,b"
    with segment(np.zeros(0, [("a", "i4"), ("b", "f4")])) as name:
        assert good("export", name, "-o", "-") == "a,b\n"
        assert good("export", name, "-o", "-", "--no-header") == ""


def blank_rows(rows):
    """A line with one empty field does not count."""
    return rows.shape[1] == 1 and rows.dtype.kind in "SU" and (rows == rows.dtype.type()).any()


def case_targets():
    with segment(np.arange(10)) as name:
        for kind in ["h5", "npy", "csv"]:
            file = f"t.{kind}"
            open(file, "w").write("mine")
            os.chmod(file, 0o640)
            bad("export", name, "-o", file, words=["file exists", "--force"])
            assert open(file).read() == "mine"
            os.symlink(file, f"link.{kind}")
            # What a dead run left is swept.
            open(f".{file}.0123456789abcdef.ndshm-tmp", "w").close()
            good("export", name, "-o", f"link.{kind}", "--force", "--sync")
            assert os.path.islink(f"link.{kind}") and os.stat(file).st_mode & 0o777 == 0o640
            assert os.path.getsize(file) > 4
            bad("export", name, "-o", f"none/{file}", words=["directory"])
            bad("export", name, "-o", f"/dev/null", "--format", kind, words=["not a regular file"])
        bad("export", name, "-o", "-", "--format", "npy")
        two = subprocess.run([NDSHM, "export", name, "-o", "d.csv", "-d", "ab"], capture_output=True, text=True)
        assert two.returncode == 2 and "one character" in two.stderr and not os.path.exists("d.csv"), two
        bad("import", "made.npy", "--name", name, words=["exists"])
        full = subprocess.run([NDSHM, "export", name, "-o", "-"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE)
        assert full.returncode == 1 and b"No space" in full.stderr, full
    bad("export", PREFIX + "none", "-o", "x.h5", words=["no segment is named"])
    assert not [f for f in os.listdir(".") if "ndshm-tmp" in f], os.listdir(".")


def killed(arguments, until):
    """Starts the command, kills it when `until` says so; whether it was in the middle."""
    running = subprocess.Popen([NDSHM, *arguments, "-q"])
    while running.poll() is None and not until():
        time.sleep(0.0005)
    running.send_signal(signal.SIGKILL)
    return running.wait() == -signal.SIGKILL


def case_kills():
    big = np.zeros(40_000_000)
    np.save("big.npy", big)
    del big
    name, seen = PREFIX + "big", 0
    for delay in [0.0, 0.005, 0.02, 0.05, 0.1]:
        begin = time.monotonic()
        if killed(["import", "big.npy", "--name", name], lambda: time.monotonic() - begin > delay):
            seen += 1
            assert not os.path.exists(f"/dev/shm/ndshm.{name}")
        else:
            good("rm", name)
    assert seen > 1
    good("import", "big.npy", "--name", name, "-q")
    for kind in ["h5", "npy", "csv"]:
        temporary = lambda: [f for f in os.listdir(".") if f.startswith(f".k.{kind}.")]
        assert killed(["export", name, "-o", f"k.{kind}"], lambda: temporary())
        assert not os.path.exists(f"k.{kind}")
        small = ["export", name, "-o", f"k.{kind}", "-q"]
        if kind == "csv":
            killed(small[:-1], lambda: len(temporary()) > 0 and os.path.getsize(temporary()[0]) > 1000)
            assert len(temporary()) <= 1, temporary()
        else:
            good(*small)
            assert not temporary() and os.path.exists(f"k.{kind}")
    good("rm", name)
    for file in ["big.npy", "k.h5", "k.npy"]:
        os.unlink(file)


if __name__ == "__main__":
    names = [name for name in dict(globals()) if name.startswith("case_")]
    for name in sys.argv[5:] or names:
        globals()[name]()
        print(name, "ok")
