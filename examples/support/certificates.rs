//! What the examples read of certificates, in PEM or DER.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use hubward::pki_types::CertificateDer;
use hubward::x509::{Certificate, PEM_MAX, PemError, certificates_from_pem};

use crate::support;

/// All certificates of a file, in its order.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let content = read(path, PEM_MAX)?;
    let certificates = match certificates_from_pem(&content) {
        Err(PemError::IsDer) => {
            let certificate = Certificate::from_der(CertificateDer::from(content));
            return certificate.map(|certificate| vec![certificate]).map_err(|error| told(&error));
        }
        certificates => certificates.map_err(|error| told(&error))?,
    };
    (1..)
        .zip(certificates)
        .map(|(number, der)| {
            Certificate::from_der(der)
                .map_err(|error| told(&format_args!("certificate {number}: {error}")))
        })
        .collect()
}

/// A file that is no secret, of at most `max` bytes.
pub(crate) fn read(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(max as u64 + 1).read_to_end(&mut content))
        .map_err(|error| format!("{}: {}", path.display(), support::reason(&error)))?;
    if content.len() > max {
        return Err(format!("{}: it is longer than {max} bytes", path.display()));
    }
    Ok(content)
}
