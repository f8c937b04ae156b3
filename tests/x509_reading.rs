//! Certificates, chains and private keys out of files: what the real OpenSSL writes is read, and read as
//! OpenSSL itself reads it; what is damaged is refused with words that help, and no secret in them.

#[path = "x509_reading/certificates.rs"]
mod certificates;
#[path = "x509_reading/chains.rs"]
mod chains;
#[path = "common/der.rs"]
mod der;
#[path = "x509_reading/extensions.rs"]
mod extensions;
#[path = "x509_reading/hostile.rs"]
mod hostile;
#[path = "x509_reading/names.rs"]
mod names;
#[path = "x509_reading/openssl.rs"]
mod openssl;
#[path = "x509_reading/pem.rs"]
mod pem;
#[path = "x509_reading/private_keys.rs"]
mod private_keys;
#[path = "x509_reading/properties.rs"]
mod properties;
#[path = "x509_reading/strict.rs"]
mod strict;
#[path = "x509_reading/thumbprints.rs"]
mod thumbprints;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::pki_types::CertificateDer;
use hubward::x509::{Certificate, CertificateError};

use openssl::OpenSsl;

/// A device's certificate and its private key, by OpenSSL.
struct Sample {
    certificate_pem: String,
    certificate: Vec<u8>,
    key_pem: String,
    key: Vec<u8>,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let openssl = OpenSsl::new();
    openssl.run(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key.pem -out device.pem \
         -subj /O=Contoso/CN=pump-7 -days 30 -addext basicConstraints=critical,CA:FALSE",
    );
    let [certificate_pem, key_pem] = ["device.pem", "key.pem"].map(|name| openssl.read_text(name));
    let [certificate, key] = [&certificate_pem, &key_pem].map(|pem| from_pem(pem));
    Sample { certificate_pem, certificate, key_pem, key }
});

/// What stands in the only block of a PEM text, read without the crate.
fn from_pem(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

/// PEM written without the crate.
fn to_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn read(der: &[u8]) -> Result<Certificate, CertificateError> {
    Certificate::from_der(CertificateDer::from(der))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
