//! The life of a segment: create, publish, attach, detach.

use core::ffi::{c_char, c_void};
use core::time::Duration;

use super::args::{self, Options};
use super::error::{Fault, NDSHM_OK, ndshm_error, report};
use super::handle::{self, Handle, ndshm_segment};
use crate::dtype_buf::DTypeBuf;
use crate::layout::MAX_NDIM;
#[cfg(feature = "std")]
use crate::load::SegmentOptions;
use crate::segment::{
    self, Access, Attach, Draft, HANDOFF_TIMEOUT, Name, Policy, Segment, Spec, Unpublished, Via,
};

/// Most dimensions of an array.
pub const NDSHM_MAX_NDIM: u32 = 32;
/// Most bytes of a segment's name.
pub const NDSHM_MAX_NAME: usize = 200;
/// Bytes of a segment's uuid.
pub const NDSHM_UUID_SIZE: usize = 16;

const _: () = assert!(NDSHM_MAX_NDIM as usize == MAX_NDIM);
const _: () = assert!(NDSHM_MAX_NAME == crate::segment::MAX_NAME);

/// The name goes with the last process that has the segment attached, however
/// that ends. The default.
pub const NDSHM_POLICY_LAST_DETACH: u32 = 1;
/// The name stays until somebody unlinks it, or the machine restarts.
pub const NDSHM_POLICY_PERSIST: u32 = 2;
/// The name goes when the creator detaches; others keep what they have
/// attached. If the creator is killed, it goes with the last of them.
pub const NDSHM_POLICY_OWNER: u32 = 3;
/// The segment waits to be taken over: it stays, also when nobody has it, until
/// it was attached `handoff_attaches` times or `handoff_timeout_ms` are over;
/// from then on as `NDSHM_POLICY_LAST_DETACH`. To hand on a segment later, and any
/// number of times: `ndshm_segment_promise`.
pub const NDSHM_POLICY_HANDOFF: u32 = 4;
/// There never is a name: other processes get the segment by its descriptor. It
/// goes with the last who has it, and a kill leaves nothing at all.
pub const NDSHM_POLICY_ANONYMOUS: u32 = 5;

/// `handoff_timeout_ms` for a segment that waits for ever.
pub const NDSHM_FOREVER: u64 = u64::MAX;

const _: () = {
    assert!(NDSHM_POLICY_LAST_DETACH == Policy::LastDetach.code());
    assert!(NDSHM_POLICY_PERSIST == Policy::Persist.code());
    assert!(NDSHM_POLICY_OWNER == Policy::Owner.code());
    assert!(NDSHM_POLICY_HANDOFF == Policy::Handoff { attaches: 0, within_ns: 0 }.code());
    assert!(NDSHM_POLICY_ANONYMOUS == Policy::Anonymous.code());
};

/// The name appears with `ndshm_segment_publish`, where the system can do that.
pub const NDSHM_VIA_AUTO: u32 = 0;
/// The name appears at once, and whoever attaches it is told that it is not
/// ready, or waits.
pub const NDSHM_VIA_SHM_OPEN: u32 = 1;

/// The segment has the name that was given.
pub const NDSHM_NAMING_GIVEN: u32 = 0;
/// The segment is an unnamed file, which a kill never leaves behind, until
/// `ndshm_segment_publish`, which may never come; then its name is made of its uuid,
/// and `ndshm_segment_name` says it. A load ends in a draft. A forked child that has
/// inherited the draft may publish it, too, and both may: there is one segment.
/// It keeps a descriptor open as long as it is a draft.
pub const NDSHM_NAMING_LATE: u32 = 1;
/// The same, but where shared memory is too small, as in a container with 64 MB, it
/// goes on as an anonymous segment, also in the middle of a load: publish makes it one
/// that is sent by its descriptor. `ndshm_segment_name` is NULL then.
pub const NDSHM_NAMING_LATE_OR_NONE: u32 = 2;

/// Which function makes it.
pub(super) enum Home<'a> {
    Named(&'a Name),
    Late,
    Anonymous,
}

/// What a new segment is to be. Zeros are defaults, but `dtype` must be there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_create_options {
    /// `sizeof(ndshm_create_options)`.
    pub struct_size: u32,
    /// Dimensions, 0 for a single element, `NDSHM_MAX_NDIM` at most.
    pub ndim: u32,
    /// Type of the elements, as NumPy prints it or in the short form:
    /// `"<f8"`, `"pos:i4,pct:f4"`, `"[('xyz', '<f4', (3,)), ('id', '|S10')]"`.
    pub dtype: *const c_char,
    /// `ndim` extents, slowest first. May be NULL if `ndim` is 0.
    pub shape: *const u64,
    /// `ndim` steps in bytes, or NULL for C order.
    pub strides: *const i64,
    /// `metadata_len` bytes of your own: units, labels, attributes.
    pub metadata: *const c_void,
    /// Bytes at `metadata`.
    pub metadata_len: usize,
    /// `NDSHM_POLICY_...`, 0 for `NDSHM_POLICY_LAST_DETACH`.
    pub policy: u32,
    /// Permission bits whatever the umask; 0 for 0600. The owner must be able
    /// to read. Without any bit for writing nobody attaches it for writing once it
    /// is published, and an anonymous segment's data cannot be changed any more.
    pub mode: u32,
    /// `NDSHM_VIA_...`.
    pub via: u32,
    /// How often a `NDSHM_POLICY_HANDOFF` segment is to be attached, at least 1;
    /// 0 for other policies.
    pub handoff_attaches: u32,
    /// Milliseconds from publish that a `NDSHM_POLICY_HANDOFF` segment waits; 0
    /// for ten minutes, `NDSHM_FOREVER`. 0 for other policies.
    pub handoff_timeout_ms: u64,
    /// `NDSHM_NAMING_...`. The name is NULL if it is not the given one.
    pub naming: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_create_options {
    const NAME: &'static str = "ndshm_create_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// How long a segment waits for attaches.
const fn within(timeout_ms: u64) -> Duration {
    match timeout_ms {
        0 => HANDOFF_TIMEOUT,
        NDSHM_FOREVER => Duration::MAX,
        ms => Duration::from_millis(ms),
    }
}

impl ndshm_create_options {
    fn policy(&self) -> Result<Policy, Fault> {
        let handoff = self.policy == NDSHM_POLICY_HANDOFF;
        if (self.handoff_attaches != 0) != handoff {
            return Err(Fault::Range("options->handoff_attaches"));
        }
        if self.handoff_timeout_ms != 0 && !handoff {
            return Err(Fault::Range("options->handoff_timeout_ms"));
        }
        match self.policy {
            0 | NDSHM_POLICY_LAST_DETACH => Ok(Policy::LastDetach),
            NDSHM_POLICY_PERSIST => Ok(Policy::Persist),
            NDSHM_POLICY_OWNER => Ok(Policy::Owner),
            NDSHM_POLICY_HANDOFF => Ok(self.handoff()),
            NDSHM_POLICY_ANONYMOUS => Ok(Policy::Anonymous),
            _ => Err(Fault::Range("options->policy")),
        }
    }

    fn handoff(&self) -> Policy {
        segment::handoff(self.handoff_attaches, within(self.handoff_timeout_ms))
    }

    fn via(&self) -> Result<Via, Fault> {
        match self.via {
            NDSHM_VIA_AUTO => Ok(Via::Auto),
            NDSHM_VIA_SHM_OPEN => Ok(Via::ShmOpen),
            _ => Err(Fault::Range("options->via")),
        }
    }

    /// Whether the name is not given but comes late.
    const fn is_late(&self) -> Result<bool, Fault> {
        match (self.reserved, self.naming) {
            (0, NDSHM_NAMING_GIVEN) => Ok(false),
            (0, NDSHM_NAMING_LATE | NDSHM_NAMING_LATE_OR_NONE) => Ok(true),
            (0, _) => Err(Fault::Range("options->naming")),
            _ => Err(Fault::Range("options->reserved")),
        }
    }

    const fn falls_back(&self) -> bool {
        self.naming == NDSHM_NAMING_LATE_OR_NONE
    }

    /// The segment's name; none for an anonymous one.
    ///
    /// # Safety
    /// * As for [`args::name`].
    unsafe fn name(&self, name: *const c_char) -> Result<Option<Name>, Fault> {
        let nameless = self.policy == NDSHM_POLICY_ANONYMOUS || self.is_late()?;
        match (nameless, name.is_null()) {
            (true, true) => Ok(None),
            (true, false) => {
                Err(Fault::Range("name of an anonymous segment, or of one that comes late"))
            }
            // SAFETY: the caller's promise, passed on.
            (false, _) => unsafe { args::name(name) }.map(Some),
        }
    }

    /// The element's type.
    ///
    /// # Safety
    /// * `dtype` is NULL, or text that stays as it is during the call.
    unsafe fn dtype(&self) -> Result<DTypeBuf, Fault> {
        // SAFETY: the caller's promise, passed on.
        Ok(DTypeBuf::parse(unsafe { args::text(self.dtype, "options->dtype") }?)?)
    }

    /// # Safety
    /// * The pointers are NULL, or lead to what their documentation says, which
    ///   stays as it is for `'a`.
    unsafe fn spec<'a>(&self, dtype: &'a DTypeBuf) -> Result<Spec<'a>, Fault> {
        if self.ndim > NDSHM_MAX_NDIM {
            return Err(Fault::Range("options->ndim"));
        }
        let ndim = self.ndim as usize;
        // SAFETY: the caller's promise.
        let shape = unsafe { args::items(self.shape, ndim, "options->shape") }?;
        let mut spec = Spec::new(dtype.as_dtype(), shape);
        if !self.strides.is_null() {
            // SAFETY: the caller's promise.
            spec.strides = Some(unsafe { args::items(self.strides, ndim, "options->strides") }?);
        }
        let metadata = self.metadata.cast();
        // SAFETY: the caller's promise.
        spec.metadata = unsafe { args::items(metadata, self.metadata_len, "options->metadata") }?;
        spec.mode = if self.mode == 0 { spec.mode } else { self.mode };
        (spec.policy, spec.via) = (self.policy()?, self.via()?);
        spec.fallback = self.falls_back();
        Ok(spec)
    }

    /// What a load is to make: the options say nothing about the array itself.
    ///
    /// # Safety
    /// * As for [`make`](Self::make).
    #[cfg(feature = "std")]
    pub(super) unsafe fn of_load(
        name: *const c_char,
        options: *const Self,
    ) -> Result<(Option<Name>, SegmentOptions), Fault> {
        // SAFETY: the caller's promise.
        let options = unsafe { args::options(options) }?;
        let array = [options.shape.is_null(), options.strides.is_null(), options.dtype.is_null()];
        if options.ndim != 0 || array.contains(&false) {
            return Err(Fault::Range("options->ndim, dtype, shape or strides of a load"));
        }
        let metadata = options.metadata.cast::<u8>();
        // SAFETY: the caller's promise.
        let metadata = unsafe { args::items(metadata, options.metadata_len, "options->metadata") }?;
        let segment = SegmentOptions {
            policy: options.policy()?,
            mode: if options.mode == 0 { 0o600 } else { options.mode },
            via: options.via()?,
            metadata: metadata.to_vec(),
            late: options.is_late()?,
            fallback: options.falls_back(),
        };
        // SAFETY: the caller's promise.
        Ok((unsafe { options.name(name) }?, segment))
    }

    /// What is to be made: hands its name and its description to `make`.
    ///
    /// # Safety
    /// * `options` is NULL, or points to options as [`args::options`] asks for,
    ///   whose pointers lead to what their documentation says; so does `name`.
    pub(super) unsafe fn make<T>(
        name: *const c_char,
        options: *const Self,
        make: impl FnOnce(Home<'_>, &Spec<'_>) -> crate::error::Result<T>,
    ) -> Result<T, Fault> {
        // SAFETY: the caller's promise.
        let options = unsafe { args::options(options) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { options.name(name) }?;
        // SAFETY: the caller's promise.
        let dtype = unsafe { options.dtype() }?;
        // SAFETY: the caller's promise.
        let spec = unsafe { options.spec(&dtype) }?;
        let home = match &name {
            Some(name) => Home::Named(name),
            None if options.is_late()? => Home::Late,
            None => Home::Anonymous,
        };
        Ok(make(home, &spec)?)
    }
}

/// Makes a segment and reserves all its memory, filled with zeros. The handle
/// is a draft then: fill it through `ndshm_segment_data_mut`, and call
/// `ndshm_segment_publish`. A draft that is detached, or whose process dies,
/// leaves nothing; only a killed one with `NDSHM_VIA_SHM_OPEN` leaves a name,
/// until the next create of that name or `ndshm_segment_prune`.
///
/// `name` is 1 to `NDSHM_MAX_NAME` bytes of UTF-8 without `/` and control
/// characters; NULL for `NDSHM_POLICY_ANONYMOUS`.
///
/// Returns `NDSHM_ERR_EXISTS` if a live, persistent or waiting segment has the name,
/// `NDSHM_ERR_NO_SPACE` if memory is short, `NDSHM_ERR_DTYPE` with the byte at
/// which it went wrong, `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`,
/// `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_BUSY`,
/// `NDSHM_ERR_OS`.
///
/// # Safety
/// * `name`, `options` and what they lead to stay as they are during the call.
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_create(
    name: *const c_char,
    options: *const ndshm_create_options,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        let create = |home: Home<'_>, spec: &Spec<'_>| match home {
            Home::Named(name) => Draft::create(name, spec),
            Home::Late => Draft::create_late(spec),
            Home::Anonymous => Draft::create_anonymous(spec),
        };
        // SAFETY: the caller's promise.
        let draft = unsafe { ndshm_create_options::make(name, options, create) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Draft(draft)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Gives a draft another name, for instance after a publish that failed with
/// `NDSHM_ERR_EXISTS`.
///
/// Returns `NDSHM_ERR_ARGUMENT` if the name is taken already, as with
/// `NDSHM_VIA_SHM_OPEN`, or the segment is anonymous; `NDSHM_ERR_NAME`,
/// `NDSHM_ERR_HANDLE` if the handle is not open or published already.
///
/// # Safety
/// * `segment` is NULL, or a handle that no other thread uses.
/// * `name` stays as it is during the call.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_rename(
    segment: *mut ndshm_segment,
    name: *const c_char,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let name = unsafe { args::name(name) }?;
        // SAFETY: the caller's promise; the reference ends with the call.
        Ok(unsafe { handle::borrow_draft(segment) }?.rename(&name)?)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Makes a draft visible under its name, complete and at once. Pointers to its
/// data, shape and strides stay valid; the handle is an attached segment then,
/// open for writing unless it is anonymous and its mode lets nobody write.
///
/// If it fails, the draft stays as it was: try again, give it another name with
/// `ndshm_segment_rename`, or discard it with `ndshm_segment_detach`.
///
/// Returns `NDSHM_ERR_EXISTS` if a live, persistent or waiting segment got the
/// name meanwhile, `NDSHM_ERR_HANDLE` for a handle that is no draft,
/// `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_BUSY`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `segment` is NULL, or a handle that no other thread uses.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_publish(
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let draft = unsafe { handle::take_draft(segment) }?;
        let (handle, result) = match draft.publish() {
            Ok(published) => (Handle::Segment(published), Ok(())),
            Err(Unpublished { draft, error }) => (Handle::Draft(draft), Err(error.into())),
        };
        // SAFETY: the draft was there; its handle is closed now.
        unsafe { handle::store(segment, handle) };
        result
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Attach for reading: a write through the data pointer is a SIGSEGV.
pub const NDSHM_ACCESS_READ: u32 = 0;
/// Attach for reading and writing.
pub const NDSHM_ACCESS_READ_WRITE: u32 = 1;

/// How a segment is attached. All zeros: for reading, without waiting.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_attach_options {
    /// `sizeof(ndshm_attach_options)`.
    pub struct_size: u32,
    /// `NDSHM_ACCESS_...`.
    pub access: u32,
    /// Milliseconds to wait until the segment is there and ready.
    pub timeout_ms: u32,
    /// 1 to claim one of the attaches that were promised with `ndshm_segment_promise`,
    /// if one is outstanding.
    pub claim: u32,
    /// The uuid that the segment must have, or zeros: one of another uuid that has
    /// the name is none, `NDSHM_ERR_NOT_FOUND`.
    pub uuid: [u8; NDSHM_UUID_SIZE],
}

// SAFETY: `repr(C)`, the size first; integers, which may be zero.
unsafe impl Options for ndshm_attach_options {
    const NAME: &'static str = "ndshm_attach_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// What `NDSHM_ACCESS_...` stands for.
pub(super) const fn access_of(access: u32, what: &'static str) -> Result<Access, Fault> {
    match access {
        NDSHM_ACCESS_READ => Ok(Access::Read),
        NDSHM_ACCESS_READ_WRITE => Ok(Access::ReadWrite),
        _ => Err(Fault::Range(what)),
    }
}

impl ndshm_attach_options {
    const fn access(&self) -> Result<Access, Fault> {
        access_of(self.access, "options->access")
    }

    fn attach(&self) -> Result<Attach, Fault> {
        let claim = match self.claim {
            0 => false,
            1 => true,
            _ => return Err(Fault::Range("options->claim")),
        };
        let wait = Duration::from_millis(self.timeout_ms.into());
        let timeout = (self.timeout_ms > 0).then_some(wait);
        let uuid = (self.uuid != [0; _]).then_some(self.uuid);
        Ok(Attach { access: self.access()?, timeout, uuid, claim })
    }
}

/// Attaches the segment `name`. `options` may be NULL: for reading, without
/// waiting. The header of a segment is checked before anything relies on it.
///
/// Returns `NDSHM_ERR_NOT_FOUND`, `NDSHM_ERR_NOT_READY` (both after the
/// timeout, if there is one), `NDSHM_ERR_CREATOR_DIED`, `NDSHM_ERR_PERMISSION`,
/// `NDSHM_ERR_BUSY`, `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`;
/// for an object that is no valid segment `NDSHM_ERR_NOT_NDSHM`,
/// `NDSHM_ERR_ENDIAN`, `NDSHM_ERR_TOO_NEW`, `NDSHM_ERR_TRUNCATED`,
/// `NDSHM_ERR_CORRUPT`.
///
/// # Safety
/// * `name` and `options` stay as they are during the call.
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_attach(
    name: *const c_char,
    options: *const ndshm_attach_options,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise.
        let name = unsafe { args::name(name) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { args::options(options) }?;
        let attached = Segment::attach_with(&name, &options.attach()?)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Segment(attached)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Promises that the segment will be attached `n` times more with `claim` set in the
/// options: until then its name stays, also when nobody has it any more, but not for longer
/// than `timeout_ms` from now (0 for ten minutes, `NDSHM_FOREVER`). So a process may send the
/// segment's name and uuid to another one, and end before that has attached it.
///
/// Everybody who has it may promise, for reading only, too. Promises add up, and lapse
/// together, with the last. A claim without a promise does no harm. What is promised and
/// never claimed, since the message was lost, is removed by the next `ndshm_segment_prune`
/// after its time.
///
/// Returns `NDSHM_ERR_ARGUMENT` if `n` is 0 or there would be more than 16,777,215
/// outstanding, and for `NDSHM_POLICY_OWNER` and `NDSHM_POLICY_ANONYMOUS`;
/// `NDSHM_ERR_NOT_FOUND` if the name is gone, `NDSHM_ERR_HANDLE` for a draft and a handle that
/// is not open, `NDSHM_ERR_PERMISSION` if the segment may not be written, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_promise(
    segment: *const ndshm_segment,
    n: u32,
    timeout_ms: u64,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let Handle::Segment(segment) = (unsafe { handle::borrow(segment) })? else {
            return Err(Fault::NotPublished);
        };
        Ok(segment.promise(n, within(timeout_ms))?)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Detaches a segment, or discards a draft, and closes the handle. Every
/// pointer that came from it is invalid then. The last process to detach
/// removes the name, if the policy says so.
///
/// NULL and a handle that never was open are fine. A handle that is closed
/// already is `NDSHM_ERR_HANDLE`, and so is one that was never zeroed.
///
/// # Safety
/// * `segment` is NULL, or a handle that no other thread uses.
/// * Nobody uses pointers into the segment any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_detach(segment: *mut ndshm_segment) -> i32 {
    if segment.is_null() {
        return NDSHM_OK;
    }
    // SAFETY: the caller's promise.
    let call = || unsafe { handle::take(segment) }.map(drop);
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}

/// Detaches a segment, or discards a draft, and closes the handle, but leaves its
/// memory where it is: pointers stay valid until the process ends, or calls exec. For the
/// end of a process that may use the memory to its last moment, and that runs no
/// destructors behind it: nothing but the end of the process frees the addresses.
///
/// The process has the segment no more: if it was the last, the name is removed,
/// if the policy says so, and a child that is forked later does not have it. Where its mode
/// lets nobody write any more (0400), nobody else sees what is written from now on.
///
/// Returns as `ndshm_segment_detach`; `NDSHM_ERR_OS` if there is no descriptor left (`EMFILE`),
/// which it takes for a moment, and `NDSHM_ERR_PERMISSION` if the segment cannot even be read
/// any more. The handle is closed all the same, but the memory keeps the lock: the name stays
/// until the process ends, and is dead then, for `ndshm_segment_prune`.
///
/// # Safety
/// * `segment` is NULL, or a handle that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_leave(segment: *mut ndshm_segment) -> i32 {
    if segment.is_null() {
        return NDSHM_OK;
    }
    let call = || {
        // SAFETY: the caller's promise.
        match unsafe { handle::take(segment) }? {
            Some(Handle::Draft(draft)) => draft.leave()?,
            Some(Handle::Segment(segment)) => segment.leave()?,
            None => {}
        }
        Ok(())
    };
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}
