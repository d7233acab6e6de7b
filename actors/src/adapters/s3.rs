//! The target on S3, or a server that speaks like it, by the AWS SDK.
//!
//! A put-if-absent is `If-None-Match: *` on PutObject and on CompleteMultipartUpload. The SDK never
//! asks again by itself: what a 409 or a lost answer means depends on the call, and the engine
//! decides.

mod error;
mod upload;

use std::ops::Range;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use aws_sdk_s3::{Client, config};
use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, Listed, PendingUpload, Store, StoreError, Upload};

use super::connection::timeouts;
use super::dispatch::chain;
use error::{Call, store_error};
use upload::S3Upload;

/// The size of parts: above S3's least of 5 MiB, and 10,000 of them make 78 GiB.
const PART_SIZE: usize = 8 << 20;

/// How long a call without a body of note may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The slowest line on which a body still arrives, in bytes a second.
const SLOWEST_LINE: u64 = 64 << 10;

/// What S3 admits for a page of a listing.
const KEYS_A_PAGE: usize = 1_000;

/// Where on S3, and how to talk to the server there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Options {
    /// The bucket.
    pub bucket: String,
    /// What stands before every name, without slashes at its ends; it may be empty.
    pub prefix: String,
    /// Sends and checks CRC32 checksums of bodies, as S3 supports them. Off for servers that stumble
    /// over the headers; then only what the API demands is sent.
    pub checksums: bool,
}

impl S3Options {
    /// With checksums.
    pub fn new(bucket: impl Into<String>, prefix: impl AsRef<str>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: prefix.as_ref().trim_matches('/').to_owned(),
            checksums: true,
        }
    }
}

/// A store over a bucket and prefix. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// Empty, or ends with `/`.
    prefix: String,
    checksums: bool,
}

impl S3Store {
    /// A store by the SDK's configuration, as [`super::sdk_config`] makes it. Makes no call. With an
    /// endpoint that is not AWS's the bucket stands in the path, since host names made of it seldom
    /// resolve.
    pub fn new(sdk: &SdkConfig, options: S3Options) -> Self {
        let mut config = config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(sdk))
            .force_path_style(sdk.endpoint_url().is_some() || endpoint_for_s3_alone());
        if !options.checksums {
            config = config
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        let prefix = match options.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            client: Client::from_conf(config.build()),
            bucket: options.bucket,
            prefix,
            checksums: options.checksums,
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The name of a key that a listing of our prefix gave.
    fn name(&self, key: Option<String>) -> Option<String> {
        let key = key?;
        let name = key.strip_prefix(&self.prefix)?;
        // A console's "folder" is an empty object whose key ends with `/`.
        (!name.is_empty() && !name.ends_with('/')).then(|| name.to_owned())
    }

    async fn put(&self, name: &str, body: Bytes) -> Result<(), StoreError> {
        let limit = time_for(body.len() as u64);
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.key(name))
            .if_none_match("*")
            .body(ByteStream::from(body));
        within(limit, name, async {
            let answer = request.send().await;
            answer.map_err(|error| store_error(Call::Put, name, error))
        })
        .await?;
        Ok(())
    }

    fn get_request(&self, name: &str) -> GetObjectFluentBuilder {
        let request = self.client.get_object();
        request.bucket(&self.bucket).key(self.key(name))
    }

    async fn whole(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let answer = within(CALL_TIMEOUT, name, async {
            match self.get_request(name).send().await {
                Ok(answer) => Ok(Some(answer)),
                Err(error) => error::absent_or(name, error),
            }
        })
        .await?;
        match answer {
            Some(answer) => body(name, answer).await.map(Some),
            None => Ok(None),
        }
    }

    async fn range(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let answer = within(CALL_TIMEOUT, name, async {
            let answer = self.get_request(name).range(bytes).send().await;
            answer.map_err(|error| store_error(Call::Read, name, error))
        })
        .await?;
        let bytes = body(name, answer).await?;
        let wanted = range.end - range.start;
        if bytes.len() as u64 == wanted {
            return Ok(bytes);
        }
        Err(StoreError::Refused {
            name: name.to_owned(),
            detail: format!(
                "it has {} bytes in {range:?}, not {wanted}: it is shorter than its commit says, \
                 or the server ignores ranges",
                bytes.len()
            ),
        })
    }

    async fn length(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let request = self.client.head_object();
        let request = request.bucket(&self.bucket).key(self.key(name));
        within(CALL_TIMEOUT, name, async {
            match request.send().await {
                Ok(answer) => {
                    let length = answer.content_length().map(u64::try_from);
                    let missing = || StoreError::Unavailable {
                        name: name.to_owned(),
                        detail: "HeadObject gave no length".to_owned(),
                    };
                    length.and_then(Result::ok).map(Some).ok_or_else(missing)
                }
                Err(error) => error::absent_or(name, error),
            }
        })
        .await
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        if limit == 0 {
            return Ok(ListPage::default());
        }
        let keys = i32::try_from(limit.min(KEYS_A_PAGE)).unwrap_or(i32::MAX);
        let mut token = None;
        loop {
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(self.key(prefix))
                .set_start_after(after.map(|after| self.key(after)))
                .set_continuation_token(token.take())
                .max_keys(keys);
            let answer = within(CALL_TIMEOUT, prefix, async {
                let answer = request.send().await;
                answer.map_err(|error| store_error(Call::Read, prefix, error))
            })
            .await?;
            let more = answer.is_truncated.unwrap_or(false);
            let contents = answer.contents.unwrap_or_default();
            let objects: Vec<Listed> = contents
                .into_iter()
                .filter_map(|object| self.listed(object))
                .collect();
            // A page without objects of ours must not look like the end: callers go on from the
            // last object that they see.
            if !objects.is_empty() || !more {
                return Ok(ListPage { objects, more });
            }
            token = answer.next_continuation_token;
            if token.is_none() {
                return Err(StoreError::Unavailable {
                    name: prefix.to_owned(),
                    detail: "the listing breaks off without saying where it goes on".to_owned(),
                });
            }
        }
    }

    fn listed(&self, object: Object) -> Option<Listed> {
        let modified = object.last_modified.and_then(|time| time.to_millis().ok());
        Some(Listed {
            name: self.name(object.key)?,
            len: length(object.size),
            modified: modified.unwrap_or_default(),
        })
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let request = self.client.delete_object();
        let request = request.bucket(&self.bucket).key(self.key(name));
        within(CALL_TIMEOUT, name, async {
            match request.send().await {
                Ok(_) => Ok(()),
                Err(error) => error::absent_or(name, error).map(|_: Option<()>| ()),
            }
        })
        .await
    }
}

impl Store for S3Store {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.put(name, body))
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(self.whole(name))
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        Box::pin(self.range(name, range))
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        Box::pin(self.length(name))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        Box::pin(self.page(prefix, after, limit))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.remove(name))
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        Box::pin(async move {
            let upload = S3Upload::begin(self, name).await?;
            Ok(Box::new(upload) as Box<dyn Upload>)
        })
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        Box::pin(upload::pending(self, prefix))
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(upload::abort(self, &upload.name, &upload.id))
    }

    fn part_size(&self) -> usize {
        PART_SIZE
    }
}

/// Whether the environment names an endpoint for S3 alone. The SDK uses it and does not show it.
fn endpoint_for_s3_alone() -> bool {
    std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()
}

/// Reads a body to its end, each byte at least as fast as the slowest line.
async fn body(name: &str, answer: GetObjectOutput) -> Result<Bytes, StoreError> {
    let limit = time_for(length(answer.content_length()));
    within(limit, name, async {
        match answer.body.collect().await {
            Ok(bytes) => Ok(bytes.into_bytes()),
            Err(error) => Err(StoreError::Unavailable {
                name: name.to_owned(),
                detail: format!("the body broke off: {}", chain(&error)),
            }),
        }
    })
    .await
}

/// How long a call with a body of `bytes` may take.
fn time_for(bytes: u64) -> Duration {
    CALL_TIMEOUT + Duration::from_secs(bytes / SLOWEST_LINE)
}

/// Bounds a call. What was given up may still take effect.
async fn within<T>(
    limit: Duration,
    name: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Unavailable {
            name: name.to_owned(),
            detail: format!("no answer within {} s", limit.as_secs()),
        }),
    }
}

fn length(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
}
