"""Conversions on a cluster of Dask whose workers are processes: what they make, and what is left when they die."""

import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import PATH, Child

import ndshm

distributed = pytest.importorskip("distributed")
h5py = pytest.importorskip("h5py")
DTYPE = [("chr", "S10"), ("pos", "<i4"), ("pct", "<f4")]


@pytest.fixture(scope="module")
def client():
    """Two processes, one thread each."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
                                  silence_logs="CRITICAL") as cluster, distributed.Client(cluster) as made:
        yield made


@pytest.fixture
def tables(folder):
    """Five tables of different lengths."""
    out = []
    for number in range(5):
        path = folder / f"t{number}.tsv"
        path.write_text("".join(f"chr{i % 3}\t{i * 10 + number}\t{i / 4}\n" for i in range(100 * number + 1)))
        out.append(path)
    return out


def contents(path):
    """All datasets of a file, followed through links."""
    found = {}
    with h5py.File(path) as file:
        for name in file:
            if not name.startswith("."):
                found[name] = (file[name][()], file[name].dtype, {key: value for key, value in file[name].attrs.items()
                                                                  if not key.startswith("source_")})
    return found


def same(path, other):
    """Whether two files have the same datasets."""
    first, second = contents(path), contents(other)
    assert sorted(first) == sorted(second)
    for name, (rows, dtype, attributes) in first.items():
        np.testing.assert_array_equal(rows, second[name][0])
        assert (dtype, attributes) == (second[name][1], second[name][2])


@pytest.mark.parametrize("options", [
    {"dataset": "calls"},
    {},
    {"dataset": "calls", "files_per_shard": 2, "workers": None, "attributes": {"units": "K"}},
    {"materialize": True, "dataset": "calls", "compression": "gzip", "chunk": 100},
    {"materialize": True, "files_per_shard": 4},
    {"dataset": "calls", "categories": {"chr": ["chr0", "chr1", "chr2"]}},
    {"dataset": "calls", "max_rows": 50, "compression": "zstd:3"},
])
def test_it_makes_what_one_machine_makes(options, tables, folder, client):
    if "zstd" in options.get("compression", ""):
        pytest.importorskip("hdf5plugin")
    own = {name: options[name] for name in options if name not in ("materialize", "files_per_shard", "workers")}
    ndshm.convert(tables, folder / "one.h5", DTYPE, **own)
    seen = []
    made = ndshm.dask.convert(tables, folder / "all.h5", DTYPE, client=client, progress=seen.append, **options)
    same(folder / "all.h5", folder / "one.h5")
    assert made.rows == sum(len(rows) for rows, _, _ in contents(folder / "all.h5").values())
    assert made.datasets == len(contents(folder / "one.h5"))
    assert ndshm.verify(folder / "all.h5")
    count = -(-5 // options.get("files_per_shard", 1)) * (not options.get("materialize"))
    assert [os.path.basename(path) for path in made.shards] == [f"all.part-{n:05}.h5" for n in range(count)]
    assert sorted(os.listdir(folder)) == sorted(["all.h5", "one.h5", *(path.name for path in tables),
                                                 *map(os.path.basename, made.shards)])
    assert (seen[-1].done, seen[-1].inputs_done, seen[-1].rows) == (True, 5, made.rows)
    if options.get("materialize"):
        with h5py.File(folder / "all.h5") as file:
            assert not any(file[name].is_virtual for name in contents(folder / "all.h5"))
            assert isinstance(file.get(next(iter(file)), getlink=True), h5py.HardLink)
            assert "compression" not in options or file["calls"].chunks == (100,)


def test_inputs_that_are_stacked(folder, client):
    for number in range(3):
        np.savetxt(folder / f"{number}.txt", np.arange(6).reshape(2, 3) + number, fmt="%d")
    files = sorted(folder.glob("*.txt"))
    for name, call in (("one", ndshm.convert), ("all", ndshm.dask.convert)):
        call(files, folder / f"{name}.h5", "i4", dataset="grid", arrange="stack")
    same(folder / "all.h5", folder / "one.h5")
    with h5py.File(folder / "all.h5") as file:
        assert file["grid"].shape == (3, 2, 3)


def test_shards_elsewhere_and_replaced(tables, folder, client):
    for turn in range(2):
        made = ndshm.dask.convert(tables[turn:], folder / "all.h5", DTYPE, shards=folder / "deep" / "shards",
                                  dataset="calls", replace=bool(turn))
        assert len(made.shards) == 5 - turn
        with h5py.File(folder / "all.h5") as file:
            assert len(file["calls"]) == made.rows
    assert len(os.listdir(folder / "deep" / "shards")) == 5
    assert os.path.dirname(made.shards[0]) == str(folder / "deep" / "shards")
    with pytest.raises(ndshm.ExistsError):
        ndshm.dask.convert(tables, folder / "all.h5", DTYPE, client=client)
    with pytest.raises(FileExistsError):
        ndshm.dask.convert(tables, folder / "deep" / "shards" / "all.h5", DTYPE, client=client)


def held(path):
    """Opens a named pipe when somebody reads it."""
    end = time.monotonic() + 60
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert time.monotonic() < end, "nobody reads it"
            time.sleep(0.01)


def gone(descriptor):
    """Waits until nobody reads it any more."""
    poll = select.poll()
    poll.register(descriptor, 0)
    assert poll.poll(20_000), "the reader is still there"
    os.close(descriptor)


def worker_of(client, number):
    """The process that makes a shard."""
    pids = client.run(os.getpid)
    for worker, keys in client.processing().items():
        if any(key.endswith(f"-{number:05}") for key in keys):
            return pids[worker]
    raise AssertionError("no worker has it")


def in_a_thread(call):
    """Calls it in a thread; what it returns, or raises, is in the list when the thread is over."""
    out = []

    def run():
        try:
            out.append(call())
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            out.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, out


def piped(tables, number):
    """One of the tables as a named pipe; what is to be written to it."""
    text = tables[number].read_bytes()
    tables[number].unlink()
    os.mkfifo(tables[number])
    return text


def test_a_worker_that_is_killed(tables, folder, client):
    ndshm.convert(tables, folder / "one.h5", DTYPE, dataset="calls")
    text = piped(tables, 4)
    thread, out = in_a_thread(lambda: ndshm.dask.convert(tables, folder / "all.h5", DTYPE, dataset="calls", client=client))
    writer = held(tables[4])
    os.write(writer, text[:1000])
    os.kill(worker_of(client, 4), signal.SIGKILL)
    gone(writer)
    with open(held(tables[4]), "wb") as again:
        again.write(text)
    thread.join(60)
    assert out
    assert isinstance(out[0], ndshm.dask.Sharded), out[0]
    same(folder / "all.h5", folder / "one.h5")
    found = ndshm.verify(folder / "all.h5")
    assert (bool(found), found.shards, found.checksums) == (True, 5, 5)
    assert sorted(os.listdir(folder)) == sorted(["all.h5", "one.h5", *(path.name for path in tables),
                                                 *(f"all.part-{n:05}.h5" for n in range(5))])


def test_workers_that_die_too_often(tables, folder, client, monkeypatch):
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    piped(tables, 4)
    thread, out = in_a_thread(lambda: ndshm.dask.convert(tables, folder / "all.h5", DTYPE, client=client))
    writer = held(tables[4])
    os.kill(worker_of(client, 4), signal.SIGKILL)
    gone(writer)
    thread.join(60)
    assert isinstance(out[0], ndshm.WorkersError), out
    assert str(out[0]) == f"1 workers of Dask died while they read {tables[4]}"
    assert sorted(os.listdir(folder)) == [path.name for path in tables]


@pytest.mark.parametrize("how", ["cancelled", "an error elsewhere"])
def test_nothing_is_left_of_what_ends_early(how, tables, folder, client):
    piped(tables, 4)
    if how == "an error elsewhere":
        piped(tables, 2)
    before = sorted(os.listdir(folder))
    thread, out = in_a_thread(lambda: ndshm.dask.convert([tables[4], *tables[:4]], folder / "all.h5", DTYPE, client=client))
    writer = held(tables[4])
    # The error is there when the other is being read, not before: a worker may come late.
    if how == "an error elsewhere":
        with open(held(tables[2]), "wb") as wrong:
            wrong.write(b"chr1\t1\t2\n\nchr1\tx\t2\n")
    else:
        client.cancel([distributed.Future(key, client=client) for keys in client.processing().values() for key in keys],
                      force=True)
    thread.join(60)
    gone(writer)
    assert isinstance(out[0], ndshm.WorkersError if how == "cancelled" else ndshm.TextError), out
    assert sorted(os.listdir(folder)) == before


def test_errors_say_where(tables, folder, client):
    tables[3].write_text("chr1\t1\t2\n\nchr1\tx\t2\n")
    with pytest.raises(ValueError, match="could not convert") as caught:
        ndshm.dask.convert(tables, folder / "all.h5", DTYPE, client=client)
    error = caught.value
    assert isinstance(error, ndshm.TextError)
    assert (error.file, error.line, error.row, error.column) == (str(tables[3]), 3, 1, 2)
    tables[3].unlink()
    with pytest.raises(ndshm.NotFoundError) as caught:
        ndshm.dask.convert(tables, folder / "all.h5", DTYPE, client=client, retries=1)
    assert caught.value.file == str(tables[3])
    assert caught.value.errno == 2
    assert sorted(os.listdir(folder)) == [path.name for path in tables if path != tables[3]]


def test_shards_that_do_not_fit_replace_nothing(folder, client):
    for number, text in enumerate(["1 2\n", "1 2 3\n"]):
        (folder / f"{number}.txt").write_text(text)
    (folder / "all.part-00000.h5").write_text("other")
    with pytest.raises(ndshm.NdshmError):
        ndshm.dask.convert([folder / "0.txt", folder / "1.txt"], folder / "all.h5", "i4", dataset="a", replace=True,
                           client=client)
    assert (folder / "all.part-00000.h5").read_text() == "other"
    assert sorted(os.listdir(folder)) == ["0.txt", "1.txt", "all.part-00000.h5"]


def test_an_error_at_the_end_leaves_no_shards(tables, folder, client, monkeypatch):
    def failing(part, shard):
        os.rename(part, shard) if "00002" not in shard else 1 // 0

    monkeypatch.setattr("ndshm._shards.os.replace", failing)
    with pytest.raises(ZeroDivisionError):
        ndshm.dask.convert(tables, folder / "all.h5", DTYPE, client=client)
    assert sorted(os.listdir(folder)) == [path.name for path in tables]


@pytest.mark.parametrize(("options", "kind"), [
    ({"dtype": "auto"}, ndshm.ArgumentError), ({"dtype": None}, ndshm.ArgumentError),
    ({"dtype": "chr:S,pos:i4,pct:f4"}, ndshm.ArgumentError), ({"dtype": [("a", "M8")]}, ndshm.ArgumentError),
    ({"append": True}, TypeError), ({"append_rows": True}, TypeError),
    ({"colour": 1}, TypeError), ({"layout": "x"}, ValueError),
    ({"source_column": "file", "dataset": "a"}, ndshm.ArgumentError), ({"arrange": "groups"}, ndshm.ArgumentError),
    ({"categories": "chr"}, ndshm.ArgumentError), ({"categories": {"chr": None}}, ndshm.ArgumentError),
    ({"dataset": "a", "shape": (3, 2)}, ndshm.ArgumentError), ({"files_per_shard": 0}, ValueError),
    ({"files": []}, ValueError), ({"files": [0]}, TypeError), ({"files": ["x/a.tsv", "y/a.csv.gz"]}, ndshm.ArgumentError),
    ({"files": ["a.tsv", "a.tsv"]}, ndshm.ArgumentError), ({"output": "none/all.h5"}, FileNotFoundError),
    ({"client": 5}, TypeError),
])
def test_what_is_refused(options, kind, folder, client):
    with pytest.raises(kind):
        ndshm.dask.convert(**{"files": ["a.tsv"], "output": folder / "all.h5", "dtype": DTYPE, "client": client, **options})
    assert os.listdir(folder) == []


def test_ctrl_c(folder):
    """Of a program with a cluster of its own."""
    os.mkfifo(folder / "fifo")
    program = PATH + f"""
import distributed, ndshm
if __name__ == "__main__":
    with distributed.LocalCluster(n_workers=1, dashboard_address=":0", silence_logs="CRITICAL") as cluster:
        with distributed.Client(cluster) as client:
            ndshm.dask.convert([{str(folder / 'fifo')!r}], {str(folder / 'all.h5')!r}, "i4", client=client)
"""
    (folder / "program.py").write_text(program)
    with Child([sys.executable, "-B", str(folder / "program.py")], stderr=subprocess.PIPE,
                          start_new_session=True) as child:
        writer = held(folder / "fifo")
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        error = child.communicate(timeout=60)[1]
    gone(writer)
    assert b"KeyboardInterrupt" in error
    assert sorted(os.listdir(folder)) == ["fifo", "program.py"]


def test_exceptions_travel_whole():
    for kind in (ndshm.TextError, ndshm.NotFoundError, ndshm.InputError, ndshm.NdshmError):
        error = kind("what is wrong")
        error.code, error.file, error.line, error.column = -5, "a.tsv", 3, 2
        if isinstance(error, OSError):
            error.errno = 13
        got = pickle.loads(pickle.dumps(error))
        assert type(got) is kind
        assert str(got) == str(error)
        assert (got.code, got.file, got.line, got.column, got.row) == (-5, "a.tsv", 3, 2, None)
        assert getattr(got, "errno", None) == getattr(error, "errno", None)


def test_the_example(folder, client):
    import doctest
    result = doctest.testmod(ndshm.dask, extraglobs={"ndshm": ndshm, "np": np, "folder": str(folder), "client": client})
    assert (result.failed, result.attempted) == (0, 4)


def test_dask_is_imported_when_it_is_used(python):
    assert python("print([name for name in ('dask', 'distributed', 'ndshm.dask') if name in sys.modules])") == "[]\n"
    assert python("ndshm.dask; print('distributed' in sys.modules, ndshm.dask.convert.__name__)") == "False convert\n"
    with pytest.raises(AttributeError):
        ndshm.none  # noqa: B018 - it raises
