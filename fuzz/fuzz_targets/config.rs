#![no_main]

use libfuzzer_sys::fuzz_target;
use shardmill_laws::{begin, family::config::FAMILY};

fuzz_target!(init: begin(), |bytes: &[u8]| {
    FAMILY.check(bytes);
});
