/*
 * The sizes and offsets that the binary interface promises. The wire format of
 * segments is not in the header; src/layout asserts it.
 */

#include "ndshm.h"

#define OFFSET(type, field, offset) \
    _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)

OFFSET(ndshm_error, struct_size, 0);
OFFSET(ndshm_error, code, 4);
OFFSET(ndshm_error, os_errno, 8);
OFFSET(ndshm_error, input, 12);
OFFSET(ndshm_error, line, 16);
OFFSET(ndshm_error, row, 24);
OFFSET(ndshm_error, byte, 32);
OFFSET(ndshm_error, column, 40);
OFFSET(ndshm_error, fault, 44);
OFFSET(ndshm_error, message, 48);
OFFSET(ndshm_error, wanted, 512);
OFFSET(ndshm_error, found, 520);
OFFSET(ndshm_error, text_len, 528);
OFFSET(ndshm_error, reserved, 532);
OFFSET(ndshm_error, text, 536);
OFFSET(ndshm_error, dtype, 944);
SIZE(ndshm_error, 1024);

OFFSET(ndshm_segment, state, 0);
SIZE(ndshm_segment, 1536);
_Static_assert(_Alignof(ndshm_segment) == _Alignof(uint64_t), "alignment of ndshm_segment");

OFFSET(ndshm_growable, state, 0);
SIZE(ndshm_growable, 1024);
_Static_assert(_Alignof(ndshm_growable) == _Alignof(uint64_t), "alignment of ndshm_growable");

OFFSET(ndshm_map, state, 0);
SIZE(ndshm_map, 128);

OFFSET(ndshm_job, state, 0);
SIZE(ndshm_job, 64);
_Static_assert(_Alignof(ndshm_job) == _Alignof(uint64_t), "alignment of ndshm_job");

OFFSET(ndshm_description, state, 0);
SIZE(ndshm_description, 64);
_Static_assert(_Alignof(ndshm_description) == _Alignof(uint64_t), "alignment of ndshm_description");

OFFSET(ndshm_progress, struct_size, 0);
OFFSET(ndshm_progress, done, 4);
OFFSET(ndshm_progress, bytes_done, 8);
OFFSET(ndshm_progress, bytes_total, 16);
OFFSET(ndshm_progress, rows, 24);
OFFSET(ndshm_progress, inputs_done, 32);
OFFSET(ndshm_progress, inputs_total, 40);
OFFSET(ndshm_progress, bad_rows, 48);
OFFSET(ndshm_progress, bytes_kept, 56);
SIZE(ndshm_progress, 64);

OFFSET(ndshm_conversion, struct_size, 0);
OFFSET(ndshm_conversion, reserved, 4);
OFFSET(ndshm_conversion, rows, 8);
OFFSET(ndshm_conversion, datasets, 16);
OFFSET(ndshm_conversion, bytes, 24);
SIZE(ndshm_conversion, 32);

OFFSET(ndshm_input, kind, 0);
OFFSET(ndshm_input, fd, 4);
OFFSET(ndshm_input, path, 8);

OFFSET(ndshm_text_options, struct_size, 0);
OFFSET(ndshm_text_options, workers, 4);
OFFSET(ndshm_text_options, dtype, 8);

OFFSET(ndshm_hdf5_options, struct_size, 0);
OFFSET(ndshm_hdf5_options, replace, 4);
OFFSET(ndshm_hdf5_options, sync, 8);
OFFSET(ndshm_hdf5_options, bool_as_u8, 12);
OFFSET(ndshm_hdf5_options, dataset, 16);
OFFSET(ndshm_hdf5_options, append, 24);
OFFSET(ndshm_hdf5_options, append_rows, 28);

OFFSET(ndshm_info, struct_size, 0);
OFFSET(ndshm_info, mode, 4);
OFFSET(ndshm_info, uid, 8);
OFFSET(ndshm_info, attached, 12);
OFFSET(ndshm_info, state, 16);
OFFSET(ndshm_info, policy, 20);
OFFSET(ndshm_info, refcount, 24);
OFFSET(ndshm_info, attach_epoch, 28);
OFFSET(ndshm_info, creator_pid, 32);
OFFSET(ndshm_info, handoff_attaches, 36);
OFFSET(ndshm_info, format_major, 40);
OFFSET(ndshm_info, format_minor, 44);
OFFSET(ndshm_info, itemsize, 48);
OFFSET(ndshm_info, ndim, 52);
OFFSET(ndshm_info, size, 56);
OFFSET(ndshm_info, data_len, 64);
OFFSET(ndshm_info, metadata_len, 72);
OFFSET(ndshm_info, dtype_len, 80);
OFFSET(ndshm_info, created_ns, 88);
OFFSET(ndshm_info, expiry_ns, 96);
OFFSET(ndshm_info, uuid, 104);
OFFSET(ndshm_info, shape, 120);
OFFSET(ndshm_info, strides, 376);
OFFSET(ndshm_info, promised, 632);
OFFSET(ndshm_info, reserved, 636);
SIZE(ndshm_info, 640);

OFFSET(ndshm_array, struct_size, 0);
OFFSET(ndshm_array, ndim, 4);
OFFSET(ndshm_array, itemsize, 8);
OFFSET(ndshm_array, writable, 12);
OFFSET(ndshm_array, data, 16);
OFFSET(ndshm_array, data_len, 24);
OFFSET(ndshm_array, shape, 32);
OFFSET(ndshm_array, strides, 40);
OFFSET(ndshm_array, dtype_len, 48);
SIZE(ndshm_array, 56);

OFFSET(ndshm_attach_options, struct_size, 0);
OFFSET(ndshm_attach_options, access, 4);
OFFSET(ndshm_attach_options, timeout_ms, 8);
OFFSET(ndshm_attach_options, claim, 12);
OFFSET(ndshm_attach_options, uuid, 16);
SIZE(ndshm_attach_options, 32);

OFFSET(ndshm_create_options, struct_size, 0);
OFFSET(ndshm_create_options, ndim, 4);
OFFSET(ndshm_create_options, dtype, 8);

OFFSET(ndshm_field, name, 0);
OFFSET(ndshm_field, dims, sizeof(void *));

#if UINTPTR_MAX == UINT64_MAX
OFFSET(ndshm_create_options, shape, 16);
OFFSET(ndshm_create_options, strides, 24);
OFFSET(ndshm_create_options, metadata, 32);
OFFSET(ndshm_create_options, metadata_len, 40);
OFFSET(ndshm_create_options, policy, 48);
OFFSET(ndshm_create_options, mode, 52);
OFFSET(ndshm_create_options, via, 56);
OFFSET(ndshm_create_options, handoff_attaches, 60);
OFFSET(ndshm_create_options, handoff_timeout_ms, 64);
OFFSET(ndshm_create_options, naming, 72);
OFFSET(ndshm_create_options, reserved, 76);
SIZE(ndshm_create_options, 80);

OFFSET(ndshm_input, read, 16);
OFFSET(ndshm_input, context, 24);
SIZE(ndshm_input, 32);

OFFSET(ndshm_text_options, delimiter, 16);
OFFSET(ndshm_text_options, comments, 24);
OFFSET(ndshm_text_options, usecols, 32);
OFFSET(ndshm_text_options, usecols_len, 40);
OFFSET(ndshm_text_options, skiprows, 48);
OFFSET(ndshm_text_options, max_rows, 56);
OFFSET(ndshm_text_options, memory, 64);
OFFSET(ndshm_text_options, allow_empty, 72);
OFFSET(ndshm_text_options, header, 76);
OFFSET(ndshm_text_options, quote, 80);
OFFSET(ndshm_text_options, decimal, 88);
OFFSET(ndshm_text_options, encoding, 96);
OFFSET(ndshm_text_options, comment_strings, 104);
OFFSET(ndshm_text_options, comment_strings_len, 112);
OFFSET(ndshm_text_options, usecols_names, 120);
OFFSET(ndshm_text_options, usecols_names_len, 128);
OFFSET(ndshm_text_options, missing, 136);
OFFSET(ndshm_text_options, missing_len, 144);
OFFSET(ndshm_text_options, fill, 152);
OFFSET(ndshm_text_options, fill_len, 160);
OFFSET(ndshm_text_options, skip_footer, 168);
OFFSET(ndshm_text_options, on_bad_rows, 176);
OFFSET(ndshm_text_options, no_rows, 180);
OFFSET(ndshm_text_options, piece_bytes, 184);
OFFSET(ndshm_text_options, sniff, 192);
OFFSET(ndshm_text_options, reserved, 196);
SIZE(ndshm_text_options, 200);

OFFSET(ndshm_column_text, which, 0);
OFFSET(ndshm_column_text, index, 4);
OFFSET(ndshm_column_text, name, 8);
OFFSET(ndshm_column_text, text, 16);
SIZE(ndshm_column_text, 24);

OFFSET(ndshm_attribute, name, 0);
OFFSET(ndshm_attribute, kind, 8);
OFFSET(ndshm_attribute, reserved, 12);
OFFSET(ndshm_attribute, text, 16);
OFFSET(ndshm_attribute, integer, 24);
OFFSET(ndshm_attribute, number, 32);
SIZE(ndshm_attribute, 40);

OFFSET(ndshm_category, name, 0);
OFFSET(ndshm_category, labels, 8);
OFFSET(ndshm_category, labels_len, 16);
SIZE(ndshm_category, 24);

OFFSET(ndshm_hdf5_options, struct_size, 0);
OFFSET(ndshm_hdf5_options, replace, 4);
OFFSET(ndshm_hdf5_options, sync, 8);
OFFSET(ndshm_hdf5_options, bool_as_u8, 12);
OFFSET(ndshm_hdf5_options, dataset, 16);
OFFSET(ndshm_hdf5_options, append, 24);
OFFSET(ndshm_hdf5_options, append_rows, 28);
OFFSET(ndshm_hdf5_options, layout, 32);
OFFSET(ndshm_hdf5_options, compression, 36);
OFFSET(ndshm_hdf5_options, level, 40);
OFFSET(ndshm_hdf5_options, no_shuffle, 44);
OFFSET(ndshm_hdf5_options, fletcher32, 48);
OFFSET(ndshm_hdf5_options, arrange, 52);
OFFSET(ndshm_hdf5_options, no_provenance, 56);
OFFSET(ndshm_hdf5_options, checksum, 60);
OFFSET(ndshm_hdf5_options, chunk, 64);
OFFSET(ndshm_hdf5_options, chunk_len, 72);
OFFSET(ndshm_hdf5_options, shape, 80);
OFFSET(ndshm_hdf5_options, shape_len, 88);
OFFSET(ndshm_hdf5_options, source_column, 96);
OFFSET(ndshm_hdf5_options, attributes, 104);
OFFSET(ndshm_hdf5_options, attributes_len, 112);
OFFSET(ndshm_hdf5_options, categories, 120);
OFFSET(ndshm_hdf5_options, categories_len, 128);
OFFSET(ndshm_hdf5_options, dims, 136);
OFFSET(ndshm_hdf5_options, dims_len, 144);
OFFSET(ndshm_hdf5_options, units, 152);
OFFSET(ndshm_hdf5_options, units_len, 160);
OFFSET(ndshm_hdf5_options, object_attributes, 168);
OFFSET(ndshm_hdf5_options, object_attributes_len, 176);
SIZE(ndshm_hdf5_options, 184);

OFFSET(ndshm_dimension, name, 0);
OFFSET(ndshm_dimension, coordinates, 8);
OFFSET(ndshm_dimension, reserved, 12);
OFFSET(ndshm_dimension, values, 16);
OFFSET(ndshm_dimension, values_len, 24);
OFFSET(ndshm_dimension, start, 32);
OFFSET(ndshm_dimension, step, 40);
OFFSET(ndshm_dimension, stop, 48);
SIZE(ndshm_dimension, 56);

OFFSET(ndshm_object_attribute, object, 0);
OFFSET(ndshm_object_attribute, attribute, 8);
SIZE(ndshm_object_attribute, 48);

OFFSET(ndshm_describe_options, struct_size, 0);
OFFSET(ndshm_describe_options, threads, 4);
OFFSET(ndshm_describe_options, quick, 8);
OFFSET(ndshm_describe_options, reserved, 12);
OFFSET(ndshm_describe_options, columns, 16);
OFFSET(ndshm_describe_options, columns_len, 24);
SIZE(ndshm_describe_options, 32);

OFFSET(ndshm_value, number, 0);
OFFSET(ndshm_value, integer, 8);
OFFSET(ndshm_value, natural, 16);
OFFSET(ndshm_value, text_len, 24);
SIZE(ndshm_value, 32);

OFFSET(ndshm_column, struct_size, 0);
OFFSET(ndshm_column, kind, 4);
OFFSET(ndshm_column, known, 8);
OFFSET(ndshm_column, unit, 12);
OFFSET(ndshm_column, unit_count, 16);
OFFSET(ndshm_column, quantiles_len, 20);
OFFSET(ndshm_column, histogram_len, 24);
OFFSET(ndshm_column, frequent_len, 28);
OFFSET(ndshm_column, count, 32);
OFFSET(ndshm_column, missing, 40);
OFFSET(ndshm_column, distinct, 48);
OFFSET(ndshm_column, frequent_rest, 56);
OFFSET(ndshm_column, frequent_uncounted, 64);
OFFSET(ndshm_column, name_len, 72);
OFFSET(ndshm_column, dtype_len, 80);
OFFSET(ndshm_column, distinct_error, 88);
OFFSET(ndshm_column, mean, 96);
OFFSET(ndshm_column, std, 104);
OFFSET(ndshm_column, histogram_low, 112);
OFFSET(ndshm_column, histogram_high, 120);
OFFSET(ndshm_column, histogram_error, 128);
OFFSET(ndshm_column, min, 136);
OFFSET(ndshm_column, max, 168);
SIZE(ndshm_column, 200);

OFFSET(ndshm_quantile, part, 0);
OFFSET(ndshm_quantile, value, 8);
OFFSET(ndshm_quantile, error, 16);
SIZE(ndshm_quantile, 24);

OFFSET(ndshm_import_options, struct_size, 0);
OFFSET(ndshm_import_options, workers, 4);
OFFSET(ndshm_import_options, create, 8);
SIZE(ndshm_import_options, 16);

OFFSET(ndshm_export_options, struct_size, 0);
OFFSET(ndshm_export_options, format, 4);
OFFSET(ndshm_export_options, replace, 8);
OFFSET(ndshm_export_options, sync, 12);
OFFSET(ndshm_export_options, bool_as_u8, 16);
OFFSET(ndshm_export_options, delimiter, 20);
OFFSET(ndshm_export_options, no_header, 24);
OFFSET(ndshm_export_options, reserved, 28);
OFFSET(ndshm_export_options, dataset, 32);
OFFSET(ndshm_export_options, hdf5, 40);
OFFSET(ndshm_export_options, memory, 48);
OFFSET(ndshm_export_options, workers, 56);
OFFSET(ndshm_export_options, reserved2, 60);
SIZE(ndshm_export_options, 64);

OFFSET(ndshm_join_options, struct_size, 0);
OFFSET(ndshm_join_options, replace, 4);
OFFSET(ndshm_join_options, sync, 8);
OFFSET(ndshm_join_options, new_axis, 12);
OFFSET(ndshm_join_options, checksum, 16);
OFFSET(ndshm_join_options, materialize, 20);
OFFSET(ndshm_join_options, datasets, 24);
OFFSET(ndshm_join_options, datasets_len, 32);
OFFSET(ndshm_join_options, hdf5, 40);
OFFSET(ndshm_join_options, memory, 48);
OFFSET(ndshm_join_options, workers, 56);
OFFSET(ndshm_join_options, reserved, 60);
SIZE(ndshm_join_options, 64);

OFFSET(ndshm_joined, struct_size, 0);
OFFSET(ndshm_joined, reserved, 4);
OFFSET(ndshm_joined, shards, 8);
OFFSET(ndshm_joined, datasets, 16);
OFFSET(ndshm_joined, bytes, 24);
SIZE(ndshm_joined, 32);

OFFSET(ndshm_verified, struct_size, 0);
OFFSET(ndshm_verified, reserved, 4);
OFFSET(ndshm_verified, problems, 8);
OFFSET(ndshm_verified, shards, 16);
OFFSET(ndshm_verified, datasets, 24);
OFFSET(ndshm_verified, checksums, 32);
SIZE(ndshm_verified, 40);

OFFSET(ndshm_map_entry, name, 0);
OFFSET(ndshm_map_entry, function, 8);
SIZE(ndshm_map_entry, 16);

OFFSET(ndshm_map_options, struct_size, 0);
OFFSET(ndshm_map_options, workers, 4);
OFFSET(ndshm_map_options, way, 8);
OFFSET(ndshm_map_options, access, 12);
OFFSET(ndshm_map_options, context, 16);
OFFSET(ndshm_map_options, context_size, 24);
SIZE(ndshm_map_options, 32);

OFFSET(ndshm_field, name_len, 16);
OFFSET(ndshm_field, ndim, 20);
OFFSET(ndshm_field, offset, 24);
OFFSET(ndshm_field, itemsize, 28);
OFFSET(ndshm_field, size, 32);
OFFSET(ndshm_field, field_count, 36);
OFFSET(ndshm_field, node, 40);
OFFSET(ndshm_field, unit_count, 44);
OFFSET(ndshm_field, kind, 48);
OFFSET(ndshm_field, order, 49);
OFFSET(ndshm_field, unit, 50);
OFFSET(ndshm_field, reserved, 51);
SIZE(ndshm_field, 64);
#endif

/* Statuses are numbers that scripts and other languages write down. */
_Static_assert(NDSHM_OK == 0 && NDSHM_ERR_ARGUMENT == -1 && NDSHM_ERR_OVERFLOW == -2 &&
                   NDSHM_ERR_OS == -3,
               "statuses of any call");
_Static_assert(NDSHM_ERR_NAME == -10 && NDSHM_ERR_EXISTS == -11 && NDSHM_ERR_NOT_FOUND == -12 &&
                   NDSHM_ERR_NOT_READY == -13 && NDSHM_ERR_BUSY == -14 &&
                   NDSHM_ERR_NOT_NDSHM == -15 && NDSHM_ERR_TOO_NEW == -16 &&
                   NDSHM_ERR_ENDIAN == -17 && NDSHM_ERR_TRUNCATED == -18 &&
                   NDSHM_ERR_CORRUPT == -19 && NDSHM_ERR_NO_SPACE == -20 &&
                   NDSHM_ERR_PERMISSION == -21 && NDSHM_ERR_CREATOR_DIED == -22 &&
                   NDSHM_ERR_READ_ONLY == -23 && NDSHM_ERR_UNSEALED == -24,
               "statuses of segments");
_Static_assert(NDSHM_ERR_DTYPE == -40 && NDSHM_ERR_DTYPE_SPACE == -41 &&
                   NDSHM_ERR_NOT_TEXT == -42 && NDSHM_ERR_DTYPE_DIFFERS == -43 &&
                   NDSHM_ERR_FILL == -44,
               "statuses of dtypes");
_Static_assert(NDSHM_ERR_INPUT == -50 && NDSHM_ERR_TEXT == -51 && NDSHM_ERR_COLUMNS == -52 &&
                   NDSHM_ERR_WORKERS == -53 && NDSHM_ERR_CANCELLED == -54 &&
                   NDSHM_ERR_MEMORY == -55 && NDSHM_ERR_EMPTY == -56,
               "statuses of text");
_Static_assert(NDSHM_ERR_HDF5 == -60 && NDSHM_ERR_FILE_EXISTS == -61 && NDSHM_ERR_FILE == -62 &&
                   NDSHM_ERR_DISK_FULL == -63 && NDSHM_ERR_DATASET_NAME == -64 &&
                   NDSHM_ERR_HDF5_TYPE == -65 && NDSHM_ERR_SHARDS == -68,
               "statuses of HDF5 files");
_Static_assert(NDSHM_ERR_THREADS == -70 && NDSHM_ERR_MAP_FUNCTION == -71 &&
                   NDSHM_ERR_MAP_DIED == -72 && NDSHM_ERR_MAP_START == -73 &&
                   NDSHM_ERR_TIMEOUT == -74 && NDSHM_ERR_END == -75,
               "statuses of maps");
_Static_assert(NDSHM_ERR_HANDLE == -80 && NDSHM_ERR_NO_FIELD == -81 && NDSHM_ERR_PANIC == -90,
               "statuses of the interface");
_Static_assert(NDSHM_DESCRIBE_TEXT == 0 && NDSHM_DESCRIBE_FILE == 1 && NDSHM_DESCRIBE_SEGMENT == 2 &&
                   NDSHM_KNOWN_RANGE == 1 && NDSHM_KNOWN_MEAN == 2 && NDSHM_KNOWN_STD == 4 &&
                   NDSHM_KNOWN_DISTINCT == 8 && NDSHM_KNOWN_FREQUENT == 16 &&
                   NDSHM_KNOWN_HISTOGRAM == 32 && NDSHM_TEXT_NAME == 0 && NDSHM_TEXT_FREQUENT == 4,
               "numbers of descriptions");
_Static_assert(NDSHM_KIND_RECORD == 'r' && NDSHM_KIND_FLOAT == 'f' && NDSHM_ORDER_BIG == '>',
               "kinds are characters");

int main(void)
{
    return 0;
}
