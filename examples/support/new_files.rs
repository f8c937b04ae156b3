//! What the examples of certificates make: private keys, and files that are whole or not there, for their
//! owner alone.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use hubward::keystore::SoftwareSigningKey;
use hubward::pki_types::PrivateKeyDer;
use p256::pkcs8::EncodePrivateKey;
use zeroize::Zeroizing;

use crate::support;

/// How a file is called until it is whole.
pub(crate) const PARTIAL: &str = ".partial-";

/// What keys are made for, as an option names it.
pub(crate) const ALGORITHMS: &str = "p256 or p384";

/// A new private key, and its PKCS#8 in PEM. It is made here because what a `SoftwareSigningKey` holds
/// never comes out again.
pub(crate) fn new_key(algorithm: &str) -> Result<(SoftwareSigningKey, Zeroizing<String>), String> {
    match algorithm {
        "p256" => encode(&random(|bytes: &[u8; 32]| p256::SecretKey::from_slice(bytes).ok())?),
        "p384" => encode(&random(|bytes: &[u8; 48]| p384::SecretKey::from_slice(bytes).ok())?),
        _ => Err(format!("--algorithm takes {ALGORITHMS}")),
    }
}

/// Bytes of the system's random number generator, until they are a key: all but one in four thousand
/// million are.
fn random<const N: usize, K>(key: impl Fn(&[u8; N]) -> Option<K>) -> Result<K, String> {
    let mut bytes = Zeroizing::new([0; N]);
    loop {
        getrandom::fill(&mut *bytes).map_err(|error| error.to_string())?;
        if let Some(key) = key(&bytes) {
            return Ok(key);
        }
    }
}

fn encode(key: &impl EncodePrivateKey) -> Result<(SoftwareSigningKey, Zeroizing<String>), String> {
    // Wiped on drop, as the lines of the PEM are.
    let der = key.to_pkcs8_der().map_err(|error| error.to_string())?;
    let pem = pem("PRIVATE KEY", der.as_bytes());
    let key = SoftwareSigningKey::from_der(&PrivateKeyDer::Pkcs8(der.as_bytes().into()));
    Ok((key.map_err(|error| error.to_string())?, pem))
}

/// PEM (RFC 7468) of a secret, in a buffer that does not grow.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let (begin, end) = (format!("-----BEGIN {label}-----\n"), format!("-----END {label}-----\n"));
    let len = begin.len() + der.len().div_ceil(48) * 65 + end.len();
    let mut pem = Zeroizing::new(String::with_capacity(len));
    pem.push_str(&begin);
    let mut line = Zeroizing::new([0; 64]);
    for bytes in der.chunks(48) {
        pem.push_str(Base64::encode(bytes, &mut *line).unwrap_or_default());
        pem.push('\n');
    }
    pem.push_str(&end);
    pem
}

/// Writes a file with the mode 0600. It gets its name once it is whole and on the disk; unless it may
/// replace another, that name must be free.
pub(crate) fn write(path: &Path, content: &[u8], replace: bool) -> Result<(), String> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => format!("{}: it is there already", path.display()),
        _ => format!("{}: {}", path.display(), support::reason(&error)),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(folder).map_err(told)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(told)?;
    let kept = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map_err(|error| told(error.error))?;
    // So that the name is on the disk as well, where a folder can be asked for that.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
