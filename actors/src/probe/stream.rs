//! What reading needs of a stream.

use shardmill_engine::ports::{
    IteratorFrom, ShardFilter, ShardInfo, ShardList, Stream, StreamError,
};
use shardmill_engine::types::KinesisShardId;

use super::{Name, Side, Step, Steps};
use crate::adapters::FanOutStream;
use crate::permissions;

const LIST: Name = Name {
    step: "list_shards",
    rights: &[&permissions::LIST_SHARDS],
};
const LIST_AT: Name = Name {
    step: "list_shards_at",
    rights: &[&permissions::LIST_SHARDS],
};
const RETENTION: Name = Name {
    step: "describe_stream_summary",
    rights: &[&permissions::DESCRIBE_SUMMARY],
};
const ENOUGH: Name = Name {
    step: "enough_kinesis_shards",
    rights: &[],
};
const ITERATOR: Name = Name {
    step: "get_shard_iterator",
    rights: &[&permissions::GET_ITERATOR],
};
const RECORDS: Name = Name {
    step: "get_records",
    rights: &[&permissions::GET_RECORDS],
};
const CONSUMER: Name = Name {
    step: "describe_stream_consumer",
    rights: &[&permissions::DESCRIBE_CONSUMER],
};
const REGISTER: Name = Name {
    step: "register_stream_consumer",
    rights: &[&permissions::REGISTER_CONSUMER],
};
const SUBSCRIBE: Name = Name {
    step: "subscribe_to_shard",
    rights: &[&permissions::SUBSCRIBE],
};

/// All of them.
#[cfg(test)]
pub(super) const STEPS: &[Name] = &[
    LIST, LIST_AT, RETENTION, ENOUGH, ITERATOR, RECORDS, CONSUMER, REGISTER, SUBSCRIBE,
];

/// Tries every call that reading makes. Nothing on the stream changes. `shards` is the option of
/// that name.
pub async fn probe_stream(stream: &dyn Stream, shards: u32) -> Vec<Step> {
    if stream.is_bounded() {
        return super::files::probe(stream).await;
    }
    let mut steps = Steps::new(Side::Stream);
    match list(&mut steps, stream, shards).await {
        Some(list) => read(&mut steps, stream, &list).await,
        None => steps.not_tried(&[ITERATOR, RECORDS]),
    }
    steps.done
}

/// Tries every call that reading by enhanced fan-out makes. A consumer that is not there is
/// registered, as a start would do; nobody's subscription is taken. `samples` says that payloads are
/// looked at by polling before the first start.
pub async fn probe_fan_out(stream: &FanOutStream, shards: u32, samples: bool) -> Vec<Step> {
    let mut steps = Steps::new(Side::Stream);
    let list = list(&mut steps, stream, shards).await;
    let consumer = consumer(&mut steps, stream).await;
    let readable = list.as_ref().and_then(readable);
    match (consumer, readable) {
        (true, Some(shard)) => match stream.may_subscribe(&shard.id).await {
            Ok(()) => steps.ok(SUBSCRIBE, format!("to Kinesis shard {}", shard.id)),
            Err(error) => {
                steps.failed(SUBSCRIBE, error.to_string(), advice(&error, SUBSCRIBE));
            }
        },
        _ => steps.not_tried(&[SUBSCRIBE]),
    }
    match (samples, list, stream.aside()) {
        (true, Some(list), Some(polled)) => read(&mut steps, polled, &list).await,
        (true, ..) => steps.not_tried(&[ITERATOR, RECORDS]),
        (false, ..) => {}
    }
    steps.done
}

/// Whether the consumer is there in the end.
async fn consumer(steps: &mut Steps, stream: &FanOutStream) -> bool {
    let found = match stream.consumer().await {
        Ok(found) => found,
        Err(error) => {
            steps.failed(CONSUMER, error.to_string(), advice(&error, CONSUMER));
            steps.not_tried(&[REGISTER]);
            return false;
        }
    };
    let registered = found.is_some();
    steps.ok(CONSUMER, found.unwrap_or("not there yet".to_owned()));
    match stream.prepare().await {
        Ok(()) => {
            let what = if registered { "is there" } else { "registered" };
            steps.ok(REGISTER, what);
            true
        }
        Err(error) => {
            steps.failed(REGISTER, error.to_string(), advice(&error, REGISTER));
            false
        }
    }
}

async fn list(steps: &mut Steps, stream: &dyn Stream, shards: u32) -> Option<ShardList> {
    match stream.list_shards(ShardFilter::All).await {
        Err(error) => {
            steps.failed(LIST, error.to_string(), advice(&error, LIST));
            steps.not_tried(&[LIST_AT, RETENTION, ENOUGH]);
            None
        }
        Ok(list) => {
            let open = list.shards.iter().filter(|shard| !shard.closed).count();
            let closed = list.shards.len() - open;
            steps.ok(LIST, format!("{open} open Kinesis shards, {closed} closed"));
            list_at(steps, stream, &list).await;
            match stream.retention_ms().await {
                Ok(_) => steps.ok(RETENTION, "a gap would be noticed"),
                Err(error) => {
                    steps.failed(RETENTION, error.to_string(), advice(&error, RETENTION));
                }
            }
            enough(steps, open, shards);
            Some(list)
        }
    }
}

/// One that can be read: an open one if there is one.
fn readable(list: &ShardList) -> Option<&ShardInfo> {
    let open = list.shards.iter().find(|shard| !shard.closed);
    open.or(list.shards.first())
}

async fn list_at(steps: &mut Steps, stream: &dyn Stream, list: &ShardList) {
    match stream
        .list_shards(ShardFilter::AtTimestamp(list.server_time))
        .await
    {
        Ok(at) => steps.ok(
            LIST_AT,
            format!("{} Kinesis shards at the server's time", at.shards.len()),
        ),
        Err(error) => steps.failed(LIST_AT, error.to_string(), advice(&error, LIST_AT)),
    }
}

fn enough(steps: &mut Steps, open: usize, shards: u32) {
    if usize::try_from(shards).is_ok_and(|shards| shards <= open) {
        return steps.ok(
            ENOUGH,
            format!("`kinesis.shards` is {shards}, {open} are open"),
        );
    }
    let detail = format!("`kinesis.shards` is {shards}, but only {open} Kinesis shards are open");
    steps.failed(
        ENOUGH,
        detail,
        format!("set `kinesis.shards` to at most {open}"),
    );
}

async fn read(steps: &mut Steps, stream: &dyn Stream, list: &ShardList) {
    let Some(shard) = readable(list) else {
        steps.failed(
            ITERATOR,
            "the stream has no Kinesis shard",
            "wait until it is active",
        );
        return steps.not_tried(&[RECORDS]);
    };
    match iterator(stream, &shard.id).await {
        Err(error) => {
            steps.failed(ITERATOR, error.to_string(), advice(&error, ITERATOR));
            steps.not_tried(&[RECORDS]);
        }
        Ok(iterator) => {
            steps.ok(ITERATOR, format!("of Kinesis shard {}", shard.id));
            match stream.get_records(&iterator, 1).await {
                Ok(_) => steps.ok(RECORDS, format!("of Kinesis shard {}", shard.id)),
                // Somebody else reads it at its limit, which is a right to read it.
                Err(StreamError::Throttled(_)) => steps.ok(RECORDS, "throttled, but allowed"),
                Err(error) => steps.failed(RECORDS, error.to_string(), advice(&error, RECORDS)),
            }
        }
    }
}

async fn iterator(stream: &dyn Stream, shard: &KinesisShardId) -> Result<String, StreamError> {
    stream
        .shard_iterator(shard, IteratorFrom::TrimHorizon)
        .await
}

fn advice(error: &StreamError, name: Name) -> String {
    match error {
        StreamError::Refused(_) => format!(
            "allow {} on the stream (on its consumer, if the call is about that), and kms:Decrypt on \
             its key if it is encrypted",
            name.permission()
        ),
        StreamError::NotFound(_) => {
            "see whether `kinesis.stream`, the region and the account are right".to_owned()
        }
        StreamError::Throttled(_) => "other readers use its limit up: try again".to_owned(),
        StreamError::Unavailable(_) => {
            "see whether the endpoint can be reached from here and credentials are set".to_owned()
        }
        StreamError::IteratorExpired(_) | StreamError::PositionRefused(_) => "try again".to_owned(),
        StreamError::Unusable { .. } => "the message says what to do".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use shardmill_engine::ports::{Records, ShardInfo};

    use super::super::Outcome;
    use super::*;

    /// A stream of so many open Kinesis shards that answers one call with an error.
    struct Fake {
        open: usize,
        broken: &'static str,
        error: StreamError,
    }

    impl Fake {
        fn answer<T>(&self, call: &str, answer: T) -> BoxFuture<'_, Result<T, StreamError>>
        where
            T: Send + 'static,
        {
            let answer = if call == self.broken {
                Err(self.error.clone())
            } else {
                Ok(answer)
            };
            async move { answer }.boxed()
        }
    }

    impl Stream for Fake {
        fn list_shards(&self, _: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
            let shards = (0..self.open).map(|n| ShardInfo {
                id: KinesisShardId::new(format!("shardId-{n:012}")),
                parents: Vec::new(),
                closed: false,
                hash_keys: (0, 0),
            });
            let list = ShardList {
                shards: shards.collect(),
                server_time: 0,
            };
            self.answer("list_shards", list)
        }

        fn shard_iterator<'a>(
            &'a self,
            _: &'a KinesisShardId,
            _: IteratorFrom,
        ) -> BoxFuture<'a, Result<String, StreamError>> {
            self.answer("get_shard_iterator", String::new())
        }

        fn get_records<'a>(
            &'a self,
            _: &'a str,
            _: u32,
        ) -> BoxFuture<'a, Result<Records, StreamError>> {
            let records = Records {
                records: Vec::new(),
                next_iterator: None,
                millis_behind: Some(0),
                children: Vec::new(),
                server_time: 0,
            };
            self.answer("get_records", records)
        }
    }

    fn outcomes(fake: &Fake, shards: u32) -> Vec<(&'static str, Outcome)> {
        let steps = probe_stream(fake, shards).now_or_never().unwrap();
        steps.iter().map(|step| (step.step, step.outcome)).collect()
    }

    #[test]
    fn a_stream_that_answers_everything_passes() {
        let fake = Fake {
            open: 2,
            broken: "",
            error: StreamError::Refused(String::new()),
        };
        assert!(
            outcomes(&fake, 2)
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Ok)
        );
    }

    #[test]
    fn too_few_kinesis_shards_fail() {
        let fake = Fake {
            open: 2,
            broken: "",
            error: StreamError::Refused(String::new()),
        };
        let failed: Vec<_> = outcomes(&fake, 3)
            .into_iter()
            .filter(|(_, outcome)| *outcome != Outcome::Ok)
            .collect();
        assert_eq!(failed, [("enough_kinesis_shards", Outcome::Failed)]);
    }

    #[test]
    fn a_missing_permission_is_named_and_what_builds_on_it_is_not_tried() {
        for (broken, not_tried) in [
            ("list_shards", 5),
            ("get_shard_iterator", 1),
            ("get_records", 0),
        ] {
            let fake = Fake {
                open: 1,
                broken,
                error: StreamError::Refused("no".into()),
            };
            let steps = probe_stream(&fake, 1).now_or_never().unwrap();
            let failed = steps
                .iter()
                .find(|step| step.outcome == Outcome::Failed)
                .unwrap();
            assert_eq!(failed.step, broken);
            assert!(failed.help.as_ref().unwrap().contains(&failed.permission));
            let skipped = steps
                .iter()
                .filter(|step| step.outcome == Outcome::NotTried)
                .count();
            assert_eq!(skipped, not_tried, "{broken}");
        }
    }

    #[test]
    fn a_throttled_read_is_a_right_to_read() {
        let error = StreamError::Throttled("slow".into());
        let fake = Fake {
            open: 1,
            broken: "get_records",
            error,
        };
        assert!(
            outcomes(&fake, 1)
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Ok)
        );
    }
}
