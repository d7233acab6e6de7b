//! An HTTP proxy in front of an S3 server that gives the errors which S3 gives: 500 and 503, 409, a
//! lost answer, and, the first time that an upload is completed, 200 with an error in the body.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::faults::Chance;

/// The largest body of a request.
const MAX_BODY: usize = 64 << 20;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// 500 without effect.
    InternalError,
    /// 503 without effect.
    SlowDown,
    /// 409 without effect: another conditional request is under way.
    Conflict,
    /// It takes effect, and the answer is 500.
    AnswerLost,
    /// It takes effect, and the connection breaks.
    Broken,
}

const READING: [Fault; 3] = [Fault::InternalError, Fault::SlowDown, Fault::Broken];
const WRITING: [Fault; 5] = [
    Fault::InternalError,
    Fault::SlowDown,
    Fault::Conflict,
    Fault::AnswerLost,
    Fault::Broken,
];
const COMPLETING: [Fault; 2] = [Fault::InternalError, Fault::AnswerLost];

/// A faulty S3; it ends with this value.
pub struct FaultyS3 {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    server: SocketAddr,
    chance: Chance,
    /// Uploads whose Complete has been refused once in the body of an answer 200.
    refused: Mutex<HashSet<String>>,
}

impl Shared {
    fn refused(&self) -> MutexGuard<'_, HashSet<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultyS3 {
    /// Puts the faults of `chance` in front of `server`.
    pub async fn start(server: SocketAddr, chance: Chance) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port");
        let shared = Arc::new(Shared {
            server,
            chance,
            refused: Mutex::new(HashSet::new()),
        });
        let router = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            // Ends with the task.
            let _ = axum::serve(listener, router).await;
        });
        Self {
            address,
            shared,
            serving,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many uploads were completed after an answer with the status 200 and an error in the body.
    pub fn errors_in_body(&self) -> usize {
        self.shared.refused().len()
    }
}

impl Drop for FaultyS3 {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return error(StatusCode::BAD_REQUEST, "IncompleteBody");
    };
    let query = head.uri.query().unwrap_or_default();
    let completes = head.method == "POST" && query.contains("uploadId=");
    if completes && shared.refused().insert(query.to_owned()) {
        return error(StatusCode::OK, "InternalError");
    }
    let ways: &[Fault] = match head.method.as_str() {
        _ if completes => &COMPLETING,
        // The SDK would not see a 409 for something else than a conditional put.
        "PUT" if head.headers.contains_key(header::IF_NONE_MATCH) => &WRITING,
        // An answer without a body cannot break in the middle of it.
        "HEAD" => &READING[..2],
        _ => &READING,
    };
    let fault = shared.chance.pick(ways);
    match fault {
        Some(Fault::InternalError) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Some(Fault::SlowDown) => error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Fault::Conflict) => error(StatusCode::CONFLICT, "ConditionalRequestConflict"),
        Some(Fault::AnswerLost | Fault::Broken) | None => {
            let answer = forward(shared.server, &head, &body).await;
            match fault {
                Some(Fault::AnswerLost) => {
                    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
                }
                Some(Fault::Broken) => broken(),
                _ => answer.unwrap_or_else(|_| error(StatusCode::BAD_GATEWAY, "InternalError")),
            }
        }
    }
}

/// An answer as S3 words its errors.
fn error(status: StatusCode, code: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>injected</Message></Error>"
    );
    let answer = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/xml");
    answer.body(body.into()).expect("an answer")
}

/// An answer whose body ends in an error, which closes the connection.
fn broken() -> Response<Body> {
    let cut = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("injected")) });
    Response::new(Body::from_stream(cut))
}

/// Makes the same request of the server, on a connection of its own.
async fn forward(
    server: SocketAddr,
    head: &axum::http::request::Parts,
    body: &[u8],
) -> std::io::Result<Response<Body>> {
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.uri).into_bytes();
    for (name, value) in &head.headers {
        let ours = [
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
        ];
        if !ours.contains(name) && name != header::EXPECT {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    let length = format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    text.extend(length.into_bytes());
    let mut connection = TcpStream::connect(server).await?;
    connection.write_all(&text).await?;
    connection.write_all(body).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    parse(&answer).ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

/// An answer that ended with its connection.
fn parse(answer: &[u8]) -> Option<Response<Body>> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut parsed = Response::builder().status(status);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if !name.eq_ignore_ascii_case("connection") {
            parsed = parsed.header(name, value.trim());
        }
    }
    let body = Bytes::copy_from_slice(&answer[end + 4..]);
    parsed.body(body.into()).ok()
}
