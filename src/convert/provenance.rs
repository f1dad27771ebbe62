//! What a file says of where its rows come from.

use std::format;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::options::Provenance;
use super::scheme::Source;
use crate::hdf5::AttrValue;
use crate::hdf5::Attribute;
use crate::load;
use crate::text::Delimiter;

/// Inputs of one dataset that are listed; of more, there is but their number. An attribute of
/// a dataset has 64 KiB at most.
const LISTED: usize = 2000;
/// Bytes that are read at once for a checksum.
const PIECE: usize = 1 << 20;

/// What a dataset says of its inputs.
#[derive(Debug, Default)]
pub(super) struct Origin {
    names: Vec<String>,
    bytes: Vec<i64>,
    checksums: Vec<String>,
    /// Inputs, if they are not listed.
    count: Option<i64>,
}

impl Origin {
    /// Looks at the inputs of a dataset. A stream has a name only.
    pub(super) fn of(sources: &[Source], what: Provenance) -> io::Result<Self> {
        if what == Provenance::None {
            return Ok(Self::default());
        }
        if sources.len() > LISTED {
            return Ok(Self { count: Some(sources.len() as i64), ..Self::default() });
        }
        let mut own = Self::default();
        for source in sources {
            own.names.push(source.name.clone());
        }
        // A FIFO or a device has no size, and cannot be read again.
        let size = |source: &Source| {
            let data = fs::metadata(&source.path).ok().filter(|_| source.is_file)?;
            data.is_file().then_some(data.len() as i64)
        };
        if let Some(sizes) = sources.iter().map(size).collect::<Option<Vec<_>>>() {
            own.bytes = sizes;
            for source in sources {
                if what == Provenance::Checksums {
                    own.checksums.push(crc32(&source.path)?);
                }
            }
        }
        Ok(own)
    }

    /// As attributes: of one input a value, of several a list.
    pub(super) fn attributes(&self) -> Vec<(&'static str, AttrValue<'_>)> {
        let mut all = Vec::new();
        match self.names.as_slice() {
            [] => {}
            [name] => all.push(("source_file", AttrValue::Str(name))),
            names => all.push(("source_file", AttrValue::Strs(names))),
        }
        match self.bytes.as_slice() {
            [] => {}
            [bytes] => all.push(("source_bytes", AttrValue::Int(*bytes))),
            bytes => all.push(("source_bytes", AttrValue::Ints(bytes))),
        }
        match self.checksums.as_slice() {
            [] => {}
            [sum] => all.push(("source_crc32", AttrValue::Str(sum))),
            sums => all.push(("source_crc32", AttrValue::Strs(sums))),
        }
        all.extend(self.count.map(|count| ("source_count", AttrValue::Int(count))));
        all
    }
}

/// The CRC-32 of a file, as `crc32` and `gzip -lv` print it.
fn crc32(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut sum, mut piece) = (crc32fast::Hasher::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(format!("{:08x}", sum.finalize())),
            n => sum.update(piece.get(..n).unwrap_or_default()),
        }
    }
}

/// What the file says of ndshm and of how the text was read, as far as that is not as usual.
pub(super) fn of_file(options: &load::Options) -> Vec<(String, Attribute)> {
    let version = format!("ndshm {}", env!("CARGO_PKG_VERSION"));
    let mut all = Vec::from([("created_by".to_string(), Attribute::Str(version))]);
    let text = reading(options);
    if !text.is_empty() {
        all.push(("reading_options".to_string(), Attribute::Str(text)));
    }
    all
}

fn reading(options: &load::Options) -> String {
    let usual = load::Options::default();
    let mut all = Vec::new();
    if let Delimiter::Char(c) = options.delimiter {
        all.push(format!("delimiter={c:?}"));
    }
    let mut add = |differs: bool, text: String| {
        if differs {
            all.push(text);
        }
    };
    add(options.header, "header".into());
    add(options.comments != usual.comments, format!("comments={:?}", options.comments));
    add(options.quote.is_some(), format!("quotechar={:?}", options.quote.unwrap_or_default()));
    add(options.decimal != usual.decimal, format!("decimal={:?}", options.decimal));
    add(options.encoding != usual.encoding, format!("encoding={:?}", options.encoding));
    add(options.skiprows != 0, format!("skiprows={}", options.skiprows));
    add(options.skip_footer != 0, format!("skip_footer={}", options.skip_footer));
    add(options.max_rows.is_some(), format!("max_rows={}", options.max_rows.unwrap_or(0)));
    add(options.usecols.is_some(), format!("usecols={:?}", options.usecols));
    add(!options.missing.is_empty(), format!("missing={:?}", options.missing));
    add(!options.fill.is_empty(), format!("fill={:?}", options.fill));
    add(options.on_bad_rows != usual.on_bad_rows, "on_bad_rows=skip".into());
    all.join(" ")
}
