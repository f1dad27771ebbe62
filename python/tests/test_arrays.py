"""Segments as arrays: what they show, whether they can be written, who accepts them."""

import math
import pickle
import signal
import threading
import time

import numpy as np
import pytest

import ndshm


def same_memory(view, array):
    """Whether a view lies in an array, from its first byte on at the earliest."""
    start = array.ctypes.data
    return start <= view.ctypes.data < start + array.nbytes


def test_what_one_process_writes_another_sees(name, python):
    with ndshm.create(name, (3, 4), "f4", metadata=b"units=K") as made:
        made.array[:] = np.arange(12).reshape(3, 4)
        made.publish()
        seen = python("""
            t = ndshm.attach(sys.argv[1])
            print(t.array.sum(), t.shape, t.dtype, t.policy, t.metadata, t.holders, t.uuid, t.array.flags.writeable)
        """, name)
        assert seen.split("\n")[0] == f"66.0 (3, 4) float32 last-detach b'units=K' 2 {made.uuid} False"
    with pytest.raises(ndshm.NotFoundError):
        ndshm.attach(name)


def test_read_only_stays_read_only(name):
    with ndshm.create(name, 4).publish() as made:
        with ndshm.attach(name) as seen:
            with pytest.raises(ValueError, match="read-only"):
                seen.array[0] = 1
            for shown in (seen.array, seen.array[1:], seen.array.view("u8")):
                with pytest.raises(ValueError, match="WRITEABLE"):
                    shown.flags.writeable = True
        with ndshm.attach(name, mode="r+") as seen:
            seen.array[:] = 7
        assert made.array.tolist() == [7] * 4


def test_writable_arrays_are_as_numpy_makes_them():
    a = ndshm.zeros((2, 2))
    a.flags.writeable = False
    a.flags.writeable = True
    a[0, 0] = 1
    assert type(a) is np.ndarray
    assert a.flags.c_contiguous
    assert a.flags.aligned


def test_order_and_extents(name):
    with ndshm.create(name, (2, 3, 4), "i2", order="F").publish() as made:
        made.array[:] = np.arange(24).reshape(2, 3, 4)
        with ndshm.attach(name) as seen:
            assert seen.array.flags.f_contiguous
            np.testing.assert_array_equal(seen.array, np.arange(24).reshape(2, 3, 4))
    for shape in [(), 0, (3, 0), (1,) * 32]:
        assert ndshm.zeros(shape).shape == (shape if isinstance(shape, tuple) else (shape,))
    with pytest.raises(ValueError, match="negative"):
        ndshm.zeros((2, -1))
    with pytest.raises(ndshm.ArgumentError):
        ndshm.zeros((1,) * 33)


def test_a_draft_is_seen_by_nobody(name):
    made = ndshm.create(name, 3)
    assert not made.published
    assert "not published" in repr(made)
    with pytest.raises(FileNotFoundError):
        ndshm.attach(name)
    with pytest.raises(ndshm.NotFoundError):
        ndshm.attach(name, timeout=0.15)
    made.close()
    assert made.closed
    with pytest.raises(ValueError, match="closed"):
        made.array  # noqa: B018 - it raises


def test_repr_says_what_it_is(name):
    with ndshm.create(name, (2, 3), "f4").publish() as made:
        assert repr(made) == f"<ndshm.Segment {name!r}: shape=(2, 3), dtype=float32, policy='last-detach', holders=1>"
        with ndshm.attach(name):
            assert made.holders == 2
    assert repr(made) == f"<ndshm.Segment {name!r}, closed>"


def test_attach_waits_until_the_segment_is_there(name):
    made = []

    def create():
        time.sleep(0.25)
        made.append(ndshm.create(name, 2).publish())

    thread = threading.Thread(target=create)
    thread.start()
    with ndshm.attach(name, timeout=math.inf) as seen:
        assert seen.shape == (2,)
    thread.join()


def test_signals_end_the_waiting(name):
    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            ndshm.attach(name, timeout=30)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_name_is_taken_once(name):
    with ndshm.create(name, 2).publish(), pytest.raises(FileExistsError) as caught:
        ndshm.create(name, 2).publish()
    assert isinstance(caught.value, ndshm.ExistsError)
    assert caught.value.code == -11


@pytest.mark.parametrize(("call", "kind"), [
    (lambda: ndshm.create("a/b", 1), ndshm.ArgumentError),
    (lambda: ndshm.create("a\0b", 1), ValueError),
    (lambda: ndshm.create("pytest-never", 1, policy="forever"), ValueError),
    (lambda: ndshm.create("pytest-never", 1, order="K"), ValueError),
    (lambda: ndshm.attach("pytest-never", mode="w"), ValueError),
    (lambda: ndshm.create("pytest-never", 1 << 60), (ndshm.NoSpaceError, ndshm.ArgumentError)),
    (lambda: ndshm.unlink("pytest-never"), ndshm.NotFoundError),
    (lambda: ndshm.info("pytest-never"), ndshm.NotFoundError),
])
def test_what_is_refused(call, kind):
    with pytest.raises(kind):
        call()


def test_policies(name):
    ndshm.create(name, 2, policy="persist").publish().close()
    assert ndshm.info(name).policy == "persist"
    assert not ndshm.info(name).attached
    ndshm.unlink(name)
    ndshm.create(name, 2, policy="handoff", handoff_timeout=60).publish().close()
    ndshm.attach(name).close()
    with pytest.raises(ndshm.NotFoundError):
        ndshm.attach(name)
    made = ndshm.create(name, 2, policy="owner").publish()
    seen = ndshm.attach(name)
    made.close()
    with pytest.raises(ndshm.NotFoundError):
        ndshm.attach(name)
    assert seen.array.tolist() == [0, 0]


def test_ls_and_info(name):
    with ndshm.create(name, (2, 3), "f4", mode=0o640).publish() as made:
        found = next(segment for segment in ndshm.ls() if segment.name == name)
        assert (found.shape, found.dtype, found.nbytes, found.holders) == ((2, 3), np.dtype("f4"), 24, 1)
        assert (found.uuid, found.mode, found.attached) == (made.uuid, 0o640, True)
        assert found.age < 60
        for what in (name, made, made.array, made.array[0]):
            described = ndshm.info(what)
            assert (described.name, described.policy, described.uuid) == (name, "last-detach", made.uuid)
        assert ndshm.info(made.array[0]).shape == (3,)
        assert str(ndshm.info(made)).startswith(f"name     {name}\nshape    (2, 3)\n")
    private = ndshm.info(np.zeros(3))
    assert private.policy is None
    assert private.nbytes == 24


def test_prune_removes_what_the_killed_left(name, python):
    python("import os; t = ndshm.create(sys.argv[1], 9).publish(); os._exit(0)", name)
    assert not ndshm.info(name).attached
    assert name in ndshm.prune()
    with pytest.raises(ndshm.NotFoundError):
        ndshm.info(name)


def test_copies_are_private():
    a = ndshm.array([1, 2, 3])
    copy = pickle.loads(pickle.dumps(a))
    assert copy.tolist() == [1, 2, 3]
    assert ndshm.info(copy).policy is None
    assert ndshm.info(a.copy()).policy is None


def test_buffers_and_dlpack_share_memory(name):
    a = ndshm.array(np.arange(6.0).reshape(2, 3))
    for shared in (np.asarray(memoryview(a)), np.from_dlpack(a), np.asarray(a.__array_interface__ and a)):
        a[0, 0] += 1
        assert shared[0, 0] == a[0, 0]
        assert np.shares_memory(shared, a)
    with ndshm.create(name, 3, "i4") as made:
        assert np.asarray(made) is made.array
        assert np.asarray(made, "f8").dtype == "f8"


def test_pandas_and_xarray():
    pandas = pytest.importorskip("pandas")
    a = ndshm.array(np.arange(6.0).reshape(3, 2))
    frame = pandas.DataFrame(a, columns=["x", "y"], copy=False)
    a[2, 1] = 50
    assert frame["y"].iloc[2] == 50
    record = ndshm.array(np.array([(1, 2.5), (3, 4.5)], "i4,f8"))
    assert pandas.DataFrame(record)["f1"].tolist() == [2.5, 4.5]
    xarray = pytest.importorskip("xarray")
    data = xarray.DataArray(a, dims=("row", "column"))
    assert np.shares_memory(data.values, a)


def test_pyarrow():
    pyarrow = pytest.importorskip("pyarrow")
    a = ndshm.array([1.5, 2.5])
    shown = pyarrow.array(a)
    assert shown.to_pylist() == [1.5, 2.5]
    assert shown.buffers()[1].address == a.ctypes.data
    del a
    assert shown.to_pylist() == [1.5, 2.5]


def test_numba(name):
    numba = pytest.importorskip("numba")
    total = numba.njit(lambda a: a.sum())
    with ndshm.create(name, 5).publish() as made:
        made.array[:] = 2
        assert total(made.array) == 10
        with ndshm.attach(name) as seen:
            assert total(seen.array) == 10
