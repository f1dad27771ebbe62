//! `ndshm wait`.

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

use ndshm::error::Error;
use ndshm::segment::{Info, Name, State};

use crate::args::WaitArgs;
use crate::output::Failure;
use crate::segments::{DEAD, about, name, standing};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) fn run(args: &WaitArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let names = args.names.iter().map(|text| name(text)).collect::<Result<Vec<_>, _>>()?;
    for name in &names {
        while !is_there(name)? {
            let left = args.timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
            if left == Some(Duration::ZERO) {
                let seconds = start.elapsed().as_secs_f64();
                let text = format!("segment '{}' is not there after {seconds:.1} s", name.as_str());
                return Err(Failure::new(text));
            }
            sleep(left.unwrap_or(PAUSE).min(PAUSE));
        }
    }
    Ok(())
}

/// Whether somebody could attach it.
fn is_there(name: &Name) -> Result<bool, Failure> {
    match Info::peek(name) {
        Ok(info) => Ok(info.header().state() == State::Ready && standing(&info) != DEAD),
        // Of one whose creator died, another may be on its way.
        Err(Error::NotFound | Error::NotReady | Error::CreatorDied) => Ok(false),
        Err(error) => Err(Failure::new(about(name.as_str(), error))),
    }
}
