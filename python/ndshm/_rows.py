"""The type of the rows: what the library is asked to make, and what NumPy is shown of it."""

import numpy as np

from . import _arguments as args
from ._dtypes import to_text


class Rows:
    """A dtype in the library's terms."""

    def __init__(self, dtype, usecols, header=False, named=False):
        self.dtype, self.count, self.header = dtype, None if usecols is None else len(usecols), header
        self.open = args.is_open(dtype)
        # Text that leaves nothing in the array, but has to be there: any text is good for it.
        self.nothing = self.count == 0 or (dtype.itemsize == 0 and dtype.names is None and not self.open)
        self.columns = [0] if self.count == 0 else usecols
        self.text = "U1" if self.nothing else dtype_text(dtype)
        if dtype.names is not None and (header or named) and not self.nothing:
            # Others are to see the fields' names, or the header gives them.
            self.text = to_text(dtype)

    def array(self, owner):
        """The rows as NumPy has them: two dimensions, or one of records."""
        rows = owner.shape[0]
        if self.header and not self.nothing:
            return owner.array(owner.dtype)
        if self.nothing or rows == 0:
            return self.made(rows, owner.shape[1:])
        return owner.array(owner.dtype if self.open else self.dtype)

    def made(self, rows, columns):
        """An array without anything in it."""
        dtype = self.dtype
        if dtype.kind in "SU" and dtype.itemsize == 0:
            dtype = np.dtype(dtype.kind + "1")
            dtype = dtype if rows == 0 else dtype.newbyteorder(self.dtype.byteorder)
        if dtype.names is not None:
            return np.zeros(rows, dtype)
        if rows == 0 or self.count is not None:
            columns = (1 if self.count is None else self.count,)
        # np.zeros changes the byte order of a unit that is not there; so does NumPy, but only without rows.
        make = np.ndarray if rows and self.count == 0 else np.zeros
        return make((rows, *columns), dtype)


def dtype_text(dtype):
    """The type for the library: a record is a flat list of values at their offsets, whatever its fields are called."""
    if args.is_open(dtype):
        return dtype.kind
    if dtype.names is None:
        return leaf_text(dtype)
    fields = list(args.leaves(dtype))
    names = [f"f{number}" for number in range(len(fields))]
    formats = [leaf_text(leaf) for leaf, _ in fields]
    offsets = [offset for _, offset in fields]
    return repr({"names": names, "formats": formats, "offsets": offsets, "itemsize": dtype.itemsize})


def leaf_text(leaf):
    open_unit = leaf.kind == "M" and leaf == np.dtype("M8")
    if leaf.kind not in "?biufcSUMm" or leaf.char in "gG" or open_unit:
        raise TypeError(f"{leaf} cannot be read from text by workers: use np.loadtxt")
    return leaf.str
