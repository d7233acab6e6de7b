//! What S3 says seldom: conflicts, errors inside good answers, broken bodies.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use bytes::Bytes;
use shardmill::adapters::{S3Options, S3Store};
use shardmill_engine::ports::{Store, StoreError};
use shardmill_tests::scripted::{Answer, Scripted};
use shardmill_tests::sdk;

async fn store(server: &Scripted) -> S3Store {
    let quick = TimeoutConfig::builder().operation_timeout(Duration::from_millis(500));
    let sdk = sdk::config(&server.url()).await.into_builder();
    let sdk = sdk.timeout_config(quick.build()).build();
    S3Store::new(&sdk, S3Options::new("lake", "events"))
}

fn begun() -> Answer {
    Answer::new(
        200,
        "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
    )
}

fn part() -> Answer {
    Answer::Whole {
        status: 200,
        headers: vec![("ETag", "\"e1\"".into())],
        body: Vec::new(),
    }
}

fn completed() -> Answer {
    Answer::new(
        200,
        "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>",
    )
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Exists,
    Conflict,
    Lost,
    Unavailable,
    Refused,
}

fn kind(error: &StoreError) -> Kind {
    match error {
        StoreError::Exists { .. } => Kind::Exists,
        StoreError::Conflict { .. } => Kind::Conflict,
        StoreError::UploadLost { .. } => Kind::Lost,
        StoreError::Unavailable { .. } => Kind::Unavailable,
        StoreError::Refused { .. } => Kind::Refused,
    }
}

#[tokio::test]
async fn a_put_says_what_its_answer_means_and_asks_once() {
    let conflict = "ConditionalRequestConflict";
    for (answer, wanted) in [
        (Answer::s3_error(412, "PreconditionFailed"), Kind::Exists),
        (Answer::s3_error(409, conflict), Kind::Conflict),
        (Answer::s3_error(500, "InternalError"), Kind::Unavailable),
        (Answer::s3_error(503, "SlowDown"), Kind::Unavailable),
        (Answer::new(502, "<html>gateway</html>"), Kind::Unavailable),
        (Answer::s3_error(400, "RequestTimeout"), Kind::Unavailable),
        (Answer::s3_error(403, "AccessDenied"), Kind::Refused),
        (Answer::s3_error(501, "NotImplemented"), Kind::Refused),
        (Answer::Cut, Kind::Unavailable),
        (Answer::Silence, Kind::Unavailable),
    ] {
        let told = format!("{answer:?}");
        let server = Scripted::start([answer, Answer::new(200, "")]).await;
        let store = store(&server).await;
        let put = store.put_if_absent("_commits/1", Bytes::from_static(b"{}"));
        let error = put.await.unwrap_err();
        assert_eq!(kind(&error), wanted, "{told}: {error}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{told} was asked again by the adapter");
        assert_eq!(requests[0].headers["if-none-match"], "*");
        assert!(requests[0].line.starts_with("PUT /lake/events/_commits/1"));
        assert_eq!(requests[0].body, "{}");
    }
}

#[tokio::test]
async fn a_completion_says_what_its_answer_means_and_asks_once() {
    let conflict = "ConditionalRequestConflict";
    for (answer, wanted) in [
        (Answer::s3_error(412, "PreconditionFailed"), Kind::Exists),
        (Answer::s3_error(200, "PreconditionFailed"), Kind::Exists),
        (Answer::s3_error(409, conflict), Kind::Lost),
        (Answer::s3_error(200, conflict), Kind::Lost),
        (Answer::s3_error(404, "NoSuchUpload"), Kind::Lost),
        (Answer::s3_error(200, "InternalError"), Kind::Unavailable),
        (Answer::s3_error(503, "SlowDown"), Kind::Unavailable),
        (Answer::new(200, ""), Kind::Unavailable),
        (
            Answer::Half {
                status: 200,
                body: "<CompleteMultipartUploadResult/>".into(),
            },
            Kind::Unavailable,
        ),
        (Answer::Cut, Kind::Unavailable),
    ] {
        let told = format!("{answer:?}");
        let server = Scripted::start([begun(), part(), answer, completed()]).await;
        let store = store(&server).await;
        let mut upload = store.begin_upload("data/x").await.unwrap();
        upload.put_part(Bytes::from_static(b"bytes")).await.unwrap();
        let error = upload.complete_if_absent().await.unwrap_err();
        assert_eq!(kind(&error), wanted, "{told}: {error}");
        assert_eq!(
            server.requests().len(),
            3,
            "{told} was asked again by the adapter"
        );
        if error.retryable() {
            upload.complete_if_absent().await.unwrap();
        }
        let requests = server.requests();
        for complete in &requests[2..] {
            assert_eq!(complete.headers["if-none-match"], "*");
            assert!(complete.body.contains("<PartNumber>1</PartNumber>"));
        }
    }
}

#[tokio::test]
async fn a_part_sent_again_keeps_its_number() {
    let answers = [begun(), part(), Answer::Cut, part(), part(), completed()];
    let server = Scripted::start(answers).await;
    let store = store(&server).await;
    let mut upload = store.begin_upload("data/x").await.unwrap();
    let bytes = Bytes::from_static(b"bytes");
    upload.put_part(bytes.clone()).await.unwrap();
    let cut = upload.put_part(bytes.clone()).await.unwrap_err();
    assert_eq!(kind(&cut), Kind::Unavailable);
    upload.put_part(bytes.clone()).await.unwrap();
    upload.put_part(bytes).await.unwrap();
    upload.complete_if_absent().await.unwrap();
    let numbers: Vec<String> = server.requests()[1..5]
        .iter()
        .filter_map(|request| request.line.split("partNumber=").nth(1))
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
        .collect();
    assert_eq!(numbers, ["1", "2", "2", "3"]);
}

#[tokio::test]
async fn parts_of_an_upload_that_is_gone_are_lost() {
    let gone = || Answer::s3_error(404, "NoSuchUpload");
    let server = Scripted::start([begun(), gone(), gone()]).await;
    let store = store(&server).await;
    let mut upload = store.begin_upload("data/x").await.unwrap();
    let part = upload.put_part(Bytes::from_static(b"bytes")).await;
    assert_eq!(kind(&part.unwrap_err()), Kind::Lost);
    // There is nothing left to abort, which is what was wanted.
    upload.abort().await.unwrap();
}

#[tokio::test]
async fn an_upload_without_parts_becomes_an_empty_object() {
    let server = Scripted::start([begun(), part(), completed()]).await;
    let store = store(&server).await;
    let mut upload = store.begin_upload("data/x").await.unwrap();
    upload.complete_if_absent().await.unwrap();
    assert_eq!(server.requests()[1].body, "");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_answer() {
    let body = "0123456789".repeat(1_000);
    let half = Answer::Half { status: 200, body };
    let server = Scripted::start([half.clone(), half]).await;
    let store = store(&server).await;
    let whole = store.get("data/x").await.unwrap_err();
    assert_eq!(kind(&whole), Kind::Unavailable, "{whole}");
    let range = store.get_range("data/x", 0..10_000).await.unwrap_err();
    assert_eq!(kind(&range), Kind::Unavailable, "{range}");
}

#[tokio::test]
async fn only_s3s_own_404_means_absent() {
    let server = Scripted::start([
        Answer::s3_error(404, "NoSuchKey"),
        Answer::s3_error(404, "NoSuchBucket"),
        Answer::new(404, "<html>not here</html>"),
    ])
    .await;
    let store = store(&server).await;
    assert_eq!(store.get("x").await, Ok(None));
    assert_eq!(kind(&store.get("x").await.unwrap_err()), Kind::Refused);
    assert_eq!(kind(&store.get("x").await.unwrap_err()), Kind::Refused);
}

#[tokio::test]
async fn a_page_without_objects_is_not_the_end_of_a_listing() {
    let page =
        |body: &str| Answer::new(200, format!("<ListBucketResult>{body}</ListBucketResult>"));
    let object = |key: &str| format!("<Contents><Key>{key}</Key><Size>3</Size></Contents>");
    let more = |token: &str| {
        format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        )
    };
    let server = Scripted::start([
        page(&more("t1")),
        page(&(more("t2") + &object("events/data/"))),
        page(&object("events/data/x")),
    ])
    .await;
    let list = store(&server).await.list("data/", Some("data/a"), 10).await;
    let list = list.unwrap();
    let names: Vec<&str> = list.objects.iter().map(|o| o.name.as_str()).collect();
    assert_eq!((names, list.more), (vec!["data/x"], false));
    let lines: Vec<String> = server.requests().into_iter().map(|r| r.line).collect();
    assert!(
        lines[0].contains("start-after=events%2Fdata%2Fa"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("continuation-token=t1"), "{}", lines[1]);
    assert!(lines[2].contains("continuation-token=t2"), "{}", lines[2]);
}

#[tokio::test]
async fn every_page_of_uploads_is_asked_for() {
    let page = |key: &str, more: &str| {
        Answer::new(
            200,
            format!(
                "<ListMultipartUploadsResult>{more}<Upload><Key>events/{key}</Key>\
                 <UploadId>u-{key}</UploadId></Upload></ListMultipartUploadsResult>"
            ),
        )
    };
    let more = "<IsTruncated>true</IsTruncated><NextKeyMarker>events/data/a</NextKeyMarker>\
                <NextUploadIdMarker>u-data/a</NextUploadIdMarker>";
    let server = Scripted::start([page("data/a", more), page("data/b", "")]).await;
    let uploads = store(&server).await.pending_uploads("data/").await.unwrap();
    let names: Vec<&str> = uploads.iter().map(|upload| upload.name.as_str()).collect();
    assert_eq!(names, ["data/a", "data/b"]);
    let second = &server.requests()[1].line;
    assert!(second.contains("key-marker=events%2Fdata%2Fa"), "{second}");
    assert!(second.contains("upload-id-marker=u-data%2Fa"), "{second}");
}
