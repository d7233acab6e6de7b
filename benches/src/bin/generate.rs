//! Writes the events of the benchmarks to a file of JSON lines, for tools that are not ours.
//!
//! `generate web|nested MEGABYTES FILE`; a megabyte is 10^6 bytes.

use std::path::Path;

use shardmill_benches::events::{Kind, write_lines};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, megabytes, file] = &arguments[..] else {
        return Err("usage: generate web|nested MEGABYTES FILE".into());
    };
    let kind = match kind.as_str() {
        "web" => Kind::WebAccess,
        "nested" => Kind::Nested,
        other => return Err(format!("`{other}` is no kind of event: web or nested").into()),
    };
    let bytes = write_lines(kind, megabytes.parse::<u64>()? * 1_000_000, Path::new(file))?;
    println!("{bytes} bytes in {file}");
    Ok(())
}
