//! Adding to a file on a disk of every size.

use std::fs;
use std::path::Path;

use crate::common::{Folder, with_private_mounts};

/// Adds `input` to a copy of the file `path`, by `convert` with `options`, on disks that have room
/// for the file and for so many KiB `more`. Each time there is the old file or a whole new one,
/// and nothing else. How often it was made, and how often refused; none where nothing can be mounted.
pub(crate) fn add_on_full_disks(
    folder: &Folder,
    path: &Path,
    input: &str,
    options: &str,
    more: &[u32],
) -> Option<(usize, usize)> {
    let old = fs::metadata(path).unwrap().len() / 1024 + 1;
    let (disk, before) = (folder.path("disk"), folder.path("before"));
    fs::create_dir(&disk).unwrap();
    let more: Vec<String> = more.iter().map(ToString::to_string).collect();
    let script = "
        for more in MORE; do
            mount -t tmpfs -o size=$((OLD + more))k tmpfs \"$3\" && cd \"$3\" || exit 99
            cp \"$4\" x.h5 && ls -li --full-time x.h5 >\"$5\" || exit 98
            \"$1\" convert \"$2\" -o x.h5 --quiet OPTIONS 2>\"$6\"
            status=$?
            ls -li --full-time x.h5 | cmp -s - \"$5\" && cmp -s x.h5 \"$4\" && echo -n 'kept ' ||
                echo -n 'new '
            echo \"$more $status $(ls -A | wc -l) $(cat \"$6\")\"
            cd / && umount \"$3\"
        done"
        .replace("MORE", &more.join(" "))
        .replace("OLD", &old.to_string())
        .replace("OPTIONS", options);
    let message = folder.path("message");
    let args = [&folder.path(input), &disk, path, &before, &message];
    let ran = with_private_mounts(&script, &args)?;
    let (mut made, mut refused) = (0, 0);
    for line in ran.ok().stdout.lines() {
        let fields: Vec<_> = line.splitn(5, ' ').collect();
        match (fields[0], fields[2], fields[3]) {
            ("new", "0", "1") => made += 1,
            ("kept", "1", "1") => {
                let message = fields[4];
                assert!(message.starts_with("ndshm: ") && !message.contains('\n'), "{line}");
                assert!(message.contains("x.h5: disk is full"), "{line}");
                refused += 1;
            }
            _ => panic!("{line}"),
        }
    }
    Some((made, refused))
}
