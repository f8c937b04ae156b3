//! A program in C, linked with the shared library: its token is that of Rust.

use std::path::Path;
use std::process::Command;

use hubward::{ConnectionString, SasSigner, UnixTime};

use crate::c_library::{built, succeed};
use crate::calls::CONNECTION;

#[test]
fn a_c_program_mints_the_token_that_rust_mints() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/capi/program.c");
    let program = built().program("program", "gcc", &["-std=c99"], &source);
    let connection = ConnectionString::parse(CONNECTION).expect("it is one");
    let signer = SasSigner::from_connection_string(&connection).expect("it has a key");
    for expiry in [0, 1_735_689_600, u64::MAX] {
        let mut run = Command::new(&program);
        run.args([CONNECTION, &expiry.to_string()]);
        let output = succeed(run);
        let token = signer.sign(UnixTime::from_secs(expiry)).expect("in memory");
        assert_eq!(String::from_utf8(output.stdout).as_deref(), Ok(token.expose_token()));
    }
    let refused = Command::new(&program).args(["HostName=h", "1"]).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "208: one of SharedAccessKey, SharedAccessSignature or x509=true is missing in the connection string\n"
    );
}
