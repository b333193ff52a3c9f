//! The one file that asks the operating system for randomness (law 9).
//!
//! OpenPGP and TLS libraries draw their own. Hostile data: none. Failure: a machine without
//! randomness can make no code that nobody guesses, so the process aborts with a message.

use std::array;

/// The characters of a page's code: capitals and digits without `0 O 1 I`, 32 of them.
pub const CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// `N` random octets.
#[expect(clippy::disallowed_methods, reason = "the one place that may ask for randomness")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if let Err(error) = getrandom::fill(&mut octets) {
        eprintln!("vigie: the operating system gives no randomness ({error}); stopped, as no code would be secret");
        std::process::abort();
    }
    octets
}

/// A page's single-use code: 10 characters of `CODE_ALPHABET`, 50 bits.
pub fn code() -> String {
    let octets = bytes::<10>();
    // 32 divides 256: no character is likelier than another.
    array::from_fn::<char, 10, _>(|i| char::from(CODE_ALPHABET[usize::from(octets[i] % 32)])).iter().collect()
}

/// A random octet, to spread what would happen all at once.
pub fn jitter() -> u8 {
    bytes::<1>()[0]
}

#[cfg(test)]
mod tests {
    use super::{CODE_ALPHABET, code};
    use std::collections::BTreeSet;

    #[test]
    fn codes_differ_and_hold_nothing_that_is_misread() {
        let codes: BTreeSet<String> = (0..200).map(|_| code()).collect();
        assert_eq!(codes.len(), 200);
        let seen: BTreeSet<u8> = codes.iter().flat_map(|code| code.bytes()).collect();
        // All 32 characters come up: each is missing from 2,000 draws with a chance of 3e-28.
        assert_eq!(seen, CODE_ALPHABET.iter().copied().collect());
        assert!(codes.iter().all(|code| code.len() == 10 && !code.contains(['0', 'O', '1', 'I'])));
    }
}
