//! What is cut off, damaged, or followed by something else.

use super::*;

#[test]
fn what_is_cut_off_or_damaged_is_an_error() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let text = text(40, 5);
    let plain = write(dir.path(), "plain", &text);
    for (suffix, pack) in ALL {
        let packed = pack(&text);
        for cut in (6..packed.len() - 28).step_by(17) {
            let options = options(1 + cut % 3, Some(64));
            let file = write(dir.path(), &format!("a.{suffix}"), &packed[..cut]);
            let error = run_file(&file, &options).unwrap_err();
            assert_eq!(error.code(), code::INPUT, "{suffix} cut at {cut}: {error}");
            assert!(matches!(damage(&error), Some((Damage::CutOff, _))), "{error}");
        }
        for bit in (5..8 * packed.len()).step_by(71) {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let options = options(2, Some(50));
            let file = write(dir.path(), &format!("a.{suffix}"), &flipped);
            match run_file(&file, &options) {
                Ok(found) if suffix != "lzma" => {
                    assert!(found == run_file(&plain, &options).unwrap(), "{suffix}, bit {bit}");
                }
                Ok(_) | Err(LoadError::Input { .. } | LoadError::Text(_)) => {}
                Err(error) => panic!("{suffix}, bit {bit}: {error}"),
            }
        }
    }
}

#[test]
fn damage_is_told_behind_the_rows_before_it() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let text = text(50_000, 7);
    for (suffix, pack) in CHECKED {
        let mut packed = pack(&text);
        let middle = packed.len() * 2 / 3;
        for byte in &mut packed[middle..middle + 20] {
            *byte ^= 0x55;
        }
        let file = write(dir.path(), &format!("a.{suffix}"), &packed);
        for workers in [1, 2, 4] {
            let error = run_file(&file, &options(workers, None)).unwrap_err();
            // Wrong bytes may come out before a checksum tells.
            match damage(&error) {
                Some((Damage::Corrupt(_), offset)) => assert!(offset as usize > middle - 70_000),
                _ => assert_eq!(error.code(), code::TEXT, "{suffix}: {error}"),
            }
            let few = Options { max_rows: Some(10), ..options(workers, None) };
            assert_eq!(run_file(&file, &few).unwrap().0[0].0, 10, "{suffix}");
        }
    }
    // An error of the text before it comes first.
    let bad = [b"1,2,3\n1,x,3\n".as_slice(), &text].concat();
    let packed = pack::gzip(&bad);
    let file = write(dir.path(), "b.gz", &packed[..packed.len() / 2]);
    let error = run_file(&file, &options(2, None)).unwrap_err();
    assert_eq!((error.code(), error.position().unwrap().line), (code::TEXT, 2));
}

#[test]
fn what_follows_the_packed_data_is_an_error() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for (suffix, pack) in CHECKED {
        for garbage in [&b"x"[..], b"\0\0x", b"1,2,3\n", b"BZ", b"\x1f\x8b", b"\x1f"] {
            let packed = [&pack(b"1,2,3\n")[..], garbage].concat();
            let file = write(dir.path(), &format!("a.{suffix}"), &packed);
            let error = run_file(&file, &options(2, None)).unwrap_err();
            let (damage, _) = damage(&error).unwrap();
            assert!(matches!(damage, Damage::Trailing | Damage::CutOff), "{suffix}: {error}");
        }
    }
}
