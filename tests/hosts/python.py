"""ndshm's library in a Python that uses h5py, whose HDF5 is another copy, in one process.

Arguments: when the library is loaded (before or after h5py), a folder. LIBNDSHM names the
library. It is loaded as Python does it: seen by nobody else.
"""
import ctypes
import os
import shutil
import sys

ORDER, FOLDER = sys.argv[1:3]
os.chdir(FOLDER)


def load():
    return ctypes.CDLL(os.environ["LIBNDSHM"], mode=ctypes.RTLD_LOCAL)


if ORDER == "before":
    library = load()
import h5py  # noqa: E402
import numpy as np  # noqa: E402

if ORDER == "after":
    np.save("warm.npy", np.arange(3))
    with h5py.File("warm.h5", "w") as file:
        file["x"] = np.arange(3)
    library = load()


class Input(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_uint32), ("fd", ctypes.c_int32), ("path", ctypes.c_char_p),
                ("read", ctypes.c_void_p), ("context", ctypes.c_void_p)]


def sized(size):
    """A struct of zeros that begins with its size."""
    words = (ctypes.c_uint64 * (size // 8))()
    words[0] = size
    return words


def text(dtype):
    options = sized(int(os.environ["TEXT_OPTIONS"]))
    options[0] |= 2 << 32  # two workers
    kept = ctypes.create_string_buffer(dtype)
    options[1] = ctypes.addressof(kept)
    return options, kept


def sized_error():
    error = sized(int(os.environ["ERROR"]))
    return error


def good(status, error):
    if status != 0:
        raise AssertionError((status, bytes(error)[64:400]))


def convert(path, output, append=False):
    options, kept = text(b"i:i4,x:f8")
    one = (Input * 1)(Input(path=path.encode()))
    hdf5 = None
    if append:
        hdf5 = sized(int(os.environ["HDF5_OPTIONS"]))
        ctypes.cast(hdf5, ctypes.POINTER(ctypes.c_uint32))[int(os.environ["APPEND"]) // 4] = 1
    error = sized_error()
    good(library.ndshm_convert(one, ctypes.c_size_t(1), options, output.encode(), hdf5, None, error), error)
    return kept


def convert_in_steps(path, output, mine):
    """The same as a job, with h5py at work between its steps."""
    options, kept = text(b"i:i4,x:f8")
    one = (Input * 1)(Input(path=path.encode()))
    job, error, progress = (ctypes.c_uint64 * 64)(), sized_error(), sized(int(os.environ["PROGRESS"]))
    good(library.ndshm_convert_start(one, ctypes.c_size_t(1), options, output.encode(), None, job, error), error)
    steps, done = 0, int(os.environ["DONE"])
    while not bytes(progress)[done]:
        good(library.ndshm_job_step(job, 10, progress, error), error)
        mine.create_group(f"step{steps}").attrs["n"] = steps
        h5py_errors()
        steps += 1
    good(library.ndshm_convert_finish(job, None, error), error)
    assert sorted(mine) == sorted(f"step{n}" for n in range(steps))
    return kept


def join(shards, output):
    names = (ctypes.c_char_p * len(shards))(*[name.encode() for name in shards])
    error = sized_error()
    good(library.ndshm_join(names, ctypes.c_size_t(len(shards)), output.encode(), None, None, error), error)


def there_and_back(file, name, output):
    segment = (ctypes.c_uint64 * 256)()
    error = sized_error()
    good(library.ndshm_import(file.encode(), None, name.encode(), None, segment, error), error)
    good(library.ndshm_export(segment, output.encode(), None, None, error), error)
    good(library.ndshm_segment_unlink(name.encode(), error), error)
    good(library.ndshm_segment_detach(segment, error), error)


def h5py_errors():
    """h5py's own handling of errors goes on, and nothing is printed."""
    try:
        h5py.File("none.h5", "r")
    except FileNotFoundError:
        pass
    try:
        h5py.File("bad.h5", "r")
    except OSError as error:
        assert "signature" in str(error), error


open("bad.h5", "w").write("no HDF5 file" * 100)
name = f"hosts.{os.getpid()}"
held = h5py.File("held.h5", "w")
held["x"] = np.arange(10)
for turn in range(3):
    for table in "ab":
        with open(f"{table}.txt", "w") as file:
            file.writelines(f"{i} {i}.5\n" for i in range(5000))
        if os.path.exists(f"{table}.h5"):
            os.unlink(f"{table}.h5")
        convert(f"{table}.txt", f"{table}.h5")
    with h5py.File("steps.h5", "w") as mine:
        convert_in_steps("a.txt", f"stepped{turn}.h5", mine)
    with h5py.File(f"stepped{turn}.h5") as file:
        assert (file["a"]["i"] == np.arange(5000)).all()
    os.rename("b.txt", "c.txt")
    convert("c.txt", "b.h5", append=True)
    h5py_errors()
    with h5py.File("a.h5") as file:
        assert (file["a"]["i"] == np.arange(5000)).all() and (file["a"]["x"] == np.arange(5000) + 0.5).all()
    with h5py.File("b.h5") as file:
        assert sorted(file) == ["b", "c"] and (file["c"][()] == file["b"][()]).all()
    held["x"][turn] = 77
    if os.path.exists("all.h5"):
        os.unlink("all.h5")
    shutil.copy("a.h5", f"a{turn}.h5")
    join(["a.h5", f"a{turn}.h5"], "all.h5")
    with h5py.File("all.h5") as file:
        assert file["a"].shape == (10000,) and (file["a"]["i"][5000:] == np.arange(5000)).all()
    there_and_back("all.h5", name, f"back{turn}.h5")
    with h5py.File(f"back{turn}.h5") as file:
        assert (file[name]["i"][5000:] == np.arange(5000)).all()
    # What fails is told by the error, and by nobody on the terminal.
    error = sized_error()
    assert library.ndshm_import(b"bad.h5", None, name.encode(), None, (ctypes.c_uint64 * 256)(), error) != 0
    assert library.ndshm_convert((Input * 1)(Input(path=b"none")), ctypes.c_size_t(1), text(b"f8")[0],
                                 b"x.h5", None, None, error) != 0
    h5py_errors()
    held.flush()
held.close()
with h5py.File("held.h5") as file:
    assert list(file["x"][:4]) == [77, 77, 77, 3]
print("ok", h5py.version.hdf5_version)
