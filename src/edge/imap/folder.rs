//! Folders: select, search, file away.
//!
//! Hostile data: names, counts and UIDs of the server. Failure: see [`ImapTrouble`]. What a
//! move did is not taken from its status but looked up afterwards.

use super::names::{quoted, sets, wire_name};
use super::{Answer, ImapTrouble, Session};
use async_imap::imap_proto::{MailboxDatum, NameAttribute, Response, ResponseCode};

/// A folder as it stood when it was selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected {
    /// Another value than before: all UIDs known so far mean nothing (RFC 3501 section 2.3.1.1).
    pub uidvalidity: u32,
    /// The UID that the next mail will have at least; not every server says.
    pub uidnext: Option<u32>,
    /// How many mails it holds. The server's word.
    pub exists: u32,
    /// The server may give mails new UIDs at any time (RFC 4315, UIDNOTSTICKY): only content tells them apart.
    pub unstable: bool,
}

/// Above this many mails a search goes in steps, so that no reply is long.
const STEP: u32 = 10_000;

impl Session {
    /// Opens a folder to read and move. `folder` is named as in the config: `/` between levels.
    ///
    /// Errors: NoFolder if it does not exist.
    pub async fn select(&mut self, folder: &str) -> Result<Selected, ImapTrouble> {
        self.open("SELECT", folder).await
    }

    /// Opens a folder to read alone.
    pub async fn examine(&mut self, folder: &str) -> Result<Selected, ImapTrouble> {
        self.open("EXAMINE", folder).await
    }

    async fn open(&mut self, verb: &str, folder: &str) -> Result<Selected, ImapTrouble> {
        let what = format!("{verb} {folder}");
        let Some(name) = self.find(folder).await? else { return Err(self.no_folder(folder)) };
        self.view.news = false;
        let mut uidvalidity = None;
        let mut selected = Selected { uidvalidity: 0, uidnext: None, exists: 0, unstable: false };
        let step = self.step(&what, format!("{verb} {}", quoted(&name)));
        let answer = self
            .run(step, |reply| match reply {
                Response::MailboxData(MailboxDatum::Exists(n)) => selected.exists = *n,
                Response::Data { outcome, .. } => match outcome.code {
                    Some(ResponseCode::UidValidity(n)) => uidvalidity = Some(n),
                    Some(ResponseCode::UidNext(n)) => selected.uidnext = Some(n),
                    Some(ResponseCode::UidNotSticky) => selected.unstable = true,
                    _ => {}
                },
                _ => {}
            })
            .await?;
        if let Answer::Refused(_) = answer {
            // It may have been removed since we found it.
            self.names.remove(folder);
            if self.find(folder).await?.is_none() {
                return Err(self.no_folder(folder));
            }
        }
        self.done(answer, &what)?;
        selected.uidvalidity = uidvalidity
            .filter(|n| *n > 0)
            .ok_or_else(|| self.later(&what, "the server names no UIDVALIDITY, so mails cannot be told apart"))?;
        self.view.exists = selected.exists;
        self.view.news = false;
        Ok(selected)
    }

    fn no_folder(&self, folder: &str) -> ImapTrouble {
        ImapTrouble::NoFolder(format!("{}: there is no folder `{folder}`", self.place))
    }

    /// The UIDs from `from` on, rising. `selected` is the folder as it was opened.
    pub async fn search_from(&mut self, selected: &Selected, from: u32) -> Result<Vec<u32>, ImapTrouble> {
        self.view.news = false;
        let mut found = Vec::new();
        let mut next = from.max(1);
        if self.view.exists > STEP {
            while selected.uidnext.is_some_and(|end| end.saturating_sub(next) > STEP) {
                found.extend(self.search(&format!("{next}:{}", next + STEP - 1)).await?);
                next += STEP;
            }
        }
        found.extend(self.search(&format!("{next}:*")).await?);
        // `n:*` gives the last mail even if its UID is below n (RFC 3501 section 6.4.8).
        found.retain(|uid| *uid >= from.max(1));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// All UIDs, rising.
    pub async fn search_all(&mut self, selected: &Selected) -> Result<Vec<u32>, ImapTrouble> {
        self.search_from(selected, 1).await
    }

    async fn search(&mut self, set: &str) -> Result<Vec<u32>, ImapTrouble> {
        let mut found = Vec::new();
        let step = self.step("SEARCH", format!("UID SEARCH UID {set}"));
        let answer = self
            .run(step, |reply| {
                if let Response::MailboxData(MailboxDatum::Search(uids)) = reply {
                    found.extend_from_slice(uids);
                }
            })
            .await?;
        self.done(answer, "SEARCH")?;
        Ok(found)
    }

    /// Moves mails of the selected folder into another, which is made if it is missing, and
    /// gives those that are no longer in the selected one, whoever took them away. May be
    /// repeated. Flags go along; none is changed.
    ///
    /// Errors: Cannot if the server has neither MOVE nor UIDPLUS: then the mails stay, since a
    /// plain EXPUNGE would also remove what an analyst has marked as deleted.
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<Vec<u32>, ImapTrouble> {
        if !self.can.moves && !self.can.uidplus {
            let words =
                "the server has neither MOVE nor UIDPLUS, so filed mail stays where it is; set filed_folder = \"\"";
            return Err(ImapTrouble::Cannot(format!("{}: {words}", self.place)));
        }
        let mut uids = uids.to_vec();
        uids.sort_unstable();
        uids.dedup();
        let target = self.make(folder).await?;
        let mut gone = Vec::new();
        for (set, these) in sets(&uids, 1000) {
            let refused = if self.can.moves {
                self.command("MOVE", format!("UID MOVE {set} {}", quoted(&target))).await?
            } else {
                self.copy_and_remove(&set, &target).await?
            };
            let left = self.search(&set).await?;
            let before = gone.len();
            gone.extend(these.iter().filter(|uid| !left.contains(uid)));
            // A refusal that moved nothing is told; what was moved in part is tried again by the caller.
            if let (Answer::Refused(words), true) = (refused, gone.len() == before) {
                self.names.remove(folder);
                return Err(self.later("MOVE", &format!("the server refused to move to `{folder}`: {words}")));
            }
        }
        Ok(gone)
    }

    /// MOVE for servers without it. Between the steps a mail stands in both folders, never in none.
    async fn copy_and_remove(&mut self, set: &str, target: &str) -> Result<Answer, ImapTrouble> {
        for command in [
            format!("UID COPY {set} {}", quoted(target)),
            format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"),
            format!("UID EXPUNGE {set}"),
        ] {
            let answer = self.command("MOVE", command).await?;
            if let Answer::Refused(_) = answer {
                return Ok(answer);
            }
        }
        Ok(Answer::Done)
    }

    async fn command(&mut self, what: &str, command: String) -> Result<Answer, ImapTrouble> {
        let step = self.step(what, command);
        self.run(step, |_| ()).await
    }

    /// The server's name of a folder, which is made if it is missing.
    async fn make(&mut self, folder: &str) -> Result<String, ImapTrouble> {
        if let Some(name) = self.find(folder).await? {
            return Ok(name);
        }
        let mut refusal = String::new();
        for name in self.candidates(folder).await? {
            match self.command("CREATE", format!("CREATE {}", quoted(&name))).await? {
                Answer::Done => {
                    // So that mail clients show it; a server without subscriptions may refuse.
                    self.command("SUBSCRIBE", format!("SUBSCRIBE {}", quoted(&name))).await?;
                    self.names.insert(folder.into(), name.clone());
                    return Ok(name);
                }
                // Another client may have made it just now.
                Answer::Refused(words) => refusal = words,
            }
            if let Some(name) = self.find(folder).await? {
                return Ok(name);
            }
        }
        Err(self.later("CREATE", &format!("the server refused to make the folder `{folder}`: {refusal}")))
    }

    /// The server's name of a folder that exists, from the config's name.
    async fn find(&mut self, folder: &str) -> Result<Option<String>, ImapTrouble> {
        if folder.eq_ignore_ascii_case("INBOX") {
            return Ok(Some("INBOX".into()));
        }
        if let Some(name) = self.names.get(folder) {
            return Ok(Some(name.clone()));
        }
        for name in self.candidates(folder).await? {
            let mut found = false;
            let step = self.step("LIST", format!("LIST \"\" {}", quoted(&name)));
            let answer = self
                .run(step, |reply| {
                    if let Response::MailboxData(MailboxDatum::List(list)) = reply {
                        let real = list.name_attributes.iter().all(|a| {
                            !matches!(a, NameAttribute::NoSelect)
                                && !matches!(a, NameAttribute::Extension(x) if x.eq_ignore_ascii_case("\\NonExistent"))
                        });
                        // A `%` or `*` in the name made it a pattern.
                        let same = list.name == name || format!("\"{}\"", list.name) == quoted(&name);
                        found |= real && same;
                    }
                })
                .await?;
            self.done(answer, "LIST")?;
            if found {
                self.names.insert(folder.into(), name.clone());
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The names that a folder may have on this server: with its own separator between levels
    /// (Maildir++ has `.`), at the root, or below INBOX where the server keeps all folders
    /// there (Courier, older Cyrus).
    async fn candidates(&mut self, folder: &str) -> Result<Vec<String>, ImapTrouble> {
        if folder.chars().any(char::is_control) {
            return Err(ImapTrouble::Cannot("a folder name holds a control character".into()));
        }
        let mut separator = None;
        let step = self.step("LIST", "LIST \"\" \"\"".into());
        let answer = self
            .run(step, |reply| {
                if let Response::MailboxData(MailboxDatum::List(list)) = reply {
                    separator = list.delimiter.as_deref().and_then(|text| text.chars().last());
                }
            })
            .await?;
        self.done(answer, "LIST")?;
        // `\` stands escaped in the reply and is taken as it is meant by its last character.
        let Some(separator) = separator.filter(|c| (' '..='~').contains(c)) else {
            return Ok(vec![wire_name(folder)]);
        };
        let separator = separator.to_string();
        let name = folder.split('/').map(wire_name).collect::<Vec<_>>().join(&separator);
        Ok(vec![name.clone(), format!("INBOX{separator}{name}")])
    }
}
