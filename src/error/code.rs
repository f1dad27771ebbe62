//! Stable codes of the layers above the core: the errors of loading, converting, HDF5
//! files and maps that no [`Error`](super::Error) stands for. The core's own codes end
//! above -50. A code never changes its meaning.

/// An input cannot be read: it is missing, a directory, not plain text, or it changed.
pub const INPUT: i32 = -50;
/// A line of an input is not what dtype and options say; it has a position.
pub const TEXT: i32 = -51;
/// Inputs that become one array have different numbers of columns.
pub const COLUMNS: i32 = -52;
/// Worker processes died: twice at the same piece, or all of them.
pub const WORKERS: i32 = -53;
/// Somebody asked to stop.
pub const CANCELLED: i32 = -54;
/// The memory given is too small for a row or a line.
pub const MEMORY: i32 = -55;
/// An input has no rows.
pub const EMPTY: i32 = -56;
/// A sink of the caller's did not take the rows.
pub const SINK: i32 = -57;
/// The HDF5 library failed.
pub const HDF5: i32 = -60;
/// The target file exists, and replacing it was not asked for.
pub const TARGET_EXISTS: i32 = -61;
/// The target file cannot be written.
pub const TARGET: i32 = -62;
/// The disk is full.
pub const DISK_FULL: i32 = -63;
/// A dataset cannot be named so, or two would have one name.
pub const DATASET_NAME: i32 = -64;
/// HDF5 has no type for the dtype.
pub const HDF5_TYPE: i32 = -65;
/// Shards do not fit together, or are not what the joined file has noted.
pub const SHARDS: i32 = -68;
/// The process has threads, and the function of a map has no name to be found by.
pub const THREADS: i32 = -70;
/// The function of a map returned a number that is no status.
pub const MAP_FUNCTION: i32 = -71;
/// Two workers died of the same item.
pub const MAP_DIED: i32 = -72;
/// Workers die before they get an item.
pub const MAP_START: i32 = -73;
/// A panic: the library, or a user's function, gave up in the middle of a call.
pub const PANIC: i32 = -90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_below_those_of_the_core() {
        let all = [
            INPUT,
            TEXT,
            COLUMNS,
            WORKERS,
            CANCELLED,
            MEMORY,
            EMPTY,
            SINK,
            HDF5,
            TARGET_EXISTS,
            TARGET,
            DISK_FULL,
            DATASET_NAME,
            HDF5_TYPE,
            SHARDS,
            THREADS,
            MAP_FUNCTION,
            MAP_DIED,
            MAP_START,
            PANIC,
        ];
        for (i, code) in all.iter().enumerate() {
            assert!((-99..=-50).contains(code) && !all[..i].contains(code), "{code}");
        }
    }
}
