//! ferrokinesis, in this process: fast, but without ChildShards, lag and the 10 MiB cap.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use ferrokinesis::create_app;
use ferrokinesis::store::StoreOptions;
use tokio::sync::oneshot;

use super::tls::{Certificate, Secure};

/// A Kinesis server on a thread and a runtime of its own, so that a test which blocks does not hold
/// it up.
pub struct Ferrokinesis {
    address: SocketAddr,
    secure: Option<Secure>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ferrokinesis {
    /// Starts one whose shard iterators live 5 minutes, as Kinesis's do.
    pub async fn start() -> Self {
        Self::with_iterators_that_live(300).await
    }

    /// Starts one whose shard iterators live for so many seconds.
    pub async fn with_iterators_that_live(seconds: u64) -> Self {
        Self::with_lives(seconds, 300_000).await
    }

    /// Starts one whose subscriptions end after so many milliseconds.
    pub async fn with_subscriptions_that_live(millis: u64) -> Self {
        Self::with_lives(300, millis).await
    }

    /// Starts one that is there over TLS and HTTP/2 as well: see [`Self::secure`].
    pub async fn start_secure() -> Self {
        Self::with(Self::options(300, 300_000), Some(Certificate::make())).await
    }

    /// The same server over TLS and HTTP/2.
    ///
    /// # Panics
    /// Unless it was started so.
    pub fn secure(&self) -> &Secure {
        self.secure.as_ref().expect("it was started with TLS")
    }

    async fn with_lives(iterator_seconds: u64, subscription_ms: u64) -> Self {
        Self::with(Self::options(iterator_seconds, subscription_ms), None).await
    }

    fn options(iterator_seconds: u64, subscription_ms: u64) -> StoreOptions {
        StoreOptions {
            create_stream_ms: 20,
            delete_stream_ms: 20,
            update_stream_ms: 20,
            shard_limit: 1_000,
            iterator_ttl_seconds: iterator_seconds,
            subscribe_to_shard_session_ms: subscription_ms,
            ..StoreOptions::default()
        }
    }

    async fn with(options: StoreOptions, certificate: Option<Certificate>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (started, start) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(options, certificate, started, stopped));
        let (address, secure) = start.await.expect("ferrokinesis starts");
        Self {
            address,
            secure,
            stop: Some(stop),
            thread: Some(thread),
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
}

impl Drop for Ferrokinesis {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server shows in the test's output.
            let _ = thread.join();
        }
    }
}

fn serve(
    options: StoreOptions,
    certificate: Option<Certificate>,
    started: oneshot::Sender<(SocketAddr, Option<Secure>)>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let (app, _store) = create_app(options);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port");
        let secure = match certificate {
            Some(certificate) => Some(Secure::serve(certificate, app.clone()).await),
            None => None,
        };
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        let _ = started.send((address, secure));
        // Ends when the sender is dropped; open connections go with the runtime.
        let _ = stopped.await;
        server.abort();
    });
    runtime.shutdown_background();
}
