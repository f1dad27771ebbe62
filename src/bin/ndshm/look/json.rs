//! Rows for programs.

use std::io::{self, Write};

use ndshm::look::{Cell, Real, Table, Value};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::json::Number;
use crate::value::{duration, hexadecimal};

/// Writes each row as one line.
pub(super) fn write(out: &mut dyn Write, of: &Table, rows: &[u8]) -> io::Result<()> {
    for row in rows.chunks_exact(of.row().max(1)) {
        serde_json::to_writer(&mut *out, &Row { of, row })?;
        writeln!(out)?;
    }
    Ok(())
}

/// A row as an object.
struct Row<'r> {
    of: &'r Table,
    row: &'r [u8],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let columns = self.of.columns();
        let mut map = to.serialize_map(Some(columns.len()))?;
        for column in columns {
            let name = if column.name().is_empty() { "value" } else { column.name() };
            map.serialize_entry(name, &One(self.of.cell(column, self.row)))?;
        }
        map.end()
    }
}

/// A value as JSON has it.
struct One<'c>(Cell<'c>);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.value() {
            Value::Bool(is) => to.serialize_bool(is),
            Value::Int(is) => to.serialize_i64(is),
            Value::Uint(is) => to.serialize_u64(is),
            Value::Float(is) => Part(is).serialize(to),
            Value::Complex(re, im) => [Part(re), Part(im)].serialize(to),
            Value::Text(is) => to.serialize_str(&is),
            Value::Bytes(is) => to.serialize_str(&hexadecimal(is)),
            Value::Moment(is) => to.serialize_str(is.as_deref().unwrap_or("NaT")),
            Value::Duration(count, unit, times) => to.serialize_str(&duration(count, unit, times)),
            Value::Record(items) => {
                let mut map = to.serialize_map(None)?;
                for (name, cell) in items.iter() {
                    map.serialize_entry(name, &One(cell))?;
                }
                map.end()
            }
            Value::List(items) => {
                let mut list = to.serialize_seq(None)?;
                for (_, cell) in items.iter() {
                    list.serialize_element(&One(cell))?;
                }
                list.end()
            }
        }
    }
}

/// A number with the digits of its width.
struct Part(Real);

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Real::Single(is) if is.is_finite() => to.serialize_f32(is),
            Real::Single(is) => Number(is.into()).serialize(to),
            Real::Double(is) => Number(is).serialize(to),
        }
    }
}
