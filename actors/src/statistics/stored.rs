//! stage 1
pub(crate) struct Target;
