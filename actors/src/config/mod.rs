//! Settings of a data source, in TOML and in Rust.
