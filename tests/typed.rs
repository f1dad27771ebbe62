//! Typed access: which type is which dtype, and elements against a naive model.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use ndshm::dtype::{DType, Unit};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::{Error, Result};
use ndshm::segment::element::{
    Bool, Bytes, Complex, Datetime, Element, F16, Timedelta, Unicode, Void,
};
use ndshm::segment::{Access, Draft, Info, Segment, Spec};
use shm::Scratch;
use std::collections::BTreeSet;
use std::process::Command;

type Seconds = Datetime<{ Unit::Second as u8 }>;
type TenMinutes = Timedelta<{ Unit::Minute as u8 }, 10>;

ndshm::record! {
    /// As `np.loadtxt` would have it: one field behind the other.
    #[derive(Debug, PartialEq, Default)]
    #[repr(packed)]
    pub struct Call {
        /// Where.
        pub chr: Bytes<10>,
        /// Where there.
        pub pos: i32,
        /// How much.
        pub pct: f32,
    }

    /// As a C compiler lays it out.
    #[derive(Debug, PartialEq, Default)]
    struct Aligned {
        flag: Bool,
        gap: [u8; 7] as _,
        xyz: [[f64; 2]; 3],
        r#type: u16 as "type",
        r#mod: u16,
        tail: [u8; 4] as _,
    }

    #[derive(Debug, PartialEq, Default)]
    struct Pair { from: Aligned, calls: [Call; 4], to: Aligned }
}

fn parse(text: &str) -> DTypeBuf {
    DTypeBuf::parse(text).unwrap()
}

fn native(text: &str) -> String {
    let order = if cfg!(target_endian = "big") { ">" } else { "<" };
    text.replace('<', order)
}

/// Publishes `data` as an array of a dtype.
fn publish_as(name: &Scratch, dtype: DType<'_>, shape: &[u64], data: &[u8]) -> Segment {
    let mut draft = Draft::create(&name.0, &Spec::new(dtype, shape)).unwrap();
    draft.data_mut().copy_from_slice(data);
    draft.publish().unwrap()
}

#[test]
fn a_plain_type_matches_its_own_dtype_only() {
    type Matches = fn(DType<'_>) -> bool;
    type Own = fn() -> DType<'static>;
    macro_rules! types {
        ($($type:ty: $text:literal),+ $(,)?) => {
            [$(($text, <$type>::matches as Matches, <$type>::dtype as Own, size_of::<$type>())),+]
        };
    }
    let types: [(&str, Matches, Own, usize); 22] = types! {
        Bool: "?", i8: "i1", i16: "<i2", i32: "<i4", i64: "<i8", u8: "u1", u16: "<u2", u32: "<u4",
        u64: "<u8", F16: "<f2", f32: "<f4", f64: "<f8", Complex<f32>: "<c8", Complex<f64>: "<c16",
        Bytes<8>: "S8", Bytes<9>: "S9", Void<8>: "V8", Unicode<2>: "<U2", Seconds: "<M8[s]",
        Datetime<{ Unit::Nano as u8 }>: "<M8[ns]", TenMinutes: "<m8[10m]",
        Timedelta<{ Unit::Minute as u8 }>: "<m8[m]",
    };
    for (text, matches, own, size) in types {
        assert_eq!(own(), parse(&native(text)).as_dtype(), "{text}");
        assert_eq!(own().itemsize() as usize, size);
        for (other, ..) in types {
            assert_eq!(matches(parse(&native(other)).as_dtype()), text == other, "{text} {other}");
        }
        let foreign = native(text).replace('<', "=").replace('>', "<").replace('=', ">");
        assert_eq!(matches(parse(&foreign).as_dtype()), !text.contains('<'), "{foreign}");
        let record = parse(&format!("[('a', '{}')]", native(text)));
        assert!(!matches(record.as_dtype()), "a record of one {text}");
    }
}

#[test]
fn records_have_the_dtype_of_their_layout() {
    let call = native("[('chr', 'S10'), ('pos', '<i4'), ('pct', '<f4')]");
    assert_eq!(Call::dtype(), parse(&call).as_dtype());
    let aligned = native(
        "{'names': ['flag', 'xyz', 'type', 'mod'],
          'formats': ['?', ('<f8', (3, 2)), '<u2', '<u2'],
          'offsets': [0, 8, 56, 58], 'itemsize': 64}",
    );
    assert_eq!(Aligned::dtype(), parse(&aligned).as_dtype());
    let pair = format!("[('from', {aligned}), ('calls', {call}, (4,)), ('to', {aligned})]");
    assert_eq!(Pair::dtype(), parse(&pair).as_dtype());
    for dtype in [Call::dtype(), Aligned::dtype(), Pair::dtype()] {
        let (nodes, dims, names) = (dtype.nodes(), dtype.dims(), dtype.names());
        assert_eq!(DType::new(nodes, dims, names).unwrap(), dtype, "the tables are valid");
        assert_eq!(parse(&dtype.to_string()).as_dtype(), dtype);
    }
}

#[test]
fn a_record_matches_no_other_record() {
    let same = "[('chr', 'S10'), ('pos', '<i4'), ('pct', '<f4')]";
    assert!(Call::matches(parse(&native(same)).as_dtype()));
    let others = [
        "[('chr', 'S10'), ('pos', '<i4'), ('PCT', '<f4')]",
        "[('chr', 'S10'), ('pos', '<i4')]",
        "[('chr', 'S10'), ('pos', '<i4'), ('pct', '<f4'), ('more', 'u1')]",
        "[('chr', 'S10'), ('pos', '<u4'), ('pct', '<f4')]",
        "[('chr', 'S10'), ('pos', '>i4'), ('pct', '<f4')]",
        "[('chr', 'S9'), ('pos', '<i4'), ('pct', '<f4')]",
        "[('pos', '<i4'), ('chr', 'S10'), ('pct', '<f4')]",
        "[('chr', 'S10'), ('pos', '<i4', (1,)), ('pct', '<f4')]",
        "[('chr', 'S10'), ('pos', [('pos', '<i4')]), ('pct', '<f4')]",
        "{'names': ['chr', 'pos', 'pct'], 'formats': ['S10', '<i4', '<f4'],
          'offsets': [0, 10, 14], 'itemsize': 20}",
        "{'names': ['chr', 'pos', 'pct'], 'formats': ['S10', '<i4', '<f4'],
          'offsets': [0, 12, 16], 'itemsize': 20}",
        "{'names': ['chr', 'pos', 'pct'], 'formats': ['S10', '<i4', '<f4'],
          'offsets': [0, 14, 10], 'itemsize': 18}",
        "S18",
        "V18",
    ];
    for other in others {
        assert!(!Call::matches(parse(&native(other)).as_dtype()), "{other}");
    }
}

#[test]
fn extents_of_subarrays_belong_to_the_type() {
    ndshm::record! {
        struct Inner { table: [[u8; 2]; 3] }
        struct Outer { first: [u16; 5], inner: Inner, more: [Inner; 2] }
    }
    let inner = "[('table', 'u1', (3, 2))]";
    let outer =
        |inner| format!("[('first', '<u2', (5,)), ('inner', {inner}), ('more', {inner}, (2,))]");
    assert_eq!(Outer::dtype(), parse(&native(&outer(inner))).as_dtype());
    assert!(Outer::matches(parse(&native(&outer(inner))).as_dtype()));
    for other in ["[('table', 'u1', (2, 3))]", "[('table', 'u1', (6,))]", "[('table', 'V6')]"] {
        assert!(!Outer::matches(parse(&native(&outer(other))).as_dtype()), "{other}");
    }
}

#[test]
fn every_way_in_refuses_another_type() {
    let scratch = Scratch::new("typed.refuse");
    let mut draft = Draft::create(&scratch.0, &Spec::of::<f64>(&[3])).unwrap();
    assert_eq!(draft.as_mut_slice::<i64>().unwrap_err(), Error::DTypeDiffers);
    assert_eq!(draft.as_mut_slice::<f32>().unwrap_err(), Error::DTypeDiffers);
    let made = draft.publish().unwrap();
    // SAFETY: nobody writes the data.
    assert_eq!(unsafe { made.as_slice::<u64>() }, Err(Error::DTypeDiffers));
    assert_eq!(made.elements::<Call>().unwrap_err(), Error::DTypeDiffers);
    assert_eq!(made.get::<i64>(&[0]), Err(Error::DTypeDiffers));
    assert_eq!(made.read(0, &mut [0_i64]), Err(Error::DTypeDiffers));
    assert_eq!(made.write(0, &[0_i64]), Err(Error::DTypeDiffers));
    assert_eq!(made.set(&[0], 0_i64), Err(Error::DTypeDiffers));
    assert_eq!(made.to_vec::<i64>(), Err(Error::DTypeDiffers));
    assert_eq!(made.field::<f64>("").unwrap_err(), Error::Argument);
    let info = Info::peek(&scratch.0).unwrap();
    assert_eq!(info.read(0, &mut [0_i64]), Err(Error::DTypeDiffers));
}

#[test]
fn a_big_endian_array_is_not_native() {
    let scratch = Scratch::new("typed.endian");
    let foreign = if cfg!(target_endian = "big") { "<f8" } else { ">f8" };
    let made = publish_as(&scratch, parse(foreign).as_dtype(), &[1], &[0; 8]);
    assert_eq!(made.get::<f64>(&[0]), Err(Error::DTypeDiffers));
}

#[test]
fn records_go_in_and_come_out() {
    let scratch = Scratch::new("typed.record");
    let calls = [
        Call { chr: Bytes::new(b"chr1").unwrap(), pos: 10, pct: 0.5 },
        Call { chr: Bytes::new(b"chrX").unwrap(), pos: -1, pct: f32::INFINITY },
    ];
    let mut draft = Draft::create(&scratch.0, &Spec::of::<Call>(&[2])).unwrap();
    draft.as_mut_slice().unwrap().copy_from_slice(&calls);
    let made = draft.publish().unwrap();
    let seen = Segment::attach(&scratch.0, Access::Read, None).unwrap();
    assert_eq!(seen.to_vec::<Call>().unwrap(), calls);
    // SAFETY: nobody writes the data meanwhile.
    assert_eq!(unsafe { seen.as_slice::<Call>() }.unwrap(), calls);
    assert!(seen.field::<i32>("pos").unwrap().iter().eq([10, -1]));
    assert!(seen.field::<f32>("pct").unwrap().into_iter().eq([0.5, f32::INFINITY]));
    assert_eq!(seen.field::<Bytes<10>>("chr").unwrap().get(&[1]).unwrap().as_str(), Some("chrX"));
    made.field("pct").unwrap().set(&[1], 0.25_f32).unwrap();
    assert_eq!(seen.get::<Call>(&[1]).unwrap(), Call { pct: 0.25, ..calls[1] });
    assert_eq!(seen.field("pct").unwrap().set(&[1], 0.0_f32), Err(Error::ReadOnly));
    assert_eq!(seen.field::<f32>("pct").unwrap().write(0, &[0.0]), Err(Error::ReadOnly));
    assert_eq!(seen.write(0, &calls), Err(Error::ReadOnly));
    assert_eq!(seen.field::<u32>("pos").unwrap_err(), Error::DTypeDiffers);
    assert_eq!(seen.field::<[i32; 1]>("pos").unwrap_err(), Error::DTypeDiffers);
    for missing in ["", "po", "pos ", "pos.", ".pos", "pos.x", "Pos"] {
        assert_eq!(seen.field::<i32>(missing).unwrap_err(), Error::Argument, "{missing}");
    }
    let info = Info::peek(&scratch.0).unwrap();
    let mut last = [Call::default()];
    info.read(1, &mut last).unwrap();
    assert_eq!(last[0], Call { pct: 0.25, ..calls[1] });
    assert_eq!(info.read(2, &mut last), Err(Error::Argument));
}

#[test]
fn a_look_at_an_object_that_was_shortened_is_an_error() {
    let scratch = Scratch::new("typed.short");
    let made = Draft::create(&scratch.0, &Spec::of::<u64>(&[2])).unwrap().publish().unwrap();
    let info = Info::peek(&scratch.0).unwrap();
    assert_eq!(info.read(0, &mut [0_u64; 2]), Ok(()));
    let file = std::fs::OpenOptions::new().write(true).open(scratch.file()).unwrap();
    file.set_len(made.header().header().total_len - 3).unwrap();
    assert_eq!(info.read(0, &mut [0_u64; 2]), Err(Error::Truncated { need: 16, have: 13 }));
    assert_eq!(info.read(0, &mut [0_u64]), Ok(()));
}

#[test]
fn fields_of_nested_records_have_a_path() {
    let scratch = Scratch::new("typed.nested");
    let mut draft = Draft::create(&scratch.0, &Spec::of::<Pair>(&[2])).unwrap();
    let items = draft.as_mut_slice::<Pair>().unwrap();
    items[1].to.xyz[2] = [5.0, 6.0];
    items[1].to.r#mod = 7;
    items[0].calls[3].pos = 8;
    let made = draft.publish().unwrap();
    assert!(made.field::<u16>("to.mod").unwrap().iter().eq([0, 7]));
    assert!(made.field::<u16>("from.mod").unwrap().iter().eq([0, 0]));
    let xyz = made.field::<[[f64; 2]; 3]>("to.xyz").unwrap();
    assert_eq!(xyz.get(&[1]), Ok([[0.0; 2], [0.0; 2], [5.0, 6.0]]));
    assert_eq!(made.field::<Aligned>("to").unwrap().get(&[1]).unwrap().r#mod, 7);
    let calls = made.field::<[Call; 4]>("calls").unwrap().get(&[0]).unwrap();
    assert_eq!(calls[3], Call { pos: 8, ..Call::default() });
    // What is in an array of records is not one value.
    assert_eq!(made.field::<i32>("calls.pos").unwrap_err(), Error::Argument);
    assert_eq!(made.field::<[[f64; 3]; 2]>("to.xyz").unwrap_err(), Error::DTypeDiffers);
    assert_eq!(made.field::<[f64; 6]>("to.xyz").unwrap_err(), Error::DTypeDiffers);
}

#[test]
fn names_may_have_dots() {
    let scratch = Scratch::new("typed.dots");
    let dtype = parse("[('a', [('b', 'u1')]), ('a.b', 'u1'), ('a.c', [('d.e', 'u1')])]");
    let made = publish_as(&scratch, dtype.as_dtype(), &[1], &[1, 2, 3]);
    let get = |path| made.field::<u8>(path)?.get(&[0]);
    assert_eq!((get("a.b"), get("a.c.d.e")), (Ok(2), Ok(3)));
    assert_eq!(get("a.c.d"), Err(Error::Argument));
}

#[test]
fn single_elements_and_none() {
    for (shape, count) in [(&[][..], 1_u64), (&[0], 0), (&[3, 0, 2], 0), (&[1; 32], 1)] {
        let scratch = Scratch::new("typed.zero");
        let mut draft = Draft::create(&scratch.0, &Spec::of::<u16>(shape)).unwrap();
        draft.as_mut_slice::<u16>().unwrap().fill(7);
        let made = draft.publish().unwrap();
        assert_eq!((made.len(), made.is_empty()), (count, count == 0));
        assert_eq!(made.to_vec::<u16>().unwrap(), vec![7; count as usize]);
        assert_eq!(made.elements::<u16>().unwrap().iter().count() as u64, count);
        assert_eq!(made.read(count, &mut [0_u16; 0]), Ok(()));
        assert_eq!(made.read(count, &mut [0_u16; 1]), Err(Error::Argument));
        assert_eq!(made.read(u64::MAX, &mut [0_u16; 2]), Err(Error::Argument));
        let first = vec![0; shape.len()];
        assert_eq!(made.get::<u16>(&first), if count == 0 { Err(Error::Argument) } else { Ok(7) });
    }
}

#[test]
fn a_broadcast_array_may_be_larger_than_memory() {
    let scratch = Scratch::new("typed.broadcast");
    let spec = Spec { strides: Some(&[0, 0]), ..Spec::of::<i32>(&[u64::MAX, 1 << 40]) };
    let mut draft = Draft::create(&scratch.0, &spec).unwrap();
    assert_eq!(draft.as_mut_slice::<i32>().unwrap_err(), Error::Argument);
    draft.data_mut().copy_from_slice(&5_i32.to_ne_bytes());
    let made = draft.publish().unwrap();
    assert_eq!((made.len(), made.data_len()), (u64::MAX, 4));
    assert_eq!(made.get(&[u64::MAX - 1, 9]), Ok(5_i32));
    assert_eq!(made.elements::<i32>().unwrap().iter().nth(1000), Some(5));
    let mut part = [0_i32; 3];
    made.read(1 << 62, &mut part).unwrap();
    assert_eq!(part, [5; 3]);
    assert_eq!(made.to_vec::<i32>(), Err(Error::Overflow));
    // SAFETY: nobody writes the data.
    assert_eq!(unsafe { made.as_slice::<i32>() }, Err(Error::Argument));
}

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % end
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// Extents, and strides that may be in any order, leave gaps, overlap or be 0.
    fn extent(&mut self, itemsize: u64) -> (Vec<u64>, Vec<i64>) {
        let shape: Vec<u64> = (0..self.below(5)).map(|_| self.below(5)).collect();
        let mut strides = vec![0; shape.len()];
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        for i in (1..axes.len()).rev() {
            axes.swap(i, if self.below(2) == 0 { i } else { self.below(i as u64 + 1) as usize });
        }
        let (mut step, wild) = (itemsize, self.below(3) == 0);
        for &axis in axes.iter().rev() {
            strides[axis] = match self.below(10) {
                0 if wild => 0,
                1 if wild => self.below(40) as i64,
                2 if wild => (step + itemsize) as i64,
                _ => step as i64,
            };
            step *= shape[axis].max(1);
        }
        (shape, strides)
    }
}

/// Where every element lies, in C order.
fn offsets(shape: &[u64], strides: &[i64]) -> Vec<(Vec<u64>, usize)> {
    let mut all = vec![(vec![], 0)];
    for (&extent, &stride) in shape.iter().zip(strides) {
        let longer = |(index, offset): &(Vec<u64>, usize)| {
            let (index, offset) = (index.clone(), *offset);
            (0..extent)
                .map(move |i| ([&index[..], &[i]].concat(), offset + i as usize * stride as usize))
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Compares all ways to read, and one to write, with the model. `T`'s field at
/// byte `at` is a `u16` of the name `field`.
fn against_the_model<T>(numbers: &mut Numbers, field: &str, at: usize)
where
    T: Element + PartialEq + core::fmt::Debug,
{
    let scratch = Scratch::new("typed.model");
    let size = size_of::<T>();
    let (shape, strides) = numbers.extent(size as u64);
    let case = format!("{shape:?} {strides:?} of {size}");
    let spec = Spec { strides: Some(&strides), ..Spec::of::<T>(&shape) };
    let mut draft = Draft::create(&scratch.0, &spec).unwrap();
    let mut data = numbers.bytes(draft.data_len());
    draft.data_mut().copy_from_slice(&data);
    let places = offsets(&shape, &strides);
    let dense = places.iter().enumerate().all(|(i, (_, offset))| i * size == *offset);
    assert_eq!(draft.is_c_contiguous(), dense, "{case}");
    assert_eq!(draft.as_mut_slice::<T>().is_ok(), dense, "{case}");
    let made = draft.publish().unwrap();

    let model: Vec<T> = model(&data, &places, 0);
    assert_eq!(made.len(), places.len() as u64, "{case}");
    assert_eq!(made.to_vec::<T>().unwrap(), model, "{case}");
    assert!(made.elements::<T>().unwrap().iter().eq(model.iter().copied()), "{case}");
    for ((index, offset), item) in places.iter().zip(&model) {
        assert_eq!(made.offset_of(index), Ok(*offset as u64), "{case}");
        assert_eq!(made.get::<T>(index).unwrap(), *item, "{case}");
    }
    // SAFETY: nobody writes the data meanwhile.
    let slice = unsafe { made.as_slice::<T>() };
    assert_eq!(slice, if dense { Ok(&model[..]) } else { Err(Error::Argument) }, "{case}");
    let column = made.field::<u16>(field).unwrap();
    assert_eq!(column.to_vec().unwrap(), self::model::<u16>(&data, &places, at), "{case}");

    let start = numbers.below(places.len() as u64 + 1) as usize;
    let end = start + numbers.below((places.len() - start) as u64 + 1) as usize;
    let mut part = model[start..end].to_vec();
    part.reverse();
    made.read(start as u64, &mut part).unwrap();
    assert_eq!(part, model[start..end], "{case}");
    let mut info = part.clone();
    info.reverse();
    Info::peek(&scratch.0).unwrap().read(start as u64, &mut info).unwrap();
    assert_eq!(info, part, "{case}");

    part.reverse();
    made.write(start as u64, &part).unwrap();
    put(&mut data, &places[start..end], 0, &part);
    let values: Vec<u16> = (start..end).map(|i| i as u16 ^ 0xa5a5).collect();
    column.write(start as u64, &values).unwrap();
    put(&mut data, &places[start..end], at, &values);
    let mut now = vec![0; data.len()];
    made.copy_to(&mut now, 0).unwrap();
    assert_eq!(now, data, "{case}");
}

fn model<V: bytemuck::Pod>(data: &[u8], places: &[(Vec<u64>, usize)], at: usize) -> Vec<V> {
    let item = |(_, from): &(Vec<u64>, usize)| &data[from + at..from + at + size_of::<V>()];
    places.iter().map(|place| bytemuck::pod_read_unaligned(item(place))).collect()
}

fn put<V: bytemuck::Pod>(data: &mut [u8], places: &[(Vec<u64>, usize)], at: usize, items: &[V]) {
    for ((_, from), item) in places.iter().zip(items) {
        data[from + at..from + at + size_of::<V>()].copy_from_slice(bytemuck::bytes_of(item));
    }
}

ndshm::record! {
    #[derive(Debug, PartialEq)]
    #[repr(packed)]
    struct Odd { a: u8, b: u16, c: Bytes<4> }

    #[derive(Debug, PartialEq)]
    struct Even { a: u64, inner: Inner }

    #[derive(Debug, PartialEq)]
    struct Inner { a: [u8; 6], b: u16 }

    #[derive(Debug, PartialEq)]
    struct One { b: u16 }
}

#[test]
fn random_arrays_are_what_a_naive_model_says() {
    let mut numbers = Numbers(7);
    for _ in 0..60 {
        against_the_model::<Odd>(&mut numbers, "b", 1);
        against_the_model::<Even>(&mut numbers, "inner.b", 14);
        against_the_model::<One>(&mut numbers, "b", 0);
    }
}

/// Crates that a build without `hdf5` and `cli` compiles, those of build
/// scripts and derives among them.
fn dependencies(features: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .args(["--no-default-features", "--features", features])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).unwrap();
    lines.lines().filter_map(|line| line.split(' ').next()).map(String::from).collect()
}

#[test]
fn who_only_attaches_needs_neither_clap_nor_hdf5() {
    const CORE: [&str; 16] = [
        "bytemuck",
        "bytemuck_derive",
        "byteorder",
        "cfg-if",
        "crc32fast",
        "fast-float2",
        "hash32",
        "heapless",
        "libc",
        "memchr",
        "ndshm",
        "proc-macro2",
        "quote",
        "stable_deref_trait",
        "syn",
        "unicode-ident",
    ];
    let core = BTreeSet::from(CORE.map(String::from));
    for features in ["", "std", "capi", "std,capi"] {
        assert_eq!(dependencies(features), core, "{features}");
    }
    let all = dependencies("cli");
    assert!(all.contains("clap") && all.contains("hdf5-metno-sys"), "the list was misread");
}

#[cfg(feature = "ndarray")]
#[path = "typed/arrays.rs"]
mod arrays;

/// Only names the error where a closure would need it.
#[allow(dead_code, reason = "checked by the compiler")]
fn columns_go_to_other_threads(segment: &Segment) -> Result<()> {
    fn sendable<T: Send + Sync>(_: T) {}
    sendable(segment.elements::<f64>()?);
    Ok(())
}
