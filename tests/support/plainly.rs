//! A mail opened without any key.

use vigie::arrive::open::Opened;
use vigie::arrive::{addresses, entity};

/// A mail as if nothing in it were encrypted or signed.
pub fn plainly(raw: &[u8]) -> Opened {
    let parsed = entity::parse(raw);
    let headers = parsed.root.headers.clone();
    let from = parsed.root.header("From").and_then(addresses::only_address);
    Opened {
        subject: parsed.root.header("Subject").unwrap_or("").to_owned(),
        from_name: from.as_ref().map(|(name, _)| name.clone()).unwrap_or_default().into(),
        from: from.map(|(_, address)| address),
        tree: parsed.root,
        outer_headers: headers.clone(),
        headers,
        problems: parsed.problems,
        ..Opened::default()
    }
}
