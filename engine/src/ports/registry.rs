//! The registry that has the schemas of messages.

use futures::future::BoxFuture;

use crate::types::{Registered, SchemaId};

/// Why a registry did not say what it has. None of these says anything of the schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It asks for fewer calls.
    #[error("throttled: {0}")]
    Throttled(String),
    /// It refuses who asks. That may change without us: credentials are renewed, rights are given.
    #[error("refused: {0}")]
    Refused(String),
    /// It cannot be reached, is in trouble, or is no registry.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// A registry of schemas. No call retries by itself; every call ends within a bounded time.
pub trait SchemaRegistry: Send + Sync + 'static {
    /// What it has under an id. [`Registered::Unknown`] is its own word, never a guess.
    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Registered, RegistryError>>;

    /// An id under which no registry has anything, to try whether this one answers.
    fn no_schema(&self) -> SchemaId;
}
