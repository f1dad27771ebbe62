//! Names of axes, and what is said of single columns and objects.

use core::ffi::c_char;
use std::string::String;
use std::vec::Vec;

use super::args;
use super::convert::ndshm_hdf5_options;
use super::datasets::ndshm_attribute;
use super::error::Fault;
use crate::convert::{Attribute, Coordinates, Dimension, ObjectAttribute};

/// The dimension has no coordinates.
pub const NDSHM_COORDINATES_NONE: u32 = 0;
/// They are `values`.
pub const NDSHM_COORDINATES_VALUES: u32 = 1;
/// They begin with `start` and have the distance `step`, as many as the axis has elements.
pub const NDSHM_COORDINATES_STEPS: u32 = 2;
/// As `NDSHM_COORDINATES_STEPS`, and `stop` is the last one, or the one behind it.
pub const NDSHM_COORDINATES_RANGE: u32 = 3;

/// The name of an axis of each dataset, and its coordinates: `{.name = "lat"}`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_dimension {
    /// Its name, which has no `/`.
    pub name: *const c_char,
    /// `NDSHM_COORDINATES_...`.
    pub coordinates: u32,
    /// 0.
    pub reserved: u32,
    /// `values_len` coordinates, as many as the axis has elements.
    pub values: *const f64,
    /// Coordinates at `values`.
    pub values_len: usize,
    /// The first coordinate.
    pub start: f64,
    /// The distance of two coordinates.
    pub step: f64,
    /// The last coordinate, or the one behind it.
    pub stop: f64,
}

/// An attribute of one object.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_object_attribute {
    /// `"/"` for the file; the path of a dataset, or the name of a dimension.
    pub object: *const c_char,
    /// The attribute.
    pub attribute: ndshm_attribute,
}

impl ndshm_hdf5_options {
    /// # Safety
    /// * `dims` leads to as many items as there are said to be.
    pub(super) unsafe fn dimensions(&self) -> Result<Vec<Dimension>, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.dims, self.dims_len, "options->dims") }?;
        // SAFETY: the caller's promise.
        given.iter().map(|one| unsafe { one.read() }).collect()
    }

    /// # Safety
    /// * `units` leads to as many items as there are said to be.
    pub(super) unsafe fn units(&self) -> Result<Vec<(String, String)>, Fault> {
        const WHAT: &str = "options->units";
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.units, self.units_len, WHAT) }?;
        // SAFETY: the caller's promise.
        let read = |one: &ndshm_attribute| match unsafe { one.read(WHAT) }? {
            (column, Attribute::Str(text)) => Ok((column, text)),
            _ => Err(Fault::Range(WHAT)),
        };
        given.iter().map(read).collect()
    }

    /// # Safety
    /// * `object_attributes` leads to as many items as there are said to be.
    pub(super) unsafe fn object_attributes(&self) -> Result<Vec<ObjectAttribute>, Fault> {
        const WHAT: &str = "options->object_attributes";
        let (at, len) = (self.object_attributes, self.object_attributes_len);
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(at, len, WHAT) }?;
        let read = |one: &ndshm_object_attribute| {
            // SAFETY: the caller's promise.
            let object = unsafe { args::text(one.object, WHAT) }?;
            // SAFETY: the caller's promise.
            let (name, value) = unsafe { one.attribute.read(WHAT) }?;
            Ok(ObjectAttribute { object: object.into(), name, value })
        };
        given.iter().map(read).collect()
    }
}

impl ndshm_dimension {
    /// # Safety
    /// * Its name and its values stay as they are during the call.
    unsafe fn read(&self) -> Result<Dimension, Fault> {
        const WHAT: &str = "options->dims";
        // SAFETY: the caller's promise.
        let name = unsafe { args::text(self.name, WHAT) }?.into();
        // SAFETY: the caller's promise.
        let values = unsafe { args::items(self.values, self.values_len, WHAT) }?;
        let (start, step) = (self.start, self.step);
        let range = |stop| Some(Coordinates::Range { start, step, stop });
        let coordinates = match self.coordinates {
            NDSHM_COORDINATES_VALUES => Some(Coordinates::Values(values.into())),
            _ if !values.is_empty() || self.reserved != 0 => return Err(Fault::Range(WHAT)),
            NDSHM_COORDINATES_NONE => None,
            NDSHM_COORDINATES_STEPS => range(None),
            NDSHM_COORDINATES_RANGE => range(Some(self.stop)),
            _ => return Err(Fault::Range(WHAT)),
        };
        Ok(Dimension { name, coordinates })
    }
}
