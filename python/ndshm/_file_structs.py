"""The structs of `ndshm.h` that are about files. For the modules that call the library."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

from . import _structs as structs

ProblemFunction = ctypes.CFUNCTYPE(c_int32, c_char_p, c_char_p, c_char_p, c_char_p, c_void_p)


class Attribute(ctypes.Structure):
    """ndshm_attribute"""

    _fields_ = [
        ("name", c_char_p),
        ("kind", c_uint32),
        ("reserved", c_uint32),
        ("text", c_char_p),
        ("integer", c_int64),
        ("number", c_double),
    ]


class Category(ctypes.Structure):
    """ndshm_category"""

    _fields_ = [("name", c_char_p), ("labels", POINTER(c_char_p)), ("labels_len", c_size_t)]


class Dimension(ctypes.Structure):
    """ndshm_dimension"""

    _fields_ = [
        ("name", c_char_p),
        ("coordinates", c_uint32),
        ("reserved", c_uint32),
        ("values", POINTER(c_double)),
        ("values_len", c_size_t),
        ("start", c_double),
        ("step", c_double),
        ("stop", c_double),
    ]


class ObjectAttribute(ctypes.Structure):
    """ndshm_object_attribute"""

    _fields_ = [("object", c_char_p), ("attribute", Attribute)]


class Hdf5Options(ctypes.Structure):
    """ndshm_hdf5_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("replace", c_uint32),
        ("sync", c_uint32),
        ("bool_as_u8", c_uint32),
        ("dataset", c_char_p),
        ("append", c_uint32),
        ("append_rows", c_uint32),
        ("layout", c_uint32),
        ("compression", c_uint32),
        ("level", c_uint32),
        ("no_shuffle", c_uint32),
        ("fletcher32", c_uint32),
        ("arrange", c_uint32),
        ("no_provenance", c_uint32),
        ("checksum", c_uint32),
        ("chunk", POINTER(c_uint64)),
        ("chunk_len", c_size_t),
        ("shape", POINTER(c_uint64)),
        ("shape_len", c_size_t),
        ("source_column", c_char_p),
        ("attributes", POINTER(Attribute)),
        ("attributes_len", c_size_t),
        ("categories", POINTER(Category)),
        ("categories_len", c_size_t),
        ("dims", POINTER(Dimension)),
        ("dims_len", c_size_t),
        ("units", POINTER(Attribute)),
        ("units_len", c_size_t),
        ("object_attributes", POINTER(ObjectAttribute)),
        ("object_attributes_len", c_size_t),
    ]


class Conversion(ctypes.Structure):
    """ndshm_conversion"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("rows", c_uint64),
        ("datasets", c_uint64),
        ("bytes", c_uint64),
    ]


class ImportOptions(ctypes.Structure):
    """ndshm_import_options"""

    _fields_ = [("struct_size", c_uint32), ("workers", c_uint32), ("create", POINTER(structs.CreateOptions))]


class ExportOptions(ctypes.Structure):
    """ndshm_export_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("format", c_uint32),
        ("replace", c_uint32),
        ("sync", c_uint32),
        ("bool_as_u8", c_uint32),
        ("delimiter", c_uint32),
        ("no_header", c_uint32),
        ("reserved", c_uint32),
        ("dataset", c_char_p),
        ("hdf5", POINTER(Hdf5Options)),
        ("memory", c_uint64),
        ("workers", c_uint32),
        ("reserved2", c_uint32),
    ]


class JoinOptions(ctypes.Structure):
    """ndshm_join_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("replace", c_uint32),
        ("sync", c_uint32),
        ("new_axis", c_uint32),
        ("checksum", c_uint32),
        ("materialize", c_uint32),
        ("datasets", POINTER(c_char_p)),
        ("datasets_len", c_size_t),
        ("hdf5", POINTER(Hdf5Options)),
        ("memory", c_uint64),
        ("workers", c_uint32),
        ("reserved", c_uint32),
    ]


class Joined(ctypes.Structure):
    """ndshm_joined"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("shards", c_uint64),
        ("datasets", c_uint64),
        ("bytes", c_uint64),
    ]


class Verified(ctypes.Structure):
    """ndshm_verified"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("problems", c_uint64),
        ("shards", c_uint64),
        ("datasets", c_uint64),
        ("checksums", c_uint64),
    ]
