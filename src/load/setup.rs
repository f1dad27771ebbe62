//! What a job is asked for, and what it makes of that for each pass.

use std::path::Path;
use std::string::String;
use std::vec::Vec;

use super::auto::{PLACES, RowType, Sample, Types, dtype_of, first_bytes, record};
use super::cancel::Stop;
use super::columns;
use super::dialect::Dialect;
use super::error::{InputFault, LoadError, Result};
use super::header::{self, Header};
use super::inputs::Inputs;
use super::options::{Budget, Options};
use super::peek::Beginning;
use super::recipe::{Aim, Blueprint, Compiled, Formula, OwnFormat};
use crate::dtype::{DType, Kind};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::text::{Format, Found, Role, Seen, Unicode};

/// Text for one worker: less of it costs more to hand out than it takes to read.
const SHARE: u64 = 64 << 10;

/// The same; pieces of another size make it another one.
pub(super) fn share(options: &Options) -> u64 {
    options.piece_bytes.unwrap_or(SHARE).max(1)
}

/// What stays the same from pass to pass.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) rows: RowType,
    pub(super) unicode: Unicode,
    pub(super) options: Options,
    format: OwnFormat,
    /// The names of the columns, when they are known.
    header: Option<Header>,
    /// The one input is a reader, and may be too short to be worth a fork.
    may_be_short: bool,
}

impl Setup {
    pub(super) fn new(rows: RowType, unicode: Unicode, options: Options) -> Result<Self> {
        let format = OwnFormat::new(&options)?;
        Ok(Self { rows, unicode, options, format, header: None, may_be_short: false })
    }

    /// Says that the one input is a reader, or a small file that is unpacked. Of one that is
    /// wanted in part no more is read than that.
    pub(super) fn note_reader(&mut self) {
        self.may_be_short = self.options.max_rows.is_none();
    }

    pub(super) fn format(&self) -> Format<'_> {
        self.format.get()
    }

    /// Whether the beginning of the first input has to be seen before the first pass.
    pub(super) const fn needs_beginning(&self) -> bool {
        self.options.header || self.options.sniff || self.can_begin_again() || self.may_be_short
    }

    /// Whether there may be more than one pass.
    pub(super) const fn can_begin_again(&self) -> bool {
        !matches!(self.rows, RowType::Fixed(_) | RowType::Exact(_))
    }

    /// Whether this is enough of the first input, behind the lines that are skipped.
    pub(super) fn is_enough(&self, text: &[u8]) -> bool {
        let wanted = match () {
            () if self.can_begin_again() || self.options.sniff => first_bytes(&self.options),
            () if self.may_be_short => share(&self.options) as usize + 1,
            () => 0,
        };
        let found = header::find(text, self.options.header, &self.format(), false);
        found.is_some_and(|found| text.len() - found.start >= wanted)
    }

    /// Finds out how the text is written, if nobody said so.
    pub(super) fn find_dialect(&mut self, beginning: &Beginning) -> Result<Option<Dialect>> {
        if !self.options.sniff {
            return Ok(None);
        }
        let found = Dialect::find(&beginning.text, beginning.ends, &self.options);
        found.apply(&mut self.options);
        self.format = OwnFormat::new(&self.options)?;
        Ok(Some(found))
    }

    /// Reads the names of the columns.
    pub(super) fn read_header(&mut self, path: &Path, beginning: &Beginning) -> Result<()> {
        let input_error = |reason| LoadError::Input { input: 0, path: path.into(), reason };
        if self.options.header {
            self.header = Some(self.header_of(path, beginning).map_err(input_error)?);
        }
        Ok(())
    }

    fn header_of(
        &self,
        path: &Path,
        beginning: &Beginning,
    ) -> core::result::Result<Header, InputFault> {
        let &Beginning { ref text, offset, skipped, ends } = beginning;
        let (line, limit) = (skipped + 1, text.len() as u64);
        let found = header::find(text, true, &self.format(), ends);
        let found = found.ok_or(InputFault::LineTooLong { limit, line })?;
        let record = text.get(found.names).unwrap_or_default();
        Header::read(path.into(), record, &self.format(), line, offset)
    }

    /// Whether all that comes before the rows is in the beginning of the first input, of which
    /// this is what is behind the lines that are skipped.
    pub(super) fn has_head(&self, text: &[u8]) -> bool {
        header::find(text, self.options.header, &self.format(), false).is_some()
    }

    /// Whether and how the first pass makes rows: for a fixed type always, for others if a
    /// sample says what they are at least. Without it, the first pass looks.
    pub(super) fn first(
        &mut self,
        inputs: &Inputs,
        beginning: Option<&Beginning>,
        stop: &Stop<'_>,
    ) -> Result<Formula> {
        if let RowType::Fixed(dtype) | RowType::Exact(dtype) = &self.rows {
            let named = self.named(dtype.as_dtype())?;
            let dtype = named.as_ref().unwrap_or(dtype);
            let whole: Vec<u32> = match &self.rows {
                RowType::Exact(_) => to_be_kept_whole(dtype.as_dtype()),
                _ => Vec::new(),
            };
            let blueprint = self.blueprint(dtype.as_dtype(), Found::Nodes(&whole));
            return Ok(self.formula(Compiled::new(&blueprint)?, None));
        }
        let looking = self.look()?;
        let Formula { compiled, looks: Some(types), .. } = &looking else { return Ok(looking) };
        let mut sample = Sample::new(compiled.plan(), types, &self.options);
        if let Some(&Beginning { ref text, ends, .. }) = beginning {
            let found = header::find(text, self.options.header, &self.format(), ends);
            let start = found.map_or(text.len(), |found| found.start);
            sample.first(text.get(start..).unwrap_or_default(), ends)?;
        }
        self.look_further(&mut sample, compiled, inputs, stop)?;
        if types.suffice(&self.rows, &sample.seen) {
            match self.load(types, &sample.seen, Aim::Guess) {
                // A value for missing ones that is too wide, say, for what was seen.
                Err(LoadError::Fill { .. }) => {}
                other => return other,
            }
        }
        Ok(looking)
    }

    /// Looks at places all over the files.
    fn look_further(
        &self,
        sample: &mut Sample<'_>,
        compiled: &Compiled,
        inputs: &Inputs,
        stop: &Stop<'_>,
    ) -> Result<()> {
        if !Sample::can_look_anywhere(&self.options) {
            return Ok(());
        }
        let size = |input| inputs.file(input).map_or(0, |file| file.size);
        let total: u64 = (0..inputs.len()).map(size).sum();
        let (mut input, mut before) = (0, 0);
        for place in 1..PLACES {
            if stop.is_set() {
                return Err(LoadError::Cancelled);
            }
            let at = total / PLACES * place;
            while input < inputs.len() && before + size(input) <= at {
                before += size(input);
                input += 1;
            }
            let at = at - before;
            let seen = if input == 0 { first_bytes(&self.options) as u64 } else { 0 };
            if at > seen && at >= self.rows_start(compiled, inputs, input, stop)? {
                sample.further(inputs.place(input), at, size(input))?;
            }
        }
        Ok(())
    }

    /// Where the rows of a file start.
    fn rows_start(
        &self,
        compiled: &Compiled,
        inputs: &Inputs,
        input: usize,
        stop: &Stop<'_>,
    ) -> Result<u64> {
        if self.options.skiprows == 0 && !self.options.header {
            return Ok(0);
        }
        let limit = Budget::new(&self.options, Some(0))?.line;
        let header = self.header.as_ref();
        let head = inputs.head(input, &compiled.plan(), &self.options, header, limit, stop);
        // What is wrong there is an error when its turn comes.
        Ok(head.map_or(u64::MAX, |head| head.start))
    }

    /// A pass that looks what the columns are like.
    pub(super) fn look(&self) -> Result<Formula> {
        let dtype = match (&self.rows, self.column_names()?) {
            (RowType::Open(open), _) => open.least()?,
            (_, Some(names)) => record(&names, |_| Some((Kind::Unicode, 4)))?,
            (_, None) => DTypeBuf::parse("U1")?,
        };
        let dtype = match &self.rows {
            RowType::Open(_) => self.named(dtype.as_dtype())?.unwrap_or(dtype),
            _ => dtype,
        };
        let blueprint =
            Blueprint { aim: Aim::Look, ..self.blueprint(dtype.as_dtype(), Found::Nothing) };
        let compiled = Compiled::new(&blueprint)?;
        let types = self.types(&compiled);
        Ok(self.formula(compiled, Some(types)))
    }

    /// What is to be looked for, and what is known before: values for missing ones.
    fn types(&self, compiled: &Compiled) -> Types {
        let plan = compiled.plan();
        let point = plan.format().decimal();
        let mut types = Types::new(&self.rows, &plan);
        for gap in compiled.gaps.iter().filter(|gap| gap.role == Role::Fill) {
            let slots = match (gap.slot, &self.rows) {
                (Some(slot), _) => slot..slot + 1,
                (None, RowType::Open(_)) => 0..types.columns() as u32,
                (None, _) => 0..0,
            };
            let is_own = |slot| gap.slot == Some(slot);
            let has_own = |slot| {
                compiled
                    .gaps
                    .iter()
                    .any(|other| other.role == Role::Fill && other.slot == Some(slot))
            };
            for slot in slots.filter(|&slot| is_own(slot) || !has_own(slot)) {
                types.note_fill(slot, &gap.text, point);
            }
        }
        types
    }

    /// A pass that makes rows of what was seen in all of the text, or in a sample.
    pub(super) fn load(&self, types: &Types, seen: &[Seen], aim: Aim) -> Result<Formula> {
        let nodes: Vec<u32>;
        let (dtype, found) = if let RowType::Open(open) = &self.rows {
            nodes = open.nodes().iter().map(|&(node, _)| node).collect();
            let dtype = types.close(open, seen)?;
            // One plain type, which a header makes a record of.
            let found = if nodes == [0] { Found::Everything } else { Found::Nodes(&nodes) };
            (self.named(dtype.as_dtype())?.unwrap_or(dtype), found)
        } else {
            (self.dtype_of_columns(seen)?, Found::Everything)
        };
        let blueprint = Blueprint { aim, ..self.blueprint(dtype.as_dtype(), found) };
        let compiled = match Compiled::new(&blueprint) {
            // What missing values of all columns become is for those that can have it.
            Err(LoadError::Fill { dtype: None, .. }) if blueprint.auto => {
                Compiled::new(&Blueprint { common_fill: false, ..blueprint })
            }
            other => other,
        };
        Ok(self.formula(compiled?, None))
    }

    /// The dtype of rows of which nothing is known but what was seen.
    fn dtype_of_columns(&self, seen: &[Seen]) -> Result<DTypeBuf> {
        let names = self.column_names()?;
        // Without a row nothing was seen of any column.
        let count = names.as_ref().map(Vec::len);
        let count = count.or(self.options.usecols.as_ref().map(Vec::len));
        let mut seen = seen.to_vec();
        seen.resize(count.unwrap_or(seen.len()), Seen::default());
        Ok(dtype_of(&seen, names.as_deref())?)
    }

    fn blueprint<'a>(&'a self, dtype: DType<'a>, found: Found<'a>) -> Blueprint<'a> {
        Blueprint {
            dtype,
            found,
            auto: matches!(self.rows, RowType::Auto),
            aim: Aim::Load,
            common_fill: true,
            unicode: self.unicode,
            options: &self.options,
            header: self.header.as_ref(),
        }
    }

    fn formula(&self, compiled: Compiled, looks: Option<Types>) -> Formula {
        let auto = matches!(self.rows, RowType::Auto);
        let same_columns = auto && compiled.plan().needs_column_count();
        Formula { compiled, looks, header: self.header.clone(), same_columns }
    }

    /// The names of the columns that are read, if there is a header.
    fn column_names(&self) -> Result<Option<Vec<String>>> {
        let Some(header) = &self.header else { return Ok(None) };
        columns::names(&self.options, header).map(Some)
    }

    /// A dtype with the names of a header: a record of a plain type, or a record whose
    /// fields have no names of their own. None for any other.
    fn named(&self, dtype: DType<'_>) -> Result<Option<DTypeBuf>> {
        let Some(names) = self.column_names()? else { return Ok(None) };
        if !dtype.is_record() {
            return repeated(dtype, &names).map(Some);
        }
        let counted = (0..).zip(dtype.root().fields());
        let mut counted = counted.map(|(place, field)| field.name() == std::format!("f{place}"));
        if counted.all(|is| is) { renamed(dtype, &names) } else { Ok(None) }
    }
}

/// The nodes that a field could be cut for.
fn to_be_kept_whole(dtype: DType<'_>) -> Vec<u32> {
    let cut = [Kind::Bytes, Kind::Unicode, Kind::Datetime, Kind::Timedelta];
    let leaves = dtype.leaves().filter(|leaf| cut.contains(&leaf.field.kind()));
    let mut nodes: Vec<u32> = leaves.map(|leaf| leaf.field.index() as u32).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// A record of one plain type, once for every name.
fn repeated(dtype: DType<'_>, names: &[String]) -> Result<DTypeBuf> {
    let bytes = names.iter().map(String::len).sum();
    let room = Room { nodes: names.len() + 1, dims: 0, names: bytes };
    Ok(DTypeBuf::build(room, |mut builder| {
        builder.begin_record("")?;
        for name in names {
            builder.copy(name, dtype.root())?;
        }
        builder.end_record()?;
        builder.finish()
    })?)
}

/// A record whose fields are named after their first columns; none if there are too few.
fn renamed(dtype: DType<'_>, names: &[String]) -> Result<Option<DTypeBuf>> {
    let mut columns = dtype.leaves().map(|leaf| leaf.field.index()).zip(names).peekable();
    let mut own = Vec::new();
    for field in dtype.root().fields() {
        while columns.next_if(|(index, _)| *index < field.index()).is_some() {}
        match columns.peek() {
            Some(&(_, name)) => own.push((field, name)),
            None => return Ok(None),
        }
    }
    let bytes: usize = own.iter().map(|(_, name)| name.len()).sum();
    let of = Room::of(dtype);
    let room = Room { names: of.names + bytes, ..of };
    Ok(Some(DTypeBuf::build(room, |mut builder| {
        builder.begin_record("")?;
        for (field, name) in &own {
            builder.copy(name, *field)?;
            builder.place(field.offset())?;
        }
        builder.end_record()?;
        builder.resize(dtype.itemsize())?;
        builder.finish()
    })?))
}
