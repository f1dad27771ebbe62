//! A text and a way to read it, as bytes say: dtype, format, columns, missing values.
//!
//! A case has a twin that says the same and is read without kernels: its quote and its comment
//! character are letters, which kernels leave alone as they could be parts of numbers. The
//! twin's text has these letters in their places; [`Case::untwin`] puts the characters of
//! strings back. Letters of numbers, dates and words are none of them.

use std::rc::Rc;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::text::{
    BadRows, Column, Comments, Delimiter, Dialect, Encoding, Format, Found, Missing, MissingTable,
    OVERRUN, PADDING, Plan, PlanOptions, Progress, Role, Span, Text, Unicode, columns_needed,
    missing_size, parse,
};

use super::bytes::Bytes;

const DTYPES: [&str; 24] = [
    "<f8",
    "<i4",
    "|S3",
    ">u2",
    "S20",
    "<U2",
    "?",
    "<M8[s]",
    "<f4",
    "i1",
    "u8",
    "c16",
    "chr:S10,pos:<i4,pct:<f4,c:<i4,t:<i4",
    "a:?,b:>f8,c:<f2,d:<i8,e:<U2",
    "{'names':['a','b','c'],'formats':['S5','<i4','<f8'],'offsets':[12,0,20],'itemsize':32}",
    "a:|i1,b:S20,c:<m8[s],d:<c16",
    "d:<M8[25us],n:>i2,w:<M8[D]",
    "s:S70,u:>U9,z:S0",
    "z:S0",
    "a:<f8,b:<f8,c:S1",
    "a:i8,b:u1,c:u4,d:i2",
    "s:S16,t:S17",
    "{'names':['s','n'],'formats':['S2','<i4'],'offsets':[0,8],'itemsize':16}",
    "{'names':['n','s','t'],'formats':['<i4','S4','S4'],'offsets':[4,0,0],'itemsize':8}",
];

const DELIMITERS: [Delimiter; 8] = [
    Delimiter::Whitespace,
    Delimiter::Char(','),
    Delimiter::Char(','),
    Delimiter::Char('\t'),
    Delimiter::Whitespace,
    Delimiter::Char(';'),
    Delimiter::Char('§'),
    Delimiter::Char(' '),
];

const COMMENTS: [Comments<'static>; 6] = [
    Comments::Char('#'),
    Comments::Char('#'),
    Comments::None,
    Comments::Strings("//\n#"),
    Comments::Strings("--"),
    Comments::Strings("§\na\nb\nc\nd\ne\nf\ng\n*"),
];

const MISSING: [&str; 8] = ["", "NA", "-9", "1", " nan ", "0.5", "a", "é"];
const FILLS: [&str; 5] = ["0", "-1", "nan", "ab", "2000-01-01"];
/// Letters that no number, date or word has.
const LETTERS: &[u8] = b"bcdghkmopqvwxzBCDGHJKMOPQVWX";
/// Of a text that is repeated.
const LONGEST: usize = 16 << 10;

/// How a text is read, and the text.
pub(crate) struct Case {
    dtype: Rc<DTypeBuf>,
    columns: u32,
    usecols: Option<Vec<i32>>,
    pub(crate) dialect: Dialect<'static>,
    unicode: Unicode,
    pub(crate) found: bool,
    pub(crate) guessed: bool,
    counted: bool,
    missing: Vec<Missing<'static>>,
    pub(crate) text: Vec<u8>,
    /// The characters that the twin has letters for, and these.
    swapped: Vec<(u8, u8)>,
}

impl core::fmt::Debug for Case {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Case")
            .field("dtype", &self.dtype)
            .field("columns", &(self.columns, &self.usecols))
            .field("dialect", &self.dialect)
            .field("found", &(self.found, self.guessed, self.counted))
            .field("missing", &(self.unicode, &self.missing))
            .field("text", &self.text.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

impl Case {
    /// A case, unless the choices contradict each other.
    pub(crate) fn new(bytes: &mut Bytes<'_>) -> Option<Self> {
        let dtype = DTypeBuf::parse(DTYPES[bytes.below(DTYPES.len())]).expect("a dtype");
        let dtype = Rc::new(dtype);
        let columns = 1 + bytes.below(6) as u32;
        let dialect = dialect(bytes);
        Format::new(dialect).ok()?;
        let flags = bytes.u8();
        let count = dtype.as_dtype().leaf_count().max(1);
        let count = if dtype.as_dtype().is_record() { count } else { columns.into() };
        let usecols = (flags & 0x30 == 0x10)
            .then(|| (0..count).map(|_| bytes.below(9) as i32 - 4).collect::<Vec<_>>());
        let case = Self {
            dtype,
            columns,
            usecols,
            dialect,
            unicode: if flags & 1 == 0 { Unicode::Ucs4 } else { Unicode::Utf8 },
            found: flags & 6 == 2,
            guessed: flags & 8 == 8,
            counted: flags & 0xC0 == 0x40,
            missing: if flags & 6 == 6 { missing(bytes) } else { Vec::new() },
            text: Vec::new(),
            swapped: Vec::new(),
        };
        case.with_plan(|_| ())?;
        Some(case)
    }

    /// The case with a text, which is so often repeated.
    pub(crate) fn with_text(self, text: &[u8], times: usize) -> Self {
        let times = times.min(LONGEST / text.len().max(1)).max(1);
        Self { text: text.repeat(times), ..self }
    }

    /// The plan; `None` if the fill of a column is none of its values.
    pub(crate) fn with_plan<T>(&self, run: impl FnOnce(&Plan<'_>) -> T) -> Option<T> {
        let (dtype, usecols) = (self.dtype.as_dtype(), self.usecols.as_deref());
        let mut columns = vec![Column::default(); columns_needed(dtype, usecols).ok()?];
        let mut texts = self.missing.clone();
        let mut storage = vec![0; missing_size(&texts).ok()?];
        let missing = MissingTable::build(&mut texts, &mut storage).ok()?;
        let options = PlanOptions {
            format: Format::new(self.dialect).ok()?,
            unicode: self.unicode,
            usecols,
            found: if self.found { Found::Everything } else { Found::Nothing },
            missing,
            counted: self.counted,
            guessed: self.guessed,
        };
        let plan = Plan::compile(dtype, &options, &mut columns).ok()?;
        Some(run(&plan.with_columns(self.columns).ok()?))
    }

    pub(crate) const fn has_quotes(&self) -> bool {
        self.dialect.quote.is_some()
    }

    /// The case that says the same without kernels, if there are letters for it.
    pub(crate) fn twin(&self) -> Option<Self> {
        let mut letters = LETTERS.iter().copied().filter(|letter| {
            let marked = |item: &Missing<'_>| item.text.as_bytes().contains(letter);
            !self.text.contains(letter) && !self.missing.iter().any(marked)
        });
        let (mut dialect, mut swapped) = (self.dialect, Vec::new());
        let quote = letters.next()?;
        if let Some(was) = dialect.quote {
            swapped.push((was as u8, quote));
        }
        match dialect.comments {
            // The strings that no text has begin with this.
            Comments::Strings(_) if self.text.contains(&1) => return None,
            Comments::Strings(_) => dialect.comments = MANY[strings(dialect.comments)?],
            _ => dialect.quote = Some(quote.into()),
        }
        if let Comments::Char(was) = dialect.comments {
            let letter = letters.next()?;
            swapped.push((was as u8, letter));
            dialect.comments = Comments::Char(letter.into());
        }
        let swap = |&byte: &u8| swapped.iter().find(|(a, _)| *a == byte).map_or(byte, |(_, b)| *b);
        let text = self.text.iter().map(swap).collect();
        let (dtype, usecols) = (self.dtype.clone(), self.usecols.clone());
        let missing = self.missing.clone();
        Some(Self { dtype, usecols, dialect, missing, text, swapped, ..*self })
    }

    /// What a row of the twin's is in the case: letters of strings as they were.
    pub(crate) fn untwin(&self, row: &mut [u8]) {
        let dtype = self.dtype.as_dtype();
        let restore = |bytes: &mut [u8], step: usize| {
            for unit in bytes.chunks_mut(step) {
                for (was, letter) in &self.swapped {
                    let is_letter = unit.iter().map(|&b| u32::from(b)).sum::<u32>()
                        == u32::from(*letter)
                        && unit.contains(letter);
                    if is_letter {
                        unit.iter_mut().filter(|b| *b == letter).for_each(|b| *b = *was);
                    }
                }
            }
        };
        let utf8 = self.unicode == Unicode::Utf8;
        let mut each = |at: usize, size: usize, kind| {
            let Some(bytes) = row.get_mut(at..at + size) else { return };
            match kind {
                ndshm::dtype::Kind::Bytes => restore(bytes, 1),
                ndshm::dtype::Kind::Unicode => restore(bytes, if utf8 { 1 } else { 4 }),
                _ => {}
            }
        };
        if dtype.is_record() {
            for leaf in dtype.leaves() {
                let size = leaf.field.itemsize() as usize;
                each(leaf.offset as usize, size, leaf.field.kind());
            }
            return;
        }
        let size = dtype.itemsize() as usize;
        let count = self.usecols.as_ref().map_or(self.columns as usize, Vec::len);
        (0..count).for_each(|i| each(i * size, size, dtype.root().kind()));
    }
}

/// Comment strings of [`COMMENTS`], with more that no text has: kernels are kept away then.
const MANY: [Comments<'static>; 3] = [
    Comments::Strings("//\n#\n\u{1}1\n\u{1}2\n\u{1}3\n\u{1}4\n\u{1}5\n\u{1}6\n\u{1}7"),
    Comments::Strings("--\n\u{1}1\n\u{1}2\n\u{1}3\n\u{1}4\n\u{1}5\n\u{1}6\n\u{1}7\n\u{1}8"),
    Comments::Strings("§\na\nb\nc\nd\ne\nf\ng\n*\n\u{1}1"),
];

fn strings(comments: Comments<'_>) -> Option<usize> {
    COMMENTS[3..].iter().position(|given| *given == comments)
}

fn dialect(bytes: &mut Bytes<'_>) -> Dialect<'static> {
    let delimiter = DELIMITERS[bytes.below(8)];
    let comments = COMMENTS[bytes.below(6)];
    let flags = bytes.u8();
    Dialect {
        delimiter,
        comments,
        quote: [None, Some('"'), Some('"'), Some('\'')][usize::from(flags & 3)],
        decimal: if flags & 0x1C == 0x1C { b',' } else { b'.' },
        encoding: [Encoding::Utf8, Encoding::Utf8, Encoding::Latin1, Encoding::Ascii]
            [usize::from(flags >> 6)],
    }
}

fn missing(bytes: &mut Bytes<'_>) -> Vec<Missing<'static>> {
    let slot = |byte: u8| u32::from(byte >> 6).checked_sub(1);
    let mut all: Vec<_> = (0..=bytes.below(3))
        .map(|_| {
            let byte = bytes.u8();
            let text = MISSING[usize::from(byte & 7)];
            Missing { slot: slot(byte), role: Role::Marker, text }
        })
        .collect();
    let byte = bytes.u8();
    if let Some(text) = FILLS.get(usize::from(byte & 7)) {
        all.push(Missing { slot: slot(byte), role: Role::Fill, text });
    }
    all
}

/// What a text gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) progress: Progress,
    pub(crate) rows: Vec<u8>,
}

/// Bytes around the output that nobody may write to.
const GUARD: usize = 96;

/// Reads a span of a text to exactly as much room as is allowed for `rows` rows. No other byte
/// is written.
pub(crate) fn read(
    plan: &Plan<'_>,
    text: &[u8],
    span: Option<Span>,
    (rows, max_rows): (usize, u64),
    bad: &mut BadRows<'_>,
) -> Read {
    // As little behind the text as the kernels ask for: a sanitizer sees what lies behind.
    let mut input = Vec::with_capacity(text.len() + PADDING);
    input.extend_from_slice(text);
    input.resize(text.len() + PADDING, 0xEE);
    let size = plan.row_size();
    let room = rows * size + OVERRUN;
    let mut out = vec![0xA5; GUARD + room + GUARD];
    let given = Text::new(&mut input, text.len()).expect("padding");
    let span = span.unwrap_or(Span::whole(&given));
    let progress = parse(plan, given, span, max_rows, &mut out[GUARD..GUARD + room], bad);
    let guards = out[..GUARD].iter().chain(&out[GUARD + room..]);
    assert!(guards.clone().all(|&byte| byte == 0xA5), "written outside");
    assert_eq!(&input[..text.len()], text, "the text was written to");
    assert!(input[text.len() + 1..].iter().all(|&byte| byte == 0xEE), "the padding, too");
    assert!(progress.rows <= max_rows && (size == 0 || progress.rows <= rows as u64));
    let used = GUARD + progress.rows as usize * size;
    Read { progress, rows: if size == 0 { Vec::new() } else { out[GUARD..used].to_vec() } }
}
