//! The kernels alone: text in memory to records in memory, one core.
//!
//!     cargo bench --bench parse [-- PART_OF_A_NAME]
//!
//! Prints the best of some rounds, which is what a quiet machine would give,
//! for the three workloads of `benches/pipeline` in small, and for kinds of columns alone.
//! Of *one of 20* nearly all is finding delimiters and line ends.

use core::fmt::{self, Write};
use std::time::Instant;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::text::{
    BadRows, Column, Delimiter, Dialect, Format, OVERRUN, PADDING, Plan, PlanOptions, Span, Stop,
    Text, columns_needed, parse,
};

const ROUNDS: usize = 300;
const BYTES: usize = 1 << 20;

fn main() {
    let tab = Delimiter::Char('\t');
    let meth = "chr:S10,pos:i4,pct:f4,c:i4,t:i4";
    bench("meth, white space", meth, Delimiter::Whitespace, 0, methylation);
    bench("meth, tabulator", meth, tab, 0, methylation);
    bench("grid, %.6f by comma", "f8", Delimiter::Char(','), 100, |random, text| {
        row(text, ',', 100, |text| write!(text, "{:.6}", 60.0 * random.unit() - 30.0));
    });
    bench("full, 17 digits", "f8", Delimiter::Whitespace, 20, |random, text| {
        row(text, ' ', 20, |text| write!(text, "{}", (2.0 * random.unit() - 1.0) * 3.0));
    });
    bench("savetxt, %.18e", "f8", Delimiter::Whitespace, 20, |random, text| {
        row(text, ' ', 20, |text| {
            let digits = format!("{:.18e}", (2.0 * random.unit() - 1.0) * 30.0);
            let (mantissa, exponent) = digits.split_once('e').expect("an exponent");
            let exponent: i32 = exponent.parse().expect("a number");
            write!(text, "{mantissa}e{exponent:+03}")
        });
    });
    bench("integers", "i8", Delimiter::Whitespace, 10, |random, text| {
        row(text, ' ', 10, |text| write!(text, "{}", random.next() as i64 >> (random.next() % 60)));
    });
    let comma = Delimiter::Char(',');
    bench("strings, S12", "S12", comma, 10, |random, text| {
        row(text, ',', 10, |text| write!(text, "gene{}", random.next() % 100_000));
    });
    bench("dates, M8[s]", "M8[s]", comma, 5, |random, text| {
        row(text, ',', 5, |text| {
            let [month, day, hour] = [12, 28, 24].map(|n| random.next() % n + u64::from(n != 24));
            write!(text, "2021-{month:02}-{day:02}T{hour:02}:30:00")
        });
    });
    bench("complex", "c16", comma, 5, |random, text| {
        row(text, ',', 5, |text| write!(text, "{:.3}+{:.3}j", random.unit(), random.unit()));
    });
    let one = PlanOptions { usecols: Some(&[3]), ..PlanOptions::default() };
    bench_with(one, "one of 20, f8", "f8", comma, 1, |random, text| {
        row(text, ',', 20, |text| write!(text, "{:.6}", random.unit()));
    });
    let quoted = Dialect { delimiter: comma, quote: Some('"'), ..Dialect::default() };
    let quoted = PlanOptions { format: Format::new(quoted).expect("a format"), ..one };
    let quoted = PlanOptions { usecols: None, ..quoted };
    bench_with(quoted, "quoted strings, S12", "S12", comma, 10, |random, text| {
        row(text, ',', 10, |text| write!(text, "\"gene, {}\"", random.next() % 10_000));
    });
}

fn methylation(random: &mut Random, text: &mut String) {
    let (c, t) = (random.next() % 40, random.next() % 20 + 1);
    let percent = 100.0 * c as f32 / (c + t) as f32;
    let (chr, pos) = (random.next() % 22 + 1, random.next() % 240_000_000);
    writeln!(text, "chr{chr}\t{pos}\t{percent}\t{c}\t{t}").expect("a string takes it");
}

fn row(
    text: &mut String,
    between: char,
    columns: usize,
    mut field: impl FnMut(&mut String) -> fmt::Result,
) {
    for i in 0..columns {
        if i > 0 {
            text.push(between);
        }
        field(text).expect("a string takes it");
    }
    text.push('\n');
}

/// A generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn bench(
    name: &str,
    dtype: &str,
    delimiter: Delimiter,
    columns: u32,
    row: impl FnMut(&mut Random, &mut String),
) {
    bench_with(PlanOptions::default(), name, dtype, delimiter, columns, row);
}

/// `columns` are those of the array, 0 for a structured one.
fn bench_with(
    options: PlanOptions<'_>,
    name: &str,
    dtype: &str,
    delimiter: Delimiter,
    columns: u32,
    mut row: impl FnMut(&mut Random, &mut String),
) {
    let wanted = std::env::args().nth(1).filter(|arg| !arg.starts_with("--"));
    if wanted.is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let mut random = Random(7);
    let mut text = String::new();
    while text.len() < BYTES {
        row(&mut random, &mut text);
    }
    let lines = text.lines().count();
    let len = text.len();
    let mut input = text.into_bytes();
    input.resize(len + PADDING, 0);

    let dtype = DTypeBuf::parse(dtype).expect("a dtype");
    let mut storage =
        vec![Column::default(); columns_needed(dtype.as_dtype(), options.usecols).expect("few")];
    let dialect = Dialect { delimiter, quote: options.format.quote(), ..Dialect::default() };
    let format = Format::new(dialect).expect("a format");
    let options = PlanOptions { format, ..options };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut storage)
        .and_then(|plan| plan.with_columns(columns))
        .expect("a plan");
    let mut out = vec![0; lines * plan.row_size() + OVERRUN];
    let text = Text::new(&mut input, len).expect("padding");
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let progress =
            parse(&plan, text, Span::whole(&text), u64::MAX, &mut out, &mut BadRows::stop());
        assert!(progress.stop == Stop::InputEnd && progress.rows == lines as u64);
        start.elapsed().as_secs_f64()
    });
    let best = best.fold(f64::INFINITY, f64::min);
    let fields = lines * plan.column_count();
    println!(
        "{name:20} {:6.0} MB/s  {:5.1} ns a field  {:6.1} ns a row",
        len as f64 / best / 1e6,
        best / fields as f64 * 1e9,
        best / lines as f64 * 1e9
    );
}
