//! Act 3: what we owe. Each file is one idempotent loop body over rows.

pub mod channel;
pub mod climb;
pub mod digest;
pub mod head;
pub mod keys;
pub mod post;
pub mod rota;
pub mod seal;
pub mod tidy;
pub mod under_way;
pub mod wording;
