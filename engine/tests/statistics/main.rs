//! I8: what statistics say is what a look at every event says.

mod agreement;
mod answers;
mod documents;
mod limits;
mod logical;
mod naive;
mod views;
