//! The command line, as clap reads it: names and help. What a command does stands elsewhere.

mod ticket;

pub use ticket::{AddOrRemove, TicketCommand};

use crate::app::TrustMethod;
use crate::house::KeyFiles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

const AFTER: &str = "\
Examples:
  vigie demo                          the whole product in a temporary folder, no server needed
  vigie init /etc/vigie               a config to fill in, a store key, a team key
  vigie check --connect               is all of it right?
  vigie run                           the daemon
  vigie ticket list --unanswered      what is owed, oldest promise first
  vigie ticket answer 42 < answer.txt

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 75 temporary failure, 78 bad config.";

/// The front door of a CSIRT: mail in, tickets, acknowledgements, alerts, promises kept.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, after_help = AFTER, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The config file
    #[arg(long, global = true, env = "VIGIE_CONFIG", default_value = "/etc/vigie/config.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// One JSON document on stdout instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// Act as if it were TIME (RFC 3339); only for stores with simulated_clock = true
    #[arg(long, global = true, value_name = "TIME")]
    pub now: Option<String>,
    /// Who acts; else the login name. A daemon accepts it from root and its own user only
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub as_name: Option<String>,
    /// Say more on stderr; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colours and bold in tables
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// When tables are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product in a temporary folder, with no server
    Demo {
        /// Do not pause between the steps
        #[arg(long)]
        exit: bool,
    },
    /// Write a commented config, folders, a store key and a team key into DIR
    #[command(after_help = "Examples:\n  vigie init /etc/vigie\n  vigie init trial --plain-store\n  \
                            vigie init /etc/vigie --secret-key csirt-secret.asc\n\nNothing is ever overwritten.")]
    Init(InitArgs),
    /// Tell in plain words what is wrong with config, keys, servers and rota
    #[command(after_help = "Exit 78 if the config is wrong, 1 if any check fails.")]
    Check {
        /// Log in to every server, decrypt and sign a probe, open the store
        #[arg(long)]
        connect: bool,
    },
    /// Show how the loops are, what waits and what needs a person
    #[command(after_help = "Exit 1 if something needs a person: fit for a monitoring probe.")]
    Status,
    /// Figures: how much came, how soon it was answered, promises kept
    #[command(after_help = "Examples:\n  vigie stats --from 2026-01-01 --to 2026-07-01\n  \
        vigie stats --html figures.html\n  vigie stats --anonymised --html for-the-web-site.html\n\n\
        The last twelve months unless a span is given.")]
    Stats {
        /// From when: 2026-01-01, or with a time
        #[arg(long, value_name = "T")]
        from: Option<String>,
        /// Until when, not included
        #[arg(long, value_name = "T")]
        to: Option<String>,
        /// A page with plots into this new file, readable without network and without script
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// For publication: without counts below 5, what tells them, and names of constituents
        #[arg(long)]
        anonymised: bool,
    },
    /// Run the daemon
    Run {
        /// Take what is there, fire what is due, send what is due, and exit (75: something is left)
        #[arg(long)]
        once: bool,
    },
    /// File messages given as files or on stdin
    #[command(after_help = "Examples:\n  vigie ingest --mailbox csirt mail/*.eml\n  \
        vigie ingest --mailbox csirt --sender \"$SENDER\" -     (from an MTA's pipe)\n\n\
        Prints one line of JSON a message: {\"ticket\",\"message\",\"outcome\"}.\n\
        Exits 75 whenever a message is not safely stored, so that an MTA keeps it.")]
    Ingest(IngestArgs),
    /// See and work on tickets
    #[command(subcommand)]
    Ticket(TicketCommand),
    /// The team's keys and everybody else's certificates
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who is on duty; acknowledge pages
    #[command(subcommand)]
    Duty(DutyCommand),
    /// What is still to be sent
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Mail that could not be processed, kept whole
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Prove that the history was neither altered nor cut
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write a copy of the store into a new file, while mail arrives
    #[command(after_help = "Example:\n  vigie backup /var/backups/vigie-$(date +%F).db\n\n\
        A running daemon writes it. It is proven after it was written, encrypted with the key of the store, and\n\
        never takes the place of another file. Keep a copy of the key elsewhere.")]
    Backup {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a backup in the place of the store
    #[command(after_help = "Examples:\n  vigie restore /var/backups/vigie-2026-11-27.db\n  \
        vigie restore --replace /var/backups/vigie-2026-11-27.db\n\n\
        Refused while a daemon runs. Mail that was received and filed since the backup is found again at the next\n\
        run. Ticket numbers go on 1000 higher for each day since the backup; acknowledgements for mail received\n\
        before the restore, and all that was still to be sent, are held until `vigie outbox retry`.")]
    Restore {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Keep the store that is there aside
        #[arg(long)]
        replace: bool,
    },
    /// The store itself
    #[command(subcommand)]
    Store(StoreCommand),
    /// Remove the content of tickets that were put away longer ago than [retention] closed_after
    #[command(
        after_help = "Examples:\n  vigie purge --dry-run     which tickets would be concerned\n  vigie purge\n\n\
        Mails, texts, attachments, indicators, addresses and what was sent are removed for good; number, dates,\n\
        class, state and history stay. The daemon does it daily where closed_after is set."
    )]
    Purge {
        /// Only name the tickets
        #[arg(long)]
        dry_run: bool,
    },
    /// Hold the team's private keys and answer for them; started by the daemon or by systemd
    #[command(hide = true)]
    Keeper(KeyFiles),
    /// Open and read mail; started by the daemon
    #[command(hide = true)]
    Reader {
        /// How much address space it may use, octets
        memory: u64,
    },
}

#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The folder; made where it is missing
    pub dir: PathBuf,
    /// No store key: the database is not encrypted
    #[arg(long)]
    pub plain_store: bool,
    /// Take this secret key instead of making one
    #[arg(long, value_name = "FILE")]
    pub secret_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// The mailbox of the config that they came to
    #[arg(long, value_name = "NAME")]
    pub mailbox: String,
    /// The envelope sender; "" or "<>" is the null sender. Else Return-Path, else From
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true)]
    pub sender: Option<String>,
    /// Messages; - or none: one from stdin
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the team's keys and all certificates
    List,
    /// Import certificates
    #[command(after_help = "An imported certificate is used to encrypt and to verify; it counts as confirmed\n\
        only after `vigie key trust`.")]
    Import {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show one certificate
    Show {
        #[arg(value_name = "FPR")]
        fingerprint: String,
    },
    /// Confirm a fingerprint that you compared with its owner
    #[command(after_help = "Example:\n  vigie key trust 0123456789ABCDEF0123456789ABCDEF01234567 --method call-back \
        --note \"called the switchboard\"")]
    Trust {
        #[arg(value_name = "FPR")]
        fingerprint: String,
        /// How you made sure
        #[arg(long, value_parser = word(TrustMethod::ALL, TrustMethod::word, TrustMethod::from_word))]
        method: TrustMethod,
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Make a new team key beside the config, and say how to use it
    Generate,
    /// Write a certificate, armoured, to stdout
    Export {
        #[arg(value_name = "FPR")]
        fingerprint: String,
    },
    /// Forget a certificate
    Remove {
        #[arg(value_name = "FPR")]
        fingerprint: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum DutyCommand {
    /// Show who is on duty, until when, pages, and gaps in the rota
    Show,
    /// Acknowledge a page
    Ack {
        /// Its number, or the code in it
        page: String,
    },
    /// Let somebody stand in
    #[command(
        after_help = "Example:\n  vigie duty override --analyst bob --from 2026-12-24T09:00 --to 2026-12-26T09:00\n\n\
        A time without offset is the team's."
    )]
    Override {
        /// Who stands in: a name from [[duty.analyst]]
        #[arg(long, value_name = "NAME")]
        analyst: String,
        /// From when: 2026-12-24T09:00, or with an offset
        #[arg(long, value_name = "T")]
        from: String,
        /// Until when, written alike
        #[arg(long, value_name = "T")]
        to: String,
    },
    /// Page the analyst on duty as a test
    Test,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Encrypt the store with a new key
    #[command(after_help = "Examples:\n  vigie store rekey\n  vigie store rekey --key-file new.key\n\n\
        Refused while a daemon runs. The new key takes the place of the one in [store] key_file; a plain store is\n\
        encrypted, and key_file is to be set then. A kill at any point leaves a store that opens.")]
    Rekey {
        /// The new key, 64 hex digits; made where the file is missing
        #[arg(long, value_name = "NEW")]
        key_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Compute history, mails, attachments and signed heads anew, and say what is wrong
    #[command(after_help = "Examples:\n  vigie audit verify\n  vigie audit verify --head head-of-last-week.eml\n\n\
        Exit 1 where anything is not as it was written. Only a head that lies elsewhere shows that lines at the\n\
        end were cut off together with the store's own heads.")]
    Verify {
        /// A signed head that was kept elsewhere: the saved mail, or its text
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
    },
    /// Print the head of the history as it is now, signed by the team's key
    #[command(after_help = "Example:\n  vigie audit head > /mnt/elsewhere/head-$(date +%F).txt")]
    Head,
}

#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// List what is not sent yet
    List {
        /// What was sent or dropped too
        #[arg(long)]
        all: bool,
    },
    /// Try again now
    Retry {
        #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = number::<i64>)]
        id: Option<i64>,
        /// Everything that has failed
        #[arg(long)]
        all: bool,
    },
    /// Never send it
    Drop {
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List held mail
    List,
    /// Show one, and how it begins
    Show {
        #[arg(value_parser = number::<i64>)]
        id: i64,
    },
    /// Process it again
    Retry {
        #[arg(value_parser = number::<i64>)]
        id: i64,
    },
    /// Take it out of quarantine; its octets are kept
    Drop {
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Reads one of our fixed words, and lists them where it is none.
fn word<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
    from_word: fn(&str) -> Option<T>,
) -> impl clap::builder::TypedValueParser<Value = T> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let words: Vec<&'static str> = all.iter().map(|value| word(*value)).collect();
    PossibleValuesParser::new(words).try_map(move |text| from_word(&text).ok_or("not one of these"))
}

/// A whole number.
fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }
}
