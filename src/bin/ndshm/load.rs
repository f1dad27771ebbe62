//! `ndshm load`.

use std::time::Instant;

use ndshm::error::Error;
use ndshm::load::{LoadError, Options, SegmentOptions, load_segment_reporting};
use ndshm::segment::Name;

use crate::args::LoadArgs;
use crate::output::{Failure, aside, human, loaded, shm_error};
use crate::text::TextSource;

pub(crate) fn run(args: &LoadArgs) -> Result<(), Failure> {
    let TextSource { inputs, rows, options } = args.text.source()?;
    let name = Name::new(&args.name).map_err(|error| Failure::about(&args.name, error))?;
    let cancel = crate::cancel_on_signals()?;
    let start = Instant::now();
    let made = SegmentOptions::default();
    let (segment, report) = load_segment_reporting(inputs, &name, &rows, &options, made, cancel)
        .map_err(|error| failure(&args.name, error, &options))?;
    aside(&report);
    if args.quiet {
        return Ok(());
    }
    loaded(&args.name, &segment, start.elapsed())
}

fn failure(name: &str, error: LoadError, options: &Options) -> Failure {
    match error {
        LoadError::Core(Error::Exists) => {
            Failure::new(format!("segment '{name}' exists: 'ndshm rm {name}' removes it"))
        }
        LoadError::Core(Error::NoSpace { need, free }) => Failure::new(format!(
            "segment '{name}': shared memory is full: {} are free in /dev/shm, {} more were \
             needed (a container wants a larger --shm-size)",
            human(free),
            human(need)
        )),
        // Nobody asked for one by its name: it is the place that is missing.
        LoadError::Core(Error::NotFound) => Failure::new(format!(
            "segment '{name}': there is no /dev/shm: shared memory needs a tmpfs mounted there"
        )),
        LoadError::Core(error) => Failure::new(format!("segment '{name}': {}", shm_error(error))),
        error => Failure::loading(&error, options),
    }
}
