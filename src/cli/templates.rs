//! Texts to begin an answer with: built-in ones, and the team's own in a folder `templates` beside
//! the config (`NAME.en.txt`, `NAME.fr.txt`, or `NAME.txt` for every language), which come first.
//!
//! Values are put in once and never read as templates (T71). Hostile data: the reporter's name.
//! Failure: an unknown name or placeholder, told with what is known.

use super::{FAILED, Failure};
use crate::app::views::DraftView;
use crate::respond::wording;
use crate::rules::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};

/// What may stand in braces.
const PLACEHOLDERS: [&str; 4] = ["number", "reporter_name", "team", "analyst"];

/// Name, English, French.
const BUILT_IN: [(&str, &str, &str); 3] = [
    (
        "received-need-more",
        include_str!("templates/received-need-more.en.txt"),
        include_str!("templates/received-need-more.fr.txt"),
    ),
    (
        "non-constituent",
        include_str!("templates/non-constituent.en.txt"),
        include_str!("templates/non-constituent.fr.txt"),
    ),
    ("closed", include_str!("templates/closed.en.txt"), include_str!("templates/closed.fr.txt")),
];

/// The text of a template for one ticket, in its language.
pub(super) fn fill(settings: &Settings, name: &str, draft: &DraftView, analyst: &str) -> Result<String, Failure> {
    let template = find(settings, name, &draft.language)?;
    if let Some(unknown) = unknown_placeholder(&template) {
        let known = PLACEHOLDERS.join("}, {");
        return Err(Failure::new(FAILED, format!("template {name}: {{{unknown}}} is unknown; known are {{{known}}}")));
    }
    let values = BTreeMap::from([
        ("number", draft.known_as.clone()),
        // Of whom it goes to: another party never reads the reporter's.
        ("reporter_name", draft.name.line()),
        ("team", settings.team.name.clone()),
        ("analyst", analyst.to_owned()),
    ]);
    // Somebody without a name leaves no gap before the comma.
    let text = wording::fill(&template, &values);
    Ok(text.lines().map(|line| line.replace(" ,", ",").trim_end().to_owned() + "\n").collect())
}

fn find(settings: &Settings, name: &str, language: &str) -> Result<String, Failure> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !plain {
        return Err(Failure::new(2, "the name of a template is made of letters, digits, - and _"));
    }
    let folder = settings.folder.join("templates");
    for file in [format!("{name}.{language}.txt"), format!("{name}.txt")] {
        match std::fs::read_to_string(folder.join(&file)) {
            Ok(text) => return Ok(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Failure::new(FAILED, format!("{}: {e}", folder.join(file).display()))),
        }
    }
    let built_in = BUILT_IN.iter().find(|(known, ..)| *known == name);
    let text = built_in.map(|(_, english, french)| if language == "fr" { *french } else { *english });
    text.map(str::to_owned).ok_or_else(|| {
        let own = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let own = own.filter_map(|entry| entry.file_name().to_str()?.split('.').next().map(str::to_owned));
        let known: BTreeSet<String> = BUILT_IN.iter().map(|(name, ..)| (*name).to_owned()).chain(own).collect();
        let known: Vec<String> = known.into_iter().collect();
        Failure::new(2, format!("there is no template {name}; known are {}", known.join(", ")))
    })
}

fn unknown_placeholder(template: &str) -> Option<&str> {
    let names = template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    names.into_iter().find(|name| !PLACEHOLDERS.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_templates_hold_known_placeholders_and_the_number() {
        for (name, english, french) in BUILT_IN {
            for text in [english, french] {
                assert_eq!(unknown_placeholder(text), None, "{name}");
                assert!(text.contains("{number}") && text.contains("{team}"), "{name}");
            }
        }
    }
}
