//! A load of compressed text beside the bare decoder of the same library, which writes to
//! nowhere: taking turns, so that a machine that changes its speed hits both alike.
//!
//!     cargo bench --bench unpack [-- MEGABYTES] [SUFFIX]...

#![allow(clippy::unwrap_used, reason = "a bench may fail")]

#[path = "../tests/compressed/pack.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod pack;

#[path = "common/seconds.rs"]
mod seconds;

use core::sync::atomic::AtomicBool;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::time::Instant;

use ndshm::dtype::DType;
use ndshm::dtype_buf::DTypeBuf;
use ndshm::load::{Block, Options, Sink, SinkError, load};
use ndshm::text::Unicode;
use seconds::processor_seconds;

const ROUNDS: usize = 9;
const DTYPE: &str = "chr:S10,pos:i4,pct:f4,c:i4,t:i4";

/// Counts.
struct Nowhere(u64);

impl Sink for Nowhere {
    fn begin(&mut self, _: usize, _: Option<u32>) -> Result<(), SinkError> {
        Ok(())
    }

    fn rows(&mut self, block: &Block) -> Result<(), SinkError> {
        self.0 += block.rows();
        Ok(())
    }

    fn end(&mut self, _: usize, _: u64) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Methylation calls, as in the other benches.
fn text(megabytes: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 1_u64;
    let mut random = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) % end
    };
    let mut pos = 0;
    while text.len() < megabytes << 20 {
        pos += 1 + random(300);
        let (c, t) = (random(30), random(30));
        let pct = 100.0 * c as f64 / (c + t + 1) as f64;
        writeln!(text, "chr{}\t{pos}\t{pct:.4}\t{c}\t{t}", 1 + text.len() / (20 << 20)).unwrap();
    }
    text
}

fn drain(mut reader: impl Read) -> u64 {
    let mut room = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        match reader.read(&mut room).unwrap() {
            0 => return bytes,
            n => bytes += n as u64,
        }
    }
}

fn bare(path: &Path, suffix: &str) -> u64 {
    let file = BufReader::with_capacity(128 << 10, File::open(path).unwrap());
    match suffix {
        "bz2" => drain(bzip2::bufread::MultiBzDecoder::new(file)),
        "xz" => drain(liblzma::bufread::XzDecoder::new_multi_decoder(file)),
        "zst" => drain(Zstd { file, context: zstd_safe::DCtx::create() }),
        _ => drain(flate2::bufread::MultiGzDecoder::new(file)),
    }
}

struct Zstd {
    file: BufReader<File>,
    context: zstd_safe::DCtx<'static>,
}

impl Read for Zstd {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        use std::io::BufRead;
        let mut out = zstd_safe::OutBuffer::around(room);
        loop {
            let mut input = zstd_safe::InBuffer::around(self.file.fill_buf()?);
            let ended = input.src.is_empty();
            self.context.decompress_stream(&mut out, &mut input).unwrap();
            let used = input.pos();
            self.file.consume(used);
            if out.pos() > 0 || ended {
                return Ok(out.pos());
            }
        }
    }
}

fn loaded(paths: &[&Path]) -> u64 {
    let dtype = DTypeBuf::parse(DTYPE).unwrap();
    let never = AtomicBool::new(false);
    let options = Options::default();
    let open = |_: DType<'_>| Ok(Nowhere(0));
    let paths = paths.iter().copied();
    load(paths, dtype.as_dtype(), Unicode::Ucs4, &options, &never, open).unwrap().1
}

/// Wall time and processor time; on a busy machine only the second tells much.
fn seconds(work: impl FnOnce() -> u64) -> [f64; 2] {
    let (start, before) = (Instant::now(), processor_seconds());
    assert!(work() > 0);
    [start.elapsed().as_secs_f64(), processor_seconds() - before]
}

/// Medians of wall time and of processor time.
fn medians(times: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|which| {
        let mut times: Vec<f64> = times.iter().map(|time| time[which]).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

fn main() {
    let megabytes = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(64);
    let dir = std::env::temp_dir().join(format!("ndshm-unpack-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let plain = dir.join("a.tsv");
    // A process with little memory, as the command is one: forks are cheap then.
    fs::write(&plain, text(megabytes)).unwrap();
    println!("{megabytes} MB of text; medians of {ROUNDS} rounds, taking turns");
    println!("        |  plain load, cpu  |     decoder, cpu  |        load, cpu  | load/decoder");
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |suffix: &str| only.iter().any(|arg| arg == suffix);
    let some = pack::CHECKED.iter().any(|(suffix, _)| wanted(suffix));
    for (suffix, pack) in pack::CHECKED {
        if some && !wanted(suffix) {
            continue;
        }
        let path = dir.join(format!("a.{suffix}"));
        fs::write(&path, pack(&fs::read(&plain).unwrap())).unwrap();
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            times[0].push(seconds(|| loaded(&[&plain])));
            times[1].push(seconds(|| bare(&path, suffix)));
            times[2].push(seconds(|| loaded(&[&path])));
        }
        let times = times.map(|times| medians(&times));
        print!("{suffix:7} |");
        for [wall, processor] in times {
            print!(" {wall:8.3} {processor:8.3} |");
        }
        println!(" {:6.2}", times[2][0] / times[1][0]);
    }
    fs::remove_dir_all(&dir).unwrap();
}
