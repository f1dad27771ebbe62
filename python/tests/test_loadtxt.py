"""`loadtxt` beyond NumPy: lists of files, names, headers, missing values, encodings, places of errors, Ctrl-C."""

import concurrent.futures
import gzip
import io
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from conftest import PATH, Child

import ndshm
from ndshm._owner import owner_of

RECORD = [("chr", "S4"), ("pos", "<i4"), ("xy", "<f4", (2,))]


@pytest.fixture
def tables(folder, monkeypatch):
    """Names of two files; the working directory is theirs."""
    monkeypatch.chdir(folder)
    (folder / "a.tsv").write_text("c1 1 2 3\nc2 4 5 6\n")
    (folder / "b.tsv").write_text("# none\nc3 7 8 9\n")
    return ["a.tsv", "b.tsv"]


def test_a_list_of_files(tables, folder):
    expected = [np.loadtxt(name, dtype=RECORD, ndmin=1) for name in tables]
    paths = [folder / name for name in tables]
    for files in (tables, tuple(tables), paths, [str(path) for path in paths]):
        parts = ndshm.loadtxt(files, dtype=RECORD, ndmin=1, workers=2)
        assert type(parts) is list
        for part, wanted in zip(parts, expected):
            np.testing.assert_array_equal(part, wanted)
        whole = ndshm.loadtxt(files, dtype=RECORD, concat=True)
        np.testing.assert_array_equal(whole, np.concatenate(expected))
        assert owner_of(whole) is not None
    with open("a.tsv") as first, gzip.open("c.tsv.gz", "wt") as packed:
        packed.write("c4 0 0 0\n")
        packed.close()
        whole = ndshm.loadtxt([first, "b.tsv", "c.tsv", io.BytesIO(b"c5 1 1 1")], dtype=RECORD, concat=True)
    assert whole["chr"].tolist() == [b"c1", b"c2", b"c3", b"c4", b"c5"]
    columns = ndshm.loadtxt(tables, usecols=(1, 2), concat=True, unpack=True, skiprows=1)
    assert columns.tolist() == [[4, 7], [5, 8]]
    assert ndshm.loadtxt(["plain"], dtype="S9").tolist() == b"plain"
    assert ndshm.loadtxt("a.tsv", usecols=1, concat=True).tolist() == [1, 4]
    assert ndshm.loadtxt([], concat=False) == []


def test_a_list_of_texts_is_lines_as_for_numpy(tables, folder):
    (folder / "1").write_text("7")
    (folder / "1.5").write_text("7")
    for lines in (["1", "2"], ["1.5"], ["1 2", "3 4"], ["none.tsv", "nothing.tsv"], ["a.tsv", "bb"], [b"1"]):
        dtype = "f8" if lines[0][:1] in ("1", b"1") else "S12"
        np.testing.assert_array_equal(ndshm.loadtxt(lines, dtype=dtype), np.loadtxt(lines, dtype=dtype))
    assert ndshm.loadtxt(["1", "1.5"], concat=False) == [7, 7]
    with pytest.raises(FileNotFoundError, match=r"none\.tsv not found"):
        ndshm.loadtxt(["a.tsv", "none.tsv"], dtype=RECORD)


def test_a_name(tables, name, python):
    whole = ndshm.loadtxt(tables, dtype=RECORD, concat=True, name=name)
    seen = python("t = ndshm.attach(sys.argv[1]); print(t.dtype.descr, t.array['xy'].tolist())", name)
    assert seen == f"{np.dtype(RECORD).descr} {whole['xy'].tolist()}\n"
    whole["pos"] = 5
    assert ndshm.attach(name).array["pos"].tolist() == [5] * 3
    with pytest.raises(FileExistsError):
        ndshm.loadtxt("a.tsv", dtype="S3", name=name)
    with pytest.raises(ValueError, match="concat=True"):
        ndshm.loadtxt(tables, dtype=RECORD, name=name)
    with pytest.raises(ndshm.ArgumentError):
        ndshm.loadtxt("a.tsv", dtype="S3", name="a/b")
    del whole
    with pytest.raises(ndshm.NotFoundError):
        ndshm.attach(name)
    with pytest.warns(UserWarning, match="no data") as caught:
        empty = ndshm.loadtxt(["# nothing"], dtype=RECORD, name=name)
    assert caught[0].filename == __file__
    assert ndshm.attach(name).dtype == empty.dtype == np.dtype(RECORD)


def test_header_missing_and_fill(tables, folder, name):
    (folder / "h.csv").write_text("made today\n# x,y,z\n1,NA,3\n4,?,-\n")
    how = {"delimiter": ",", "skiprows": 1, "header": True}
    table = ndshm.loadtxt("h.csv", missing={"y": ["NA", "?"], "z": "-"}, fill={"y": -1}, **how)
    assert table.dtype.names == ("x", "y", "z")
    assert str(table.tolist()) == "[(1.0, -1.0, 3.0), (4.0, -1.0, nan)]"
    table = ndshm.loadtxt("h.csv", dtype="i4", usecols=["z", "x"], missing={"z": "-"}, fill=0, name=name, **how)
    assert table.tolist() == [(3, 1), (0, 4)]
    assert ndshm.attach(name).dtype.names == ("z", "x")
    with open("h.csv") as file:
        table = ndshm.loadtxt(file, dtype="S3,S3,f8", missing="-", comments=["#", "//"], **how)
    assert table.dtype.names == ("x", "y", "z")
    assert table["y"].tolist() == [b"NA", b"?"]
    own = ndshm.loadtxt("h.csv", dtype=[("p", "S2"), ("q", "S2"), ("r", "S2")], **how)
    assert own.dtype.names == ("p", "q", "r")
    plain = ndshm.loadtxt("a.tsv", usecols=(1, 2), missing={1: "4"})
    np.testing.assert_array_equal(plain, [[1, 2], [np.nan, 5]])
    for wrong in ({"usecols": ["none"]}, {"missing": "NA"}, {"missing": {"none": "1"}},
                  {"dtype": "i4", "missing": ["NA", "?", "-"]}):
        with pytest.raises(ValueError):  # noqa: PT011 - words of several kinds
            ndshm.loadtxt("h.csv", **how, **wrong)


ENCODINGS = {"cp1252": "é€", "gbk": "中国", "shift_jis": "日本", "koi8-r": "мир", "iso2022_jp": "日本",
             "utf-7": "ü", "cp037": "ab"}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_that_only_python_knows(encoding, ends, folder):
    # More than one block, and characters that lie across the border.
    lines = [f"{ENCODINGS[encoding]} {number}" for number in range(50_000)]
    (folder / "t.txt").write_bytes((ends.join(["first line", *lines]) + ends).encode(encoding))
    made = ndshm.loadtxt(folder / "t.txt", dtype="U3,i4", encoding=encoding, skiprows=1)
    assert made["f1"].tolist() == list(range(50_000))
    assert set(made["f0"].tolist()) == {ENCODINGS[encoding]}
    with gzip.open(folder / "t.txt.gz", "wb") as packed:
        packed.write((folder / "t.txt").read_bytes())
    both = ndshm.loadtxt([folder / "t.txt", folder / "t.txt.gz"], dtype="U3,i4", encoding=encoding, skiprows=1, concat=True)
    np.testing.assert_array_equal(both, np.concatenate([made, made]))


def caught(call, *arguments, **keywords):
    """What it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as found:  # noqa: PT011 - it is compared
            call(*arguments, **keywords)
    return found.value


@pytest.mark.parametrize(("text", "options", "place"), [
    (b"1 2\n\n# no\n3 x\n", {}, (4, 2)),
    (b"skip\n1 2\n3\n", {"skiprows": 1}, (3, None)),
    (b"1 2\n3 \xe4\xb8\n", {"encoding": "utf-8"}, (2, None)),
    (b"1 2\n\xff\xff 3\n", {"encoding": "gbk"}, (2, None)),
    (b"1 2\r\n3 4\r\n" * 50_000 + b"5 \x81 6\r\n", {"encoding": "cp1252"}, (100_001, None)),
    (b"1 2\n3 x\n", {"encoding": "cp1252"}, (2, 2)),
    (b"1 2\n" * 9000 + b"\xff\xff 3\n", {"encoding": "gbk"}, (9001, None)),
    (b"\xd6\xd0 2\n" * 9000 + b"\xff\xff 3\n", {"encoding": "gbk", "comments": ["#", "%%"], "dtype": "U1"}, (9001, None)),
])
def test_exceptions_are_numpys_and_say_where(text, options, place, folder):
    path = folder / "bad.txt"
    path.write_bytes(text)
    wanted = caught(np.loadtxt, path, **options)
    for given in (path, [path, path]):
        found = caught(ndshm.loadtxt, given, **options)
        assert (type(found), str(found)) == (type(wanted), str(wanted))
        assert (found.file, found.line, found.column) == (str(path), *place)
    (folder / "good.txt").write_bytes(b"skip me\n1 2\n" if "skiprows" in options else b"1 2\n")
    found = caught(ndshm.loadtxt, [folder / "good.txt", path], concat=True, **options)
    assert (type(found), found.file, found.line) == (type(wanted), str(path), place[0])
    if "encoding" not in options:
        with open(path, encoding="utf-8") as file:
            found = caught(ndshm.loadtxt, file, **options)
        assert (str(found), found.file, found.line) == (str(wanted), str(path), place[0])
        found = caught(ndshm.loadtxt, iter(text.decode().splitlines()), **options)
        assert (found.file, found.line) == (None, place[0])


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_damaged_files_in_another_encoding(suffix, folder):
    (folder / f"t{suffix}").write_bytes(b"1 2 3\n" * 10)
    wanted = caught(np.loadtxt, folder / f"t{suffix}", encoding="cp1252")
    found = caught(ndshm.loadtxt, folder / f"t{suffix}", encoding="cp1252")
    assert (type(found), str(found)) == (type(wanted), str(wanted))
    assert found.file == str(folder / f"t{suffix}")


def test_items_that_are_no_lines_say_which():
    found = caught(ndshm.loadtxt, iter(["1", "2", 3]))
    assert isinstance(found, TypeError)
    assert found.line == 3


INPUTS = {
    "a pipe": "ndshm.loadtxt('fifo', dtype='i4', workers=2{name})",
    "a pipe in another encoding": "ndshm.loadtxt('fifo', dtype='i4', encoding='cp1252'{name})",
    "a file object": "ndshm.loadtxt(open('fifo'), dtype='i4'{name})",
    "a generator": "ndshm.loadtxt((line for line in open('fifo')), dtype='i4'{name})",
    "several": "ndshm.loadtxt([open('fifo'), open('fifo')], dtype='i4', concat=True{name})",
    "with max_rows": "ndshm.loadtxt(open('fifo'), dtype='i4', max_rows=1000000{name})",
}


@pytest.mark.parametrize("given", INPUTS)
def test_ctrl_c_stops_it_and_leaves_nothing(given, folder, name):
    os.mkfifo(folder / "fifo")
    call = INPUTS[given].format(name=f", name={name!r}")
    code = PATH + f"import ndshm; print(1, flush=True); {call}"
    writer = os.open(folder / "fifo", os.O_RDWR)
    os.write(writer, b"1\n" * 1000)
    before = set(os.listdir("/dev/shm"))
    with Child([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as child:
        child.stdout.readline()
        time.sleep(0.3)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does it
        error = child.communicate(timeout=20)[1]
    os.close(writer)
    assert b"KeyboardInterrupt" in error
    assert not {found for found in set(os.listdir("/dev/shm")) - before if name in found}
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_ctrl_c_in_the_middle_of_a_large_file(folder, python):
    """In a process that goes on: it has as many mappings, descriptors and children as before."""
    path = folder / "large.txt"
    path.write_text("1 2.5 3\n" * 2_000_000)
    python("""
        import os, signal, threading, time
        def state():
            with open("/proc/self/maps") as maps:
                shared = sum("/dev/shm" in line or "/memfd:" in line for line in maps)
            with open(f"/proc/self/task/{os.getpid()}/children") as children:
                return shared, len(os.listdir("/proc/self/fd")), children.read()
        before, stopped = state(), 0
        for after in (0.0, 0.01, 0.03, 0.1):
            timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                ndshm.loadtxt(sys.argv[1], workers=2)
                timer.join()
                time.sleep(0.5)
            except KeyboardInterrupt:
                stopped += 1
            timer.join()
            assert state() == before, (state(), before)
        assert stopped == 4
        assert ndshm.loadtxt(sys.argv[1], max_rows=2).tolist() == [[1, 2.5, 3]] * 2
    """, path)


def test_workers_forked_from_a_process_with_threads(folder):
    """Threads that allocate, compute with BLAS, hold locks and import, while others load."""
    path = folder / "t.txt"
    path.write_text("".join(f"{i} {i / 4}\n" for i in range(5000)))
    wanted, stop, lock = np.loadtxt(path), threading.Event(), threading.Lock()

    def busy():
        square = np.random.default_rng(1).random((200, 200))
        while not stop.is_set():
            with lock:
                square = square @ square
                square /= np.abs(square).max()
                [bytearray(100) for _ in range(1000)]
            print(end="")

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for made in pool.map(lambda _: ndshm.loadtxt(path, workers=3, chunk_bytes=4096), range(40)):
                np.testing.assert_array_equal(made, wanted)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
