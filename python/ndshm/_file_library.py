"""The library's functions that are about files, declared when one of them is needed."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

from . import _file_structs as f
from ._library import ERROR, INPUTS, JOB, SEGMENT, Functions, declared, library

TEXTS = POINTER(c_char_p)

FUNCTIONS: Functions = [
    ("ndshm_convert_start", c_int32, [*INPUTS, c_char_p, POINTER(f.Hdf5Options), JOB, ERROR]),
    ("ndshm_convert_finish", c_int32, [JOB, POINTER(f.Conversion), ERROR]),
    ("ndshm_import_start", c_int32, [c_char_p, c_char_p, c_char_p, POINTER(f.ImportOptions), JOB, ERROR]),
    ("ndshm_import_finish", c_int32, [JOB, SEGMENT, ERROR]),
    ("ndshm_export_start", c_int32, [SEGMENT, c_char_p, POINTER(f.ExportOptions), JOB, ERROR]),
    ("ndshm_export_finish", c_int32, [JOB, POINTER(c_uint64), ERROR]),
    ("ndshm_join_start", c_int32, [TEXTS, c_size_t, c_char_p, POINTER(f.JoinOptions), JOB, ERROR]),
    ("ndshm_join_finish", c_int32, [JOB, POINTER(f.Joined), ERROR]),
    ("ndshm_verify_start", c_int32, [c_char_p, c_uint32, JOB, ERROR]),
    ("ndshm_verify_finish", c_int32, [JOB, f.ProblemFunction, c_void_p, POINTER(f.Verified), ERROR]),
]


@functools.cache
def file_library() -> ctypes.CDLL:
    """The library with these functions, too."""
    return declared(library(), FUNCTIONS)
