//! The way by which something in the outbox leaves.
//!
//! Hostile data: none. Failure: none; what names no other way is a mail.

/// The way of one row, as its recipient says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel<'a> {
    /// To an address; sealed before it leaves.
    Mail(&'a str),
    /// By the page command of the analyst of that name: `command:NAME`.
    Command(&'a str),
    /// To the webhook of the analyst of that name: `webhook:NAME`.
    Webhook(&'a str),
}

impl Channel<'_> {
    /// The way to a recipient.
    pub fn of(to: &str) -> Channel<'_> {
        match to.split_once(':') {
            Some(("command", name)) => Channel::Command(name),
            Some(("webhook", name)) => Channel::Webhook(name),
            _ => Channel::Mail(to),
        }
    }

    /// Whether it needs the mail server, and a seal.
    pub fn is_mail(self) -> bool {
        matches!(self, Channel::Mail(_))
    }
}

#[cfg(test)]
mod tests {
    use super::Channel;

    #[test]
    fn the_recipient_names_the_way() {
        for (to, way) in [
            ("alice@example.org", Channel::Mail("alice@example.org")),
            ("command:alice", Channel::Command("alice")),
            ("webhook:a:b", Channel::Webhook("a:b")),
            ("\"x:y\"@example.org", Channel::Mail("\"x:y\"@example.org")),
        ] {
            assert_eq!(Channel::of(to), way);
        }
    }
}
