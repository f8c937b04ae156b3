//! What the examples read of private keys, in PEM or DER.

use std::fs::File;
use std::path::{Path, PathBuf};

use hubward::keystore::SoftwareSigningKey;
use hubward::secret::SecretText;
use hubward::x509::{
    private_key_from_der, private_key_from_encrypted_der, private_key_from_encrypted_pem,
    private_key_from_pem,
};

use crate::support;

/// How DER begins: with a sequence.
const SEQUENCE: u8 = 0x30;

/// The private key of a file, opened with the passphrase in another file where it is encrypted.
pub(crate) fn read_key(
    path: &Path,
    passphrase_file: Option<&PathBuf>,
) -> Result<SoftwareSigningKey, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let content =
        File::open(path).and_then(support::read).map_err(|error| told(&support::reason(&error)))?;
    let is_der = content.first() == Some(&SEQUENCE);
    let key = match passphrase_file {
        None if is_der => private_key_from_der(&content),
        None => private_key_from_pem(&content),
        Some(file) => {
            let (_, passphrase) = support::read_secret(Some(("--passphrase-file", file)))?;
            let passphrase = SecretText::borrowed(&passphrase);
            if is_der {
                private_key_from_encrypted_der(&content, &passphrase)
            } else {
                private_key_from_encrypted_pem(&content, &passphrase)
            }
        }
    };
    let key = key.map_err(|error| told(&error))?;
    SoftwareSigningKey::from_der(key.expose_der()).map_err(|error| told(&error))
}
