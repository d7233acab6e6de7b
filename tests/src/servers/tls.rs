//! Any router over TLS and HTTP/2, as AWS's endpoints are.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::http::Version;
use axum::middleware::{Next, from_fn};
use axum::serve::{IncomingStream, Listener};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::{paths, process, tools};

/// A router that is served over TLS and HTTP/2, until its runtime ends.
pub struct Secure {
    address: SocketAddr,
    certificate: Certificate,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen of subscriptions.
#[derive(Default)]
struct Seen {
    /// Connections that had any.
    peers: BTreeSet<SocketAddr>,
    /// How many came over another protocol than HTTP/2.
    otherwise: usize,
}

impl Secure {
    pub(super) async fn serve(certificate: Certificate, app: Router) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let notes = Arc::clone(&seen);
        let app = app.layer(from_fn(move |request: Request, next: Next| {
            note(
                &mut notes.lock().expect("no panic under the lock"),
                &request,
            );
            next.run(request)
        }));
        let listener = TlsListener::bind(&certificate).await;
        let address = listener.local_addr().expect("a bound port");
        let service = app.into_make_service_with_connect_info::<Peer>();
        tokio::spawn(axum::serve(listener, service).into_future());
        Self {
            address,
            certificate,
            seen,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate that clients are to trust.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.path()
    }

    /// How many connections subscriptions came on.
    ///
    /// # Panics
    /// If one came over another protocol than HTTP/2.
    pub fn connections_with_subscriptions(&self) -> usize {
        let seen = self.seen.lock().expect("no panic under the lock");
        assert_eq!(seen.otherwise, 0, "subscriptions by another protocol");
        seen.peers.len()
    }
}

/// The other end of a connection.
#[derive(Clone, Copy)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

fn note(seen: &mut Seen, request: &Request) {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    if !target.is_some_and(|target| target.ends_with(".SubscribeToShard")) {
        return;
    }
    if let Some(ConnectInfo(Peer(peer))) = request.extensions().get::<ConnectInfo<Peer>>() {
        seen.peers.insert(*peer);
    }
    seen.otherwise += usize::from(request.version() != Version::HTTP_2);
}

/// A certificate of 127.0.0.1 that nobody trusts who is not told to.
pub(super) struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// Makes one.
    pub fn make() -> Self {
        let folder = paths::new_folder();
        let certificate = Self { folder };
        let mut make = tools::script("make_certificate.py");
        make.arg(certificate.path()).arg(certificate.key());
        process::run("make_certificate.py", make, b"");
        certificate
    }

    /// The file that clients are told to trust.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn server_config(&self) -> ServerConfig {
        let read = |path: &Path| std::fs::read(path).expect("the script has written it");
        let certificate = CertificateDer::from_pem_slice(&read(&self.path()));
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("a certificate")],
                key.expect("a key"),
            )
            .expect("they belong together");
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

/// Accepts connections that speak TLS and offer HTTP/2.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    /// Listens on a free port.
    pub async fn bind(certificate: &Certificate) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        Self {
            listener: listener.expect("loopback has a free port"),
            acceptor: TlsAcceptor::from(Arc::new(certificate.server_config())),
        }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // Whoever goes away before that is no connection.
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
