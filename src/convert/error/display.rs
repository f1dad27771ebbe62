//! The words for what can go wrong, by what it is about.

use core::fmt;

use super::ConvertError;

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Describe(error) => write!(f, "{error}"),
            Self::Chunks(error) => write!(f, "{error}"),
            Self::Load(error) => write!(f, "{error}"),
            Self::Hdf5(error) => write!(f, "{error}"),
            other => {
                let said = other.inputs(f).or_else(|| other.columns(f));
                said.or_else(|| other.shapes(f)).unwrap_or(Ok(()))
            }
        }
    }
}

/// What was said, if it was said here.
type Said = Option<fmt::Result>;

impl ConvertError {
    /// Which inputs become which datasets.
    fn inputs(&self, f: &mut fmt::Formatter<'_>) -> Said {
        Some(match self {
            Self::SameName { name, first, second } => write!(
                f,
                "{} and {} would both become dataset '{name}': rename one, or put all rows into \
                 one dataset (concat)",
                first.display(),
                second.display()
            ),
            Self::NoName { path } => write!(
                f,
                "{}: no dataset can be named after it: put all rows into one (concat)",
                path.display()
            ),
            Self::OutputIsInput { path } => {
                write!(f, "{}: the output is one of the inputs", path.display())
            }
            Self::AttributeTwice { name } => write!(f, "attribute '{name}' is given twice"),
            _ => return None,
        })
    }

    fn columns(&self, f: &mut fmt::Formatter<'_>) -> Said {
        Some(match self {
            Self::Category { column } => {
                write!(f, "column '{column}' cannot hold labels: a column of text is needed")
            }
            Self::Label { column, text } => {
                write!(f, "column '{column}': '{text}' is none of its labels")
            }
            Self::TooManyLabels { column, labels } => write!(
                f,
                "column '{column}' has more than {labels} different texts, more labels than the \
                 64 KiB hold in which HDF5 describes a type: keep it as text"
            ),
            Self::SourceColumn => f.write_str(
                "a column for the names of the inputs needs records of several inputs in one \
                 dataset (concat)",
            ),
            Self::SourceName { name } => write!(
                f,
                "the rows have a column '{name}' already: give the column for the names of the \
                 inputs another name"
            ),
            _ => return None,
        })
    }

    fn shapes(&self, f: &mut fmt::Formatter<'_>) -> Said {
        Some(match self {
            Self::StackShape { first, shape, second, other } => write!(
                f,
                "{} has the shape {}, and {} the shape {}: only equal ones can be stacked",
                second.display(),
                whole(other),
                first.display(),
                whole(shape)
            ),
            Self::Shape { name, elements, first, rest } => write!(
                f,
                "dataset '{name}': {elements} elements do not fill the shape {}",
                Extents(*first, rest)
            ),
            Self::Extend { name, fault } => write!(f, "dataset '{name}': {fault}"),
            Self::Axes { axes, most } => {
                write!(f, "{axes} axes are too many for a dataset, {most} are possible")
            }
            _ => return None,
        })
    }
}

/// A shape as NumPy writes it; a first extent that is open is `-1`.
struct Extents<'a>(Option<u64>, &'a [u64]);

fn whole(shape: &[u64]) -> Extents<'_> {
    Extents(shape.first().copied(), shape.get(1..).unwrap_or_default())
}

impl fmt::Display for Extents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(first) => write!(f, "({first}")?,
            None => f.write_str("(-1")?,
        }
        self.1.iter().try_for_each(|extent| write!(f, ", {extent}"))?;
        f.write_str(if self.1.is_empty() { ",)" } else { ")" })
    }
}
