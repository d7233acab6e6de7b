//! Events as services emit them: web accesses, flat, and repository activity, nested.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

const PATHS: [&str; 8] = [
    "/",
    "/search",
    "/products/espresso-cups",
    "/products/moka-pot",
    "/cart",
    "/checkout",
    "/api/v2/orders",
    "/assets/app.js",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "curl/8.14.1",
];
const COUNTRIES: [&str; 6] = ["DE", "FR", "US", "JP", "BR", "KE"];
const METHODS: [&str; 4] = ["GET", "GET", "GET", "POST"];
const STATUSES: [u16; 8] = [200, 200, 200, 200, 204, 304, 404, 503];
const KINDS: [&str; 4] = ["PushEvent", "PullRequestEvent", "IssuesEvent", "WatchEvent"];
const WORDS: [&str; 8] = [
    "fix",
    "add",
    "retry",
    "window",
    "parser",
    "tests",
    "docs",
    "backpressure",
];

/// An endless line of (partition key, JSON document): three web accesses to one nested event.
pub struct Events {
    random: StdRng,
    number: u64,
}

impl Events {
    /// The same seed gives the same events.
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            number: 0,
        }
    }

    /// A flat event of a web server's access log, about 400 bytes.
    pub fn web_access(&mut self) -> String {
        self.number += 1;
        let (number, random) = (self.number, &mut self.random);
        let user = random.random_range(0..50_000_u32);
        let mut json = String::with_capacity(448);
        let _ = write!(
            json,
            r#"{{"id":{number},"type":"access","method":"{}","path":"{}","status":{},"bytes":{},"#,
            pick(random, &METHODS),
            pick(random, &PATHS),
            pick(random, &STATUSES),
            random.random_range(120..90_000_u32),
        );
        let _ = write!(
            json,
            r#""duration_ms":{:.3},"client":"10.{}.{}.{}","country":"{}","user":"u{user}","#,
            random.random_range(0.2..900.0_f64),
            random.random_range(0..256_u16),
            random.random_range(0..256_u16),
            random.random_range(0..256_u16),
            pick(random, &COUNTRIES),
        );
        let _ = write!(
            json,
            r#""agent":"{}","session":"{:016x}{:016x}","cached":{},"referrer":{}}}"#,
            pick(random, &AGENTS),
            random.next_u64(),
            random.next_u64(),
            random.random_bool(0.3),
            if random.random_bool(0.5) {
                r#""https://shop.example/search""#
            } else {
                "null"
            },
        );
        json
    }

    /// A nested event of a repository's activity, 700 to 2,000 bytes.
    pub fn activity(&mut self) -> String {
        self.number += 1;
        let (number, random) = (self.number, &mut self.random);
        let actor = random.random_range(1..80_000_u32);
        let repository = random.random_range(1..9_000_u32);
        let mut json = String::with_capacity(2_048);
        let _ = write!(
            json,
            r#"{{"id":{number},"type":"{}","public":true,"actor":{{"id":{actor},"login":"dev{actor}","avatar":"https://avatars.example/{:016x}"}},"repo":{{"id":{repository},"name":"team{}/service-{repository}","topics":["{}","{}"]}},"#,
            pick(random, &KINDS),
            random.next_u64(),
            repository % 97,
            pick(random, &WORDS),
            pick(random, &WORDS),
        );
        json.push_str(r#""payload":{"commits":["#);
        let commits = random.random_range(1..6_u8);
        for commit in 0..commits {
            let comma = if commit == 0 { "" } else { "," };
            let _ = write!(
                json,
                r#"{comma}{{"sha":"{:016x}{:016x}","message":"{} the {} of the {}","distinct":{},"author":{{"name":"dev{actor}","email":"dev{actor}@mail.example"}}}}"#,
                random.next_u64(),
                random.next_u64(),
                pick(random, &WORDS),
                pick(random, &WORDS),
                pick(random, &WORDS),
                random.random_bool(0.9),
            );
        }
        let _ = write!(
            json,
            r#"],"size":{commits},"ref":"refs/heads/{}","score":{:.4}}}}}"#,
            pick(random, &WORDS),
            random.random_range(0.0..1.0_f64),
        );
        json
    }
}

impl Iterator for Events {
    type Item = (String, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let json = if self.number % 4 == 3 {
            self.activity()
        } else {
            self.web_access()
        };
        Some((
            format!("key-{}", self.random.random_range(0..10_000_u32)),
            json.into_bytes(),
        ))
    }
}

fn pick<T: Copy>(random: &mut impl Rng, from: &[T]) -> T {
    *from.choose(random).expect("the lists above are not empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_a_json_object_and_the_seed_decides_it() {
        let events: Vec<_> = Events::new(7).take(100).collect();
        for (_, json) in &events {
            let value: serde_json::Value = serde_json::from_slice(json).unwrap();
            assert!(value["id"].is_u64(), "{value}");
        }
        assert_eq!(events, Events::new(7).take(100).collect::<Vec<_>>());
    }
}
