//! The life of segments in real shared memory, seen from one process.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::Error;
use ndshm::segment::{
    Access, Alive, Draft, Info, Policy, Segment, Spec, State, Via, glance, list, unlink,
};
use shm::{BOTH, Scratch, float64, publish, values};

fn persist(spec: &mut Spec<'_>) {
    spec.policy = Policy::Persist;
}

#[test]
fn what_was_published_is_attached() {
    for via in BOTH {
        let scratch = Scratch::new("basic");
        let made = publish(&scratch.0, &[2, 3], |spec| {
            spec.via = via;
            spec.metadata = b"unit=m";
        });
        for access in [Access::Read, Access::ReadWrite] {
            let seen = Segment::attach(&scratch.0, access, None).unwrap();
            assert_eq!((seen.shape(), seen.strides()), (&[2, 3][..], &[24, 8][..]));
            assert_eq!((seen.itemsize(), seen.data_len()), (8, 48));
            assert_eq!(seen.dtype().nodes(), float64().as_dtype().nodes());
            assert_eq!((seen.metadata(), seen.name()), (&b"unit=m"[..], Some(&scratch.0)));
            assert_eq!((seen.uuid(), seen.policy()), (made.uuid(), Policy::LastDetach));
            assert_eq!((seen.state(), seen.access()), (Ok(State::Ready), access));
            assert_eq!(values(&seen), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
            assert!(seen.is_current());
        }
        assert_ne!(made.uuid(), [0; 16]);
    }
}

#[test]
fn the_last_detach_removes_the_name() {
    for via in BOTH {
        let scratch = Scratch::new("last");
        let made = publish(&scratch.0, &[3], |spec| spec.via = via);
        let seen = Segment::attach(&scratch.0, Access::Read, None).unwrap();
        made.detach();
        assert!(scratch.exists());
        assert_eq!(values(&seen), [0.0, 1.0, 2.0]);
        drop(seen);
        assert!(!scratch.exists());
        let again = Segment::attach(&scratch.0, Access::Read, None);
        assert_eq!(again.unwrap_err(), Error::NotFound);
    }
}

#[test]
fn persistent_segments_stay_until_they_are_unlinked() {
    for via in BOTH {
        let scratch = Scratch::new("persist");
        publish(&scratch.0, &[3], |spec| {
            persist(spec);
            spec.via = via;
        })
        .detach();
        let seen = Segment::attach(&scratch.0, Access::Read, None).unwrap();
        assert_eq!((seen.refcount(), seen.attach_epoch()), (1, 1));
        seen.detach();
        assert_eq!(Info::peek(&scratch.0).unwrap().refcount(), 0);
        unlink(&scratch.0).unwrap();
        assert!(!scratch.exists());
        assert_eq!(unlink(&scratch.0), Err(Error::NotFound));
    }
}

#[test]
fn everybody_is_counted() {
    let scratch = Scratch::new("count");
    let made = publish(&scratch.0, &[3], |_| {});
    assert_eq!((made.refcount(), made.attach_epoch()), (1, 0));
    let reader = Segment::attach(&scratch.0, Access::Read, None).unwrap();
    let writer = Segment::attach(&scratch.0, Access::ReadWrite, None).unwrap();
    assert_eq!((made.refcount(), reader.refcount(), writer.refcount()), (3, 3, 3));
    drop(reader);
    assert_eq!(made.refcount(), 2);
    drop(made);
    assert_eq!((writer.refcount(), writer.attach_epoch()), (1, 2));
}

#[test]
fn a_live_name_is_taken_whatever_the_way() {
    let dtype = float64();
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let scratch = Scratch::new("exists");
        let mut spec = Spec::new(dtype.as_dtype(), &[3]);
        spec.via = BOTH[second];
        let made = publish(&scratch.0, &[3], |spec| spec.via = BOTH[first]);
        assert_eq!(Draft::create(&scratch.0, &spec).unwrap_err(), Error::Exists);
        assert!(made.is_current());
        drop(made);
        publish(&scratch.0, &[3], persist).detach();
        assert_eq!(Draft::create(&scratch.0, &spec).unwrap_err(), Error::Exists);
    }
}

#[test]
fn a_name_taken_while_drafting_is_an_error_at_the_end() {
    let scratch = Scratch::new("late");
    let dtype = float64();
    let draft = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[3])).unwrap();
    assert!(!scratch.exists(), "nothing shows before publication");
    let other = publish(&scratch.0, &[5], |_| {});
    assert_eq!(draft.publish().unwrap_err().error, Error::Exists);
    assert!(other.is_current());
    assert_eq!(other.shape(), [5]);
}

#[test]
fn a_name_left_dead_while_drafting_is_taken() {
    let scratch = Scratch::new("latedead");
    let dtype = float64();
    let draft = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[3])).unwrap();
    std::fs::write(scratch.file(), []).unwrap();
    assert!(draft.publish().unwrap().is_current());
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    let dtype = float64();
    for via in BOTH {
        let scratch = Scratch::new("dropped");
        let mut spec = Spec::new(dtype.as_dtype(), &[3]);
        spec.via = via;
        let draft = Draft::create(&scratch.0, &spec).unwrap();
        assert_eq!(scratch.exists(), via == Via::ShmOpen);
        drop(draft);
        assert!(!scratch.exists());
        spec.shape = &[0];
        let growable = Draft::create_growable(&scratch.0, &spec).unwrap();
        assert_eq!(scratch.exists(), via == Via::ShmOpen);
        drop(growable);
        assert!(!scratch.exists());
    }
}

#[test]
fn a_draft_with_a_name_is_not_ready() {
    let scratch = Scratch::new("notready");
    let dtype = float64();
    let mut spec = Spec::new(dtype.as_dtype(), &[3]);
    spec.via = Via::ShmOpen;
    let draft = Draft::create(&scratch.0, &spec).unwrap();
    let short = Some(Duration::from_millis(1));
    for timeout in [None, short] {
        let error = Segment::attach(&scratch.0, Access::Read, timeout).unwrap_err();
        assert_eq!(error, Error::NotReady);
    }
    assert_eq!(Info::peek(&scratch.0).unwrap_err(), Error::NotReady);
    let alive = glance(&scratch.0).unwrap().alive;
    assert_eq!(alive, Alive { attached: true, writing: true });
    let made = draft.publish().unwrap();
    let alive = glance(&scratch.0).unwrap().alive;
    assert_eq!(alive, Alive { attached: true, writing: false });
    assert!(made.is_current());
}

#[test]
fn attach_waits_for_the_name_and_for_the_data() {
    let dtype = float64();
    for via in BOTH {
        let scratch = Scratch::new("wait");
        let name = scratch.0;
        let wait = Some(Duration::from_secs(60));
        let waiter = std::thread::spawn(move || Segment::attach(&name, Access::Read, wait));
        let mut spec = Spec::new(dtype.as_dtype(), &[3]);
        spec.via = via;
        let draft = Draft::create(&name, &spec).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let made = draft.publish().unwrap();
        assert_eq!(waiter.join().unwrap().unwrap().uuid(), made.uuid());
    }
}

#[test]
fn a_segment_can_grow_until_it_is_finished() {
    let dtype = DTypeBuf::parse("a:<i4, b:<i4").unwrap();
    for via in BOTH {
        let scratch = Scratch::new("grow");
        let mut spec = Spec::new(dtype.as_dtype(), &[0, 2]);
        spec.via = via;
        spec.metadata = &[5; 9000];
        let mut growable = Draft::create_growable(&scratch.0, &spec).unwrap();
        assert_eq!(growable.row_len(), 16);
        for row in 0..1000_i32 {
            let row = [row; 4];
            // SAFETY: the array is readable for its length.
            unsafe { growable.append(row.as_ptr().cast(), 16) }.unwrap();
        }
        assert_eq!(growable.data_len(), 16_000);
        let made = growable.finish(999).unwrap().publish().unwrap();
        assert_eq!((made.shape(), made.strides()), (&[999, 2][..], &[16, 8][..]));
        assert_eq!((made.data_len(), made.metadata().len()), (15_984, 9000));
        let file = scratch.file().metadata().unwrap();
        assert_eq!(file.len(), made.header().header().total_len);
        assert!(file.blocks() * 512 >= file.len(), "every page is there");
        let seen = Segment::attach(&scratch.0, Access::Read, None).unwrap();
        for field in ["a", "b"] {
            let items = seen.field::<i32>(field).unwrap();
            assert!(items.iter().zip(0..).all(|(item, i)| item == i / 2));
        }
    }
}

#[test]
fn every_page_is_there_before_it_is_written() {
    let dtype = float64();
    for via in BOTH {
        let scratch = Scratch::new("pages");
        let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[100_000]) };
        let _made = Draft::create(&scratch.0, &spec).unwrap().publish().unwrap();
        let file = scratch.file().metadata().unwrap();
        assert_eq!(file.len(), 4096 + 800_000);
        assert!(file.blocks() * 512 >= file.len());
    }
}

#[test]
fn rows_may_be_written_in_any_order_but_all_of_them() {
    let scratch = Scratch::new("order");
    let dtype = float64();
    let spec = Spec::new(dtype.as_dtype(), &[0]);
    let create = || Draft::create_growable(&scratch.0, &spec).unwrap();
    let mut growable = create();
    // SAFETY: the arrays are readable for their lengths.
    unsafe { growable.write_at(16, 2.0_f64.to_ne_bytes().as_ptr(), 8) }.unwrap();
    // SAFETY: as above.
    unsafe { growable.write_at(8, 1.0_f64.to_ne_bytes().as_ptr(), 8) }.unwrap();
    let made = growable.finish(3).unwrap().publish().unwrap();
    assert_eq!(values(&made), [0.0, 1.0, 2.0]);
    drop(made);
    assert_eq!(create().finish(1).unwrap_err(), Error::Argument);
    let empty = create().finish(0).unwrap().publish().unwrap();
    assert_eq!((empty.shape(), empty.data_len()), (&[0][..], 0));
}

#[test]
fn empty_arrays_and_single_elements() {
    for shape in [&[][..], &[0], &[3, 0, 2], &[1; 32]] {
        let scratch = Scratch::new("zero");
        let made = publish(&scratch.0, shape, |_| {});
        let seen = Segment::attach(&scratch.0, Access::ReadWrite, None).unwrap();
        assert_eq!(seen.shape(), shape);
        assert_eq!(seen.data_len() as u64, 8 * shape.iter().product::<u64>());
        // SAFETY: nobody writes the data.
        let items = unsafe { seen.as_slice::<f64>() }.unwrap();
        assert_eq!(items.len() * 8, made.data_len());
    }
}

#[test]
fn strides_of_the_callers_own() {
    let scratch = Scratch::new("fortran");
    let made = publish(&scratch.0, &[2, 3], |spec| spec.strides = Some(&[8, 16]));
    assert_eq!((made.strides(), made.data_len()), (&[8, 16][..], 48));
}

#[test]
fn specs_that_cannot_be() {
    let scratch = Scratch::new("spec");
    let dtype = float64();
    let good = Spec::new(dtype.as_dtype(), &[3]);
    let refuse = |spec: &Spec<'_>, error| {
        assert_eq!(Draft::create(&scratch.0, spec).unwrap_err(), error, "{spec:?}");
    };
    refuse(&Spec { shape: &[1; 33], ..good }, Error::Argument);
    refuse(&Spec { shape: &[u64::MAX], ..good }, Error::Overflow);
    refuse(&Spec { mode: 0o1600, ..good }, Error::Argument);
    refuse(&Spec { mode: 0o200, ..good }, Error::Argument);
    refuse(&Spec { strides: Some(&[-8]), ..good }, Error::Argument);
    let growable = |spec| Draft::create_growable(&scratch.0, spec).unwrap_err();
    assert_eq!(growable(&good), Error::Argument);
    assert_eq!(growable(&Spec { shape: &[], ..good }), Error::Argument);
    assert!(!scratch.exists());
}

#[test]
fn more_than_there_is_is_an_error_and_leaves_nothing() {
    let dtype = float64();
    for via in BOTH {
        let scratch = Scratch::new("huge");
        // A tmpfs holds at most what its size says, and none has 2 EiB.
        let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[1 << 58]) };
        let error = Draft::create(&scratch.0, &spec).unwrap_err();
        let Error::NoSpace { need, free } = error else { panic!("{error:?}") };
        assert!(need > 1 << 61 && free < need);
        assert!(!scratch.exists());
    }
}

#[test]
fn writing_and_reading_copies() {
    let scratch = Scratch::new("copy");
    let made = publish(&scratch.0, &[2], |_| {});
    let reader = Segment::attach(&scratch.0, Access::Read, None).unwrap();
    made.copy_from(&7.5_f64.to_ne_bytes(), 8).unwrap();
    assert_eq!(values(&reader), [0.0, 7.5]);
    assert_eq!(reader.copy_from(&[1], 0), Err(Error::ReadOnly));
    assert_eq!(reader.data_mut_ptr(), Err(Error::ReadOnly));
    assert_eq!(made.data_mut_ptr(), Ok(made.data_ptr().cast_mut()));
    assert_eq!(made.copy_from(&[0; 9], 8), Err(Error::Argument));
    assert_eq!(made.copy_to(&mut [0; 17], 0), Err(Error::Argument));
    assert_eq!(made.copy_to(&mut [0], usize::MAX), Err(Error::Argument));
    assert_eq!(made.copy_to(&mut [], 16), Ok(()));
    // SAFETY: nobody writes the data.
    assert_eq!(unsafe { made.as_slice::<f32>() }, Err(Error::DTypeDiffers));
}

#[test]
fn drafts_are_written_through_the_kernel_or_the_mapping() {
    let scratch = Scratch::new("pwrite");
    let dtype = float64();
    let mut draft = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[2])).unwrap();
    let bytes = 3.0_f64.to_ne_bytes();
    // SAFETY: the array is readable for its length.
    unsafe { draft.write_at(8, bytes.as_ptr(), 8) }.unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { draft.write_at(9, bytes.as_ptr(), 8) }, Err(Error::Argument));
    assert_eq!(draft.data_mut()[8..], bytes);
    assert_eq!(values(&draft.publish().unwrap()), [0.0, 3.0]);
}

#[test]
fn modes_are_what_was_asked_for() {
    for (via, mode) in [(Via::Auto, 0o600), (Via::Auto, 0o644), (Via::ShmOpen, 0o666)] {
        let scratch = Scratch::new("mode");
        let _made = publish(&scratch.0, &[1], |spec| {
            spec.via = via;
            spec.mode = mode;
        });
        assert_eq!(scratch.file().metadata().unwrap().permissions().mode() & 0o7777, mode);
        assert_eq!(glance(&scratch.0).unwrap().mode, mode);
    }
}

#[test]
fn a_replaced_name_is_left_alone() {
    let scratch = Scratch::new("stolen");
    let old = publish(&scratch.0, &[1], |_| {});
    let reader = Segment::attach(&scratch.0, Access::Read, None).unwrap();
    unlink(&scratch.0).unwrap();
    assert!(!old.is_current());
    let new = publish(&scratch.0, &[2], |_| {});
    assert_eq!(values(&old), [0.0]);
    drop((old, reader));
    assert!(new.is_current());
    assert_eq!(new.refcount(), 1);
}

#[test]
fn a_peek_takes_part_in_nothing() {
    let scratch = Scratch::new("peek");
    let made = publish(&scratch.0, &[4], |spec| spec.metadata = b"m");
    let info = Info::peek(&scratch.0).unwrap();
    assert_eq!((made.refcount(), made.attach_epoch(), info.refcount()), (1, 0, 1));
    assert_eq!((info.header().shape(), info.header().metadata()), (&[4][..], &b"m"[..]));
    assert_eq!(info.glance().alive, Alive { attached: true, writing: false });
    assert_eq!(info.glance().size, 4096 + 32);
    drop(made);
    assert!(!scratch.exists(), "a peek keeps no name");
    let mut item = [0; 8];
    assert_eq!(info.read_at(&mut item, 24), Ok(8));
    assert_eq!(item, 3.0_f64.to_ne_bytes(), "but the memory");
    assert_eq!(info.read_at(&mut item, 28), Ok(4));
    assert_eq!(info.read_at(&mut item, 32), Ok(0));
    assert_eq!(info.read_at(&mut item, u64::MAX), Ok(0));
    assert_eq!(Info::peek(&scratch.0).unwrap_err(), Error::NotFound);
}

#[test]
fn every_segment_is_listed() {
    let names = [Scratch::new("list"), Scratch::new("list")];
    let _made = publish(&names[0].0, &[1], |_| {});
    publish(&names[1].0, &[1], persist).detach();
    let mut seen = 0;
    list(|name| {
        seen += i32::from(names.iter().any(|scratch| *name == scratch.0));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 2);
    assert_eq!(list(|_| Err(Error::Argument)), Err(Error::Argument));
}

#[test]
fn ten_attaches_and_detaches_leave_nothing() {
    let scratch = Scratch::new("ten");
    let made = publish(&scratch.0, &[100], |_| {});
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    for i in 0..10 {
        let access = if i % 2 == 0 { Access::Read } else { Access::ReadWrite };
        Segment::attach(&scratch.0, access, None).unwrap().detach();
    }
    assert_eq!((made.refcount(), made.attach_epoch()), (1, 10));
    assert!(open() < 500, "descriptors leak");
    drop(made);
    assert!(!scratch.exists());
}

#[test]
fn attached_segments_need_no_descriptors() {
    let scratch = Scratch::new("fds");
    let made = publish(&scratch.0, &[1], |_| {});
    let links = || {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
    };
    let many: Vec<_> =
        (0..50).map(|_| Segment::attach(&scratch.0, Access::Read, None).unwrap()).collect();
    assert_eq!(links().filter(|link| *link == scratch.file()).count(), 0);
    assert_eq!(made.refcount(), 51);
    drop(many);
    assert_eq!(made.refcount(), 1);
}

#[test]
fn other_things_under_a_name_are_not_touched() {
    let scratch = Scratch::new("fifo");
    let path = std::ffi::CString::new(scratch.file().to_str().unwrap()).unwrap();
    // SAFETY: `path` is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let attach = || Segment::attach(&scratch.0, Access::Read, None).unwrap_err();
    assert_eq!(attach(), Error::NotNdshm);
    assert_eq!(Info::peek(&scratch.0).unwrap_err(), Error::NotNdshm);
    let dtype = float64();
    let spec = Spec::new(dtype.as_dtype(), &[1]);
    assert_eq!(Draft::create(&scratch.0, &spec).unwrap_err(), Error::Exists);
    std::fs::remove_file(scratch.file()).unwrap();
    std::os::unix::fs::symlink("/dev/null", scratch.file()).unwrap();
    assert_eq!(attach(), Error::NotNdshm);
    assert!(Draft::create(&scratch.0, &spec).is_err());
    assert!(scratch.exists());
}
