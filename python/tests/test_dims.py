"""Names of axes, coordinates, units, and attributes of single objects: as h5py and xarray see them, and as the command
writes them."""

import io
import os
import subprocess

import numpy as np
import pytest

import ndshm

h5py = pytest.importorskip("h5py")
GRID = "1 2 3\n4 5 6\n"
SAID = {"dims": ["lat", "lon"], "coords": {"lat": [10.5, 20.5], "lon": slice(0, None, 0.5)},
        "attributes": {"units": "K"},
        "object_attributes": {"/": {"title": "T", "run": 7}, "lat": {"units": "degrees_north"}, "a": {"scale": 0.5}}}


@pytest.fixture
def grids(folder):
    """Two tables of one shape."""
    for name in "ab":
        (folder / f"{name}.txt").write_text(GRID)
    return [folder / "a.txt", folder / "b.txt"]


def seen(path, name="a"):
    """What h5py says of a dataset's axes."""
    with h5py.File(path) as file:
        return [(axis.label, axis[0].name, axis[0][:].tolist()) for axis in file[name].dims]


@pytest.mark.parametrize("storage", [{}, {"compression": "gzip"}], ids=str)
def test_convert(grids, folder, storage):
    ndshm.convert(grids, folder / "o.h5", "f4", **SAID, **storage)
    for name in "ab":
        assert seen(folder / "o.h5", name) == [("lat", "/lat", [10.5, 20.5]), ("lon", "/lon", [0, 0.5, 1])]
    with h5py.File(folder / "o.h5") as file:
        assert (file.attrs["title"], file.attrs["run"], file["lat"].attrs["units"]) == ("T", 7, "degrees_north")
        assert [dict(file[name].attrs).get("scale") for name in "ab"] == [0.5, None]
        assert [file[name].attrs["units"] for name in "ab"] == ["K", "K"]
        assert file["lat"].is_scale


def test_export(folder):
    ndshm.export(np.array([[1, 2, 3], [4, 5, 6]], "f4"), folder / "o.h5", dataset="a", **SAID)
    assert seen(folder / "o.h5") == [("lat", "/lat", [10.5, 20.5]), ("lon", "/lon", [0, 0.5, 1])]
    with h5py.File(folder / "o.h5") as file:
        assert (file.attrs["title"], file["lat"].attrs["units"], file["a"].attrs["scale"]) == ("T", "degrees_north", 0.5)


def test_xarray(grids, folder):
    xarray = pytest.importorskip("xarray")
    ndshm.convert(grids, folder / "o.h5", "f4", **SAID)
    engines = [engine for engine in ("h5netcdf", "netcdf4") if engine in xarray.backends.list_engines()]
    if not engines:
        pytest.skip("xarray has no engine for HDF5")
    for engine in engines:
        with xarray.open_dataset(folder / "o.h5", engine=engine) as data:
            assert data["a"].dims == ("lat", "lon")
            assert float(data["a"].sel(lat=20.5, lon=1)) == 6
            assert (data["lat"].attrs["units"], data.attrs["title"]) == ("degrees_north", "T")


COUNTED = {
    "to the last one": (slice(5, 6, 0.5), [5, 5.5, 6]),
    "to the one behind it": (slice(5, 6.5, 0.5), [5, 5.5, 6]),
    "as many as there are": (np.s_[5::0.5], [5, 5.5, 6]),
    "from nothing": (slice(None), [0, 1, 2]),
    "down": (slice(1, -1, -1), [1, 0, -1]),
    "an array": (np.array([1, 2, 4], "i2"), [1, 2, 4]),
    "a range": (range(3), [0, 1, 2]),
    "whatever gives numbers": ((x * x for x in range(3)), [0, 1, 4]),
}


@pytest.mark.parametrize("how", COUNTED)
def test_coordinates(how, grids, folder):
    given, wanted = COUNTED[how]
    ndshm.convert(grids[:1], folder / "o.h5", "f4", dims=("y", "x"), coords={"x": given})
    assert seen(folder / "o.h5") == [("y", "/y", [0, 0]), ("x", "/x", wanted)]


@pytest.mark.parametrize("layout", ["auto", "columns"])
def test_rows_and_units_of_records(layout, folder):
    dtype = [("n", "i4"), ("v", "f8")]
    ndshm.convert(io.StringIO("1 2.5\n3 4.5\n"), folder / "o.h5", dtype, dataset="r", dims="row", units={"v": "m/s"},
                  layout=layout)
    with h5py.File(folder / "o.h5") as file:
        column = file["r/v"] if layout == "columns" else file["r"]
        assert [axis.label for axis in column.dims] == ["row"]
        assert column.attrs["units" if layout == "columns" else "v.units"] == "m/s"
    rows = np.array([(1, 2.5)], dtype)
    ndshm.export(rows, folder / "e.h5", dataset="r", dims=["row"], units={"v": "m/s"})
    with h5py.File(folder / "e.h5") as file:
        assert file["r"].attrs["v.units"] == "m/s"


@pytest.mark.skipif("NDSHM_COMMAND" not in os.environ, reason="NDSHM_COMMAND names no command")
def test_the_command_writes_the_same_bytes(grids, folder):
    ndshm.convert(grids, folder / "o.h5", "f4", **SAID)
    (folder / "lat.txt").write_text("10.5\n20.5\n")
    said = ["--dims", "lat,lon", "--coords", "lat=lat.txt", "--coords", "lon=0:0.5", "--attr", "units=K", "--attr",
            "/@title=T", "--attr", "/@run=7", "--attr", "lat@units=degrees_north", "--attr", "a@scale=0.5"]
    subprocess.run([os.environ["NDSHM_COMMAND"], "convert", "a.txt", "b.txt", "-o", "c.h5", "--dtype", "f4", "--quiet",
                    *said], cwd=folder, check=True)
    assert (folder / "o.h5").read_bytes() == (folder / "c.h5").read_bytes()


WRONG = [
    ({"dims": ["x"]}, ValueError, "has 2 axes, and 1 dimension is"),
    ({"dims": ["a", "x"]}, ValueError, "'a'"),
    ({"dims": ["y", "x"], "coords": {"z": [1]}}, ValueError, "coords has 'z', which dims does not name"),
    ({"coords": {"z": [1]}}, ValueError, "coords has 'z', which dims does not name"),
    ({"dims": ["y", "x"], "coords": {"x": [1, 2]}}, ValueError, "2 coordinates, which are not as many as its 3"),
    ({"dims": ["y", "x"], "coords": {"x": slice(0, 1, 0.3)}}, ValueError, "do not come to their end"),
    ({"dims": ["y", "x"], "coords": {"x": "123"}}, TypeError, "must be numbers, or slice"),
    ({"dims": ["y", "x"], "coords": {"x": [1, None, 3]}}, TypeError, "must be numbers, or slice"),
    ({"dims": ["y", "x"], "coords": {"x": 5}}, TypeError, "must be numbers, or slice"),
    ({"units": {"v": "K"}}, ValueError, "'v'"),
    ({"units": {"v": 5}}, TypeError, "must be a text"),
    ({"object_attributes": {"z": {"units": "K"}}}, ValueError, "'z'"),
    ({"object_attributes": {"a": {"units": [1]}}}, TypeError, "must be a text, an integer or a float"),
]


@pytest.mark.parametrize(("said", "kind", "why"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_cannot_be_is_refused(said, kind, why, grids, folder):
    with pytest.raises(kind, match=why):
        ndshm.convert(grids[:1], folder / "o.h5", "f4", **said)
    assert sorted(os.listdir(folder)) == ["a.txt", "b.txt"]


def test_shards_have_no_axes_of_their_own(grids, folder):
    for said in ({"dims": ["y", "x"]}, {"object_attributes": {"/": {"title": "T"}}}):
        with pytest.raises(ndshm.ArgumentError, match="cannot be sharded"):
            ndshm.dask.convert(grids, folder / "o.h5", "f4", client=None, **said)
