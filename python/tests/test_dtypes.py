"""Every dtype that a segment can hold comes back as it was."""

import numpy as np
import pytest

import ndshm

KEPT = [
    "?", "i1", "<i2", ">i4", "u8", "<f2", ">f4", "f8", "<c8", ">c16", "S5", "<U3", ">U3", "V7", "<M8[ns]", ">m8[25s]", "<M8",
    "i4,f4", [("a", "<i4"), ("b", ">f8"), ("c", "S3")],
    np.dtype([("a", "i1"), ("b", "f8"), ("c", "i2")], align=True),
    {"names": ["late", "early"], "formats": ["<i4", "<i2"], "offsets": [8, 0], "itemsize": 24},
    {"names": ["whole", "half"], "formats": ["<u4", "<u2"], "offsets": [0, 0]},
    [("xyz", "<f4", (3,)), ("m", [("r", ">i2", (2, 2)), ("s", "S4")], (2,)), ("n", [("deep", [("er", "<f8")])])],
    [("o", {"names": ["in"], "formats": ["<i4"], "offsets": [4], "itemsize": 16}, (2,)), ("t", "u1")],
    [("höhe", "f4"), ("it's", "i4"), ('a "b"', "i4"), ("a\\b", "i4")],
]


@pytest.mark.parametrize("given", KEPT, ids=str)
def test_it_comes_back(given, name):
    dtype = np.dtype(given)
    raw = np.random.default_rng(1).integers(0, 2, (2, 3, dtype.itemsize), "u1")
    values = raw.view(dtype)[..., 0]
    with ndshm.create(name, (2, 3), dtype) as made:
        made.array[...] = values
        made.publish()
        with ndshm.attach(name) as seen:
            assert seen.dtype == dtype
            assert seen.dtype.itemsize == dtype.itemsize
            assert repr(seen.array.tolist()) == repr(values.tolist())
            assert seen.array.dtype.fields == dtype.fields


@pytest.mark.parametrize("given", [
    "O", "g", "G", [("a", "O")], [(("title", "a"), "i4")], [("a", [(("title", "b"), "i4")])],
], ids=str)
def test_what_others_could_not_read_is_refused(given):
    with pytest.raises(TypeError):
        ndshm.create(None, 3, given)


def test_a_subarray_becomes_extents():
    with pytest.raises(TypeError):
        ndshm.create(None, 3, "(2,)i4")
    assert ndshm.array(np.zeros(3, "(2,)i4")).shape == (3, 2)


def test_types_of_many_fields(name):
    dtype = np.dtype([(f"column {number}", "<f8") for number in range(2000)])
    with ndshm.create(name, 2, dtype).publish() as made:
        assert made.dtype == dtype
        assert ndshm.info(name).dtype == dtype
