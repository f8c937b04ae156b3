#![no_main]

use hubward_fuzz::preflight::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| check(data));
