#![doc = include_str!("../../README.md")]

pub mod adapters;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
mod engine;
mod error;
mod expressions;
mod handle;
pub mod integration;
pub mod lifecycle;
pub mod permissions;
mod pipeline;
pub mod preview;
pub mod probe;
pub mod progress;
pub mod statistics;

pub use engine::Shardmill;
pub use error::Error;
pub use handle::{CommittedWindow, Handle, News, Subscription};
pub use preview::{preview, preview_blocking};
pub use shardmill_engine::{log, ports, types};
pub use statistics::Statistics;
