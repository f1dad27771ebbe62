"""Who takes the arrays: NumPy's own protocols, pandas, xarray, Numba, pyarrow; wherever the array comes from, whether it
can be written or not, whatever goes first."""

import gc
import itertools

import numpy as np
import pytest
from numpy.lib import recfunctions
from test_arrays import same_memory

import ndshm

FLAT = np.arange(24, dtype="f8").reshape(8, 3)
# Padding, offsets that overlap nothing, nesting, big endian, subarrays, texts, times.
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "<f8"], "offsets": [3, 16], "itemsize": 40})
NESTED = np.dtype([("chr", "S3"), ("at", [("pos", ">i4"), ("end", ">u8")]), ("xyz", "<f4", (2, 2)), ("t", "M8[ms]")],
                  align=True)
SWAPPED = np.dtype([("n", ">i2"), ("x", ">f8"), ("name", ">U2")])
RECORDS = {"padded": PADDED, "nested": NESTED, "swapped": SWAPPED}


def filled(dtype):
    """Five rows of a record."""
    rows = np.zeros(5, dtype)
    for place, name in enumerate(dtype.names):
        part = rows[name]
        while part.dtype.names:
            part = part[part.dtype.names[0]]
        part[...] = (np.arange(1, 6) * (place + 1)).astype(part.dtype).reshape((5,) + (1,) * (part.ndim - 1))
    return rows


def created(values, name):
    made = ndshm.create(name, values.shape, values.dtype)
    made.array[...] = values
    return made.publish().array, True


def attached(values, name, mode="r"):
    made = ndshm.create(name, values.shape, values.dtype, policy="persist").publish()
    made.array[...] = values
    return ndshm.attach(name, mode).array, mode == "r+"


def shared(values, name):
    return ndshm.array(values), True


def draft(values, name):
    made = ndshm.create(name, values.shape, values.dtype)
    made.array[...] = values
    return made.array, True


SOURCES = {"created": created, "attached": attached, "attached to write": lambda v, n: attached(v, n, "r+"),
           "without a name": shared, "draft": draft}


@pytest.fixture(params=SOURCES)
def table(request, name):
    """An array of two dimensions, and whether it can be written. Its handle is closed and gone."""
    made = SOURCES[request.param](FLAT, name)
    gc.collect()
    return made


@pytest.fixture(params=itertools.product(RECORDS, SOURCES), ids="-".join)
def record(request, name):
    """A structured array, what is in it, and whether it can be written."""
    values = filled(RECORDS[request.param[0]])
    array, writable = SOURCES[request.param[1]](values, name)
    return array, values, writable


def test_numpy(table, folder):
    array, writable = table
    assert type(array) is np.ndarray
    assert np.asarray(array) is array
    assert array.flags.writeable == writable
    assert array.__array_interface__["data"] == (array.ctypes.data, not writable)
    np.save(folder / "a.npy", array)
    np.testing.assert_array_equal(np.load(folder / "a.npy"), FLAT)
    array.tofile(folder / "a.raw")
    assert (folder / "a.raw").read_bytes() == FLAT.tobytes()
    assert (array + 1).sum() == FLAT.sum() + FLAT.size
    assert np.array(array).flags.writeable
    np.testing.assert_array_equal(np.sort(array.ravel()), FLAT.ravel())


def test_buffers(table):
    array, writable = table
    view = memoryview(array)
    assert (view.readonly, view.format, view.shape, view.strides) == (not writable, "d", (8, 3), (24, 8))
    assert same_memory(np.asarray(view), array)
    assert bytes(view) == FLAT.tobytes()
    del array, table
    assert np.asarray(view)[7, 2] == 23
    if writable:
        view[0, 0] = 5
        assert np.asarray(view)[0, 0] == 5
    else:
        with pytest.raises(TypeError, match="read-only"):
            view[0, 0] = 5


def test_dlpack(table):
    array, writable = table
    assert array.__dlpack_device__() == (1, 0)
    try:
        shown = np.from_dlpack(array)
    except BufferError:  # older NumPy does not give what is read-only
        assert not writable
        return
    assert same_memory(shown, array)
    assert writable or not shown.flags.writeable
    del array, table
    gc.collect()
    assert shown[7, 2] == 23


def test_records(record, folder):
    array, values, writable = record
    assert array.dtype == values.dtype
    assert array.dtype.fields == values.dtype.fields
    assert array.strides == values.strides
    assert array.flags.writeable == writable
    np.testing.assert_array_equal(array, values)
    for name in values.dtype.names:
        column = array[name]
        np.testing.assert_array_equal(column, values[name])
        assert column.dtype.byteorder == values[name].dtype.byteorder
        assert same_memory(column[1:], array)
    np.save(folder / "a.npy", array)
    np.testing.assert_array_equal(np.load(folder / "a.npy"), values)
    assert recfunctions.structured_to_unstructured(array[list(values.dtype.names[:1])]).shape == (5, 1)
    assert same_memory(array.view(np.recarray), array)
    again = np.asarray(array.view("u1").data).view(values.dtype)
    np.testing.assert_array_equal(again, values)
    with pytest.raises((BufferError, TypeError)):
        np.from_dlpack(array)


def test_pandas(table):
    pandas = pytest.importorskip("pandas")
    array, _ = table
    frame = pandas.DataFrame(array, columns=["x", "y", "z"], copy=False)
    assert np.shares_memory(frame["y"].to_numpy(), array)
    del array, table
    gc.collect()
    assert frame["z"].sum() == FLAT[:, 2].sum()
    assert frame.groupby(frame["x"] > 9)["y"].mean().tolist() == [5.5, 17.5]


def test_records_and_pandas(record):
    pandas = pytest.importorskip("pandas")
    array, values, _ = record
    scalars = [name for name in values.dtype.names if values.dtype[name].names is None and not values.dtype[name].shape]
    frame = pandas.DataFrame({name: array[name].astype(array.dtype[name].newbyteorder("=")) for name in scalars})
    whole = pandas.DataFrame.from_records(array[scalars])
    for name in scalars:
        assert frame[name].tolist() == whole[name].tolist()
        assert len(frame) == 5


def test_xarray(table):
    xarray = pytest.importorskip("xarray")
    array, writable = table
    data = xarray.DataArray(array, dims=("row", "column"))
    assert same_memory(data.values, array)
    del array, table
    gc.collect()
    assert data.mean("row").values.tolist() == FLAT.mean(0).tolist()
    if not writable:
        with pytest.raises(ValueError, match=r"read-only|is a view"):
            data[0, 0] = 1


def test_numba(table):
    numba = pytest.importorskip("numba")
    array, writable = table
    assert numba.njit(lambda a: a[1:, ::2].sum())(array) == FLAT[1:, ::2].sum()
    fill = numba.njit(numba_fill)
    if writable:
        fill(array)
        assert array.sum() == 24 * 7
    else:
        with pytest.raises(numba.TypingError):
            fill(array)


def numba_fill(a):
    a[:] = 7


def numba_total(a):
    total = 0.0
    for row in a:
        total += row["b"]
    return total


@pytest.mark.parametrize("source", SOURCES)
def test_records_and_numba(source, name):
    numba = pytest.importorskip("numba")
    array, _ = SOURCES[source](filled(PADDED), name)
    assert numba.njit(numba_total)(array) == array["b"].sum() > 0


def test_pyarrow(table):
    pyarrow = pytest.importorskip("pyarrow")
    array, _ = table
    column = np.asfortranarray(array)[:, 1] if not array.flags.f_contiguous else array[:, 1]
    assert pyarrow.array(column).to_pylist() == FLAT[:, 1].tolist()
    flat = pyarrow.array(array.reshape(-1))
    tensor = pyarrow.Tensor.from_numpy(array)
    assert flat.buffers()[1].address == array.ctypes.data
    assert same_memory(tensor.to_numpy(), array)
    del array, table
    gc.collect()
    assert flat.to_pylist() == FLAT.ravel().tolist()
    assert tensor.to_numpy()[7, 2] == 23


def test_records_and_pyarrow(record):
    pyarrow = pytest.importorskip("pyarrow")
    array, values, _ = record
    for name in values.dtype.names:
        kind = values.dtype[name]
        if kind.kind in "iufS" and kind.isnative and not kind.shape:
            assert pyarrow.array(array[name]).to_pylist() == values[name].tolist()


def test_text_gives_the_same_arrays(folder):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    (folder / "a.tsv").write_text("chr1 1 0.5\nchr2 2 1.5\n")
    rows = ndshm.loadtxt(folder / "a.tsv", dtype=NUMBERS)
    assert pandas.DataFrame(rows)["pos"].tolist() == [1, 2]
    assert pyarrow.array(rows["x"]).to_pylist() == [0.5, 1.5]
    numbers = ndshm.loadtxt(folder / "a.tsv", usecols=(1, 2))
    shown = np.from_dlpack(numbers)
    assert same_memory(shown, numbers)
    assert memoryview(numbers).readonly is False
    numbers[0, 0] = 9
    assert shown[0, 0] == 9
    loaded = ndshm.load(folder / "a.tsv", dtype=NUMBERS).array
    np.testing.assert_array_equal(loaded, rows)
    assert pandas.DataFrame(loaded)["x"].sum() == 2


NUMBERS = np.dtype([("chr", "S4"), ("pos", ">i4"), ("x", "<f8")])
KINDS = {
    "an array": "array",
    "a view": "array[1:, ::2]",
    "a memoryview": "memoryview(array)",
    "an array of a memoryview": "np.asarray(memoryview(array))",
    "an array of DLPack": "np.from_dlpack(array)",
    "a capsule": "array.__dlpack__()",
    "an iterator": "iter(array)",
    "a buffer of ctypes": "(ctypes.c_ubyte * array.nbytes).from_buffer(array) if array.flags.writeable else array",
    "pandas": "__import__('pandas').DataFrame(array)",
    "xarray": "__import__('xarray').DataArray(array)",
    "pyarrow": "__import__('pyarrow').py_buffer(array)",
}
# What becomes of the handle, the array and what was made of it: the last lines of a program.
ORDERS = {
    "all in globals": "",
    "the handle first": "t.close(); del t, array",
    "the array first": "del array; gc.collect(); t.close()",
    "what was made first": "del kept; gc.collect(); del array; t.close()",
    "in a cycle": "cycle = [t, array, kept]; cycle.append(cycle); del t, array, kept",
    "in a thread": "threading.Thread(target=lambda k=kept: time.sleep(0.01)).start(); del t, array, kept",
    "in a function called last": "atexit.register(lambda k=kept: read(k)); del t, array, kept",
    "in a module": "sys.modules['keeper'] = type(sys)('keeper'); sys.modules['keeper'].kept = kept; del t",
    "an exception": "del t, array",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_order_of_exit(kind, python, name):
    """One program for each: children, which end in each of the orders as a program does."""
    for package in ("pandas", "xarray", "pyarrow"):
        if kind == package:
            pytest.importorskip(package)
    # The end of a program with xarray takes long.
    orders = list(ORDERS.values())[::3 if kind == "xarray" else 1]
    out = python(f"""
        import atexit, ctypes, gc, multiprocessing, os, threading, time, warnings
        if {kind!r} in ("pandas", "xarray", "pyarrow"):
            __import__({kind!r})
        for number, (order, mode) in enumerate(zip({orders!r}, ["r", "r+"] * 9)):
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                break
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), end=" ")
        else:
            print([i.name for i in ndshm.ls() if i.name.startswith({name!r})])
            sys.exit()
        made = ndshm.create(f"{name}-{{number}}", (8, 3), "f8", policy="last-detach").publish()
        made.array[...] = 1
        t = ndshm.attach(made.name, mode)
        made.close()
        array = t.array
        try:
            kept = {KINDS[kind]}
        except BufferError:  # older NumPy does not give what is read-only
            kept = array
        def read(made):
            np.asarray(made).sum()
        exec(order)
        if "kept" in globals():
            read(kept)
    """)
    assert out == "0 " * len(orders) + "[]\n"


def test_a_view_outlives_everything(name):
    """Views of views, when handle and names are gone."""
    made = ndshm.create(name, (4, 4), "i4").publish()
    made.array[...] = np.arange(16).reshape(4, 4)
    seen = ndshm.attach(name)
    views = [seen.array[1:, 1:].T[::-1], seen.array.view("u1")[:, 4:8], seen.array.reshape(2, 2, 4)[1],
             np.lib.stride_tricks.sliding_window_view(seen.array, 2, axis=0)]
    copies = [view.copy() for view in views]
    seen.close()
    made.close()
    assert name in [found.name for found in ndshm.ls()]
    gc.collect()
    for view, copy in zip(views, copies):
        np.testing.assert_array_equal(view, copy)
    del made, seen, view, views
    gc.collect()
    assert name not in [found.name for found in ndshm.ls()]
