//! Segments where mappings do not carry locks, so that descriptors are kept.

use super::{Access, Draft, Name, Segment, Spec, Via};
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::lifetime::pretend_mappings_carry_no_locks as pretend;

fn descriptors_of(name: &Name) -> usize {
    let path = std::path::Path::new(name.path().to_str().unwrap());
    let fds = std::fs::read_dir("/proc/self/fd").unwrap();
    fds.filter(|fd| {
        let link = fd.as_ref().ok().and_then(|fd| std::fs::read_link(fd.path()).ok());
        link.is_some_and(|link| link == path)
    })
    .count()
}

#[test]
fn descriptors_are_kept_where_mappings_carry_no_locks() {
    let name = Name::new(&std::format!("test.keep.{}", std::process::id())).unwrap();
    let dtype = DTypeBuf::parse("<f8").unwrap();
    pretend(true);
    for via in [Via::Auto, Via::ShmOpen] {
        let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[3]) };
        let made = Draft::create(&name, &spec).unwrap().publish().unwrap();
        let seen = Segment::attach(&name, Access::Read, None).unwrap();
        assert_eq!(descriptors_of(&name), if via == Via::Auto { 1 } else { 2 });
        assert_eq!(Draft::create(&name, &spec).unwrap_err(), Error::Exists);
        drop(made);
        assert!(seen.is_current());
        drop(seen);
        let gone = Segment::attach(&name, Access::Read, None);
        assert_eq!(gone.unwrap_err(), Error::NotFound);
        assert_eq!(descriptors_of(&name), 0);
    }
    pretend(false);
}
