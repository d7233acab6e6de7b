//! An HTTP server that answers by a script: for what no server of Kinesis or S3 can be made to say.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is answered in full.
    Whole {
        /// The status.
        status: u16,
        /// Headers besides the length and the date.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The head of an answer with this status, then half of the body, then the connection ends.
    Half {
        /// The status.
        status: u16,
        /// The body that is announced.
        body: String,
    },
    /// The connection ends without an answer.
    Cut,
    /// The connection stays and nothing comes.
    Silence,
}

impl Answer {
    /// A body with this status.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Answer::Whole {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// An answer of Kinesis in CBOR.
    pub fn kinesis_cbor(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let content_type = ("Content-Type", "application/x-amz-cbor-1.1".to_owned());
        Answer::Whole {
            status,
            headers: vec![content_type],
            body: body.into(),
        }
    }

    /// An error as Kinesis sends it.
    pub fn kinesis_error(status: u16, code: &str) -> Self {
        Answer::new(
            status,
            format!(r#"{{"__type":"{code}","message":"by the script"}}"#),
        )
    }

    /// An error as S3 sends it.
    pub fn s3_error(status: u16, code: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>by the script</Message></Error>"
        );
        Answer::new(status, body)
    }
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method and the path with its query.
    pub line: String,
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

/// A server that plays a script; it ends with this value.
pub struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    listening: JoinHandle<()>,
}

/// The `Date` of every answer, and the same in milliseconds.
pub const DATE: (&str, i64) = ("Mon, 23 Nov 2026 06:00:00 GMT", 1_795_413_600_000);

impl Scripted {
    /// Starts one that gives these answers, one a request. After the last one connections end
    /// without an answer.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port");
        let script: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        let listening = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let play = play(connection, Arc::clone(&script), Arc::clone(&requests));
                tokio::spawn(play);
            }
        });
        Self {
            address,
            seen,
            listening,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic under the lock").clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn play(
    connection: TcpStream,
    script: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let mut connection = BufReader::new(connection);
    while let Some(request) = read(&mut connection).await {
        seen.lock().expect("no panic under the lock").push(request);
        let next = script.lock().expect("no panic under the lock").pop_front();
        let (bytes, goes_on) = match next.unwrap_or(Answer::Cut) {
            Answer::Whole {
                status,
                headers,
                body,
            } => (answer(status, &headers, &body, body.len()), true),
            Answer::Half { status, body } => {
                let body = body.as_bytes();
                (
                    answer(status, &[], &body[..body.len() / 2], body.len()),
                    false,
                )
            }
            Answer::Cut => return,
            Answer::Silence => return std::future::pending().await,
        };
        let written = connection.write_all(&bytes).await;
        if written.is_err() || connection.flush().await.is_err() || !goes_on {
            return;
        }
    }
}

/// An answer that announces `length` bytes and sends `body`.
fn answer(status: u16, headers: &[(&str, String)], body: &[u8], length: usize) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {status} Scripted\r\nDate: {}\r\nContent-Length: {length}\r\n",
        DATE.0
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// Reads one request; `None` at the end of the connection.
async fn read(connection: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let (line, headers) = lines.split_first()?;
    let headers: BTreeMap<String, String> = headers
        .iter()
        .filter_map(|header| header.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map(|n| n.parse());
    let mut body = vec![0; length.transpose().ok()?.unwrap_or(0)];
    connection.read_exact(&mut body).await.ok()?;
    Some(Request {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    })
}
