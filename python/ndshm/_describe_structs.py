"""The structs of `ndshm.h` that are about descriptions. For the modules that call the library."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int64, c_size_t, c_uint32, c_uint64

from ._codes import DESCRIPTION_WORDS

Description = c_uint64 * DESCRIPTION_WORDS


class DescribeOptions(ctypes.Structure):
    """ndshm_describe_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("threads", c_uint32),
        ("quick", c_uint32),
        ("reserved", c_uint32),
        ("columns", POINTER(c_char_p)),
        ("columns_len", c_size_t),
    ]


class Value(ctypes.Structure):
    """ndshm_value"""

    _fields_ = [("number", c_double), ("integer", c_int64), ("natural", c_uint64), ("text_len", c_uint64)]


class Column(ctypes.Structure):
    """ndshm_column"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_uint32),
        ("known", c_uint32),
        ("unit", c_uint32),
        ("unit_count", c_uint32),
        ("quantiles_len", c_uint32),
        ("histogram_len", c_uint32),
        ("frequent_len", c_uint32),
        ("count", c_uint64),
        ("missing", c_uint64),
        ("distinct", c_uint64),
        ("frequent_rest", c_uint64),
        ("frequent_uncounted", c_uint64),
        ("name_len", c_uint64),
        ("dtype_len", c_uint64),
        ("distinct_error", c_double),
        ("mean", c_double),
        ("std", c_double),
        ("histogram_low", c_double),
        ("histogram_high", c_double),
        ("histogram_error", c_double),
        ("min", Value),
        ("max", Value),
    ]


class Quantile(ctypes.Structure):
    """ndshm_quantile"""

    _fields_ = [("part", c_double), ("value", c_double), ("error", c_double)]
