//! What is swept: every operation on a segment, from every state that its name
//! can be in.

use std::sync::OnceLock;

use ndshm::dtype::DType;
use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::Error;
use ndshm::segment::{Access, Draft, Growable, Name, Policy, Segment, Spec, Via, prune, unlink};

use crate::kid::{End, Kid, Line};
use crate::shm::float64;

/// What the name is when the operation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Free,
    /// A ready segment whose holders were killed.
    Orphan,
    /// A named segment whose creator was killed before it was ready.
    Unready,
    /// Another process has it.
    Held,
}

/// What an operation works on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ctx {
    pub(crate) name: Name,
    pub(crate) via: Via,
}

pub(crate) type Outcome = Result<Option<Segment>, Error>;

/// An operation.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) act: fn(Ctx, &mut Line) -> Outcome,
    /// What it answers when nothing is in its way.
    pub(crate) result: Result<(), Error>,
}

const fn case(
    name: &'static str,
    stage: Stage,
    act: fn(Ctx, &mut Line) -> Outcome,
    result: Result<(), Error>,
) -> Case {
    Case { name, stage, act, result }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case("create, publish, detach", Stage::Free, whole, Ok(())),
    case("create, drop", Stage::Free, abandon, Ok(())),
    case("create, publish, be joined, detach", Stage::Free, joined, Ok(())),
    case("own, be joined, unlink by detach", Stage::Free, own, Ok(())),
    case("make an anonymous one, detach", Stage::Free, anonymous, Ok(())),
    case("grow, publish, detach", Stage::Free, grow, Ok(())),
    case("create over an orphan", Stage::Orphan, keep, Ok(())),
    case("create over an unready orphan", Stage::Unready, keep, Ok(())),
    case("create what another has", Stage::Held, keep, Err(Error::Exists)),
    case("attach for reading, detach", Stage::Held, attach_read, Ok(())),
    case("attach for writing, detach", Stage::Held, attach_write, Ok(())),
    case("attach an orphan, detach", Stage::Orphan, attach_read, Ok(())),
    case("attach an unready orphan", Stage::Unready, attach_read, Err(Error::CreatorDied)),
    case("attach what is not there", Stage::Free, attach_read, Err(Error::NotFound)),
    case("prune the living", Stage::Held, prune_all, Ok(())),
    case("prune the dead", Stage::Orphan, prune_all, Ok(())),
    case("prune the unready dead", Stage::Unready, prune_all, Ok(())),
    case("unlink", Stage::Held, unlink_it, Ok(())),
];

/// The data says whose it is: the segment's uuid, over and over.
pub(crate) fn fill(draft: &mut Draft) {
    let uuid = draft.header().header().uuid;
    for (byte, id) in draft.data_mut().iter_mut().zip(uuid.iter().cycle()) {
        *byte = *id;
    }
}

/// Whether the data is that of the header.
pub(crate) fn is_sound(segment: &Segment) -> bool {
    let mut data = vec![0; segment.data_len()];
    segment.copy_to(&mut data, 0).unwrap();
    data.len() == 1000 * 8 && data.iter().zip(segment.uuid().iter().cycle()).all(|(a, b)| a == b)
}

/// Parsed once, before anything is counted.
pub(crate) fn dtype() -> DType<'static> {
    static DTYPE: OnceLock<DTypeBuf> = OnceLock::new();
    DTYPE.get_or_init(float64).as_dtype()
}

pub(crate) fn draft(ctx: Ctx, policy: Policy) -> Result<Draft, Error> {
    // A mode that has to be set: no umask leaves it of what files are made with.
    let spec = Spec { via: ctx.via, policy, mode: 0o640, ..Spec::new(dtype(), &[1000]) };
    let mut draft = Draft::create(&ctx.name, &spec)?;
    fill(&mut draft);
    Ok(draft)
}

pub(crate) fn publish(ctx: Ctx) -> Result<Segment, Error> {
    Ok(draft(ctx, Policy::LastDetach)?.publish()?)
}

fn keep(ctx: Ctx, _: &mut Line) -> Outcome {
    publish(ctx).map(Some)
}

fn whole(ctx: Ctx, _: &mut Line) -> Outcome {
    publish(ctx)?.detach();
    Ok(None)
}

fn abandon(ctx: Ctx, _: &mut Line) -> Outcome {
    drop(draft(ctx, Policy::LastDetach)?);
    Ok(None)
}

fn joined(ctx: Ctx, line: &mut Line) -> Outcome {
    let segment = publish(ctx)?;
    line.ask("join");
    segment.detach();
    Ok(None)
}

fn own(ctx: Ctx, line: &mut Line) -> Outcome {
    let segment = draft(ctx, Policy::Owner)?.publish()?;
    line.ask("join");
    segment.detach();
    Ok(None)
}

pub(crate) fn make_anonymous(mode: u32) -> Result<Segment, Error> {
    let mut draft = Draft::create_anonymous(&Spec { mode, ..Spec::new(dtype(), &[1000]) })?;
    fill(&mut draft);
    Ok(draft.publish()?)
}

fn anonymous(_: Ctx, _: &mut Line) -> Outcome {
    let segment = make_anonymous(0o600)?;
    let again = Segment::attach_fd(segment.raw_fd().unwrap(), Access::Read)?;
    assert!(is_sound(&again));
    drop((segment, again));
    Ok(None)
}

fn grow(ctx: Ctx, _: &mut Line) -> Outcome {
    let spec = Spec { via: ctx.via, ..Spec::new(dtype(), &[0]) };
    let mut growable = Draft::create_growable(&ctx.name, &spec)?;
    append(&mut growable, &[1; 4000])?;
    append(&mut growable, &[1; 5000])?;
    let mut draft = growable.finish(1000)?;
    fill(&mut draft);
    draft.publish()?.detach();
    Ok(None)
}

fn append(growable: &mut Growable, bytes: &[u8]) -> Result<(), Error> {
    // SAFETY: the bytes are readable for their length.
    unsafe { growable.append(bytes.as_ptr(), bytes.len()) }
}

fn attach_read(ctx: Ctx, _: &mut Line) -> Outcome {
    attach(ctx, Access::Read)
}

fn attach_write(ctx: Ctx, _: &mut Line) -> Outcome {
    attach(ctx, Access::ReadWrite)
}

/// Attaches, and has it when it is asked.
pub(crate) fn attach_and_stay(ctx: Ctx, _: &mut Line) -> Outcome {
    Segment::attach(&ctx.name, Access::Read, None).map(Some)
}

fn attach(ctx: Ctx, access: Access) -> Outcome {
    let segment = Segment::attach(&ctx.name, access, None)?;
    assert!(is_sound(&segment));
    segment.detach();
    Ok(None)
}

fn prune_all(_: Ctx, _: &mut Line) -> Outcome {
    let mut first = Ok(());
    prune(|_, result| {
        first = first.and(result.map(drop));
        Ok(())
    })?;
    first.map(|()| None)
}

fn unlink_it(ctx: Ctx, _: &mut Line) -> Outcome {
    unlink(&ctx.name).map(|()| None)
}

/// A process that has a segment, and tells how it is.
pub(crate) struct Holder(pub(crate) Kid);

impl Holder {
    /// One that makes the segment, or attaches it.
    pub(crate) fn start(ctx: Ctx, create: bool) -> Self {
        let mut kid = Kid::start(|line| {
            let segment = if create {
                publish(ctx).unwrap()
            } else {
                Segment::attach(&ctx.name, Access::Read, None).unwrap()
            };
            serve(segment, line);
        });
        assert_eq!(kid.line.hear().as_deref(), Some("held"));
        Self(kid)
    }

    /// Whether its data is what it was, and the name still leads to it.
    pub(crate) fn state(&mut self) -> (bool, bool) {
        let answer = self.0.line.ask("state");
        let (sound, current) = answer.split_once(' ').expect("a holder died");
        (sound == "true", current == "true")
    }

    /// Lets it detach.
    pub(crate) fn end(mut self) {
        self.0.line.say("go");
        assert_eq!(self.0.end(), End::Exit(0));
    }
}

/// Answers for a segment until it is to be detached.
pub(crate) fn serve(segment: Segment, line: &mut Line) {
    line.say("held");
    while line.hear().as_deref() == Some("state") {
        line.say(&format!("{} {}", is_sound(&segment), segment.is_current()));
    }
    segment.detach();
}

/// Brings the name into the state that an operation begins with.
pub(crate) fn set(stage: Stage, ctx: Ctx) -> Option<Holder> {
    let dead = |body: fn(Ctx)| Kid::run(|_| body(ctx));
    match stage {
        Stage::Free => return None,
        Stage::Held => return Some(Holder::start(ctx, true)),
        Stage::Orphan => dead(|ctx| core::mem::forget(publish(ctx).unwrap())),
        Stage::Unready => dead(|ctx| {
            let ctx = Ctx { via: Via::ShmOpen, ..ctx };
            core::mem::forget(draft(ctx, Policy::LastDetach).unwrap());
        }),
    }
    None
}

/// What the next creator is told. In a child, as all that uses the library:
/// what a process has found out about its kernel is asked anew in each.
pub(crate) fn next_create(ctx: Ctx) -> String {
    Kid::tell(|| format!("{:?}", publish(ctx).map(drop)))
}

/// Prunes in a process of its own.
pub(crate) fn prune_now() {
    Kid::run(|_| prune(|_, result| result.map(drop)).unwrap());
}
