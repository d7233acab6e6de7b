//! Events like those of real streams, the same for the same seed.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Flat: one request to a web server, 15 fields, about 400 bytes.
    WebAccess,
    /// Nested: like the events of GitHub's API, 0.6 to 4 KB, with a payload whose fields depend on
    /// the type of the event, lists of structs and nulls.
    Nested,
}

impl Kind {
    /// Both.
    pub const ALL: [Kind; 2] = [Kind::WebAccess, Kind::Nested];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::WebAccess => "web access",
            Kind::Nested => "nested",
        }
    }
}

/// Makes events one after the other.
pub struct Events {
    kind: Kind,
    random: StdRng,
    number: u64,
    text: String,
}

impl Events {
    /// Events of a kind; equal seeds give equal events.
    pub fn new(kind: Kind, seed: u64) -> Self {
        Self {
            kind,
            random: StdRng::seed_from_u64(seed),
            number: 0,
            text: String::new(),
        }
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.random.random_range(0..choices.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.random_range(0..end)
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from_digit(self.random.random_range(0..16), 16).unwrap_or('0'))
            .collect()
    }

    fn sentence(&mut self, words: u64) -> String {
        let mut sentence = String::new();
        for word in 0..words {
            sentence.push_str(if word > 0 { " " } else { "" });
            sentence.push_str(self.one_of(&WORDS));
        }
        if self.chance(5) {
            sentence.push_str(" caf\u{e9}");
        }
        sentence
    }

    fn time(&self) -> String {
        let second = self.number / 40;
        let (minute, hour) = (second / 60 % 60, second / 3600 % 24);
        let millis = self.number % 1000;
        format!(
            "2026-11-23T{hour:02}:{minute:02}:{:02}.{millis:03}Z",
            second % 60
        )
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
    }

    fn web_access(&mut self) {
        let time = self.time();
        let id = self.hex(16);
        let ip = format!(
            "10.{}.{}.{}",
            self.below(64),
            self.below(256),
            self.below(256)
        );
        let method = if self.chance(85) { "GET" } else { "POST" };
        let (section, item) = (self.one_of(&SECTIONS), self.below(20_000));
        let status = if self.chance(92) { 200 } else { 404 };
        let bytes = self.below(60_000);
        let seconds = self.below(900_000) as f64 / 1e6;
        let host = self.one_of(&["www.example.com", "api.example.com", "static.example.com"]);
        let agent = self.one_of(&AGENTS);
        let (country, cache) = (self.one_of(&COUNTRIES), self.one_of(&["HIT", "MISS"]));
        self.put(format_args!(
            r#"{{"time":"{time}","request_id":"{id}","remote_addr":"{ip}","method":"{method}","host":"{host}","path":"/{section}/{item}","status":{status},"bytes_sent":{bytes},"request_time":{seconds},"user_agent":"{agent}","country":"{country}","cache":"{cache}","tls":{}"#,
            !self.number.is_multiple_of(9)
        ));
        if self.chance(60) {
            let from = self.one_of(&SECTIONS);
            self.put(format_args!(
                r#","referrer":"https://{host}/{from}/{item}?ref=list""#
            ));
        }
        if self.chance(30) {
            let user = self.below(1_000_000);
            self.put(format_args!(r#","user_id":{user}"#));
        }
        self.text.push('}');
    }

    fn nested(&mut self) {
        let kind = self.one_of(&[
            "PushEvent",
            "PushEvent",
            "WatchEvent",
            "IssuesEvent",
            "PullEvent",
        ]);
        let (id, time) = (1_652_857_000 + self.number, self.time());
        let (login, actor) = (self.one_of(&WORDS), self.below(9_000_000));
        let (name, repo) = (self.one_of(&WORDS), self.below(60_000_000));
        let avatar = self.hex(32);
        self.put(format_args!(
            r#"{{"id":"{id}","type":"{kind}","created_at":"{time}","public":true,"actor":{{"id":{actor},"login":"{login}","gravatar_id":"{avatar}","url":"https://api.example.com/users/{login}","avatar_url":"https://avatars.example.com/u/{actor}?d={avatar}"}},"repo":{{"id":{repo},"name":"{login}/{name}","url":"https://api.example.com/repos/{login}/{name}"}},"payload":{{"#
        ));
        match kind {
            "PushEvent" => self.push(login, name),
            "WatchEvent" => self.text.push_str(r#""action":"started""#),
            "IssuesEvent" => self.issue(login, name),
            _ => self.pull(login, name),
        }
        self.text.push('}');
        if self.chance(25) {
            let (org, id) = (self.one_of(&WORDS), self.below(90_000));
            self.put(format_args!(
                r#","org":{{"id":{id},"login":"{org}","url":"https://api.example.com/orgs/{org}"}}"#
            ));
        }
        self.text.push('}');
    }

    fn push(&mut self, login: &str, name: &str) {
        let (id, head, before) = (self.below(2_000_000_000), self.hex(40), self.hex(40));
        let size = 1 + self.below(4);
        self.put(format_args!(
            r#""push_id":{id},"size":{size},"distinct_size":{size},"ref":"refs/heads/main","head":"{head}","before":"{before}","commits":["#
        ));
        for place in 0..size {
            let (sha, words) = (self.hex(40), 4 + self.below(20));
            let (author, message) = (self.one_of(&WORDS), self.sentence(words));
            let comma = if place > 0 { "," } else { "" };
            self.put(format_args!(
                r#"{comma}{{"sha":"{sha}","author":{{"name":"{author}","email":"{author}@example.com"}},"message":"{message}\n","distinct":true,"url":"https://api.example.com/repos/{login}/{name}/commits/{sha}"}}"#
            ));
        }
        self.text.push(']');
    }

    fn issue(&mut self, login: &str, name: &str) {
        let (number, id) = (self.below(9_000), self.below(90_000_000));
        let (action, words) = (self.one_of(&["opened", "closed"]), 20 + self.below(120));
        let (title, body) = (self.sentence(6), self.sentence(words));
        let closed = match action {
            "closed" => format!("\"{}\"", self.time()),
            _ => "null".to_owned(),
        };
        self.put(format_args!(
            r#""action":"{action}","issue":{{"id":{id},"number":{number},"url":"https://api.example.com/repos/{login}/{name}/issues/{number}","title":"{title}","state":"{action}","comments":{},"closed_at":{closed},"assignee":null,"user":{{"login":"{login}","id":{id},"site_admin":false}},"labels":["#,
            number % 7
        ));
        for place in 0..self.below(3) {
            let (label, color) = (self.one_of(&WORDS), self.hex(6));
            let comma = if place > 0 { "," } else { "" };
            self.put(format_args!(
                r#"{comma}{{"name":"{label}","color":"{color}","default":false}}"#
            ));
        }
        self.put(format_args!(r#"],"body":"{body}\r\n\"{title}\""}}"#));
    }

    fn pull(&mut self, login: &str, name: &str) {
        let (number, id) = (self.below(9_000), self.below(90_000_000));
        let (sha, words) = (self.hex(40), 10 + self.below(60));
        let (title, body) = (self.sentence(8), self.sentence(words));
        let (added, deleted) = (self.below(4_000), self.below(900));
        let score = self.below(1_000) as f64 / 8.0;
        self.put(format_args!(
            r#""action":"opened","number":{number},"pull_request":{{"id":{id},"number":{number},"url":"https://api.example.com/repos/{login}/{name}/pulls/{number}","title":"{title}","merged":false,"merged_at":null,"additions":{added},"deletions":{deleted},"score":{score},"head":{{"label":"{login}:topic","ref":"topic","sha":"{sha}","repo":{{"id":{id},"full_name":"{login}/{name}","fork":true}}}},"base":{{"label":"{name}:main","ref":"main","sha":"{sha}","repo":{{"id":{id},"full_name":"{name}/{name}","fork":false}}}},"requested":["{login}","{name}"],"body":"{body}"}}"#
        ));
    }
}

impl Iterator for Events {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.text.clear();
        match self.kind {
            Kind::WebAccess => self.web_access(),
            Kind::Nested => self.nested(),
        }
        self.number += 1;
        Some(Bytes::copy_from_slice(self.text.as_bytes()))
    }
}

/// Writes events as lines to a file, until they have at least so many bytes. Gives their bytes.
pub fn write_lines(kind: Kind, bytes: u64, file: &Path) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create(file)?);
    let mut written = 0;
    let mut events = Events::new(kind, 7);
    while let (true, Some(event)) = (written < bytes, events.next()) {
        out.write_all(&event)?;
        out.write_all(b"\n")?;
        written += event.len() as u64 + 1;
    }
    out.flush()?;
    Ok(written)
}

const SECTIONS: [&str; 8] = [
    "products",
    "cart",
    "search",
    "account/orders",
    "help",
    "api/v2/items",
    "assets/js",
    "images",
];
const COUNTRIES: [&str; 8] = ["DE", "US", "GB", "FR", "IN", "BR", "JP", "SE"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "curl/8.16.0",
];
const WORDS: [&str; 24] = [
    "stream", "window", "parquet", "commit", "shard", "lane", "budget", "column", "reader",
    "writer", "minute", "schema", "offset", "credit", "server", "target", "claim", "epoch",
    "batch", "event", "payload", "reject", "number", "string",
];
