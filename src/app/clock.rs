//! What time it is for a store: the system's, or the simulated one that its config allows (law 9).

use super::AppError;
use super::views::When;
use crate::rules::settings::Settings;
use crate::store::{Store, settings as values};
use jiff::Timestamp;

/// The time to act at. `asked` is `--now`, `system` the operating system's time. A simulated clock
/// goes on from where it stands, and never runs backwards.
pub fn now(
    store: &Store,
    settings: &Settings,
    asked: Option<Timestamp>,
    system: Timestamp,
) -> Result<Timestamp, AppError> {
    allowed(settings, asked)?;
    if !settings.store.simulated_clock {
        return Ok(system);
    }
    let stands = store.read(values::simulated_clock)?;
    match (asked, stands) {
        (Some(asked), Some(stands)) if asked < stands => {
            let stands = When::new(stands, &settings.team.time_zone);
            Err(AppError::invalid("now", format!("the simulated clock stands at {stands} and never runs backwards")))
        }
        (Some(asked), _) => {
            store.write(|tx| values::run_simulated_clock(tx, asked))?;
            Ok(asked)
        }
        (None, stands) => Ok(stands.unwrap_or(system)),
    }
}

/// Whether the config allows `--now` at all.
pub fn allowed(settings: &Settings, asked: Option<Timestamp>) -> Result<(), AppError> {
    if asked.is_some() && !settings.store.simulated_clock {
        let words = "only for stores whose config says [store] simulated_clock = true";
        return Err(AppError::invalid("now", words));
    }
    Ok(())
}
