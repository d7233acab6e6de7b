//! A TCP proxy in front of a server, which can slow it down, freeze it or take it away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once.
const CHUNK: usize = 16 * 1024;

/// How the server behind the proxy looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// As it is.
    Open,
    /// It takes so many bytes a second over all connections; its answers are not slowed.
    SlowTo(u64),
    /// Connections are taken and nothing comes back: half-open, as after a lost route.
    Frozen,
    /// Connections break and new ones are closed at once.
    Down,
}

/// A proxy; it ends with this value.
pub struct Proxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    sent: Arc<AtomicU64>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Puts a proxy in front of `server`.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port");
        let (link, seen) = watch::channel(Link::Open);
        let sent = Arc::new(AtomicU64::new(0));
        let pace = Arc::new(tokio::sync::Mutex::new(tokio::time::Instant::now()));
        let counter = Arc::clone(&sent);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let way = Way {
                    link: seen.clone(),
                    sent: Arc::clone(&counter),
                    pace: Arc::clone(&pace),
                };
                tokio::spawn(way.connection(client, server));
            }
        });
        Self {
            address,
            link,
            sent,
            listening,
        }
    }

    /// The URL that clients use in place of the server's.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how the server looks, for open connections too.
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// Bytes that clients have sent through, headers included.
    pub fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Link::Down);
        self.listening.abort();
    }
}

#[derive(Clone)]
struct Way {
    link: watch::Receiver<Link>,
    sent: Arc<AtomicU64>,
    /// When the next byte may go, shared by all connections of a slow link.
    pace: Arc<tokio::sync::Mutex<tokio::time::Instant>>,
}

impl Way {
    async fn connection(mut self, client: TcpStream, server: SocketAddr) {
        if *self.link.borrow() == Link::Down {
            return;
        }
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let requests = self.clone().pass(from_client, to_server, true);
        let answers = self.clone().pass(from_server, to_client, false);
        tokio::select! {
            () = async { tokio::join!(requests, answers); } => {}
            _ = self.link.wait_for(|link| *link == Link::Down) => {}
        }
    }

    async fn pass(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, requests: bool) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let thawed = self.link.wait_for(|link| *link != Link::Frozen).await;
            let Ok(link) = thawed.map(|link| *link) else {
                return;
            };
            if requests {
                self.sent.fetch_add(read as u64, Ordering::Relaxed);
                if let Link::SlowTo(bytes_per_second) = link {
                    self.wait_turn(read, bytes_per_second).await;
                }
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    }

    async fn wait_turn(&self, bytes: usize, bytes_per_second: u64) {
        let turn = {
            let mut pace = self.pace.lock().await;
            let turn = (*pace).max(tokio::time::Instant::now());
            *pace = turn + Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}
