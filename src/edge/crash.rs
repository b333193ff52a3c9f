//! Points at which a test ends the process as a power cut would: nothing is flushed, nothing
//! unwinds. In a release build nothing of this exists.
//!
//! `VIGIE_CRASH=name` ends the process when it first passes that point, `name#3` at the third time.

/// Passed by whoever reaches the step that is named.
#[inline]
pub fn point(name: &str) {
    #[cfg(debug_assertions)]
    armed::pass(name);
    let _ = name;
}

/// What a child process must be told so that its points work too.
#[cfg(debug_assertions)]
pub fn armed() -> Option<(&'static str, std::ffi::OsString)> {
    Some((armed::VARIABLE, std::env::var_os(armed::VARIABLE)?))
}

/// Nothing: there are no points.
#[cfg(not(debug_assertions))]
pub fn armed() -> Option<(&'static str, std::ffi::OsString)> {
    None
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(super) const VARIABLE: &str = "VIGIE_CRASH";

    static ARMED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (name, nth) = text.split_once('#').unwrap_or((&text, "1"));
        Some((name.to_owned(), nth.parse().ok()?))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);

    pub(super) fn pass(name: &str) {
        if let Some((armed, nth)) = ARMED.as_ref()
            && armed == name
            && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth
        {
            std::process::abort();
        }
    }
}
