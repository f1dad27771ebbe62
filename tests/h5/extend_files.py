"""Files of other writers whose datasets get more rows, and a look at what became of them.

    extend_files.py make DIR          makes KIND.h5 and KIND.txt, and prints a line for each:
                                      kind, path of the dataset, rows to be added
    extend_files.py check DIR KIND    compares the dataset with all of its rows
    extend_files.py same A B PATH     compares a dataset, or a group of columns, of two files
    extend_files.py refused DIR       makes files that cannot grow: kind, path, words
"""

import sys

import h5py
import numpy as np

OLD, ALL = 157, 400


def grid(*shape, dtype="<i4"):
    return (np.arange(np.prod(shape)) * 7 % 1009).reshape(shape).astype(dtype)


def records(n, dtype):
    rows = np.zeros(n, dtype)
    for k, name in enumerate(rows.dtype.names):
        field = rows.dtype[name]
        i = np.arange(n)
        if field.kind == "S":
            rows[name] = np.array([b"t%d" % (j % 90) for j in i]).astype(field)
        elif field.kind == "b":
            rows[name] = i % 3 == 0
        elif field.shape:
            rows[name] = (i[:, None] + np.arange(field.shape[0]) + k).astype(field.base)
        else:
            rows[name] = ((i * (k + 3)) % 120).astype(field)
    return rows


def text(rows):
    def cell(value):
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, (bool, np.bool_)):
            return str(int(value))
        return repr(value.item() if hasattr(value, "item") else value)

    lines = []
    for row in rows:
        flat = []
        if rows.dtype.names:
            for value in row:
                flat += [cell(v) for v in np.asarray(value).ravel()] if np.ndim(value) else [cell(value)]
        else:
            flat = [cell(v) for v in np.asarray(row).ravel()]
        lines.append(" ".join(flat))
    return "\n".join(lines) + "\n"


RECORD = [("name", "S7"), ("a", "<i4"), ("b", ">f8"), ("on", "?"), ("h", "<f2"), ("v", "<i2", (2,))]
PADDED = np.dtype({"names": ["a", "b"], "formats": ["u1", "<f8"], "offsets": [0, 8], "itemsize": 24})

# kind: rows, keywords of File, keywords of create_dataset
KINDS = {
    "line": (grid(ALL, dtype="<f8"), {}, {"chunks": (50,)}),
    "grid": (grid(ALL, 5), {}, {"chunks": (7, 2)}),
    "wide": (grid(ALL, 5), {}, {"chunks": (64, 16), "maxshape": (None, None)}),
    "cube": (grid(ALL, 3, 4, dtype=">f4"), {}, {"chunks": (10, 2, 4), "compression": "gzip"}),
    "record": (
        records(ALL, RECORD),
        {},
        {"chunks": (33,), "compression": "gzip", "shuffle": True, "fletcher32": True},
    ),
    "padded": (records(ALL, PADDED), {}, {"chunks": (33,), "shuffle": True}),
    "guessed": (grid(ALL, 5, dtype="<f8"), {}, {"chunks": True, "compression": 9}),
    "array": (grid(ALL, 5), {"libver": ("v110", "v110")}, {"chunks": (7, 2), "compression": "gzip"}),
    "tree": (grid(ALL, 5), {"libver": ("v110", "v110")}, {"chunks": (7, 2), "maxshape": (None, None)}),
    "fixed": (grid(ALL, 5), {"libver": ("v110", "v110")}, {"chunks": (7, 2), "maxshape": (ALL, 5)}),
    "block": (grid(ALL, 5), {"userblock_size": 512}, {"chunks": (7, 2), "shuffle": True}),
    "paged": (
        grid(ALL, 5),
        {"fs_strategy": "page", "fs_persist": True, "fs_page_size": 4096},
        {"chunks": (40, 2), "compression": "gzip"},
    ),
    "persist": (
        grid(ALL, 5),
        {"fs_strategy": "fsm", "fs_persist": True},
        {"chunks": (40, 2), "compression": "gzip"},
    ),
    "full": (grid(ALL, 5), {}, {"chunks": (OLD, 5), "maxshape": (ALL, 5)}),
    "one": (grid(ALL, 5), {}, {"chunks": (1000, 5), "compression": "gzip"}),
}


def make_sparse(path):
    """Rows that nobody has written, in the last chunk and beyond."""
    with h5py.File(path, "w") as f:
        d = f.create_dataset("g/t", (10, 3), "<i4", maxshape=(None, 3), chunks=(30, 2), fillvalue=-7)
        d[:4] = 5
        d.resize(OLD, axis=0)
    rows = grid(ALL, 3)
    rows[:OLD] = -7
    rows[:4] = 5
    return rows


def make_early(path):
    rows = grid(ALL, 5)
    with h5py.File(path, "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((20, 5))
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        space = h5py.h5s.create_simple((OLD, 5), (h5py.h5s.UNLIMITED, 5))
        f.create_group("g")
        d = h5py.h5d.create(f.id, b"g/t", h5py.h5t.STD_I32LE, space, plist)
        h5py.Dataset(d)[...] = rows[:OLD]
    return rows


def make_tables(path, kind):
    import tables

    filters = tables.Filters(complevel=5, complib="zlib", shuffle=True)
    with tables.open_file(path, "w") as f:
        group = f.create_group("/", "g")
        if kind == "earray":
            rows = grid(ALL, 4, dtype="<f8")
            a = f.create_earray(group, "t", obj=rows[:OLD], filters=filters, chunkshape=(30, 4))
            a.attrs.unit = "K"
            return rows
        rows = records(ALL, [("name", "S7"), ("a", "<i4"), ("b", "<f8")])
        f.create_table(group, "t", obj=rows[:OLD], filters=filters, chunkshape=60)
        return rows


def make_pandas(path):
    import pandas as pd

    frame = pd.DataFrame({"x": np.arange(ALL) * 0.5, "y": np.arange(ALL) * 1.25})
    with pd.HDFStore(path, "w") as store:
        store.append("g", frame[:OLD], format="table", index=False)
    with h5py.File(path) as f:
        names = f["g/table"].dtype.names
        assert names == ("index", "values_block_0"), names
    rows = np.zeros(ALL, [("index", "<i8"), ("values_block_0", "<f8", (2,))])
    rows["index"] = frame.index
    rows["values_block_0"] = frame.to_numpy()
    return rows


SPECIAL = {
    "sparse": make_sparse,
    "early": make_early,
    "table": lambda path: make_tables(path, "table"),
    "earray": lambda path: make_tables(path, "earray"),
    "pandas": make_pandas,
}


def where(kind):
    return "g/table" if kind == "pandas" else "g/t"


def make(folder):
    for kind in [*KINDS, *SPECIAL]:
        path = f"{folder}/{kind}.h5"
        if kind in SPECIAL:
            try:
                rows = SPECIAL[kind](path)
            except ImportError:
                continue
        else:
            rows, how, what = KINDS[kind]
            what = {"maxshape": (None, *rows.shape[1:]), **what}
            with h5py.File(path, "w", **how) as f:
                d = f.create_dataset("g/t", data=rows[:OLD], **what)
                d.attrs["units"] = "K"
                f["g/beside"] = np.arange(9000)
                f["g/again"] = rows[:OLD]
        with open(f"{folder}/{kind}.txt", "w") as out:
            out.write(text(rows[OLD:]))
        np.save(f"{folder}/{kind}.npy", rows)
        print(kind, where(kind), ALL - OLD)


def check(folder, kind, old):
    rows = np.load(f"{folder}/{kind}.npy")
    with h5py.File(f"{folder}/{kind}.h5") as f, h5py.File(old) as o:
        d, was = f[where(kind)], o[where(kind)]
        assert d.shape == rows.shape, (d.shape, rows.shape)
        found = d[...]
        bad = [i for i in range(len(rows)) if not np.array_equal(found[i], rows[i])]
        assert not bad, (bad[:5], found[bad[:5]], rows[bad[:5]])
        for what in ["dtype", "chunks", "maxshape", "compression", "compression_opts", "shuffle", "fletcher32"]:
            assert getattr(d, what) == getattr(was, what), what
        assert np.array_equal(d.fillvalue, was.fillvalue)
        for name, value in was.attrs.items():
            if name != "NROWS":
                assert np.array_equal(d.attrs[name], value), name
        for name in o["g"]:
            if name not in ("t", "table"):
                assert np.array_equal(f["g"][name][...], o["g"][name][...]), name
    if kind in ("wide", "sparse", "one", "full"):
        grow(folder, kind, rows)
    if kind in ("table", "earray", "pandas"):
        import tables

        with tables.open_file(f"{folder}/{kind}.h5", "a") as f:
            node = f.get_node("/" + where(kind))
            assert node.nrows == len(rows) and np.array_equal(node[:], rows)
            if kind != "earray":
                assert node.attrs.NROWS == len(rows), node.attrs.NROWS
            node.append(rows[:3])
            assert np.array_equal(node[-4:], np.concatenate([rows[-1:], rows[:3]]))
    if kind == "pandas":
        import pandas as pd

        frame = pd.read_hdf(f"{folder}/{kind}.h5", "g")
        assert len(frame) == len(rows) + 3 and frame["y"].iloc[399] == 399 * 1.25


def grow(folder, kind, rows):
    """What is behind the rows reads as nothing once the dataset is made larger."""
    with h5py.File(f"{folder}/{kind}.h5", "r+") as f:
        d = f[where(kind)]
        if d.maxshape[0] is not None:
            return
        n = len(rows)
        d.resize(n + 30, axis=0)
        assert np.all(d[n:] == d.fillvalue), d[n:]
        d.resize(n, axis=0)
        assert np.array_equal(d[...], rows)


def same(a, b, path):
    with h5py.File(a) as fa, h5py.File(b) as fb:
        x, y = fa[path], fb[path]
        if isinstance(x, h5py.Group):
            assert list(x) == list(y)
            pairs = [(x[name], y[name]) for name in x]
        else:
            pairs = [(x, y)]
        for x, y in pairs:
            alike(x, y)


def alike(x, y):
    for what in ["shape", "dtype", "chunks", "maxshape", "shuffle", "fletcher32"]:
        assert getattr(x, what) == getattr(y, what), (what, getattr(x, what), getattr(y, what))
    assert h5py.check_enum_dtype(x.dtype) == h5py.check_enum_dtype(y.dtype)
    plists = [d.id.get_create_plist() for d in (x, y)]
    filters = [[p.get_filter(i) for i in range(p.get_nfilters())] for p in plists]
    assert filters[0] == filters[1], filters
    counts = [d.id.get_num_chunks() for d in (x, y)]
    assert counts[0] == counts[1], counts
    for i in range(counts[0]):
        at = y.id.get_chunk_info(i).chunk_offset
        # The very bytes: the same rows, packed in the same way.
        assert x.id.read_direct_chunk(at) == y.id.read_direct_chunk(at), at
    if not any(f[0] == 32015 for f in filters[0]):
        assert np.array_equal(x[...], y[...])


def refused(folder):
    def file(kind, words, path="g/t", **what):
        with h5py.File(f"{folder}/{kind}.h5", "w") as f:
            f.create_dataset("g/t", **{"data": grid(10, 5), **what})
        print(kind, path, words, sep="|")

    file("contiguous", "has no chunks")
    file("limited", "can have 12 rows and no more", maxshape=(12, 5), chunks=(4, 5))
    file("stuck", "can have 10 rows and no more", chunks=(4, 5))
    file("lzf", "is packed with lzf", maxshape=(None, 5), compression="lzf")
    file("scaled", "is packed with scaleoffset", maxshape=(None, 5), scaleoffset=0)
    file("nowhere", "the file has no such dataset", path="g/u")
    file("group", "is a group", path="g")
    file("single", "is a single value", data=3)
    file("narrow", "its rows have the shape (4,), and those of the text (5,)", data=grid(10, 4), maxshape=(None, 4))
    file("strings", "strings of variable length", data=["a"] * 5, maxshape=(None,))
    for kind, dtype in [("utf8", h5py.string_dtype("utf-8", 8))]:
        file(kind, "are UTF-8", data=np.zeros(5, "S8").astype(dtype), maxshape=(None,))
    with h5py.File(f"{folder}/blanks.h5", "w") as f:
        kind = h5py.h5t.FORTRAN_S1.copy()
        kind.set_size(8)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((20,))
        space = h5py.h5s.create_simple((5,), (h5py.h5s.UNLIMITED,))
        h5py.h5d.create(f.id, b"t", kind, space, plist)
    print("blanks", "t", "padded with blanks", sep="|")
    with h5py.File(f"{folder}/order.h5", "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((20,))
        plist.set_fletcher32()
        plist.set_deflate(4)
        space = h5py.h5s.create_simple((5,), (h5py.h5s.UNLIMITED,))
        h5py.h5d.create(f.id, b"t", h5py.h5t.STD_I32LE, space, plist)
    print("order", "t", "has the filter gzip behind others", sep="|")
    with h5py.File(f"{folder}/links.h5", "w") as f:
        f.create_dataset("g/t", data=grid(10, 5), maxshape=(None, 5))
        f["soft"] = h5py.SoftLink("/g/t")
        f["out"] = h5py.ExternalLink("lzf.h5", "/g/t")
        f["way"] = h5py.SoftLink("/g")
    for path in ["soft", "out", "way/t"]:
        print("links", path, "a link leads to it", sep="|")
    with h5py.File(f"{folder}/scales.h5", "w") as f:
        d = f.create_dataset("g/t", data=grid(10, 5), maxshape=(None, 5))
        f.create_dataset("time", data=np.arange(10.0), maxshape=(None,))
        f["time"].make_scale("time")
        d.dims[0].attach_scale(f["time"])
    print("scales", "g/t", "dimension scale 'time'", sep="|")
    try:
        import tables
    except ImportError:
        return
    with tables.open_file(f"{folder}/index.h5", "w") as f:
        t = f.create_table("/", "t", obj=records(50, [("a", "<i4"), ("b", "<f8")]))
        t.cols.a.create_index()
    print("index", "t", "PyTables keeps an index", sep="|")


NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."


def scaled(path):
    """As netCDF-4 has it: a grid along a scale, both without limit."""
    with h5py.File(path, "w", libver=("earliest", "v110")) as f:
        time = f.create_dataset("time", data=np.arange(10.0), maxshape=(None,), chunks=(4,))
        time.make_scale("time")
        y = f.create_dataset("y", data=np.arange(2.0))
        y.make_scale("y")
        temp = f.create_dataset("temp", data=np.zeros((10, 2)), maxshape=(None, 2), chunks=(4, 2))
        temp.dims[0].attach_scale(time)
        temp.dims[1].attach_scale(y)
        f["again"] = temp
        # A dimension without values, as netCDF-4 has it.
        bare = f.create_dataset("n", shape=(10,), dtype="f4", maxshape=(None,), chunks=(4,))
        bare.make_scale(f"{NO_VARIABLE}{10:11}")
        line = f.create_dataset("line", data=np.arange(10, dtype="i4"), maxshape=(None,))
        line.dims[0].attach_scale(bare)


def rescaled(path):
    with h5py.File(path) as f:
        assert f["temp"].shape == (13, 2) and f["temp"][12, 1] == 6
        assert list(f["time"][-4:]) == [9, 7, 8, 9]
        assert f["line"].shape == f["n"].shape == (12,) and f["line"][11] == 8
        assert f["n"].attrs["NAME"].decode() == f"{NO_VARIABLE}{12:11}"
        assert f["temp"].dims[0][0] == f["time"] and f["temp"].dims[1][0] == f["y"]


if __name__ == "__main__":
    modes = {"make": make, "check": check, "same": same, "refused": refused}
    modes.update(scaled=scaled, rescaled=rescaled)
    modes[sys.argv[1]](*sys.argv[2:])
