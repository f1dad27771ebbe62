//! What may be removed is decided without a panic, and never against the policy.

use ndshm::layout::{HEADER_SIZE, MAGIC, MAX_HEADER_LEN, Reaping, is_intact, reaping};

use super::bytes::Bytes;

/// Eight bytes of a time, then the object's first bytes.
pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let now = bytes.u64();
    let mut object = bytes.rest().to_vec();
    decide(&object, now);
    if let Some(head) = object.get_mut(..16) {
        // More is decided about what looks like ours.
        head[..8].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&0x0102_0304_u32.to_ne_bytes());
        head[12..].copy_from_slice(&[1, 0, 0, 0]);
        decide(&object, now);
    }
}

fn word(object: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(object[offset..offset + 4].try_into().unwrap_or_default())
}

fn decide(object: &[u8], now: u64) {
    let decision = reaping(object, now);
    let head = &object[..object.len().min(HEADER_SIZE)];
    if head.iter().all(|&byte| byte == 0) {
        assert_eq!(decision, Reaping::Always, "never begun");
    } else if head.len() < HEADER_SIZE || !head.starts_with(&MAGIC) {
        assert_eq!(decision, Reaping::Never, "not ours");
    } else {
        of_ours(head, decision);
    }
    if decision != Reaping::Never {
        assert_eq!(reaping(object, u64::MAX), decision, "what may go does not come back");
    }
    if let Reaping::IfIntact { header_len } = decision {
        assert!(header_len <= MAX_HEADER_LEN);
        let len = object.len().min(header_len as usize);
        let _ = is_intact(&object[..len]);
    }
}

fn of_ours(head: &[u8], decision: Reaping) {
    let (state, policy) = (word(head, 64), word(head, 28));
    match decision {
        Reaping::Always => assert_eq!(state, 0, "complete, so its policy counts"),
        Reaping::IfIntact { .. } => assert!(matches!(policy, 1 | 3..=5), "policy {policy}"),
        Reaping::Never => {}
    }
}
