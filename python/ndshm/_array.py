"""Segments without a name as NumPy arrays: no copy, and gone with the last array that shows them."""

import ctypes
import weakref

import numpy as np

from . import _library as lib


class Owner:
    """A segment of the library's, detached when nobody refers to it any more."""

    def __init__(self):
        self.handle = lib.Segment()
        detach = weakref.finalize(self, lib.library().ndshm_segment_detach, self.handle)
        # At the end of the process arrays may outlive it, and the kernel detaches anyway.
        detach.atexit = False

    def shape(self):
        ndim = lib.library().ndshm_segment_ndim(self.handle)
        return tuple(lib.library().ndshm_segment_shape(self.handle)[:ndim])

    def dtype(self):
        text = ctypes.create_string_buffer(256)
        lib.library().ndshm_segment_dtype(self.handle, text, len(text))
        return text.value.decode()

    def array(self, dtype):
        """Its data as an array of this type, which keeps it alive."""
        itemsize = lib.library().ndshm_segment_itemsize(self.handle)
        if itemsize != dtype.itemsize:
            raise RuntimeError(f"the library's rows have {itemsize} bytes, NumPy's {dtype.itemsize}")
        shape, size = self.shape(), lib.library().ndshm_segment_data_len(self.handle)
        if size == 0:
            return np.empty(shape, dtype)
        view = (ctypes.c_char * size).from_address(lib.library().ndshm_segment_data(self.handle))
        view.owner = self
        return np.ndarray(shape, dtype, buffer=view)
