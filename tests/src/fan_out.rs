//! A server of enhanced fan-out that does what a test says, one subscription at a time: for
//! takeovers, silence, ends and errors that no server of Kinesis can be made to show.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrokinesis::event_stream::{
    encode_exception, encode_initial_response, encode_subscribe_event,
};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The ARN of the one stream.
pub const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks";

/// The ARN of the consumer `mill`.
pub const CONSUMER: &str =
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/mill:1700000000";

/// The one Kinesis shard.
pub const SHARD: &str = "shardId-000000000000";

/// The server; it ends with this value.
pub struct FanOutServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    subscriptions: mpsc::UnboundedReceiver<Subscription>,
    listening: JoinHandle<()>,
}

struct Shared {
    /// What DescribeStreamConsumer answers, in turn, the last one again and again.
    consumer: Mutex<VecDeque<Option<&'static str>>>,
    refusals: Mutex<VecDeque<&'static str>>,
    calls: Mutex<Vec<Call>>,
    accepted: mpsc::UnboundedSender<Subscription>,
}

/// A call as the server saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which.
    pub name: String,
    /// What it was asked.
    pub body: Value,
    /// When.
    pub at: Instant,
}

/// A subscription that was accepted. It ends in order when this is dropped.
pub struct Subscription {
    /// The call.
    pub call: Call,
    send: mpsc::Sender<Result<Bytes, std::io::Error>>,
}

impl FanOutServer {
    /// Starts one whose consumer is active.
    pub async fn start() -> Self {
        let (accepted, subscriptions) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            consumer: Mutex::new([Some("ACTIVE")].into()),
            refusals: Mutex::default(),
            calls: Mutex::default(),
            accepted,
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port");
        let of_calls = Arc::clone(&shared);
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let shared = Arc::clone(&of_calls);
            async move { shared.answer(&headers, &body) }
        });
        let listening = tokio::spawn(async move {
            // Ends with the task.
            let _ = axum::serve(listener, app).await;
        });
        Self {
            address,
            shared,
            subscriptions,
            listening,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What DescribeStreamConsumer answers from now on, one after another: a status, or that there
    /// is no such consumer.
    pub fn consumer(&self, answers: impl IntoIterator<Item = Option<&'static str>>) {
        *lock(&self.shared.consumer) = answers.into_iter().collect();
    }

    /// The next SubscribeToShard is refused with this code.
    pub fn refuse(&self, code: &'static str) {
        lock(&self.shared.refusals).push_back(code);
    }

    /// The next subscription.
    pub async fn subscription(&mut self) -> Subscription {
        self.subscriptions
            .recv()
            .await
            .expect("the server outlives it")
    }

    /// The calls so far that have this name.
    pub fn calls(&self, name: &str) -> Vec<Call> {
        let calls = lock(&self.shared.calls);
        let named = calls.iter().filter(|call| call.name == name);
        named.cloned().collect()
    }
}

impl Drop for FanOutServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok());
        let name = target.and_then(|target| target.split('.').nth(1));
        let call = Call {
            name: name.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            at: Instant::now(),
        };
        lock(&self.calls).push(call.clone());
        match call.name.as_str() {
            "DescribeStreamSummary" => {
                let summary = json!({
                    "StreamName": "clicks", "StreamARN": STREAM, "StreamStatus": "ACTIVE",
                    "RetentionPeriodHours": 24, "StreamCreationTimestamp": 1.0,
                    "EnhancedMonitoring": [], "OpenShardCount": 1,
                });
                good(&json!({ "StreamDescriptionSummary": summary }))
            }
            "DescribeStreamConsumer" => self.describe(),
            "RegisterStreamConsumer" => good(&json!({ "Consumer": {
                "ConsumerName": "mill", "ConsumerARN": CONSUMER, "ConsumerStatus": "CREATING",
                "ConsumerCreationTimestamp": 1.0,
            }})),
            "SubscribeToShard" => match lock(&self.refusals).pop_front() {
                Some(code) => refused(code),
                None => self.accept(call),
            },
            _ => refused("UnknownOperationException"),
        }
    }

    fn describe(&self) -> Response {
        let mut answers = lock(&self.consumer);
        let answer = match answers.len() {
            0 | 1 => answers.front().copied(),
            _ => answers.pop_front(),
        };
        match answer.flatten() {
            None => refused("ResourceNotFoundException"),
            Some(status) => good(&json!({ "ConsumerDescription": {
                "ConsumerName": "mill", "ConsumerARN": CONSUMER, "ConsumerStatus": status,
                "ConsumerCreationTimestamp": 1.0, "StreamARN": STREAM,
            }})),
        }
    }

    fn accept(&self, call: Call) -> Response {
        let (send, receive) = mpsc::channel(1);
        let events = futures::stream::unfold(receive, |mut receive| async {
            let piece = receive.recv().await?;
            Some((piece, receive))
        });
        let first = Ok(Bytes::from(encode_initial_response()));
        let first = futures::stream::once(async { first });
        // A test that is over wants it no more.
        let _ = self.accepted.send(Subscription { call, send });
        Body::from_stream(first.chain(events)).into_response()
    }
}

fn good(body: &Value) -> Response {
    body.to_string().into_response()
}

fn refused(code: &str) -> Response {
    let body = json!({ "__type": code, "message": "by the test" });
    (StatusCode::BAD_REQUEST, body.to_string()).into_response()
}

impl Subscription {
    /// Sends an event with records of these sequence numbers, each with so many bytes.
    pub async fn event(&self, records: &[u64], bytes: usize, continuation: &str, more: Value) {
        self.piece(event(records, bytes, continuation, more)).await;
    }

    /// Sends an event without records.
    pub async fn heartbeat(&self, continuation: &str) {
        self.event(&[], 0, continuation, json!({})).await;
    }

    /// Sends an error as an event.
    pub async fn exception(&self, code: &'static str) {
        self.piece(encode_exception(code, "by the test")).await;
    }

    /// Sends bytes as they are.
    pub async fn piece(&self, bytes: Vec<u8>) {
        let sent = self.send.send(Ok(bytes.into())).await;
        sent.expect("the subscription is open");
    }

    /// Cuts the connection.
    pub async fn cut(self) {
        let error = std::io::Error::other("by the test");
        // The other side may have gone before.
        let _ = self.send.send(Err(error)).await;
    }

    /// Waits until the other side has closed it.
    pub async fn closed(&self) {
        self.send.closed().await;
    }

    /// Where it begins.
    pub fn position(&self) -> (&str, &str) {
        let position = &self.call.body["StartingPosition"];
        let text = |key: &str| position[key].as_str().unwrap_or_default();
        (text("Type"), text("SequenceNumber"))
    }
}

/// The bytes of an event.
pub fn event(records: &[u64], bytes: usize, continuation: &str, more: Value) -> Vec<u8> {
    // "AAAA" is three bytes in base64.
    let data = "AAAA".repeat(bytes / 3);
    let records = records.iter().map(|number| {
        json!({
            "SequenceNumber": number.to_string(), "PartitionKey": "k", "Data": data,
            "ApproximateArrivalTimestamp": 1_795_413_600.0,
        })
    });
    let mut event = json!({
        "Records": records.collect::<Vec<_>>(), "ContinuationSequenceNumber": continuation,
        "MillisBehindLatest": 0,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    encode_subscribe_event(event.to_string().as_bytes(), "application/json")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic under the lock")
}
