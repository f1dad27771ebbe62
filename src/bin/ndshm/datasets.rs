//! Which inputs become which datasets, and what is said of them: options of `convert`.

use clap::Args as ClapArgs;
use ndshm::convert::{
    Arrange, Attribute, CategoryColumn, Coordinates, Dimension, ObjectAttribute, Options,
    Provenance, Shape,
};

/// Names, shapes and attributes of datasets.
#[derive(Debug, ClapArgs)]
pub(crate) struct DatasetArgs {
    /// Put all rows of all inputs into one dataset [default: a dataset per input, named after
    /// the file, 'stdin' for '-']
    #[arg(long, value_name = "NAME", conflicts_with_all = ["stack", "groups"], help_heading = "Datasets")]
    concat: Option<String>,

    /// Put the inputs, all of one shape, into one dataset with an axis more, along which they
    /// lie in their order
    #[arg(long, value_name = "NAME", conflicts_with = "groups", help_heading = "Datasets")]
    stack: Option<String>,

    /// Put the datasets into groups, named after the directories in which the inputs differ
    #[arg(long, help_heading = "Datasets")]
    groups: bool,

    /// Shape of each dataset, such as '365,720,1440'; -1 as the first extent leaves it to the
    /// number of elements
    #[arg(long, value_name = "SHAPE", value_parser = shape, allow_hyphen_values = true, help_heading = "Datasets")]
    shape: Option<Shape>,

    /// Add a last column with the name of the file that each row comes from
    #[arg(long, value_name = "NAME", requires = "concat", help_heading = "Datasets")]
    source_column: Option<String>,

    /// Store a column of text as numbers with labels, an enumeration: NAME, or
    /// NAME=LABEL,LABEL,... to choose the numbers; may be given several times
    #[arg(long, value_name = "NAME[=LABELS]", value_parser = category, help_heading = "Datasets")]
    category: Vec<CategoryColumn>,

    #[command(flatten)]
    said: SaidArgs,

    /// Do not note in the file where it comes from: name and bytes of each input, version and
    /// options
    #[arg(long, help_heading = "Datasets")]
    no_provenance: bool,

    /// Note the CRC-32 of each input, too
    #[arg(long, conflicts_with = "no_provenance", help_heading = "Datasets")]
    checksum: bool,
}

/// What is said of datasets.
#[derive(Debug, ClapArgs)]
pub(crate) struct SaidArgs {
    /// Attribute for each dataset, or for OBJECT alone, a dataset, a dimension, or '/' for the
    /// file: a number where it looks like one, or a text, which may be put in double quotes;
    /// may be given several times
    #[arg(long, value_name = "[OBJECT@]KEY=VALUE", value_parser = attribute, help_heading = "Datasets")]
    attr: Vec<(String, Attribute)>,

    /// Names of the axes of each dataset, such as 'time,lat,lon', for netCDF, xarray and h5py
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Datasets")]
    dims: Vec<String>,

    /// Coordinates of a dimension: a text file of numbers, or START:STEP, or START:STOP:STEP,
    /// where STOP is the last number or the one behind it; may be given several times
    #[arg(long, value_name = "NAME=FILE|RANGE", value_parser = coordinates, requires = "dims", help_heading = "Datasets")]
    coords: Vec<(String, Coordinates)>,

    /// Units of a column of records; may be given several times
    #[arg(long, value_name = "COLUMN=TEXT", value_parser = pair, help_heading = "Datasets")]
    units: Vec<(String, String)>,
}

impl DatasetArgs {
    /// What they say of a conversion; the rest is as usual.
    pub(crate) fn options(&self) -> Options {
        let arrange = match (&self.concat, &self.stack) {
            (Some(name), _) => Arrange::Concat(name.clone()),
            (_, Some(name)) => Arrange::Stack(name.clone()),
            _ if self.groups => Arrange::Groups,
            _ => Arrange::Each,
        };
        Options {
            arrange,
            shape: self.shape.clone(),
            source_column: self.source_column.clone(),
            categories: self.category.clone(),
            provenance: match (self.no_provenance, self.checksum) {
                (true, _) => Provenance::None,
                (_, true) => Provenance::Checksums,
                _ => Provenance::Inputs,
            },
            ..self.said.options()
        }
    }

    /// Refuses coordinates without their dimension.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.said.check()
    }
}

impl SaidArgs {
    /// What they say of a conversion; the rest is as usual.
    pub(crate) fn options(&self) -> Options {
        Options {
            attributes: self.attr.iter().filter(|(name, _)| !name.contains('@')).cloned().collect(),
            object_attributes: self.attr.iter().filter_map(of_object).collect(),
            dims: self.dims.iter().map(|name| self.dimension(name)).collect(),
            units: self.units.clone(),
            ..Options::default()
        }
    }

    fn dimension(&self, name: &str) -> Dimension {
        let given = self.coords.iter().find(|(of, _)| of == name);
        Dimension { name: name.into(), coordinates: given.map(|(_, values)| values.clone()) }
    }

    /// Refuses coordinates without their dimension.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut names = self.coords.iter().map(|(name, _)| name);
        match names.find(|name| !self.dims.contains(name)) {
            Some(name) => Err(format!("--coords {name}: --dims does not name it")),
            None => Ok(()),
        }
    }
}

fn shape(text: &str) -> Result<Shape, String> {
    let extent = |part: &str| match part.trim().parse() {
        Ok(extent) if extent > 0 => Ok(extent),
        _ => Err(format!("'{part}' is no extent: a number of at least 1 is needed")),
    };
    let text = text.trim_start_matches('(').trim_end_matches([')', ',']);
    let (first, rest) = text.split_once([',', 'x']).unwrap_or((text, ""));
    let first = if first.trim() == "-1" { None } else { Some(extent(first)?) };
    let rest = rest.split([',', 'x']).filter(|part| !part.is_empty());
    Ok(Shape { first, rest: rest.map(extent).collect::<Result<_, _>>()? })
}

/// `NAME`, or `NAME=LABEL,LABEL`.
fn category(text: &str) -> Result<CategoryColumn, String> {
    let Some((name, labels)) = text.split_once('=') else {
        return Ok(CategoryColumn { name: text.into(), labels: None });
    };
    let labels: Vec<String> = labels.split(',').map(Into::into).collect();
    if labels.iter().any(String::is_empty) {
        return Err("a label must not be empty".into());
    }
    Ok(CategoryColumn { name: name.into(), labels: Some(labels) })
}

/// `OBJECT@KEY`.
fn of_object((text, value): &(String, Attribute)) -> Option<ObjectAttribute> {
    let (object, name) = text.rsplit_once('@')?;
    Some(ObjectAttribute { object: object.into(), name: name.into(), value: value.clone() })
}

/// `NAME=TEXT`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, text) = text.split_once('=').ok_or("NAME=TEXT is needed")?;
    Ok((name.into(), text.into()))
}

/// `NAME=FILE`, `NAME=START:STEP` or `NAME=START:STOP:STEP`.
fn coordinates(text: &str) -> Result<(String, Coordinates), String> {
    let (name, text) = pair(text)?;
    let numbers: Result<Vec<f64>, _> = text.split(':').map(str::parse).collect();
    let range = |start, step, stop| Coordinates::Range { start, step, stop };
    let values = match numbers.as_deref() {
        Ok([start, step]) => range(*start, *step, None),
        Ok([start, end, step]) => range(*start, *step, Some(*end)),
        _ => {
            let all = std::fs::read_to_string(&text).map_err(|e| format!("{text}: {e}"))?;
            let fields = all.split(|c: char| c == ',' || c.is_whitespace());
            let number = |field: &str| {
                field.parse().map_err(|_| format!("{text}: '{field}' is not a number"))
            };
            let fields = fields.filter(|field| !field.is_empty());
            Coordinates::Values(fields.map(number).collect::<Result<_, _>>()?)
        }
    };
    Ok((name, values))
}

/// `KEY=VALUE`, or `OBJECT@KEY=VALUE`.
fn attribute(text: &str) -> Result<(String, Attribute), String> {
    let (name, value) = text.split_once('=').ok_or("KEY=VALUE is needed")?;
    if name.is_empty() || name.starts_with('@') || name.ends_with('@') {
        return Err("the name of an attribute must not be empty".into());
    }
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let attribute = match (quoted, value.parse(), value.parse::<f64>()) {
        (Some(text), ..) => Attribute::Str(text.into()),
        (_, Ok(number), _) => Attribute::Int(number),
        // 'inf' and 'nan' may be meant as words.
        (_, _, Ok(number)) if value.contains(|c: char| c.is_ascii_digit()) => {
            Attribute::Float(number)
        }
        _ => Attribute::Str(value.into()),
    };
    Ok((name.into(), attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_may_leave_the_first_extent_open() {
        let of = |text| shape(text).unwrap();
        assert_eq!(of("-1,720,1440"), Shape { first: None, rest: vec![720, 1440] });
        assert_eq!(of("(2, 3)"), Shape { first: Some(2), rest: vec![3] });
        assert_eq!(of("12"), Shape { first: Some(12), rest: vec![] });
        for wrong in ["", "0", "2,-1", "2,0", "a"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attributes_are_numbers_where_they_look_like_some() {
        let of = |text| attribute(text).unwrap().1;
        assert_eq!(of("n=12"), Attribute::Int(12));
        assert_eq!(of("x=-1.5e3"), Attribute::Float(-1500.0));
        assert_eq!(of("units=K"), Attribute::Str("K".into()));
        assert_eq!(of("who=nan"), Attribute::Str("nan".into()));
        assert_eq!(of("id=\"007\""), Attribute::Str("007".into()));
        assert_eq!(of("eq=a=b"), Attribute::Str("a=b".into()));
        assert!(attribute("x").is_err() && attribute("=x").is_err());
    }
}
