//! What is unpacked: members, blocks, many inputs, and what a file is.

use super::*;

#[test]
fn what_was_packed_gives_the_rows_of_the_plain_text() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(1);
    for rows in [0, 1, 2, 30, 1_000, 20_000] {
        let text = text(rows + numbers.below(1 + rows / 3), rows);
        let plain = write(dir.path(), "plain", &text);
        for (suffix, pack) in ALL {
            let packed = pack(&text);
            let workers = 1 + numbers.below(4) as usize;
            let tiny = (rows < 2_000).then(|| 1 + numbers.below(300));
            let options = options(workers, tiny);
            let expected = run_file(&plain, &options).unwrap();
            for found in every_way(dir.path(), suffix, &packed, &options) {
                assert!(found.unwrap() == expected, "{suffix}, {rows} rows, {workers} workers");
            }
        }
    }
}

#[test]
fn members_follow_each_other_also_behind_zeros() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (text(700, 1), text(900, 2));
    let whole = [one.as_slice(), b"77,78,79\n", &two].concat();
    let plain = write(dir.path(), "plain", &whole);
    for workers in [1, 3] {
        let options = options(workers, Some(5_000));
        let expected = run_file(&plain, &options).unwrap();
        for (suffix, pack) in ALL {
            for zeros in [0, 1, 512, 200_000] {
                let parts = [&one[..], b"", &one[..0], b"77,78,7", b"9\n", &two];
                let mut packed = Vec::new();
                for part in parts {
                    packed.extend(pack(part));
                    packed.extend(vec![0; zeros]);
                }
                for found in every_way(dir.path(), suffix, &packed, &options) {
                    assert!(found.unwrap() == expected, "{suffix}, {zeros} zeros");
                }
            }
        }
    }
}

#[test]
fn blocks_of_bgzip_may_be_followed_by_other_members() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let (one, two, three) = (text(60_000, 1), text(40_000, 2), text(30_000, 3));
    let plain = write(dir.path(), "plain", &[&one[..], &two, &three].concat());
    let packed = [pack::bgzip(&one), pack::gzip(&two), pack::bgzip(&three)].concat();
    for workers in 1..=4 {
        let options = options(workers, None);
        let expected = run_file(&plain, &options).unwrap();
        for found in every_way(dir.path(), "gz", &packed, &options) {
            assert!(found.unwrap() == expected);
        }
        // Without the empty block at the end, which tells that nothing was cut off.
        let short = pack::bgzip(&one);
        let file = write(dir.path(), "short.gz", &short[..short.len() - 28]);
        assert_eq!(run_file(&file, &options).unwrap().0[0].0, 60_000);
    }
}

#[test]
fn names_and_first_bytes_tell_what_a_file_is() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let options = options(1, None);
    let packed = pack::gzip(b"1,2\n");
    for name in ["a", "a.txt", "a.xz", "a.GZ"] {
        let file = write(dir.path(), name, &packed);
        assert_eq!(run_file(&file, &options).unwrap().0[0].0, 1, "{name}");
    }
    for name in ["b.gz", "b.bz2", "b.xz"] {
        let file = write(dir.path(), name, b"1,2\n");
        let error = run_file(&file, &options).unwrap_err();
        assert_eq!(damage(&error).unwrap().0, Damage::Misnamed, "{error}");
    }
    for (name, bytes) in [("c.zst", &b"1,2\n"[..]), ("c.gz", b""), ("BZh9", b"\n"), ("c.GZ", b"")] {
        let file = write(dir.path(), name, bytes);
        assert!(run_file(&file, &options).is_ok(), "{name}");
    }
    // A text that only begins as if it were packed.
    for text in ["BZh", "BZh9", "BZh91AY&SX", "(\n"] {
        let dtype = DTypeBuf::parse("S10").unwrap();
        let file = write(dir.path(), "d", text.as_bytes());
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        let drops = Drops::new(text.as_bytes(), 4);
        for input in [file.into(), Input::descriptor("pipe", reader), Input::stream("drops", drops)]
        {
            let never = AtomicBool::new(false);
            let open = |_: DType<'_>| Ok(Keep::default());
            let (keep, rows) =
                load([input], dtype.as_dtype(), Unicode::Ucs4, &options, &never, open).unwrap();
            assert_eq!(rows, 1);
            assert!(keep.0[0].1.starts_with(text.trim_end().as_bytes()));
        }
    }
    // Frames to be skipped come first in what several threads packed.
    let skippable = [b"\x50\x2a\x4d\x18\x03\0\0\0abc", &pack::zstd(b"1,2\n")[..]].concat();
    let file = write(dir.path(), "e.zst", &skippable);
    assert_eq!(run_file(&file, &options).unwrap().0[0].0, 1);
}

#[test]
fn a_missing_file_is_looked_for_with_the_suffixes_of_compressed_ones() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    assert_eq!(ndshm::load::find_compressed(&path), None);
    assert_eq!(run_file(&path, &options(1, None)).unwrap_err().code(), code::INPUT);
    for (rows, (suffix, pack)) in [(4, ALL[5]), (3, ALL[3]), (2, ALL[0]), (1, ALL[2])] {
        write(dir.path(), &format!("a.csv.{suffix}"), &pack(&text(rows, 1)));
        assert_eq!(run_file(&path, &options(1, None)).unwrap().0[0].0, rows);
        let found = ndshm::load::find_compressed(&path).unwrap();
        assert_eq!(found.extension().unwrap(), suffix);
    }
}

/// Files large enough to be unpacked ahead, small ones, plain ones, and a pipe.
#[test]
fn many_inputs_come_in_order() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for workers in [1, 2, 4] {
        let (mut inputs, mut expected) = (Vec::new(), Vec::new());
        let mut feeds = Vec::new();
        for i in 0..14_u64 {
            let text = text([9, 20_000, 3_000][i as usize % 3] + i, i);
            let (suffix, pack) = ALL[i as usize % 6];
            let plain = write(dir.path(), "plain", &text);
            expected.extend(run_file(&plain, &options(1, None)).unwrap().0);
            inputs.push(match i % 5 {
                0 => Input::from(write(dir.path(), &format!("{i}"), &text)),
                1 => {
                    let (input, feed) = pipe(&pack(&text));
                    feeds.push(feed);
                    input
                }
                _ => Input::from(write(dir.path(), &format!("{i}.{suffix}"), &pack(&text))),
            });
        }
        let small = Options { memory: Some(ndshm::load::MIN_MEMORY), ..options(workers, None) };
        assert!(run(inputs, &small).unwrap().0 == expected);
        for feed in feeds {
            feed.join().unwrap();
        }
    }
}

#[test]
fn the_first_error_in_file_order_counts() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let long = text(30_000, 3);
    let good = write(dir.path(), "good.gz", &pack::gzip(&long));
    let bad_text = write(dir.path(), "bad.gz", &pack::gzip(&[&long[..], b"1,x,1\n"].concat()));
    let packed = pack::bzip2(&long);
    let cut = write(dir.path(), "cut.bz2", &packed[..packed.len() - 9]);
    for workers in [1, 3] {
        let run = |files: &[&PathBuf]| {
            let inputs = files.iter().map(|&file| Input::from(file)).collect();
            run(inputs, &options(workers, None)).unwrap_err()
        };
        let error = run(&[&good, &bad_text, &cut]);
        let position = error.position().unwrap();
        assert_eq!((position.input, position.line, position.column), (1, 30_001, 2), "{error}");
        let error = run(&[&good, &cut, &bad_text]);
        assert_eq!(error.position().unwrap().input, 1, "{error}");
        assert!(matches!(damage(&error), Some((Damage::CutOff, _))), "{error}");
    }
}
