//! One table of the config file, read key by key.
//!
//! Whatever is read is remembered, so that at the end every other key is a fault: the code that
//! reads a key is the only list of known keys. Failure: a fault in the log, and reading goes on,
//! so that all faults are found in one run.

use super::faults::Fault;
use super::values::{Read, kind_of, nearest};
use std::cell::RefCell;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Where faults and warnings are gathered while a file is read.
pub struct Log<'a> {
    text: &'a str,
    pub faults: RefCell<Vec<Fault>>,
    /// What may stay, but should be known.
    pub warnings: RefCell<Vec<Fault>>,
}

impl<'a> Log<'a> {
    pub fn new(text: &'a str) -> Self {
        Log { text, faults: RefCell::default(), warnings: RefCell::default() }
    }

    /// Line and column, counted from 1, of an octet of the file.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        (before.matches('\n').count() + 1, column + 1)
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.place(span.start).0
    }
}

/// A table, or the place where one could stand.
pub struct Table<'a> {
    /// Empty for the file itself.
    path: String,
    /// None: the file does not have it.
    entries: Option<&'a DeTable<'a>>,
    /// The line of its header.
    line: Option<usize>,
    log: &'a Log<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    fn new(path: String, entries: Option<&'a DeTable<'a>>, line: Option<usize>, log: &'a Log<'a>) -> Self {
        Table { path, entries, line, log, asked: RefCell::default() }
    }

    /// Reads the whole file with `read`, then reports the tables that nobody asked for.
    pub fn root<R>(entries: &'a DeTable<'a>, log: &'a Log<'a>, read: impl FnOnce(&Table<'a>) -> R) -> R {
        Table::new(String::new(), Some(entries), None, log).read(read)
    }

    fn read<R>(self, read: impl FnOnce(&Table<'a>) -> R) -> R {
        let result = read(&self);
        self.report_unknown();
        result
    }

    /// The table `[key]`; where the file has none it is read as an empty one.
    pub fn section<R>(&self, key: &'static str, read: impl FnOnce(&Table<'a>) -> R) -> R {
        let path = self.path_of(key);
        let table = match self.find(key) {
            None => Table::new(path, None, None, self.log),
            Some((span, DeValue::Table(entries))) => {
                Table::new(path, Some(entries), Some(self.log.line(&span)), self.log)
            }
            Some((span, other)) => {
                let words = format!("expected a table, [{}], not {}", self.path_of(key), kind_of(other));
                self.record(key, Some(self.log.line(&span)), words);
                Table::new(path, None, None, self.log)
            }
        };
        table.read(read)
    }

    /// The tables `[[key]]`, in the order of the file.
    pub fn sections<R>(&self, key: &'static str, mut read: impl FnMut(&Table<'a>) -> R) -> Vec<R> {
        let wrong = |span: &Range<usize>| {
            let words = format!("expected tables with double brackets, [[{}]]", self.path_of(key));
            self.record(key, Some(self.log.line(span)), words);
        };
        match self.find(key) {
            None => Vec::new(),
            Some((_, DeValue::Array(items))) => {
                let mut results = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    if let DeValue::Table(entries) = item.get_ref() {
                        let path = format!("{}[{}]", self.path_of(key), index + 1);
                        let line = Some(self.log.line(&item.span()));
                        results.push(Table::new(path, Some(entries), line, self.log).read(&mut read));
                    } else {
                        wrong(&item.span());
                    }
                }
                results
            }
            Some((span, _)) => {
                wrong(&span);
                Vec::new()
            }
        }
    }

    /// The value of a key that may be left out.
    pub fn maybe<T>(&self, key: &'static str, read: impl FnOnce(&DeValue) -> Read<T>) -> Option<T> {
        let (span, value) = self.find(key)?;
        read(value).map_err(|words| self.record(key, Some(self.log.line(&span)), words)).ok()
    }

    /// The value of a key with a default.
    pub fn get<T>(&self, key: &'static str, default: T, read: impl FnOnce(&DeValue) -> Read<T>) -> T {
        self.maybe(key, read).unwrap_or(default)
    }

    /// The value of a key that must be there. `example` is how its value may look.
    pub fn need<T>(&self, key: &'static str, example: &str, read: impl FnOnce(&DeValue) -> Read<T>) -> Option<T> {
        if self.find(key).is_none() {
            self.record(key, self.line, format!("missing; write for example {key} = {example}"));
        }
        self.maybe(key, read)
    }

    /// The items of a list, each read on its own; None where the file has no such list.
    pub fn list<T>(&self, key: &'static str, mut read: impl FnMut(&DeValue) -> Read<T>) -> Option<Vec<T>> {
        let (span, value) = self.find(key)?;
        let DeValue::Array(items) = value else {
            let words = format!("expected a list in square brackets, not {}", kind_of(value));
            self.record(key, Some(self.log.line(&span)), words);
            return None;
        };
        let mut results = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match read(item.get_ref()) {
                Ok(result) => results.push(result),
                Err(words) => self.fault_in(key, index, words),
            }
        }
        Some(results)
    }

    /// The items of a list that must be there with something in it.
    pub fn need_list<T>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnMut(&DeValue) -> Read<T>,
    ) -> Option<Vec<T>> {
        if self.find(key).is_none() {
            self.record(key, self.line, format!("missing; write for example {key} = {example}"));
        }
        self.filled_list(key, read)
    }

    /// The items of a list that may be left out, but not be empty.
    pub fn filled_list<T>(&self, key: &'static str, read: impl FnMut(&DeValue) -> Read<T>) -> Option<Vec<T>> {
        if self.find(key).and_then(|(_, value)| value.as_array()).is_some_and(|items| items.is_empty()) {
            self.fault(key, "is an empty list");
        }
        self.list(key, read)
    }

    /// Whether the file gives the key.
    pub fn gives(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// A key that a later version will serve: a fault unless it is absent or empty.
    pub fn not_served(&self, key: &'static str) {
        if let Some((span, value)) = self.find(key)
            && value.as_str() != Some("")
        {
            self.record(key, Some(self.log.line(&span)), "not available in this version; leave it out".to_owned());
        }
    }

    /// Keys that mean nothing beside what another key says: a warning each.
    pub fn unused(&self, keys: &[&'static str], because: &str) {
        for key in keys.iter().filter(|key| self.gives(key)) {
            self.warn(key, format!("not used with {because}"));
        }
    }

    /// Records a fault of a key, at its line or else that of the table.
    pub fn fault(&self, key: &'static str, words: impl Into<String>) {
        self.record(key, self.line_of(key), words.into());
    }

    /// Records a fault of one item of a list, counted from 0.
    pub fn fault_in(&self, key: &'static str, index: usize, words: impl Into<String>) {
        let item = self.find(key).and_then(|(_, value)| value.as_array()).and_then(|items| items.get(index));
        let line = item.map(|item| self.log.line(&item.span())).or(self.line_of(key));
        let fault =
            Fault { line, column: None, key: format!("{}[{}]", self.path_of(key), index + 1), words: words.into() };
        self.log.faults.borrow_mut().push(fault);
    }

    /// Records what may stay, but should be known.
    pub fn warn(&self, key: &'static str, words: impl Into<String>) {
        let warning = Fault { line: self.line_of(key), column: None, key: self.path_of(key), words: words.into() };
        self.log.warnings.borrow_mut().push(warning);
    }

    fn record(&self, key: &str, line: Option<usize>, words: String) {
        self.log.faults.borrow_mut().push(Fault { line, column: None, key: self.path_of(key), words });
    }

    fn line_of(&self, key: &'static str) -> Option<usize> {
        self.find(key).map(|(span, _)| self.log.line(&span)).or(self.line)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn find(&self, key: &'static str) -> Option<(Range<usize>, &'a DeValue<'a>)> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        let value = self.entries?.get(key)?;
        Some((value.span(), value.get_ref()))
    }

    fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for (key, value) in self.entries.into_iter().flatten() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let what = if matches!(value.get_ref(), DeValue::Table(_)) { "table" } else { "key" };
            let near = nearest(name, asked.iter().copied()).unwrap_or_default();
            let words = format!("unknown {what}; did you mean \"{near}\"?");
            let shown: String = name.chars().flat_map(char::escape_debug).take(80).collect();
            self.record(&shown, Some(self.log.line(&key.span())), words);
        }
    }
}
