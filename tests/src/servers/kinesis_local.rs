//! kinesis-local (npm): polling in full, with ChildShards, paging, the 10 MiB cap and lag.

use std::net::SocketAddr;
use std::process::Command;

use crate::process::Process;
use crate::{paths, tools};

/// A kinesis-local server as a child process.
pub struct KinesisLocal {
    address: SocketAddr,
    process: Process,
}

impl KinesisLocal {
    /// Starts one.
    pub async fn start() -> Self {
        let mut node = Command::new("node");
        node.arg("--require")
            .arg(paths::tool_source("listen_on_loopback.cjs"))
            .arg("main.js")
            // It reads its certificate from the working folder.
            .current_dir(tools::kinesis_local())
            // The preloaded script puts them on free ports and tells which.
            .env("KINESIS_MOCK_PLAIN_PORT", "1")
            .env("KINESIS_MOCK_TLS_PORT", "2")
            .env("SHARD_LIMIT", "2000")
            .env("LOG_LEVEL", "WARN");
        for change in ["CREATE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS"] {
            node.env(format!("{change}_DURATION"), "50ms");
        }
        let mut process = Process::start("kinesis-local", node);
        let port = process.line("port 1 is ").await;
        let port: u16 = port.parse().expect("a port");
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            process,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
