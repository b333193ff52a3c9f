//! The commands: arguments -> request -> table or JSON, and the exit code.
//!
//! Thin: what may be done and what is seen stands in `app`. Hostile data: everything foreign goes
//! through an encoder of `Untrusted` before it reaches a terminal; JSON escapes by itself.
//! Failure: words on stderr and an exit code of CONTRACT: 1 refused or failed, 2 wrong usage, 75
//! temporary failure, 78 bad config.

mod apart;
mod args;
mod check;
mod demo;
mod figures;
mod generate;
mod ingest;
mod init;
mod judged;
mod log;
mod output;
mod page;
mod promises;
mod reach;
mod spare;
mod tables;
mod templates;
mod text;
mod ticket;
mod time;
mod vault;

use crate::app::views::Answer;
use crate::app::{AppError, Request};
use crate::config;
use crate::daemon;
use crate::edge::walls;
use crate::rules::settings::Settings;
use crate::rules::untrusted::Untrusted;
use args::{Cli, Command, DutyCommand, Global, KeyCommand, OutboxCommand, QuarantineCommand, StoreCommand};
use clap::Parser;
use output::Output;
use reach::Session;
use spare::{Known, known};
use std::ffi::OsString;
use std::process::ExitCode;

/// Why a command ends with another exit code than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// For stderr; empty where all is said already.
    words: String,
}

/// Refused or failed.
const FAILED: u8 = 1;
/// sysexits(3) EX_TEMPFAIL: an MTA keeps the message.
const TEMPORARY: u8 = 75;
/// sysexits(3) EX_CONFIG.
const CONFIG: u8 = 78;

impl Failure {
    fn new(code: u8, words: impl Into<String>) -> Failure {
        Failure { code, words: words.into() }
    }

    fn temporary(self) -> Failure {
        Failure { code: TEMPORARY, ..self }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Failure::new(error.exit_code(), error.to_string())
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let given: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(spare_labels(&given)) {
        Ok(cli) => cli,
        Err(error) => {
            say_usage(&error, &given);
            let code = match error.use_stderr() {
                // Whatever is wrong with the command, the MTA must keep the message.
                true if is_ingest(&given) => TEMPORARY,
                true => 2,
                false => 0,
            };
            return ExitCode::from(code);
        }
    };
    walls::leave_no_core();
    // `check` says itself what else stands in the log.
    if cli.global.verbose > 0 || !matches!(cli.command, Command::Check { .. }) {
        log::start(cli.global.verbose, matches!(cli.command, Command::Run { .. }), cli.global.color);
    }
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if !failure.words.is_empty() {
                complain(&failure.words);
            }
            ExitCode::from(failure.code)
        }
    }
}

/// Words on stderr, a line each. Names of files and arguments may hold anything.
fn complain(words: &str) {
    for line in words.lines() {
        eprintln!("vigie: {}", Untrusted::from(line).line());
    }
}

/// What clap says: help on stdout, wrong usage on stderr. It repeats what was given, coloured only
/// where that is harmless. A closed stdout is no reason to fail.
fn say_usage(error: &clap::Error, given: &[OsString]) {
    let is_harmless = |word: &OsString| word.to_str().is_some_and(|word| Untrusted::from(word).line() == word);
    match given.iter().all(is_harmless) {
        true => drop(error.print()),
        false => eprint!("{}", Untrusted::from(error.render().to_string()).terminal()),
    }
}

/// The faults of a config, each a line as compilers write it, so that editors find the place.
fn bad_config(faults: &config::Faults) -> Failure {
    let words = faults.to_string();
    let (lines, count) = words.rsplit_once('\n').unwrap_or(("", &words));
    for line in lines.lines() {
        eprintln!("{}", Untrusted::from(line).line());
    }
    Failure::new(CONFIG, count)
}

/// `-y` in `ticket label N +x -y` is a label to remove, and in `ticket search x -y` a word not wanted, no
/// option: written `+-y` for the parser.
fn spare_labels(given: &[OsString]) -> Vec<OsString> {
    let words: Vec<Option<&str>> = given.iter().map(|word| word.to_str()).collect();
    let labels = words
        .iter()
        .position(|word| matches!(word, Some("label" | "search")))
        .filter(|_| words.contains(&Some("ticket")));
    let spare = |(at, word): (usize, &OsString)| match (labels, word.to_str()) {
        (Some(label), Some(text)) if at > label && is_removal(text) => OsString::from(format!("+{text}")),
        _ => word.clone(),
    };
    given.iter().enumerate().map(spare).collect()
}

fn is_removal(word: &str) -> bool {
    let options = ["-v", "-vv", "-vvv", "-h"];
    word.len() > 1 && word.starts_with('-') && !word.starts_with("--") && !options.contains(&word)
}

fn is_ingest(given: &[OsString]) -> bool {
    given.iter().skip(1).any(|word| word == "ingest")
}

fn run(cli: Cli) -> Result<u8, Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Demo { exit } => demo::run(&global, exit),
        Command::Init(args) => init::run(&global, &args),
        Command::Check { connect } => check::run(&global, connect),
        Command::Run { once } => daemon(&global, once),
        Command::Ingest(args) => ingest::run(&global, &args),
        Command::Stats { from, to, html, anonymised } => {
            let (from, to) = (from.as_deref(), to.as_deref());
            figures::run(&global, &figures::Asked { from, to, anonymised, html: html.as_deref() })
        }
        Command::Status => ask(&global, Request::Status),
        Command::Ticket(command) => ticket::run(&global, command),
        Command::Key(command) => key(&global, command),
        Command::Duty(command) => duty(&global, command),
        Command::Outbox(command) => ask(&global, outbox(command)),
        Command::Quarantine(command) => ask(&global, quarantine(command)),
        Command::Audit(command) => vault::run_audit(&global, command),
        Command::Backup { file } => vault::backup(&global, &file),
        Command::Restore { file, replace } => vault::restore(&global, &file, replace),
        Command::Store(StoreCommand::Rekey { key_file }) => vault::rekey(&global, key_file.as_deref()),
        Command::Purge { dry_run } => ask(&global, Request::Purge { dry_run }),
        Command::Keeper(files) => apart::keeper(&files),
        Command::Reader { memory } => apart::reader(memory),
    }
}

/// `run`: exit 0, or with `--once` 75 where something could not be done yet.
fn daemon(global: &Global, once: bool) -> Result<u8, Failure> {
    let settings = settings(global)?;
    for warning in &settings.warnings {
        complain(warning);
    }
    let asked_now = reach::asked_now(global, &settings)?;
    let config_file = settings.file.clone();
    let house = reach::open_house(settings, asked_now)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::new(TEMPORARY, format!("cannot start: {e}")))?;
    if !once {
        let outcome = runtime.block_on(daemon::run(house, config_file));
        // What a stop has dropped must not hold up the end.
        runtime.shutdown_timeout(std::time::Duration::from_millis(500));
        return outcome.map(|()| 0).map_err(|words| Failure::new(FAILED, words));
    }
    let left = runtime.block_on(daemon::run_once(&house));
    if left.is_empty() { Ok(0) } else { Err(Failure::new(TEMPORARY, left.join("\n"))) }
}

/// The config; exit 78 with every fault.
fn settings(global: &Global) -> Result<Settings, Failure> {
    config::load(&global.config).map_err(|faults| bad_config(&faults))
}

/// Asks one thing and shows the answer.
fn ask(global: &Global, request: Request) -> Result<u8, Failure> {
    ask_at(global, known(global)?, request)
}

/// As `ask`, with the config as it was read before.
fn ask_at(global: &Global, known: Known, request: Request) -> Result<u8, Failure> {
    let session = Session::open(global, known)?;
    let reply = session.ask(request)?;
    Output::new(global, &session.settings).show(&reply)?;
    Ok(match reply.answer {
        Answer::Status(status) if status.needs_person => FAILED,
        Answer::Audit(audit) if !audit.whole => FAILED,
        _ => 0,
    })
}

fn key(global: &Global, command: KeyCommand) -> Result<u8, Failure> {
    let request = match command {
        KeyCommand::List => Request::KeyList,
        KeyCommand::Import { files } => Request::KeyImport { files: reach::key_files(&files)? },
        KeyCommand::Show { fingerprint } => Request::KeyShow { fingerprint },
        KeyCommand::Trust { fingerprint, method, note } => Request::KeyTrust { fingerprint, method, note },
        KeyCommand::Generate => return generate::run(global),
        KeyCommand::Export { fingerprint } => Request::KeyExport { fingerprint },
        KeyCommand::Remove { fingerprint } => Request::KeyRemove { fingerprint },
    };
    ask(global, request)
}

fn duty(global: &Global, command: DutyCommand) -> Result<u8, Failure> {
    let request = match command {
        DutyCommand::Show => Request::DutyShow,
        DutyCommand::Ack { page } => Request::DutyAck { page },
        DutyCommand::Override { analyst, from, to } => {
            let known = known(global)?;
            let zone = &known.settings.team.time_zone;
            let (from, to) = (time::read("--from", &from, zone)?, time::read("--to", &to, zone)?);
            return ask_at(global, known, Request::DutyOverride { analyst, from, to });
        }
        DutyCommand::Test => Request::DutyTest,
    };
    ask(global, request)
}

fn outbox(command: OutboxCommand) -> Request {
    match command {
        OutboxCommand::List { all } => Request::OutboxList { all },
        OutboxCommand::Retry { id, .. } => Request::OutboxRetry { id },
        OutboxCommand::Drop { id, reason } => Request::OutboxDrop { id, reason },
    }
}

fn quarantine(command: QuarantineCommand) -> Request {
    match command {
        QuarantineCommand::List => Request::QuarantineList,
        QuarantineCommand::Show { id } => Request::QuarantineShow { id },
        QuarantineCommand::Retry { id } => Request::QuarantineRetry { id },
        QuarantineCommand::Drop { id, reason } => Request::QuarantineDrop { id, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_to_remove_are_told_from_options() {
        let spared = |line: &str| {
            let given: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let spared = spare_labels(&given);
            spared.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(spared("vigie ticket label 42 +x -y --json -v"), "vigie ticket label 42 +x +-y --json -v");
        assert_eq!(spared("vigie --json ticket label 42 -y"), "vigie --json ticket label 42 +-y");
        assert_eq!(spared("vigie ticket search a -b --limit 3"), "vigie ticket search a +-b --limit 3");
        assert_eq!(spared("vigie ticket list -v"), "vigie ticket list -v");
        assert_eq!(spared("vigie ingest --mailbox label -"), "vigie ingest --mailbox label -");
    }
}
