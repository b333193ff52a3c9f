//! Canonical S-expressions, as libgcrypt writes them: `(5:value3:abc)`.
//!
//! Hostile data: what an agent answers. Failure: None. Atoms borrow from what was read, so that no
//! copies of secrets are made. Known gap: no display hints and no other notation; no agent sends them.

/// Deeper nests no answer of an agent.
const DEPTH: usize = 8;

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sexp<'a> {
    Atom(&'a [u8]),
    List(Vec<Sexp<'a>>),
}

impl<'a> Sexp<'a> {
    /// Reads one expression, which must be all there is but for zero octets behind it.
    pub fn read(octets: &'a [u8]) -> Option<Sexp<'a>> {
        let (sexp, rest) = read(octets, DEPTH)?;
        rest.iter().all(|octet| *octet == 0).then_some(sexp)
    }

    /// What stands behind the name in a list of that name.
    pub fn named(&self, name: &str) -> Option<&[Sexp<'a>]> {
        match self {
            Sexp::List(items) => match items.split_first() {
                Some((Sexp::Atom(first), rest)) if *first == name.as_bytes() => Some(rest),
                _ => None,
            },
            Sexp::Atom(_) => None,
        }
    }

    /// The octets in `(name octets)`.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        match self.named(name)? {
            [Sexp::Atom(octets)] => Some(octets),
            _ => None,
        }
    }
}

fn read(octets: &[u8], depth: usize) -> Option<(Sexp<'_>, &[u8])> {
    let Some(mut rest) = octets.strip_prefix(b"(") else { return atom_at(octets) };
    let deeper = depth.checked_sub(1)?;
    let mut items = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix(b")") {
            return Some((Sexp::List(items), behind));
        }
        let (item, behind) = read(rest, deeper)?;
        items.push(item);
        rest = behind;
    }
}

fn atom_at(octets: &[u8]) -> Option<(Sexp<'_>, &[u8])> {
    let digits = octets.iter().position(|octet| !octet.is_ascii_digit()).filter(|digits| (1..=6).contains(digits))?;
    let length: usize = std::str::from_utf8(octets.get(..digits)?).ok()?.parse().ok()?;
    let rest = octets.get(digits..)?.strip_prefix(b":")?;
    Some((Sexp::Atom(rest.get(..length)?), rest.get(length..)?))
}

/// Writes octets.
pub fn atom(octets: &[u8]) -> Vec<u8> {
    [octets.len().to_string().as_bytes(), b":", octets].concat()
}

/// Writes a list: its name, then what was written before.
pub fn list(name: &str, items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".as_slice(), &atom(name.as_bytes()), &items.concat(), b")"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_an_agent_answers_is_read() {
        let answer = Sexp::read(b"(7:sig-val(5:eddsa(1:r2:(()(1:s1:))))\0").unwrap();
        let [inner] = answer.named("sig-val").unwrap() else { panic!() };
        let parts = inner.named("eddsa").unwrap();
        assert_eq!(parts[0].value("r"), Some(&b"(("[..]));
        assert_eq!(parts[1].value("s"), Some(&b")"[..]));
        assert_eq!(parts[1].value("r"), None);
        assert_eq!(Sexp::read(&list("a", &[atom(b"xy"), list("b", &[])])).unwrap().named("a").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_expression_is_none() {
        let deep = [vec![b'('; 100_000], vec![b')'; 100_000]].concat();
        let bad: [&[u8]; 11] = [
            b"",
            b"(",
            b")",
            b"(1:a",
            b"(1:a))",
            b"(2:a)",
            b"(:a)",
            b"(1a)",
            b"(9999999:a)",
            b"(-1:a)",
            b"(5:value1:a)x",
        ];
        for octets in bad.into_iter().chain([deep.as_slice()]) {
            assert_eq!(Sexp::read(octets), None, "{:?}", String::from_utf8_lossy(&octets[..octets.len().min(20)]));
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(prop::sample::select(b"()0123456789:a\0".to_vec()), 0..60)) {
            let _ = Sexp::read(&octets);
        }

        #[test]
        fn what_is_written_is_read(one in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
            let written = list("a", &[list("b", &[atom(&one)]), atom(&other)]);
            let sexp = Sexp::read(&written).unwrap();
            let [inner, last] = sexp.named("a").unwrap() else { panic!() };
            prop_assert_eq!(inner.value("b"), Some(one.as_slice()));
            prop_assert_eq!(last, &Sexp::Atom(&other));
        }
    }
}
