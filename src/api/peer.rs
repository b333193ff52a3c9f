//! Who is at the other end of the socket.

use crate::app::{Actor, AppError};

/// The login name of a user of this machine; `uid N` where it has none.
pub fn login_name(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&passwd, uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// passwd(5): `name:password:uid:...`
fn name_in(passwd: &str, uid: u32) -> Option<String> {
    let mut names = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let known: u32 = fields.nth(1)?.parse().ok()?;
        (known == uid).then(|| name.to_owned())
    });
    names.next()
}

/// Who acts: whoever asks, or whom root or the daemon's own user names.
pub(super) fn actor(peer: u32, own: u32, as_name: Option<&str>) -> Result<Actor, AppError> {
    let asking = login_name(peer);
    match as_name {
        Some(name) if peer == 0 || peer == own || name == asking => Actor::named(name),
        Some(_) => Err(AppError::not_allowed(format!(
            "{asking} may not act as somebody else; --as is for root and the user of the daemon"
        ))),
        // The user of the daemon may be called as the daemon itself is in the history.
        None => Actor::named(&asking).or_else(|_| Actor::named(&format!("uid {peer}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_name_where_there_is_one() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n# comment\nbroken\nvigie:x:980:980::/var/lib/vigie:/bin/false\n";
        assert_eq!(name_in(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_in(passwd, 980).as_deref(), Some("vigie"));
        assert_eq!(name_in(passwd, 1), None);
        assert_eq!(login_name(4_000_000_000), "uid 4000000000");
    }

    #[test]
    fn only_root_and_the_daemons_user_name_somebody_else() {
        let (own, stranger) = (4_000_000_001, 4_000_000_002);
        for peer in [0, own] {
            assert_eq!(actor(peer, own, Some("alice")).unwrap().name, "alice");
        }
        assert!(matches!(actor(stranger, own, Some("alice")), Err(AppError::NotAllowed { .. })));
        assert_eq!(actor(stranger, own, Some("uid 4000000002")).unwrap().name, "uid 4000000002");
        assert_eq!(actor(stranger, own, None).unwrap().name, "uid 4000000002");
        assert!(actor(0, own, Some("vigie")).is_err(), "nobody signs the history as the daemon");
    }
}
