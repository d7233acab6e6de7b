//! Uploads in parts on S3.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{PendingUpload, StoreError, Upload};

use super::error::{Call, store_error};
use super::{CALL_TIMEOUT, S3Store, time_for, within};

/// How long CompleteMultipartUpload may take: S3 puts many parts together before it answers.
const COMPLETE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(120);

/// An upload on its way. Dropping it leaves its parts for [`abort`].
pub(super) struct S3Upload {
    store: S3Store,
    name: String,
    id: String,
    parts: Vec<CompletedPart>,
}

impl S3Upload {
    pub(super) async fn begin(store: &S3Store, name: &str) -> Result<Self, StoreError> {
        let request = store
            .client
            .create_multipart_upload()
            .bucket(&store.bucket)
            .key(store.key(name))
            .set_checksum_algorithm(store.checksums.then_some(ChecksumAlgorithm::Crc32));
        let answer = within(CALL_TIMEOUT, name, async {
            let answer = request.send().await;
            answer.map_err(|error| store_error(Call::Part, name, error))
        })
        .await?;
        let missing = || StoreError::Unavailable {
            name: name.to_owned(),
            detail: "CreateMultipartUpload gave no upload id".to_owned(),
        };
        Ok(Self {
            store: store.clone(),
            name: name.to_owned(),
            id: answer.upload_id.ok_or_else(missing)?,
            parts: Vec::new(),
        })
    }

    async fn send_part(&mut self, body: Bytes) -> Result<(), StoreError> {
        // Counted only once it is there, so the same bytes sent again take the same number.
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let limit = time_for(body.len() as u64);
        let request = self
            .store
            .client
            .upload_part()
            .bucket(&self.store.bucket)
            .key(self.store.key(&self.name))
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(body));
        let answer = within(limit, &self.name, async {
            let answer = request.send().await;
            answer.map_err(|error| store_error(Call::Part, &self.name, error))
        })
        .await?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build();
        self.parts.push(part);
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        // S3 wants one part at least; the only one may be empty.
        if self.parts.is_empty() {
            self.send_part(Bytes::new()).await?;
        }
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(self.parts.clone()))
            .build();
        let request = self
            .store
            .client
            .complete_multipart_upload()
            .bucket(&self.store.bucket)
            .key(self.store.key(&self.name))
            .upload_id(&self.id)
            .if_none_match("*")
            .multipart_upload(parts);
        within(COMPLETE_TIMEOUT, &self.name, async {
            let answer = request.send().await;
            answer.map_err(|error| store_error(Call::Complete, &self.name, error))
        })
        .await?;
        Ok(())
    }
}

impl Upload for S3Upload {
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.send_part(body))
    }

    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.complete())
    }

    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(abort(&self.store, &self.name, &self.id))
    }
}

/// Uploads that were neither completed nor aborted, to the last page.
pub(super) async fn pending(
    store: &S3Store,
    prefix: &str,
) -> Result<Vec<PendingUpload>, StoreError> {
    let mut uploads = Vec::new();
    let mut marker: Option<(Option<String>, Option<String>)> = None;
    loop {
        let (key, id) = marker.clone().unwrap_or_default();
        let request = store
            .client
            .list_multipart_uploads()
            .bucket(&store.bucket)
            .prefix(store.key(prefix))
            .set_key_marker(key)
            .set_upload_id_marker(id);
        let answer = within(CALL_TIMEOUT, prefix, async {
            let answer = request.send().await;
            answer.map_err(|error| store_error(Call::Read, prefix, error))
        })
        .await?;
        for upload in answer.uploads.unwrap_or_default() {
            if let (Some(name), Some(id)) = (store.name(upload.key), upload.upload_id) {
                uploads.push(PendingUpload { name, id });
            }
        }
        let next = (answer.next_key_marker, answer.next_upload_id_marker);
        let goes_on = answer.is_truncated == Some(true) && next.0.is_some();
        if !goes_on || marker.as_ref() == Some(&next) {
            return Ok(uploads);
        }
        marker = Some(next);
    }
}

/// Aborts an upload, whoever began it.
pub(super) async fn abort(store: &S3Store, name: &str, id: &str) -> Result<(), StoreError> {
    let request = store
        .client
        .abort_multipart_upload()
        .bucket(&store.bucket)
        .key(store.key(name))
        .upload_id(id);
    let aborted = within(CALL_TIMEOUT, name, async {
        let answer = request.send().await;
        answer.map_err(|error| store_error(Call::Part, name, error))
    });
    match aborted.await {
        Ok(_) | Err(StoreError::UploadLost { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
