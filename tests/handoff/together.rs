//! Many processes, in any order.

use core::time::Duration;
use std::thread::sleep;

use ndshm::segment::{Info, Removal};

use crate::shm::helper::Helper;
use crate::shm::{Graveyard, Scratch, pruned};

/// What should be there.
#[derive(Debug, Default)]
struct Model {
    there: bool,
    /// How many handles each member has.
    handles: [u32; 4],
    promised: u32,
}

impl Model {
    /// Somebody let go who could do the last step.
    fn settle(&mut self) {
        self.there &= self.handles.iter().any(|&n| n > 0) || self.promised > 0;
    }
}

#[test]
fn random_hand_offs_are_as_the_model_says() {
    let alone = Graveyard::lock();
    for seed in 1..=12_u64 {
        let scratch = Scratch::new("model");
        let role = format!("member {}", scratch.0);
        let start = || {
            let mut member = Helper::start(&role);
            member.expect("begin");
            member
        };
        let (mut members, mut model) = ([(); 4].map(|()| start()), Model::default());
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = move |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % n
        };
        let mut orphan = false;
        for step in 0..60 {
            let who = random(4) as usize;
            let has = model.handles[who] > 0;
            let command = match random(8) {
                _ if !model.there || orphan => "create".into(),
                0 | 1 => "attach".into(),
                2 | 3 => "claim".into(),
                4 if has => format!("promise {} 0", 1 + random(3)),
                5 if has && model.promised == 0 => "promise 7 1".into(),
                6 => {
                    members[who] = start(); // the old one is killed, and waited for
                    model.handles[who] = 0;
                    orphan = model.handles == [0; 4] && model.promised == 0;
                    String::new()
                }
                _ if has => "detach".into(),
                _ => continue,
            };
            if !command.is_empty() {
                members[who].tell(&command);
                assert!(members[who].hears("ok"), "{seed} {step} {command}");
            }
            match command.split(' ').collect::<Vec<_>>()[..] {
                ["create"] => {
                    model = Model { there: true, handles: [0; 4], promised: 0 };
                    model.handles[who] = 1;
                    orphan = false;
                }
                ["attach"] => model.handles[who] += 1,
                ["claim"] => {
                    model.handles[who] += 1;
                    model.promised = model.promised.saturating_sub(1);
                }
                ["promise", n, "0"] => model.promised += n.parse::<u32>().unwrap(),
                ["promise", ..] => sleep(Duration::from_millis(3)),
                ["detach"] => {
                    model.handles[who] -= 1;
                    model.settle();
                }
                _ => {}
            }
            assert_eq!(
                scratch.exists(),
                model.there,
                "seed {seed}, step {step}: {command} {model:?}"
            );
            if model.there {
                assert_eq!(Info::peek(&scratch.0).unwrap().promised(), model.promised, "{command}");
                let expected = match (orphan, model.handles == [0; 4]) {
                    (true, _) => Removal::Removed,
                    (_, true) => Removal::Kept,
                    _ => Removal::Live,
                };
                if expected != Removal::Removed || random(2) == 0 {
                    assert_eq!(pruned(&alone, &scratch.0), Some(expected), "{command} {model:?}");
                    if expected == Removal::Removed {
                        (model.there, orphan) = (false, false);
                    }
                }
            }
        }
    }
}

#[test]
fn whoever_gets_the_message_finds_the_segment() {
    for how in ["lives", "kills"] {
        let scratch = Scratch::new("ring");
        let mut helper = Helper::start(&format!("ring {} {how}", scratch.0));
        helper.expect("begin");
        helper.go();
        helper.expect("done");
        helper.end();
    }
}
