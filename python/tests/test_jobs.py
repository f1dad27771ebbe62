"""The whole jobs: text to HDF5, files to segments and back, many files to one; what interrupts them."""

import io
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import PATH, Child

import ndshm

h5py = pytest.importorskip("h5py")
DTYPE = [("chr", "S10"), ("pos", "<i4"), ("pct", "<f4")]


@pytest.fixture
def tables(folder):
    """Two tables, and their rows."""
    out = []
    for number in range(2):
        rows = [(f"chr{i % 3}".encode(), i * 10 + number, i / 4) for i in range(1000)]
        path = folder / f"t{number}.tsv"
        path.write_text("".join(f"{c.decode()}\t{pos}\t{pct}\n" for c, pos, pct in rows))
        out.append((path, np.array(rows, DTYPE)))
    return out


def test_convert_gives_what_numpy_and_h5py_give(tables, folder):
    paths = [path for path, _ in tables]
    made = ndshm.convert(paths, folder / "all.h5", dtype=DTYPE, workers=2)
    assert (made.rows, made.datasets, made.nbytes) == (2000, 2, os.path.getsize(folder / "all.h5"))
    with h5py.File(folder / "all.h5") as file:
        for path, rows in tables:
            np.testing.assert_array_equal(file[path.stem][:], rows)


def test_every_option_of_the_file(tables, folder):
    paths = [path for path, _ in tables]
    made = ndshm.convert(paths, folder / "all.h5", DTYPE, dataset="calls", source_column="file", compression="gzip:6",
                         chunk=100, fletcher32=True, shuffle=False, sync=True, checksum=True, bool_as_u8=True,
                         attributes={"units": "K", "n": 3, "x": 1.5}, categories={"chr": ["chr0", "chr1", "chr2"]})
    assert made.datasets == 1
    with h5py.File(folder / "all.h5") as file:
        calls = file["calls"]
        assert (calls.shape, calls.chunks, calls.compression, calls.compression_opts) == ((2000,), (100,), "gzip", 6)
        assert calls.fletcher32
        assert not calls.shuffle
        assert (calls.attrs["units"], calls.attrs["n"], calls.attrs["x"]) == ("K", 3, 1.5)
        assert h5py.check_enum_dtype(calls.dtype["chr"]) == {"chr0": 0, "chr1": 1, "chr2": 2}
        assert "t1.tsv" in str(calls["file"][-1])
    with pytest.raises(ndshm.ExistsError):
        ndshm.convert(paths, folder / "all.h5", DTYPE)
    ndshm.convert(paths[:1], folder / "all.h5", DTYPE, append=True, layout="columns", provenance=False)
    ndshm.convert([io.StringIO("1 2\n3 4\n"), io.StringIO("5 6\n7 8\n")], folder / "all.h5", "i4", replace=True,
                  dataset="grid", arrange="stack")
    with h5py.File(folder / "all.h5") as file:
        assert file["grid"][:].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    ndshm.convert(io.BytesIO(b"1 2 3 4 5 6\n"), folder / "all.h5", "i4", replace=True, dataset="g", shape=(-1, 2))
    with h5py.File(folder / "all.h5") as file:
        assert file["g"].shape == (3, 2)


def test_every_option_of_the_text(folder):
    table = ndshm.load(io.StringIO("a b c\n1 NA 3\n4 5 6\nend\n"), dtype="f8", header=True, usecols=["c", "b"],
                       missing={"b": ["NA", "?"]}, fill={"b": -1}, skip_footer=1, workers=1, memory=1 << 26)
    assert table.array.tolist() == [(3, -1), (6, 5)]
    assert table.dtype.names == ("c", "b")
    table = ndshm.load(io.StringIO("x\n1;2,5\n% no\n3;bad\n5;6,5 // c\n"), dtype="f8", delimiter=";", decimal=",",
                       skiprows=1, comments=["%", "//"], on_bad_rows="skip")
    assert table.array.tolist() == [[1, 2.5], [5, 6.5]]
    found = ndshm.load(io.StringIO("name,n\n'a,b',1\n'c',2\n"), delimiter=",", quotechar="'", header=True)
    assert [(str(np.char.decode(a)) if isinstance(a, bytes) else a, n) for a, n in found.array] == [("a,b", 1), ("c", 2)]
    assert ndshm.load(io.StringIO("1 2\n3 4\n"), dtype="i4", usecols=-1, max_rows=1).array.tolist() == [[2]]
    assert ndshm.load(io.StringIO(""), dtype="i4", allow_empty=True).shape[0] == 0


def test_bad_rows_are_told(folder):
    made = ndshm.convert(io.StringIO("1\nx\n3\n"), folder / "a.h5", "i4", dataset="a", on_bad_rows="skip")
    assert (made.rows, made.bad_rows) == (2, 1)
    assert "'x'" in made.bad_row_messages[0]


def test_errors_say_where(tables, folder):
    bad = folder / "bad.tsv"
    bad.write_text("# calls\nchr1\t1\t2\n\nchr1\tx\t2\n")
    with pytest.raises(ValueError, match="could not convert") as caught:
        ndshm.convert([tables[0][0], bad], folder / "all.h5", DTYPE)
    error = caught.value
    assert isinstance(error, ndshm.TextError)
    assert (error.file, error.line, error.row, error.column) == (str(bad), 4, 1, 2)
    assert not (folder / "all.h5").exists()
    with pytest.raises(ValueError, match="could not convert") as caught:
        ndshm.loadtxt(bad, dtype=DTYPE, delimiter="\t")
    assert type(caught.value) is ValueError
    assert (caught.value.file, caught.value.line, caught.value.column) == (str(bad), 4, 2)
    with pytest.raises(FileNotFoundError) as caught:
        ndshm.convert(folder / "none.tsv", folder / "all.h5", DTYPE)
    assert caught.value.file == str(folder / "none.tsv")
    with pytest.raises(ZeroDivisionError):
        ndshm.convert(Broken(), folder / "all.h5", "i4", dataset="a")
    for wrong in ({"compression": "lzma"}, {"layout": "x"}, {"shape": -2}, {"on_bad_rows": "x"}, {"dtype": "no type"}):
        with pytest.raises((ValueError, TypeError)):
            ndshm.convert(tables[0][0], folder / "all.h5", **{"dtype": DTYPE, **wrong})
    with pytest.raises(TypeError):
        ndshm.convert(tables[0][0], folder / "all.h5", DTYPE, compress="gzip")


class Broken:
    """A file that cannot be read."""

    name = "broken"

    def read(self, size):
        return 1 // 0


def test_progress(tables, folder, capsys):
    seen = []
    ndshm.convert([path for path, _ in tables], folder / "a.h5", DTYPE, progress=seen.append)
    assert seen[-1].done
    assert (seen[-1].rows, seen[-1].inputs_done, seen[-1].inputs_total) == (2000, 2, 2)
    assert seen[-1].bytes_done == seen[-1].bytes_total > 0
    ndshm.convert(tables[0][0], folder / "b.h5", DTYPE)
    assert capsys.readouterr() == ("", "")
    ndshm.convert(tables[0][0], folder / "c.h5", DTYPE, progress=True)
    with pytest.raises(ZeroDivisionError):
        ndshm.convert(tables[0][0], folder / "d.h5", DTYPE, progress=lambda now: 1 // 0)
    assert sorted(os.listdir(folder)) == ["a.h5", "b.h5", "c.h5", "t0.tsv", "t1.tsv"]


def test_import_and_export(name, folder):
    values = np.arange(12, dtype=">f4").reshape(3, 4)
    np.save(folder / "a.npy", values)
    with ndshm.import_(folder / "a.npy", name) as made:
        assert made.dtype == values.dtype
        for suffix in ("h5", "npy", "csv"):
            assert ndshm.export(name, folder / f"b.{suffix}") == os.path.getsize(folder / f"b.{suffix}")
        ndshm.export(made, folder / "c.h5", dataset="x/y", progress=lambda now: None)
    np.testing.assert_array_equal(np.load(folder / "b.npy"), values)
    with h5py.File(folder / "c.h5") as file:
        np.testing.assert_array_equal(file["x/y"][:], values)
    with ndshm.import_(folder / "c.h5", dataset="x/y") as made:
        np.testing.assert_array_equal(made.array, values)
    array = ndshm.array(values)
    for given in (array, array[1:, ::2], values, array.T):
        ndshm.export(given, folder / "d.npy", replace=True)
        np.testing.assert_array_equal(np.load(folder / "d.npy"), given)
    with pytest.raises(ndshm.NotFoundError):
        ndshm.import_(folder / "none.npy")


def test_texts_of_any_length_are_measured_in_steps(name, folder):
    texts = [str(i) for i in range(200_000)]
    with h5py.File(folder / "t.h5", "w") as file:
        file["t"] = texts
    seen = []
    with ndshm.import_(folder / "t.h5", name, progress=seen.append) as made:
        assert made.array.tolist() == texts
        assert made.dtype == "<U6"
    totals = [now.bytes_total for now in seen]
    assert totals[0] == 16 * len(texts), "what is read first are the references"
    assert totals[-1] == 24 * len(texts)
    assert totals == sorted(totals)

    def stop(now):
        assert now.bytes_total == 16 * len(texts)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ndshm.import_(folder / "t.h5", name, progress=stop)
    with pytest.raises(ndshm.NotFoundError):
        ndshm.attach(name)


def test_join_and_verify(tables, folder):
    shards = []
    for path, _ in tables:
        shards.append(folder / f"{path.stem}.h5")
        ndshm.convert(path, shards[-1], DTYPE, dataset="calls")
    joined = ndshm.join(shards, folder / "all.h5", checksum=True)
    assert (joined.shards, joined.datasets) == (2, 1)
    found = ndshm.verify(folder / "all.h5")
    assert found
    assert (found.problems, found.checksums) == ((), 2)
    with h5py.File(folder / "all.h5") as file:
        np.testing.assert_array_equal(file["calls"][:], np.concatenate([rows for _, rows in tables]))
    shards[0].unlink()
    found = ndshm.verify(folder / "all.h5", quick=True)
    assert not found
    assert found.problems[0].file.endswith("t0.h5")


@pytest.mark.parametrize("job", ["convert", "load"])
def test_ctrl_c_stops_a_job_and_leaves_nothing(job, folder, name):
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    call = f"ndshm.convert({str(fifo)!r}, {str(folder / 'a.h5')!r}, 'i4', workers=2)" if job == "convert" \
        else f"ndshm.load({str(fifo)!r}, {name!r}, 'i4')"
    code = PATH + f"import ndshm; print(1, flush=True); {call}"
    writer = os.open(fifo, os.O_RDWR)
    os.write(writer, b"1\n" * 1000)
    with Child([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as child:
        child.stdout.readline()
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        error = child.communicate(timeout=20)[1]
    os.close(writer)
    assert b"KeyboardInterrupt" in error
    assert os.listdir(folder) == ["fifo"]
    with pytest.raises(ndshm.NotFoundError):
        ndshm.info(name)
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_exported_and_joined_in_chunks(folder):
    given = np.arange(500_000, dtype="f4").reshape(-1, 2)
    how = {"compression": "gzip:1", "chunk": (10_000, 2), "workers": 2, "memory": 32 << 20}
    ndshm.export(given, folder / "a.h5", dataset="data", attributes={"units": "K"}, fletcher32=True, **how)
    ndshm.export(given, folder / "a.h5", dataset="more", append=True, layout="chunked")
    with h5py.File(folder / "a.h5") as file:
        data = file["data"]
        assert (data.compression, data.chunks, data.fletcher32) == ("gzip", (10_000, 2), True)
        assert data.attrs["units"] == "K"
        assert (data[:] == given).all()
        assert (file["more"][:] == given).all()
    for workers in (1, 3, None):
        assert (ndshm.import_(folder / "a.h5", dataset="data", workers=workers).array == given).all()
    (folder / "b.h5").write_bytes((folder / "a.h5").read_bytes())
    ndshm.join([folder / "a.h5", folder / "b.h5"], folder / "all.h5", materialize=True, **how)
    with h5py.File(folder / "all.h5") as file:
        assert file["data"].chunks == (10_000, 2)
        assert (file["data"][250_000:] == given).all()
    with pytest.raises(TypeError):
        ndshm.export(given, folder / "c.h5", compresion="gzip")
    with pytest.raises(ndshm.ArgumentError):
        ndshm.export(given, folder / "c.npy", compression="gzip")


def test_rows_are_added(folder):
    for _ in range(2):
        (folder / "t.txt").write_text("1 2\n3 4\n")
        there = (folder / "t.h5").exists()
        ndshm.convert(folder / "t.txt", folder / "t.h5", "i4", append_rows=there, layout="auto" if there else "chunked")
    with h5py.File(folder / "t.h5") as file:
        assert file["t"][:].tolist() == [[1, 2], [3, 4]] * 2


def test_jobs_in_threads(tables, folder):
    made = []
    threads = [threading.Thread(target=lambda n=n: made.append(ndshm.convert(tables[0][0], folder / f"{n}.h5", DTYPE)))
               for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [conversion.rows for conversion in made] == [1000] * 4


ORDERS = {"ndshm first": "import ndshm, h5py", "h5py first": "import h5py, ndshm"}


@pytest.mark.parametrize("order", ORDERS)
def test_beside_h5py(order, folder):
    code = PATH + f"""
{ORDERS[order]}
import io, numpy as np
for turn in range(3):
    with h5py.File("h.h5", "w") as mine:
        mine["a"] = np.arange(5)
        ndshm.convert(io.StringIO("1 2\\n3 4\\n"), "n.h5", "i4", dataset="t", compression="gzip", replace=True)
        mine["b"] = np.arange(9).reshape(3, 3)
        assert ndshm.import_("n.h5").array.tolist() == [[1, 2], [3, 4]]
        mine.create_dataset("c", data=np.zeros(1000), compression="gzip")
    assert ndshm.import_("h.h5", dataset="b").array.sum() == 36
    with h5py.File("n.h5") as theirs:
        assert theirs["t"][:].tolist() == [[1, 2], [3, 4]]
    try:
        ndshm.import_("h.h5", dataset="none")
    except ndshm.NdshmError:
        pass
    try:
        h5py.File("none.h5")
    except FileNotFoundError:
        pass
print("done")
"""
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], cwd=folder, capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_how_a_text_is_written_is_found_where_nothing_is_said(folder):
    (folder / "a.csv").write_text('day;"x";late\n2024-02-28;0,5;"a;b"\n2024-02-29;1,5;c\n')
    made = ndshm.load(folder / "a.csv").array
    assert made.dtype.names == ("day", "x", "late")
    assert made["x"].tolist() == [0.5, 1.5]
    assert made["late"].tolist() == [b"a;b", b"c"]
    assert ndshm.describe(folder / "a.csv")["x"].mean == 1.0
    ndshm.convert(folder / "a.csv", folder / "a.h5")
    with h5py.File(folder / "a.h5") as file:
        assert file["a"].dtype.names == made.dtype.names
        assert file["a"]["x"].tolist() == [0.5, 1.5]
    # Who says how it is written is believed: white space parts nothing here.
    assert ndshm.load(folder / "a.csv", delimiter=" ").array.dtype == [("f0", "S20")]


def test_columns_are_numbers_or_names(folder):
    (folder / "a.txt").write_text("x,y,z\n1,2,3\n")
    chosen = ndshm.load(folder / "a.txt", dtype="i4", delimiter=",", header=True, usecols=["z", "x"])
    assert chosen.array.tolist() == [(3, 1)]
    with pytest.raises(TypeError, match="not both"):
        ndshm.load(folder / "a.txt", delimiter=",", header=True, usecols=["z", 0])


def test_shards_that_do_not_fit_are_no_text(folder):
    for name, dtype in (("a", "i4"), ("b", "f8")):
        ndshm.convert(io.StringIO("1\n2\n"), folder / f"{name}.h5", dtype=dtype, dataset="t")
    with pytest.raises(ndshm.ShardsError):
        ndshm.join([folder / "a.h5", folder / "b.h5"], folder / "all.h5")


def test_a_handle_tells_what_its_name_tells(name):
    segment = ndshm.create(name, (2,), "i4").publish()
    assert ndshm.info(segment).mode == ndshm.info(name).mode is not None
