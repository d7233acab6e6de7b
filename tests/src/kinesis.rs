//! A stream to put records on, through the AWS SDK.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Region};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Shard, StreamStatus};

use crate::events::Record;
use crate::ledger::Ledger;
use crate::{credentials, wait};

/// PutRecords takes 500 records.
const MAX_RECORDS: usize = 500;
/// Kinesis takes 5 MiB at once, ferrokinesis 2 MB in base64. One larger record goes alone.
const MAX_BYTES: usize = 1 << 20;

/// A client of a local server. It never asks again by itself: a repeated put that had taken effect
/// would put a record that no ledger knows.
pub fn client(url: &str) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new(credentials::REGION))
        .credentials_provider(credentials::credentials())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// One stream of a local server.
#[derive(Clone)]
pub struct TestStream {
    client: Client,
    name: String,
}

impl TestStream {
    /// Creates a stream and waits until it is active.
    pub async fn create(url: &str, name: &str, kinesis_shards: i32) -> Self {
        let client = client(url);
        client
            .create_stream()
            .stream_name(name)
            .shard_count(kinesis_shards)
            .send()
            .await
            .expect("the server creates a stream");
        let stream = Self {
            client,
            name: name.into(),
        };
        stream.active().await;
        stream
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client that it is reached through.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Puts records in order and writes each payload down in `ledger` once the server has it.
    /// What the server throttles is put again.
    pub async fn put(&self, records: Vec<Record>, ledger: &mut Ledger) {
        let mut waiting = records;
        while !waiting.is_empty() {
            let rest = waiting.split_off(batch_len(&waiting));
            let refused = self.put_batch(waiting, ledger).await;
            if !refused.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            waiting = refused.into_iter().chain(rest).collect();
        }
    }

    /// Lets the stream take records of up to 10 MiB.
    pub async fn take_large_records(&self) {
        let summary = self.client.describe_stream_summary();
        let summary = summary.stream_name(&self.name).send().await;
        let summary = summary.expect("the server describes the stream");
        let summary = summary.stream_description_summary().expect("a summary");
        let update = self.client.update_max_record_size();
        let update = update.stream_arn(summary.stream_arn());
        let updated = update.max_record_size_in_kib(10 << 10).send().await;
        updated.expect("the server takes larger records");
        self.active().await;
    }

    /// Puts a record that is too large to be put with others.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn put_large(&self, record: &Record, ledger: &mut Ledger) {
        let put = self.client.put_record().stream_name(&self.name);
        let put = put
            .partition_key(&record.key)
            .data(Blob::new(record.data.clone()));
        let answer = put.send().await;
        let answer = answer.unwrap_or_else(|error| panic!("PutRecord: {error:?}"));
        ledger.write(answer.shard_id(), answer.sequence_number(), record);
    }

    async fn put_batch(&self, records: Vec<Record>, ledger: &mut Ledger) -> Vec<Record> {
        let entries = records.iter().map(|record| {
            PutRecordsRequestEntry::builder()
                .partition_key(&record.key)
                .data(Blob::new(record.data.clone()))
                .build()
                .expect("key and data are given")
        });
        let answer = self
            .client
            .put_records()
            .stream_name(&self.name)
            .set_records(Some(entries.collect()))
            .send()
            .await
            .unwrap_or_else(|error| panic!("PutRecords: {error:?}"));
        assert_eq!(answer.records().len(), records.len(), "an answer a record");
        let mut refused = Vec::new();
        for (record, result) in records.into_iter().zip(answer.records()) {
            match (result.shard_id(), result.sequence_number()) {
                (Some(shard), Some(sequence)) if result.error_code().is_none() => {
                    ledger.write(shard, sequence, &record);
                }
                _ => refused.push(record),
            }
        }
        refused
    }

    /// The Kinesis shards that take records now, by hash key.
    pub async fn open_shards(&self) -> Vec<Shard> {
        let mut open = self.all_shards().await;
        open.retain(|shard| {
            let range = shard.sequence_number_range();
            range.is_none_or(|range| range.ending_sequence_number().is_none())
        });
        open.sort_by_key(|shard| hash_keys(shard).0);
        open
    }

    /// All Kinesis shards of the stream, the ended ones included.
    pub async fn all_shards(&self) -> Vec<Shard> {
        let list = self.client.list_shards().stream_name(&self.name);
        let answer = list.send().await.expect("the server lists Kinesis shards");
        assert!(answer.next_token().is_none(), "tests stay within one page");
        answer.shards().to_vec()
    }

    /// Splits an open Kinesis shard in the middle of its hash keys.
    pub async fn split(&self, shard: &Shard) {
        let (first, last) = hash_keys(shard);
        self.split_in_half(shard.shard_id(), first, last).await;
    }

    /// Splits the Kinesis shard that holds the hash keys from `first` to about `last`.
    pub async fn split_in_half(&self, shard: &str, first: u128, last: u128) {
        let middle = first + (last - first) / 2 + 1;
        self.client
            .split_shard()
            .stream_name(&self.name)
            .shard_to_split(shard)
            .new_starting_hash_key(middle.to_string())
            .send()
            .await
            .unwrap_or_else(|error| panic!("SplitShard: {error:?}"));
        self.active().await;
    }

    /// Merges two open Kinesis shards whose hash keys are neighbours.
    pub async fn merge(&self, left: &Shard, right: &Shard) {
        self.client
            .merge_shards()
            .stream_name(&self.name)
            .shard_to_merge(left.shard_id())
            .adjacent_shard_to_merge(right.shard_id())
            .send()
            .await
            .unwrap_or_else(|error| panic!("MergeShards: {error:?}"));
        self.active().await;
    }

    async fn active(&self) {
        let limit = Duration::from_secs(30);
        wait::until("the stream becomes active", limit, async || {
            let describe = self.client.describe_stream_summary();
            let answer = describe.stream_name(&self.name).send().await;
            let answer = answer.map_err(|error| format!("{error:?}"))?;
            let status = answer
                .stream_description_summary()
                .map(|summary| summary.stream_status().clone());
            match status {
                Some(StreamStatus::Active) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}

/// First and last hash key of a Kinesis shard.
fn hash_keys(shard: &Shard) -> (u128, u128) {
    let range = shard.hash_key_range().expect("a Kinesis shard has a range");
    let parse = |key: &str| key.parse().expect("hash keys are 128-bit numbers");
    (
        parse(range.starting_hash_key()),
        parse(range.ending_hash_key()),
    )
}

/// How many records from the front go into one PutRecords.
fn batch_len(records: &[Record]) -> usize {
    let mut bytes = 0;
    let fitting = records.iter().take(MAX_RECORDS).take_while(|record| {
        bytes += record.data.len() + record.key.len();
        bytes <= MAX_BYTES
    });
    fitting.count().max(1)
}
