#![no_main]

use libfuzzer_sys::fuzz_target;
use shardmill_laws::{begin, family::text::FAMILY};

fuzz_target!(init: begin(), |bytes: &[u8]| {
    FAMILY.check(bytes);
});
