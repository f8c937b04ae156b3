#![no_main]

use hubward_fuzz::capi::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| check(data));
