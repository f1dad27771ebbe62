//! Records of several lines: whatever is cut where, the result is that of one record after
//! the other.

use super::job::signal;
use super::stream::Drops;
use super::*;
use crate::load::{Input, OnBadRows};

/// A field, right or wrong; now and then one whose quote never ends.
fn field(wrong: u32) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => "[a-z]{1,3}".prop_map(String::from),
        3 => Just("\n".into()),
        2 => Just("\r\n".into()),
        1 => Just("\r".into()),
        2 => Just(",".into()),
        1 => Just("#".into()),
        2 => Just("\"\"".into()),
        1 => Just("é".into()),
        1 => Just("1,2\n3,".into()),
        wrong => Just("\u{1}".into()),
    ];
    let inside = prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat());
    prop_oneof![
        10 => "[a-z0-9]{0,4}".prop_map(String::from),
        12 => inside.clone().prop_map(|text| std::format!("\"{text}\"")),
        1 => inside.prop_map(|text| std::format!("\"{text}\"x\"y ")),
        1 => Just(String::from("x\"y")),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => any::<i16>().prop_map(|n| n.to_string()),
        4 => any::<i16>().prop_map(|n| std::format!("\"{n}\"")),
        1 => any::<i8>().prop_map(|n| std::format!("\"\r\n {n} \n\"")),
    ]
}

/// `wrong` in 100 records are.
fn record(wrong: u32) -> impl Strategy<Value = String> {
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let body = prop_oneof![
        100 - wrong => (number(), field(wrong)).prop_map(|(n, s)| std::format!("{n},{s}")),
        4 => Just(String::new()),
        4 => Just(String::from("# it's a \"comment, with a quote")),
        4 => (number(), field(wrong)).prop_map(|(n, s)| std::format!("{n},{s}# \" rest")),
        wrong => (field(wrong), field(wrong)).prop_map(|(n, s)| std::format!("{n},{s},1")),
        wrong => field(wrong),
    ];
    (body, end).prop_map(|(body, end)| body + end)
}

fn text(wrong: u32) -> impl Strategy<Value = Vec<u8>> {
    let tail = prop_oneof![
        6 => Just(String::new()),
        2 => field(wrong).prop_map(|s| std::format!("7,{s}")),
        2 => Just(String::from("8,\"open\n9,a\n# \"")),
        1 => Just(String::from("8,\"")),
    ];
    (prop::collection::vec(record(wrong), 0..25), tail)
        .prop_map(|(records, tail)| (records.concat() + &tail).into_bytes())
        // What is no UTF-8.
        .prop_map(|text| text.into_iter().map(|b| if b == 1 { 0xFF } else { b }).collect())
}

fn quoted(workers: usize, piece: u64) -> Options {
    Options { quote: Some('"'), ..tiny(workers, piece) }
}

/// As a file, as a stream and drop by drop.
#[track_caller]
fn compare(text: &[u8], dtype: &str, options: &Options) {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text);
    let stream = Input::stream("a", std::io::Cursor::new(text.to_vec()));
    let mut inputs = Vec::from([Input::from(path), stream]);
    // Drop by drop a long text takes long.
    if text.len() < 5_000 {
        inputs.push(Input::stream("a", Drops::new(text, text.len())));
    }
    for input in inputs {
        same_as_naive(Vec::from([input]), text, dtype, options);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..config() })]

    #[test]
    fn any_cut_of_quoted_text_gives_the_same(
        text in prop_oneof![text(0), text(1), text(4)],
        workers in 1..5usize, piece in 1..65u64,
        skiprows in prop_oneof![4 => Just(0), 1 => 0..5u64],
        skip_footer in prop_oneof![4 => Just(0), 1 => 0..5u64],
        max_rows in prop_oneof![3 => Just(None), 1 => (0..12u64).prop_map(Some)],
        dtype in prop::sample::select(vec!["n:i4,s:S12", "n:i4,s:U3", "S5"]),
        skip in any::<bool>(),
    ) {
        let on_bad_rows = if skip { OnBadRows::Skip } else { OnBadRows::Error };
        let options =
            Options { skiprows, skip_footer, max_rows, on_bad_rows, ..quoted(workers, piece) };
        // What is skipped must be in the encoding.
        let skipped = text::skip(&text, skiprows, true).1;
        prop_assume!(core::str::from_utf8(&text[..skipped]).is_ok());
        compare(&text, dtype, &options);
    }
}

/// Each line looks like a row, and those in quotes are none.
fn deceptive(rows: usize) -> String {
    (0..rows)
        .map(|i| std::format!("{i},\"a\n{i},b\n{i},c\n\"\n{i},d\n"))
        .collect::<Vec<_>>()
        .concat()
}

#[test]
fn guesses_that_look_right_are_not_taken() {
    let text = deceptive(300);
    for piece in [1, 3, 7, 16, 40, 1000] {
        compare(text.as_bytes(), "n:i4,s:S12", &quoted(3, piece));
    }
}

#[test]
fn a_quote_that_never_ends_takes_the_rest() {
    let text = "1,a\n2,\"".to_string() + &"3,b\n\"\"".repeat(5_000);
    let options = quoted(4, 100);
    compare(text.as_bytes(), "n:i4,s:S12", &options);
    // Faults of guesses inside are never seen.
    let text = "1,a\n2,\"".to_string() + &"x\n".repeat(5_000);
    compare(text.as_bytes(), "n:i4,s:S12", &options);
}

#[test]
fn long_records_get_the_room_of_one() {
    let options =
        Options { memory: Some(4 << 20), piece_bytes: None, quote: Some('"'), ..tiny(4, 1) };
    for (lead, len) in [(0, 200_000), (3, 300_000), (40_000, 900_000)] {
        let long = std::format!("7,\"{}\"\n", "z\n".repeat(len / 2));
        let text = "1,a\n".repeat(lead) + &long + "2,\"b\n\"\n" + &long + "3,c\n";
        compare(text.as_bytes(), "n:i4,s:S12", &options);
    }
    let text = "1,a\n2,\"".to_string() + &"3,b\n".repeat(300_000);
    let stream = Input::stream("a", std::io::Cursor::new(text.clone()));
    let dir = tempfile::tempdir().unwrap();
    for input in [stream, write(dir.path(), "a", text.as_bytes()).into()] {
        let error = run_reporting(Vec::from([input]), "n:i4,s:S12", &options).unwrap_err();
        let line = error.position().unwrap().line;
        assert_eq!((error.code(), line), (crate::error::code::MEMORY, 2), "{error}");
    }
}

#[test]
fn killed_workers_cost_nothing_of_quoted_text() {
    let text = deceptive(6_000);
    let options = quoted(3, 500);
    let expected = naive(text.as_bytes(), "n:i4,s:S12", &options);
    let dtype = DTypeBuf::parse("n:i4,s:S12").unwrap();
    let cancel = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text.as_bytes());
    let stream = Input::stream("a", std::io::Cursor::new(text.into_bytes()));
    for input in [Input::from(path), stream] {
        let open = |_: DType<'_>| Ok(Killer { keep: Keep::default(), kills: 4, blocks: 0 });
        let inputs = Vec::from([input]);
        let (killer, _) =
            load(inputs, dtype.as_dtype(), Unicode::Ucs4, &options, &cancel, open).unwrap();
        assert_eq!(killer.kills, 0);
        assert!(killer.keep.inputs[0].2 == expected.bytes);
    }
    assert!(children().is_empty(), "every worker is reaped");
}

#[test]
fn the_first_row_may_have_several_lines() {
    for (text, columns) in
        [("\"a\nb,c\",2\n3,4\n", 2), ("# \"\n\n\"a\r\n\r\n\",\"b\n\",\"c\"\n", 3), ("x\n\"1\n", 1)]
    {
        for piece in [1, 100] {
            let options = quoted(2, piece);
            let dir = tempfile::tempdir().unwrap();
            let path = write(dir.path(), "a", text.as_bytes());
            assert_eq!(
                run(&[path], "S3", &options).unwrap().inputs[0].1,
                Some(columns),
                "{text:?}"
            );
            compare(text.as_bytes(), "S3", &options);
        }
    }
}

/// Whatever a wrong guess does to a worker, it is the right place that counts.
#[test]
fn a_guess_that_kills_its_workers_is_read_from_the_right_place() {
    let text = deceptive(50);
    let options = quoted(2, 40);
    let expected = naive(text.as_bytes(), "n:i4,s:S12", &options);
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text.as_bytes());
    let dtype = DTypeBuf::parse("n:i4,s:S12").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    let mut job = Job::start([path], dtype.as_dtype(), Unicode::Ucs4, &options, open).unwrap();
    let workers = children();
    signal(&workers, "STOP");
    job.step(Duration::ZERO).unwrap();
    // The second worker has the second piece first; the spare forked last takes its place.
    for victim in [workers[1], workers[3]] {
        kill(victim);
        job.step(Duration::from_secs(9)).unwrap();
    }
    signal(&children(), "CONT");
    assert!(job.finish().unwrap().0.inputs[0].2 == expected.bytes);
}

/// The rows before it are read before all of it is there.
#[test]
fn what_is_wrong_with_a_long_record_has_its_place() {
    for bad in ["7,\"{}\",x\n", "7,\"\",x,{}\n", "x,\"{}\"\n"] {
        for end in ["", "8,b\n", "8,\"\n"] {
            let bad =
                bad.replace("{}", &if bad.contains("\"{}") { "z\n" } else { "zz" }.repeat(3_000));
            let text = "1,\"\na\"\n".repeat(3) + &bad + end;
            for on_bad_rows in [OnBadRows::Error, OnBadRows::Skip] {
                let options = Options { on_bad_rows, ..quoted(2, 25) };
                compare(text.as_bytes(), "n:i4,s:S12", &options);
            }
        }
    }
}
