"""The library's functions that are about descriptions, declared when one of them is needed."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

from . import _describe_structs as d
from ._library import ERROR, INPUTS, JOB, SEGMENT, Functions, declared, library

DESCRIBE = [POINTER(d.DescribeOptions), JOB, ERROR]
DESCRIPTION = POINTER(d.Description)

FUNCTIONS: Functions = [
    ("ndshm_describe_kind", c_uint32, [c_char_p]),
    ("ndshm_describe_text_start", c_int32, [*INPUTS, *DESCRIBE]),
    ("ndshm_describe_file_start", c_int32, [c_char_p, c_char_p, *DESCRIBE]),
    ("ndshm_describe_segment_start", c_int32, [SEGMENT, *DESCRIBE]),
    ("ndshm_describe_array_start", c_int32, [c_void_p, c_char_p, c_uint32, POINTER(c_uint64), POINTER(c_int64),
                                             *DESCRIBE]),
    ("ndshm_describe_finish", c_int32, [JOB, DESCRIPTION, ERROR]),
    ("ndshm_description_rows", c_uint64, [DESCRIPTION]),
    ("ndshm_description_bad_rows", c_uint64, [DESCRIPTION]),
    ("ndshm_description_columns", c_size_t, [DESCRIPTION]),
    ("ndshm_description_column", c_int32, [DESCRIPTION, c_size_t, POINTER(d.Column), ERROR]),
    ("ndshm_description_text", c_size_t, [DESCRIPTION, c_size_t, c_uint32, c_size_t, c_char_p, c_size_t]),
    ("ndshm_description_frequent", c_int32, [DESCRIPTION, c_size_t, c_size_t, POINTER(d.Value), POINTER(c_uint64)]),
    ("ndshm_description_quantiles", c_int32, [DESCRIPTION, c_size_t, POINTER(d.Quantile), c_size_t]),
    ("ndshm_description_histogram", c_int32, [DESCRIPTION, c_size_t, POINTER(c_uint64), c_size_t]),
    ("ndshm_description_close", c_int32, [DESCRIPTION]),
]


@functools.cache
def describe_library() -> ctypes.CDLL:
    """The library with these functions, too."""
    return declared(library(), FUNCTIONS)
