//! `ticket export`.
