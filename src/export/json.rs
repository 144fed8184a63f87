//! The JSON API: pictures of a snapshot, and what a request may ask of them.

mod health;
mod statements;

pub use health::{Health, health};
pub use statements::{BadQuery, Order, StatementsPage, StatementsQuery, statements};
