//! What the examples read of private keys, in PEM or DER.

use std::fs::File;
use std::path::{Path, PathBuf};

use hubward::keystore::SoftwareSigningKey;
use hubward::secret::SecretText;
use hubward::x509::{
    PemError, private_key_from_der, private_key_from_encrypted_der, private_key_from_encrypted_pem,
    private_key_from_pem,
};

use crate::support;

/// The private key of a file, opened with the passphrase in another file where it is encrypted.
pub(crate) fn read_key(
    path: &Path,
    passphrase_file: Option<&PathBuf>,
) -> Result<SoftwareSigningKey, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let content =
        File::open(path).and_then(support::read).map_err(|error| told(&support::reason(&error)))?;
    let key = match passphrase_file {
        None => match private_key_from_pem(&content) {
            Err(PemError::IsDer) => private_key_from_der(&content),
            key => key,
        },
        Some(file) => {
            let (_, passphrase) = support::read_secret(Some(("--passphrase-file", file)))?;
            let passphrase = SecretText::borrowed(&passphrase);
            match private_key_from_encrypted_pem(&content, &passphrase) {
                Err(PemError::IsDer) => private_key_from_encrypted_der(&content, &passphrase),
                key => key,
            }
        }
    };
    let key = key.map_err(|error| told(&error))?;
    SoftwareSigningKey::from_der(key.expose_der()).map_err(|error| told(&error))
}
