//! moto (PyPI): S3 with conditional writes and multipart uploads.

use std::net::SocketAddr;

use crate::process::Process;
use crate::{s3, tools};

/// A moto server as a child process.
pub struct Moto {
    address: SocketAddr,
    _process: Process,
}

impl Moto {
    /// Starts one.
    pub async fn start() -> Self {
        let mut server = tools::script("s3_server.py");
        server.env("PYTHONUNBUFFERED", "1").env("NO_COLOR", "1");
        let mut process = Process::start("moto", server);
        let address = process
            .line(" * Running on http://")
            .await
            .trim()
            .parse()
            .expect("an address");
        Self {
            address,
            _process: process,
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

    /// Makes a bucket.
    pub async fn bucket(&self, name: &str) {
        s3::client(&self.url())
            .create_bucket()
            .bucket(name)
            .send()
            .await
            .expect("moto makes a bucket");
    }
}
