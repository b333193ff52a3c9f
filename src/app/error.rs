//! Why a request was not done, in words for the person who asked, and the one place that turns
//! it into an exit code and an HTTP status.

use crate::store::StoreError;
use serde::{Deserialize, Serialize};

/// Why a request was not done. The words say what happened, to what, and what to do; they hold
/// nothing of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum AppError {
    /// There is no such thing.
    #[error("{words}")]
    NotFound { words: String },
    /// A rule forbids it.
    #[error("{words}")]
    NotAllowed { words: String },
    /// It does not fit what is there now.
    #[error("{words}")]
    Conflict { words: String },
    /// The request itself makes no sense: `field` names what is wrong in it.
    #[error("{field}: {words}")]
    Invalid { field: String, words: String },
    /// The house itself is in trouble.
    #[error("{words}")]
    Internal { words: String },
}

impl AppError {
    pub(crate) fn not_found(words: impl Into<String>) -> AppError {
        AppError::NotFound { words: words.into() }
    }

    pub(crate) fn not_allowed(words: impl Into<String>) -> AppError {
        AppError::NotAllowed { words: words.into() }
    }

    pub(crate) fn conflict(words: impl Into<String>) -> AppError {
        AppError::Conflict { words: words.into() }
    }

    pub(crate) fn invalid(field: &str, words: impl Into<String>) -> AppError {
        AppError::Invalid { field: field.to_owned(), words: words.into() }
    }

    /// The exit code of a command: 1 refused or failed, 2 wrong usage.
    pub fn exit_code(&self) -> u8 {
        match self {
            AppError::Invalid { .. } => 2,
            AppError::NotFound { .. }
            | AppError::NotAllowed { .. }
            | AppError::Conflict { .. }
            | AppError::Internal { .. } => 1,
        }
    }

    /// The status of an HTTP answer.
    pub fn http_status(&self) -> u16 {
        match self {
            AppError::NotFound { .. } => 404,
            AppError::NotAllowed { .. } => 403,
            AppError::Conflict { .. } => 409,
            AppError::Invalid { .. } => 422,
            AppError::Internal { .. } => 500,
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        AppError::Internal { words: error.to_string() }
    }
}
