//! The password of a server, found at the time of connecting.
use super::{Password, Secret, Server};
/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Unreadable.
    #[error("stand-in")]
    StandIn,
}
/// The password to send.
pub fn password(server: &Server) -> Result<Option<Secret>, PasswordError> {
    match &server.password {
        Password::Inline(s) => Ok(Some(s.clone())),
        _ => Ok(None),
    }
}
