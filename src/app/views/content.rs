//! What a ticket's mails hold, what that suggests, and the taxonomy.

use crate::rules::checklist::Check;
use crate::rules::contact::Contact;
use crate::rules::weight::Extent;
use serde::{Deserialize, Serialize};

/// What a ticket's mails hold and what that suggests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContentView {
    pub extent: Option<Extent>,
    /// Null: no rule has one, or an analyst has decided.
    pub suggested_classification: Option<SuggestionView>,
    pub suggested_severity: Option<SuggestionView>,
    /// The answer text that fits a reporter who is no constituent.
    pub suggested_template: Option<String>,
    /// Of `show`: what the reporter claims about themselves.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<Contact>,
    /// Of `show`: what an emergency report should hold, and whether it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checklist: Option<Vec<Check>>,
}

/// What a rule suggests until an analyst decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuggestionView {
    pub value: String,
    /// Which rule, in words.
    pub reason: String,
}

/// One class of the taxonomy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClassView {
    pub class: String,
    pub name: String,
    pub types: Vec<TypeView>,
}

/// One type of a class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TypeView {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
}
