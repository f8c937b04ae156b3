#![no_main]

use hubward_fuzz::sas_token::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| check(data));
