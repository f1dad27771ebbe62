//! That a segment's life survives everything: a kill, a stop and an error at
//! every call, rivals, forks, other users, little memory, old kernels.
//!
//! Short forms run with the other tests, long ones with `make torture`, which
//! sets `NDSHM_TORTURE` to the seconds that each storm is to last.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

#[path = "../shm/mod.rs"]
mod shm;

mod arena;
mod cases;
mod fail;
mod forks;
mod interleave;
mod kid;
mod kill;
mod limits;
mod policies;
mod shim;
mod stress;
mod waiting;
mod world;

/// Not a test of its own: what the helper processes run.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    arena::begin();
    cases::dtype();
    let _ = ndshm::sys::lineage(); // it makes a page that stays
    match role.as_str() {
        "kill" => kill::sweep(),
        "fail" => fail::sweep(),
        "interleave" => interleave::sweep(),
        "forks" => forks::matrix(),
        "policies" => policies::all(),
        "waiting" => waiting::sweep(),
        "many" => limits::many(),
        "cycles" => limits::cycles(),
        "tiny" => limits::tiny(),
        "signals" => limits::signals(),
        "umask" => limits::umask(),
        "flags" => limits::flags(),
        "lacking" => limits::lacking(),
        "namespaces" => world::namespaces(),
        "users" => world::users(),
        "python" => world::snake(),
        "storm" => stress::storm(),
        "duel" => stress::duel(),
        _ => panic!("no such role: {role}"),
    }
}
