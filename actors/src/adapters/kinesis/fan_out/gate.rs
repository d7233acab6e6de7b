//! The body of a subscription, one message at a time: what has come is seen without taking it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::Instant;

/// The bytes that tell the length of a message of `application/vnd.amazon.eventstream`.
const LENGTH_BYTES: usize = 4;
/// Such a message has at least its two checksums and two lengths.
const LEAST_MESSAGE: usize = 16;
/// A message that says that it is longer is none: an event holds 10 MiB in base64, and a little more.
const MOST_MESSAGE: usize = 32 << 20;

/// What stands between the connection and whoever decodes events. It holds one piece of the body at
/// most, as the connection gives it (one frame of HTTP/2), and cuts it where messages end: the
/// decoder never has more than the message that it was asked for.
pub(super) struct Gate {
    passing: Mutex<Passing>,
}

struct Passing {
    body: SdkBody,
    held: Bytes,
    over: Option<Result<(), BoxError>>,
    message: Message,
    empty_at: Option<Instant>,
}

/// How much of the message under way has passed.
#[derive(Debug, Default)]
struct Message {
    length: BytesMut,
    total: Option<usize>,
    passed: usize,
}

impl Gate {
    pub(super) fn new(body: SdkBody) -> Arc<Self> {
        let passing = Passing {
            body,
            held: Bytes::new(),
            over: None,
            message: Message::default(),
            empty_at: None,
        };
        Arc::new(Self {
            passing: Mutex::new(passing),
        })
    }

    /// The body that the decoder reads.
    pub(super) fn body(self: &Arc<Self>) -> SdkBody {
        SdkBody::from_body_1_x(Gated(Arc::clone(self)))
    }

    /// Resolves when there is something: bytes, the end, an error.
    pub(super) async fn arrived(&self) {
        std::future::poll_fn(|context| self.lock().look(context)).await;
    }

    /// Whether there is something that has been seen.
    pub(super) fn has_something(&self) -> bool {
        let passing = self.lock();
        !passing.held.is_empty() || passing.over.is_some()
    }

    /// When the connection was last seen with nothing of the next message.
    pub(super) fn empty_at(&self) -> Option<Instant> {
        self.lock().empty_at
    }

    fn lock(&self) -> MutexGuard<'_, Passing> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passing {
    fn look(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.held.is_empty() && self.over.is_none() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing.
                    self.held = frame.into_data().unwrap_or_default();
                }
                Poll::Ready(Some(Err(error))) => self.over = Some(Err(error)),
                Poll::Ready(None) => self.over = Some(Ok(())),
                Poll::Pending => {
                    if self.message.is_at_its_beginning() {
                        self.empty_at = Some(Instant::now());
                    }
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }
}

impl Message {
    fn is_at_its_beginning(&self) -> bool {
        self.passed == 0
    }

    /// Cuts off what belongs to the message under way.
    fn cut(&mut self, held: &mut Bytes) -> Result<Bytes, BoxError> {
        let total = match self.total {
            Some(total) => total,
            None => {
                let missing = LENGTH_BYTES - self.length.len();
                self.length
                    .extend_from_slice(&held[..missing.min(held.len())]);
                let Some(length) = self.length.first_chunk() else {
                    self.passed = self.length.len();
                    return Ok(std::mem::take(held));
                };
                let total = u32::from_be_bytes(*length) as usize;
                if !(LEAST_MESSAGE..=MOST_MESSAGE).contains(&total) {
                    return Err(format!("an event says that it has {total} bytes").into());
                }
                *self.total.insert(total)
            }
        };
        let piece = held.split_to(held.len().min(total - self.passed));
        self.passed += piece.len();
        if self.passed == total {
            *self = Self::default();
        }
        Ok(piece)
    }
}

struct Gated(Arc<Gate>);

impl Body for Gated {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut passing = self.0.lock();
        if passing.look(context).is_pending() {
            return Poll::Pending;
        }
        let Passing {
            held,
            message,
            over,
            ..
        } = &mut *passing;
        if held.is_empty() {
            return Poll::Ready(match over.replace(Ok(())) {
                Some(Err(error)) => Some(Err(error)),
                Some(Ok(())) | None => None,
            });
        }
        let piece = message.cut(held).map(Frame::data);
        Poll::Ready(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::sync::mpsc;

    use super::*;

    /// A body whose frames are sent.
    struct Sent(mpsc::UnboundedReceiver<Bytes>);

    impl Body for Sent {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let frame = self.0.poll_recv(context);
            frame.map(|data| data.map(|data| Ok(Frame::data(data))))
        }
    }

    fn gate() -> (mpsc::UnboundedSender<Bytes>, Arc<Gate>, SdkBody) {
        let (send, receive) = mpsc::unbounded_channel();
        let gate = Gate::new(SdkBody::from_body_1_x(Sent(receive)));
        let body = gate.body();
        (send, gate, body)
    }

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![7; length];
        bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        bytes
    }

    async fn next(body: &mut SdkBody) -> Option<Result<Bytes, BoxError>> {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = frame.await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }

    #[tokio::test]
    async fn pieces_end_where_messages_end_however_frames_are_cut() {
        let lengths = [16, 40, 17, 300, 16];
        let stream: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
        for size in [1, 3, 4, 5, 16, 57, 1_000] {
            let (send, _gate, mut body) = gate();
            for frame in stream.chunks(size) {
                send.send(Bytes::copy_from_slice(frame)).unwrap();
            }
            drop(send);
            let (mut all, mut ends) = (Vec::new(), Vec::new());
            while let Some(piece) = next(&mut body).await {
                all.extend_from_slice(&piece.unwrap());
                ends.push(all.len());
            }
            assert_eq!(all, stream, "frames of {size}");
            let mut end = 0;
            for length in lengths {
                end += length;
                assert!(
                    ends.contains(&end),
                    "frames of {size} hide the end at {end}"
                );
            }
        }
    }

    #[tokio::test]
    async fn looking_takes_one_frame_and_no_more() {
        let (send, gate, mut body) = gate();
        assert!(gate.arrived().now_or_never().is_none());
        assert!(!gate.has_something());
        for _ in 0..3 {
            send.send(message(20).into()).unwrap();
        }
        for _ in 0..5 {
            assert!(gate.arrived().now_or_never().is_some());
        }
        assert_eq!(gate.lock().held.len(), 20);
        next(&mut body).await.unwrap().unwrap();
        assert!(!gate.has_something(), "the rest stays where it is");
    }

    #[tokio::test]
    async fn the_connection_was_empty_before_the_first_byte_of_a_message() {
        let (send, gate, mut body) = gate();
        assert_eq!(gate.empty_at(), None, "nobody has looked");
        assert!(gate.arrived().now_or_never().is_none());
        let first = gate.empty_at();
        assert!(first.is_some());
        let whole = message(20);
        send.send(whole[..10].to_vec().into()).unwrap();
        next(&mut body).await.unwrap().unwrap();
        // The rest is still to come, so this is no look at an empty connection.
        assert!(gate.arrived().now_or_never().is_none());
        assert_eq!(gate.empty_at(), first);
        send.send(whole[10..].to_vec().into()).unwrap();
        next(&mut body).await.unwrap().unwrap();
        assert_eq!(gate.empty_at(), first);
        assert!(gate.arrived().now_or_never().is_none());
        assert!(gate.empty_at() > first);
    }

    #[tokio::test]
    async fn what_cannot_be_a_message_is_an_error() {
        for bytes in [&b"HTTP/1.1 200 OK"[..], &[0, 0, 0, 1, 0]] {
            let (send, _gate, mut body) = gate();
            send.send(Bytes::copy_from_slice(bytes)).unwrap();
            assert!(next(&mut body).await.unwrap().is_err());
        }
    }
}
