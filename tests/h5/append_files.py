"""HDF5 files of many kinds to add datasets to, and whether they are still what they were.

    append_files.py make FOLDER         files to add to; prints their names
    append_files.py check OLD NEW NAME=TEXT...
                                        everything of OLD is in NEW, which also has the datasets
                                        NAME, with the numbers of the file TEXT, and nothing else
"""

import os
import sys

import h5py
import numpy as np


def fill(f, folder):
    rng = np.random.default_rng(7)
    f.attrs["title"] = "größe"
    f.attrs["many"] = np.arange(1000)
    f["gone"] = np.zeros(100_000)
    f["plain"] = rng.random(50_000)
    f["small"] = np.arange(7, dtype=">i2")
    f["empty"] = np.empty((0, 3))
    f["null"] = h5py.Empty("f8")
    f["scalar"] = np.array([(1, b"ab")], dtype="i4,S3")[0]
    f.create_dataset("never written", (1000,), "f8")
    f.create_dataset("chunked", data=rng.integers(0, 99, (300, 200)), chunks=(70, 30))
    f.create_dataset("growing", data=np.arange(9000), chunks=(1000,), maxshape=(None,))
    f.create_dataset(
        "packed", data=rng.integers(0, 9, 100_000), chunks=(5000,), compression="gzip",
        shuffle=True, fletcher32=True,
    )
    f.create_dataset("one chunk", data=np.arange(40_000), chunks=(40_000,), maxshape=(40_000,))
    f.create_dataset("sparse", (10**9,), "f4", chunks=(10**6,))[123456789] = 3
    f["text"] = ["", "µ", "a" * 5000, "b"]
    f["lists"] = np.array([np.arange(3), np.arange(70_000)], dtype=h5py.vlen_dtype("i4"))
    f["flags"] = np.array([True, False])
    deep = f.create_group("a/b/c")
    deep["x"] = rng.random((40, 50))
    deep.attrs["r"] = f["plain"].ref
    for i in range(20):
        deep.attrs[f"attribute {i}"] = f"value {i}" * 20
    wide = f.create_group("wide", track_order=True)
    for i in range(300):
        wide[f"object {i}"] = i
    f["references"] = np.array([f["plain"].ref, deep.ref], dtype=h5py.ref_dtype)
    f["region"] = np.array([f["plain"].regionref[3:9]], dtype=h5py.regionref_dtype)
    f["soft"] = h5py.SoftLink("/a/b")
    f["dangling"] = h5py.SoftLink("/nowhere")
    f["outside"] = h5py.ExternalLink("other.h5", "/x")
    f["again"] = f["plain"]
    f["again too"] = f["a/b"]
    f["a/loop"] = f["a"]
    f["type"] = np.dtype("i4,f8")
    raw = os.path.join(folder, "raw.bin")
    np.arange(100.0).tofile(raw)
    f.create_dataset("external", (100,), "f8", external=[(raw, 0, 800)])
    # Room in the middle, which is kept track of in files that do so.
    del f["gone"]


def make(folder):
    with h5py.File(os.path.join(folder, "other.h5"), "w") as f:
        f["x"] = 1
    paged = dict(fs_strategy="page", fs_persist=True, fs_page_size=4096)
    kinds = {
        "default": {},
        "earliest": dict(libver="earliest"),
        "v108": dict(libver=("v108", "v108")),
        "v110": dict(libver=("v110", "v110")),
        "latest": dict(libver="latest"),
        "userblock": dict(userblock_size=512),
        "userblock_latest": dict(userblock_size=4096, libver="latest"),
        "persist": dict(fs_strategy="fsm", fs_persist=True, fs_threshold=1),
        "paged": paged,
        "ordered": dict(track_order=True),
    }
    for name, options in kinds.items():
        path = os.path.join(folder, name + ".h5")
        with h5py.File(path, "w", **options) as f:
            fill(f, folder)
            if name not in ("earliest", "v108"):
                layout = h5py.VirtualLayout((2, 40, 50), "f8")
                layout[0] = h5py.VirtualSource(f["a/b/c/x"])
                f.create_virtual_dataset("virtual", layout, fillvalue=-1)
        if "userblock" in name:
            with open(path, "r+b") as f:
                f.write(b"MATLAB 7.3 MAT-file, and so on".ljust(options["userblock_size"], b"."))
    with h5py.File(os.path.join(folder, "nothing.h5"), "w"):
        pass
    print("\n".join([*kinds, "nothing"]))


def value(f, v):
    """What a value is, as text."""
    if isinstance(v, h5py.Reference):
        return f[v].name if v else "null"
    if isinstance(v, h5py.RegionReference):
        return f[v].name + repr(f[v][v].tolist())
    if isinstance(v, h5py.Empty):
        return "empty"
    if isinstance(v, np.ndarray) and v.dtype.kind == "O":
        return [value(f, x) for x in v.ravel()]
    if isinstance(v, (np.ndarray, np.generic)):
        return (str(v.dtype), v.shape, v.tobytes())
    return repr(v)


def everything(path):
    """All links, and what the objects behind them are."""
    found = {}
    with h5py.File(path) as f:
        found["/"] = {k: value(f, v) for k, v in f.attrs.items()}
        found["userblock"] = open(path, "rb").read(f.userblock_size)

        def visit(name, link):
            if not isinstance(link, h5py.HardLink):
                found[name] = (type(link).__name__, link.path)
                return
            o = f[name]
            content = None
            if isinstance(o, h5py.Dataset):
                if o.size and o.size < 10**8:
                    content = value(f, o[()])
                elif o.size:
                    content = value(f, o[123456780:123456799])
                plist = o.id.get_create_plist()
                content = (content, o.shape, o.maxshape, o.chunks, o.compression, str(o.dtype),
                           plist.get_layout())
            attrs = {} if isinstance(o, h5py.Datatype) else o.attrs
            attrs = {k: value(f, v) for k, v in attrs.items()}
            found[name] = (type(o).__name__, content, attrs)

        f.visititems_links(visit)
    return found


def check(old, new, *added):
    before, after = everything(old), everything(new)
    for name, what in before.items():
        assert name in after, f"{name} is gone"
        assert after[name] == what, f"{name} changed: {str(what)[:300]} {str(after[name])[:300]}"
    names = set()
    with h5py.File(new) as f:
        for pair in added:
            name, _, text = pair.partition("=")
            want = np.loadtxt(text, ndmin=2)
            assert (f[name][()] == want).all() and f[name].shape == want.shape, name
            names.update(name[:i] for i in range(len(name) + 1) if i == len(name) or name[i] == "/")
    extra = set(after) - set(before) - names
    assert not extra, extra
    # A file that others can go on with.
    with h5py.File(new, "r+") as f:
        f["and one more"] = np.arange(100_000)
    again = everything(new)
    del again["and one more"]
    assert again == after


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
