//! Credentials as systemd passes them to a service: files in a folder.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use alloc::sync::Arc;
use alloc::vec::Vec;

use rustix::fs::{Mode, OFlags};

use super::fs_check::{self, FsReport};
use super::{KeyError, KeyName, KeyStore, MacKey, SigningKey, SymmetricKey};
use crate::error::OtherError;
use crate::secret::{Memory, SecretArray};

#[cfg(feature = "mlock")]
use crate::secret::LockPolicy;

/// Room for the longest credential: an RSA key with 4096 bits in PEM has less than 3300 bytes.
const FILE_MAX: usize = 4096;

/// A read-only store over the credentials of a service: `LoadCredential=`, `SetCredential=` and their
/// encrypted forms (systemd.exec(5)).
///
/// systemd puts each credential in a file of the folder that `$CREDENTIALS_DIRECTORY` names. A symmetric
/// key is its base64 text, as the service hands it out, with or without a line end; a private key is
/// PKCS#8, SEC 1 or PKCS#1, in PEM or DER, and needs the feature `keystore-software`.
///
/// What the store hands out is [`Protection::Plain`](super::Protection::Plain): whether the credential
/// was encrypted before it came here is not visible to the service.
///
/// A file must be regular, belong to root or to the user of this process, and be closed to others; its
/// group may read it, because that is how access control lists, which systemd uses, appear in a mode.
///
/// # Examples
///
/// ```no_run
/// use hubward::keystore::{KeyName, KeyStore, SystemdCredentials};
///
/// let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or("not started by systemd")?;
/// let store = SystemdCredentials::new(folder);
/// let key = store.mac_key(&KeyName::new("hub.primary")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SystemdCredentials {
    folder: PathBuf,
    memory: Memory,
}

impl SystemdCredentials {
    /// The credentials in `folder`. Nothing is read yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), memory: Memory::Plain }
    }

    /// Reads credentials into locked pages.
    #[cfg(feature = "mlock")]
    #[must_use]
    pub fn lock_memory(self, policy: LockPolicy) -> Self {
        Self { memory: Memory::Locked(policy), ..self }
    }

    fn read(&self, name: &KeyName) -> Result<SecretArray<FILE_MAX>, KeyError> {
        let path = self.folder.join(name.as_str());
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut file = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Err(KeyError::NotFound),
            Err(error) => {
                check(&path, None)?;
                return Err(KeyError::Other(OtherError::new(std::io::Error::from(error))));
            }
        };
        check(&path, Some(&file))?;
        SecretArray::build(self.memory, |room| {
            let mut len = 0;
            loop {
                let free = room.get_mut(len..).unwrap_or_default();
                match file.read(free) {
                    Ok(0) if free.is_empty() => return Err(KeyError::TooLong),
                    Ok(0) => return Ok(len),
                    Ok(read) => len += read,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(KeyError::Other(OtherError::new(error))),
                }
            }
        })
    }
}

#[cfg(feature = "keystore-software")]
impl SystemdCredentials {
    /// The private key among the blocks of a PEM text: OpenSSL puts the name of the curve before it.
    fn decode_pem<'a>(&self, text: &'a [u8]) -> Result<(&'a str, SecretArray<FILE_MAX>), KeyError> {
        const KEY: &[u8] = b"PRIVATE KEY-----";
        const END: &[u8] = b"-----END ";

        let is_key = |at: &usize| {
            let line = text.get(*at..).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
            line.is_some_and(|line| line.starts_with(PEM) && line.trim_ascii_end().ends_with(KEY))
        };
        let key = (0..text.len()).find(is_key).and_then(|at| text.get(at..));
        let key = key.ok_or(KeyError::InvalidPrivateKey)?;
        // Up to the line that ends it: what follows is another block, or none.
        let end = key.windows(END.len()).position(|part| part == END);
        let lines = end.and_then(|end| {
            Some(key.get(end..)?.iter().take_while(|byte| **byte != b'\n').count() + end)
        });
        let key = lines.and_then(|end| key.get(..end)).ok_or(KeyError::InvalidPrivateKey)?;
        let mut label = "";
        let der = SecretArray::build(self.memory, |room| {
            let (found, der) =
                pem_rfc7468::decode(key, room).map_err(|_| KeyError::InvalidPrivateKey)?;
            label = found;
            Ok::<_, KeyError>(der.len())
        })?;
        Ok((label, der))
    }
}

/// What is wrong with the file, or with what `path` names if it does not open.
fn check(path: &Path, file: Option<&File>) -> Result<(), KeyError> {
    let metadata = match file {
        Some(file) => file.metadata(),
        None => std::fs::symlink_metadata(path),
    };
    let metadata = metadata.map_err(|error| KeyError::Other(OtherError::new(error)))?;
    let mut findings = Vec::new();
    fs_check::judge_credential(path, &metadata, &mut findings);
    fs_check::check_parents(path, &mut findings);
    FsReport::of(findings).map_err(|report| KeyError::Refused(OtherError::new(report)))
}

/// How PEM begins (RFC 7468).
const PEM: &[u8] = b"-----BEGIN ";

/// Whether it is no text of base64 but PEM, or DER, which begins with a sequence.
fn looks_private(content: &[u8]) -> bool {
    content.starts_with(PEM)
        || content.first() == Some(&0x30) && core::str::from_utf8(content).is_err()
}

impl KeyStore for SystemdCredentials {
    fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        let content = self.read(name)?;
        let content = content.expose()?;
        if looks_private(content) {
            return Err(KeyError::WrongKind { found: None });
        }
        let text = content.strip_suffix(b"\n").unwrap_or(content);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = core::str::from_utf8(text).map_err(|_| KeyError::NotBase64)?;
        Ok(Arc::new(SymmetricKey::from_base64_in(self.memory, text)?))
    }

    #[cfg(feature = "keystore-software")]
    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        use rustls_pki_types::PrivateKeyDer;

        use super::{Protection, SoftwareSigningKey, software};

        let content = self.read(name)?;
        let content = content.expose()?;
        if !looks_private(content) {
            return Err(KeyError::WrongKind { found: Some(super::KeyKind::Symmetric) });
        }
        // The errors are dropped: they may quote what they parse.
        let key = if content.starts_with(PEM) {
            let (label, der) = self.decode_pem(content)?;
            let der = der.expose()?;
            let der = match label {
                "PRIVATE KEY" => PrivateKeyDer::Pkcs8(der.into()),
                "EC PRIVATE KEY" => PrivateKeyDer::Sec1(der.into()),
                "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(der.into()),
                _ => return Err(KeyError::InvalidPrivateKey),
            };
            software::parse(self.memory, &der)?
        } else {
            let der = PrivateKeyDer::try_from(content).map_err(|_| KeyError::InvalidPrivateKey)?;
            software::parse(self.memory, &der)?
        };
        Ok(Arc::new(SoftwareSigningKey::from_bytes(Arc::new(key), Protection::Plain)?))
    }

    #[cfg(not(feature = "keystore-software"))]
    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        if !looks_private(self.read(name)?.expose()?) {
            return Err(KeyError::WrongKind { found: Some(super::KeyKind::Symmetric) });
        }
        Err(KeyError::UnsupportedAlgorithm("private keys: turn on the feature `keystore-software`"))
    }
}
