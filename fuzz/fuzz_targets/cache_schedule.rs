#![no_main]

use hubward_fuzz::cache_schedule::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| check(data));
