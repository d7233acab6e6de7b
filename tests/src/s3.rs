//! An S3 client of the tests' own, and a copy of a bucket as files.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::operation::get_object::GetObjectError;

use crate::credentials;

/// A client of a local server.
pub fn client(url: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .force_path_style(true)
        .region(Region::new(credentials::REGION))
        .credentials_provider(credentials::credentials())
        .build();
    Client::from_conf(config)
}

/// Copies every object below `prefix` into a folder, so that a target on S3 can be read in the same
/// way as a local one.
pub async fn copy(client: &Client, bucket: &str, prefix: &str, folder: &Path) {
    let prefix = format!("{prefix}/");
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(&prefix)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for object in page.expect("the bucket can be listed").contents() {
            let key = object.key().expect("an object has a key");
            let name = key.strip_prefix(&prefix).expect("the listing keeps to it");
            let answer = client.get_object().bucket(bucket).key(key).send().await;
            // Checkpoints and left-overs go at any time; whoever reads the copy misses what must not.
            let gone = |error: &GetObjectError| error.is_no_such_key();
            if matches!(&answer, Err(error) if error.as_service_error().is_some_and(gone)) {
                continue;
            }
            let body = answer.expect("an object can be read").body.collect();
            let bytes = body.await.expect("a body can be read").into_bytes();
            let file = folder.join(name);
            let parent = file.parent().expect("a file is in a folder");
            std::fs::create_dir_all(parent).expect("a folder can be made");
            std::fs::write(file, bytes).expect("a file can be written");
        }
    }
}
