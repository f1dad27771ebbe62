use std::collections::{BTreeMap, HashSet};
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::*;

/// Numbers that look random, the same ones in every run.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    core::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(state)
    })
}

/// Parts of a list, of many lengths.
fn parts<T>(list: &[T], seed: u64) -> Vec<&[T]> {
    let (mut parts, mut rest) = (Vec::new(), list);
    for n in numbers(seed) {
        let (part, behind) = rest.split_at((n % 97) as usize % (rest.len() + 1));
        parts.push(part);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    parts
}

/// Floats of all sorts of sizes, also those that no sum in float64 would add up.
fn floats(seed: u64) -> Vec<f64> {
    let all = numbers(seed).map(f64::from_bits).filter(|x| x.is_finite() && x.abs() < 1e150);
    let tame = numbers(seed + 1).map(|n| (n >> 40) as f64 / 1024.0 - 5000.0);
    all.take(400).chain(tame.take(400)).chain([1e100, 1.0, -1e100, 5e-324, -0.0, 0.0]).collect()
}

fn moments(values: &[f64]) -> Moments {
    let mut made = Moments::of_floats();
    for &value in values {
        made.add_float(value, 1);
    }
    made
}

#[test]
fn sums_lose_nothing() {
    let made = moments(&[1e16, 1.0, -1e16]);
    assert_eq!(made.mean(3).to_bits(), (1.0_f64 / 3.0).to_bits());
    let made = moments(&[1e308; 7]);
    assert_eq!((made.mean(7), made.deviation(7)), (1e308, Some(0.0)));
    let made = moments(&[5e-324, 5e-324, 5e-324]);
    assert_eq!((made.mean(3), made.deviation(3)), (5e-324, Some(0.0)));
    // Numbers that differ in their last digits only.
    let made = moments(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
    assert_eq!((made.mean(4), made.deviation(4)), (1e9 + 10.0, Some(30_f64.sqrt())));
    let tiny = moments(&[-1e-300, 1e-300]).deviation(2).unwrap();
    assert!((tiny / 1e-300 - 2_f64.sqrt()).abs() < 1e-15, "{tiny:e}");
    assert_eq!(moments(&[7.0]).deviation(1), None);
}

#[test]
fn sums_of_integers_are_those_of_wide_ones() {
    let mut made = Moments::of_integers();
    let mut sum = 0_i128;
    let all: Vec<i64> = numbers(5).map(|n| n as i64).take(999).chain([i64::MIN; 50]).collect();
    for &n in &all {
        made.add_integer(n.unsigned_abs(), n < 0, 3);
        sum += 3 * i128::from(n);
    }
    let count = 3 * all.len() as u64;
    assert_eq!(made.mean(count).to_bits(), (sum as f64 / count as f64).to_bits());
    let mut made = Moments::of_integers();
    (0..5).for_each(|_| made.add_integer(u64::MAX, false, u16::MAX));
    assert_eq!(made.mean(5 * 65535).to_bits(), (u64::MAX as f64).to_bits());
    assert_eq!(made.deviation(5 * 65535), Some(0.0));
}

#[test]
fn sums_of_parts_are_the_sum() {
    for seed in 0..20 {
        let all = floats(seed);
        let count = all.len() as u64;
        let whole = moments(&all);
        let mut merged = Moments::of_floats();
        for part in parts(&all, seed).into_iter().rev() {
            merged.merge(&moments(part));
        }
        assert_eq!(merged.mean(count).to_bits(), whole.mean(count).to_bits());
        let bits = |made: &Moments| made.deviation(count).map(f64::to_bits);
        assert_eq!(bits(&merged), bits(&whole));
        let mut often = Moments::of_floats();
        for &value in &all {
            often.add_float(value, 60_000);
        }
        assert_eq!(often.mean(count * 60_000).to_bits(), whole.mean(count).to_bits());
    }
}

fn bins(keys: &[u64], most: usize) -> Bins {
    let mut made = Bins::new(most);
    for &key in keys {
        made.add(key, 1);
    }
    made
}

#[test]
fn bins_are_exact_as_long_as_there_is_room() {
    let keys: Vec<u64> = numbers(1).map(|n| n % 60).take(5000).collect();
    let made = bins(&keys, 64);
    assert!(made.is_exact());
    let mut counted = BTreeMap::new();
    for &key in &keys {
        *counted.entry(key).or_insert(0) += 1;
    }
    let told: BTreeMap<u64, u64> = made.sorted().iter().map(|b| (b.low, b.count)).collect();
    assert_eq!(told, counted);
    let made = bins(&[0, u64::MAX, 1 << 63], 2);
    assert_eq!(made.sorted().iter().map(|b| b.count).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn bins_of_parts_are_the_bins() {
    for seed in 0..30 {
        let shift = seed % 64;
        let keys: Vec<u64> = numbers(seed).map(|n| (n >> shift) ^ seed << 50).take(2000).collect();
        let whole = bins(&keys, 64).sorted();
        assert!(whole.len() <= 64 && whole.iter().map(|b| b.count).sum::<u64>() == 2000);
        for bin in &whole {
            let inside = |key: &&u64| (bin.low..=bin.high).contains(*key);
            assert_eq!(keys.iter().filter(inside).count() as u64, bin.count);
        }
        let mut merged = Bins::new(64);
        for part in parts(&keys, seed + 7).into_iter().rev() {
            merged.merge(&bins(part, 64));
        }
        assert_eq!(merged.sorted(), whole, "{seed}");
        let mut backwards = keys.clone();
        backwards.reverse();
        assert_eq!(bins(&backwards, 64).sorted(), whole, "{seed}");
    }
}

/// The bins as they are meant: the fewest bits left out with which there are few enough.
fn bins_of(keys: &[u64], most: usize) -> Vec<Bin> {
    let count = |level: u32| {
        let mut all = BTreeMap::new();
        for key in keys {
            *all.entry(key >> level).or_insert(0) += 1;
        }
        all
    };
    let level = (0..64).find(|&level| count(level).len() <= most).unwrap();
    let bin = |(key, count): (u64, u64)| Bin {
        low: key << level,
        high: key << level | ((1 << level) - 1),
        count,
    };
    count(level).into_iter().map(bin).collect()
}

#[test]
fn bins_are_those_that_are_meant_whatever_windows_there_are() {
    let near = |n: u64| (1 << 63) + (0x3FF << 52) + (n >> 14);
    let signs = |n: u64| if n & 1 == 0 { near(n) } else { !near(n) };
    // Some lie far from all others, some come when windows are there, some between two.
    let far = |n: u64| if n.is_multiple_of(50) { n } else { signs(n) };
    let late = |(at, n): (usize, u64)| if at > 1500 { n >> (n % 60) } else { near(n) };
    for seed in 0..3 {
        let all = || numbers(seed).take(3000);
        let ends = all().map(|n| if n % 3 == 0 { n % 9 } else { !(n % 9) });
        let lists: [Vec<u64>; 5] = [
            all().map(near).collect(),
            all().map(signs).collect(),
            all().map(far).collect(),
            all().enumerate().map(late).collect(),
            ends.collect(),
        ];
        for (list, most) in lists.iter().flat_map(|list| [(list, 16), (list, 256), (list, 2048)]) {
            let meant = bins_of(list, most);
            assert_eq!(bins(list, most).sorted(), meant, "{seed} {most}");
            let (first, rest) = list.split_at(400);
            let mut first = bins(first, most);
            let mut others = [first.another(), first.another()];
            for (part, n) in parts(rest, seed).into_iter().zip(numbers(seed)) {
                for &key in part {
                    others[n as usize % 2].add(key, 1);
                }
            }
            for other in &others {
                first.merge(other);
            }
            assert_eq!(first.sorted(), meant, "{seed} {most}");
        }
    }
}

#[test]
fn registers_tell_how_many_there_are() {
    for count in [0, 1, 50, 3_000, 40_000, 60_000, 500_000] {
        let mut halves = [Registers::new(12), Registers::new(12)];
        for (at, n) in numbers(count).take(count as usize).enumerate() {
            // Some are in both, and all come twice.
            halves[at % 2].add(mixed(n));
            halves[at % 2].add(mixed(n));
            halves[at / 3 % 2].add(mixed(n));
        }
        let [mut all, other] = halves;
        all.merge(&other);
        let off = (all.estimate() - count as f64).abs() / (count as f64).max(1.0);
        assert!(off < 4.0 * all.error(), "{count}: {}", all.estimate());
    }
}

#[test]
fn hashes_of_texts_differ() {
    let mut texts: Vec<String> = (0..20_000).map(|n| format!("item {n}")).collect();
    texts.extend((1..200).map(|n| "x".repeat(n)));
    texts.extend((1..200).map(|n| "\0".repeat(n)));
    let hashes: HashSet<u64> = texts.iter().map(|text| mixed_bytes(text.as_bytes())).collect();
    assert_eq!(hashes.len(), texts.len());
    let mut registers = Registers::new(14);
    for &hash in &hashes {
        registers.add(hash);
    }
    assert!((registers.estimate() / texts.len() as f64 - 1.0).abs() < 0.03);
}

/// A dictionary after some first texts and others in parts, by several takers.
fn counted(first: &[String], rest: &[String], takers: usize, seed: u64) -> Values {
    let count = |values: &mut Values, text: &String| {
        values.count(text.as_bytes(), mixed_bytes(text.as_bytes()), 1);
    };
    let mut all = Values::new(40, 400);
    for text in first {
        count(&mut all, text);
    }
    all.settle();
    let mut others = vec![all.another(); takers];
    for (part, n) in parts(rest, seed).into_iter().zip(numbers(seed)) {
        let taker = &mut others[n as usize % takers];
        for text in part {
            count(taker, text);
        }
    }
    others.iter().rev().for_each(|other| all.merge(other));
    all
}

#[test]
fn dictionaries_do_not_depend_on_who_counted() {
    let list = |values: &Values| {
        let all = values.iter().map(|(text, count)| (text.to_vec(), count));
        all.collect::<BTreeMap<_, _>>()
    };
    for (seed, kinds) in [(1, 30), (2, 60), (3, 65), (4, 66), (5, 100), (6, 20_000)] {
        // The first ones are few, so that there is room for all of them, but once.
        let few = if seed == 6 { kinds } else { 25 };
        let kind = |(at, n): (usize, u64)| n % if at < 60 { few } else { kinds };
        let texts = numbers(seed).enumerate().map(kind).map(|n| n.to_string());
        let texts: Vec<String> = texts.take(4000).collect();
        let (first, rest) = texts.split_at(60);
        let one = counted(first, rest, 1, seed);
        let mut exact = BTreeMap::new();
        for t in &texts {
            *exact.entry(t.as_bytes().to_vec()).or_insert(0_u64) += 1;
        }
        for (text, count) in list(&one) {
            assert_eq!(exact.get(&text), Some(&count));
        }
        assert_eq!(one.is_complete(), list(&one).len() == exact.len(), "{kinds}");
        // With many, each has room, and all together have none.
        for takers in [2, 5, 200] {
            let many = counted(first, rest, takers, seed + 100);
            assert_eq!(list(&many), list(&one), "{kinds} {takers}");
            assert_eq!(many.is_complete(), one.is_complete());
        }
    }
}
