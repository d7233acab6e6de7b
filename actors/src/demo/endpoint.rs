//! A Kinesis endpoint in this process, on a free port of the loopback address.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::Client;
use ferrokinesis::store::StoreOptions;
use tokio::runtime::Runtime;

use super::producer::{self, Producer};
use crate::error::Error;

/// The region that the endpoint says it is in.
pub const REGION: &str = "us-east-1";

/// The endpoint, serving until it is dropped.
pub struct Endpoint {
    url: String,
    sdk: SdkConfig,
    runtime: Option<Runtime>,
}

impl Endpoint {
    /// Starts serving and creates a stream.
    ///
    /// # Errors
    /// `demo.endpoint` when no port can be bound or the stream cannot be made.
    pub fn start(stream: &str, kinesis_shards: u32) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("shardmill-demo-kinesis")
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let (told, address) = mpsc::channel();
        runtime.spawn(async move {
            let bound = serve().await;
            match bound {
                Ok((address, server)) => {
                    // Whoever waits for the address is still there: it is the caller.
                    let _ = told.send(Ok(address));
                    server.await;
                }
                Err(error) => {
                    let _ = told.send(Err(error));
                }
            }
        });
        let address = address
            .recv()
            .map_err(|error| failed(&error))?
            .map_err(|e| failed(&e))?;
        let url = format!("http://{address}");
        let endpoint = Self {
            sdk: sdk(&url),
            url,
            runtime: Some(runtime),
        };
        endpoint.block_on(create_stream(
            endpoint.client(),
            stream.to_owned(),
            kinesis_shards,
        ))?;
        Ok(endpoint)
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the AWS SDK reaches it.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// Puts `rate` events a second on the stream for `duration`.
    pub fn produce(&self, rate: u64, duration: Duration) -> Producer {
        Producer::start(self.client(), self.handle(), rate, duration)
    }

    /// Puts records (partition key, data) on a stream of this endpoint and waits until all are
    /// taken. At most 500.
    ///
    /// # Errors
    /// `demo.endpoint` when the endpoint refuses one.
    pub fn put(&self, stream: &str, records: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let (client, stream) = (self.client(), stream.to_owned());
        self.block_on(async move { producer::put(&client, &stream, records, |_| ()).await })
    }

    fn client(&self) -> Client {
        Client::new(&self.sdk)
    }

    fn handle(&self) -> tokio::runtime::Handle {
        // The runtime leaves only in `drop`.
        self.runtime
            .as_ref()
            .expect("the runtime of a living endpoint")
            .handle()
            .clone()
    }

    fn block_on<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = mpsc::channel();
        self.handle().spawn(async move {
            // The caller waits just below.
            let _ = done.send(work.await);
        });
        result.recv().map_err(|error| failed(&error))?
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve() -> std::io::Result<(SocketAddr, impl Future<Output = ()>)> {
    let options = StoreOptions {
        create_stream_ms: 0,
        shard_limit: 1_000,
        ..StoreOptions::default()
    };
    let (app, _store) = ferrokinesis::create_app(options);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let server = async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the demo's Kinesis endpoint has ended");
        }
    };
    Ok((address, server))
}

async fn create_stream(client: Client, stream: String, shards: u32) -> Result<(), Error> {
    let shards = i32::try_from(shards).unwrap_or(1);
    let create = client
        .create_stream()
        .stream_name(&stream)
        .shard_count(shards);
    create.send().await.map_err(|error| failed(&error))?;
    for _ in 0..500 {
        let summary = client
            .describe_stream_summary()
            .stream_name(&stream)
            .send()
            .await;
        let summary = summary.map_err(|error| failed(&error))?;
        let status = summary
            .stream_description_summary()
            .map(|summary| summary.stream_status());
        if status == Some(&aws_sdk_kinesis::types::StreamStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(Error::new(
        "demo.endpoint",
        "the demo's stream did not become active in 5 seconds",
    ))
}

/// How the AWS SDK reaches an endpoint of this kind at a URL. It takes any signature, so the
/// credentials are words that mean nothing elsewhere.
pub fn sdk(url: &str) -> SdkConfig {
    let credentials = Credentials::new("demo", "demo", None, None, "shardmill demo");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(url)
        .credentials_provider(
            aws_credential_types::provider::SharedCredentialsProvider::new(credentials),
        )
        .build()
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    let message = format!("the demo's Kinesis endpoint could not be started: {error}");
    Error::new("demo.endpoint", message)
}
