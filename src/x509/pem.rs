//! Certificates and private keys out of PEM (RFC 7468), with errors that say what happened to the file.
//!
//! Text before, between and behind the blocks is allowed, as OpenSSL writes it; line ends may be those of
//! Windows, and lines may be indented. Bounds: 1 MiB of text, [`PEM_BLOCKS_MAX`] blocks.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::der::Value;
use super::private_key::PrivateKey;
#[cfg(feature = "x509-issue")]
use super::remote_key::IssueError;
use crate::secret::SecretText;

/// The most bytes of PEM that are read.
pub const PEM_MAX: usize = 1024 * 1024;

/// The most blocks that are read.
pub const PEM_BLOCKS_MAX: usize = 64;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The label of an encrypted private key (RFC 7468 section 11).
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// The certificates of a PEM file, in the order of the file; other blocks are skipped, and of OpenSSL's
/// `TRUSTED CERTIFICATE` the settings behind the certificate.
///
/// # Errors
///
/// A [`PemError`]: [`PemError::NoCertificate`] if there is none.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut certificates = Vec::new();
    let mut has_key = false;
    for block in blocks(pem)? {
        match block.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let mut der = block.decode()?;
                // A certificate is public: no copy of it is to be wiped.
                certificates.push(CertificateDer::from(core::mem::take(&mut *der)));
            }
            // OpenSSL writes what it trusts it for behind it.
            "TRUSTED CERTIFICATE" => {
                let der = block.decode()?;
                let certificate =
                    Value::first(&der).map_or(&**der, |(certificate, _)| certificate.der);
                certificates.push(CertificateDer::from(certificate.to_vec()));
            }
            label => has_key |= label.ends_with("PRIVATE KEY"),
        }
    }
    if certificates.is_empty() {
        return Err(if has_key { PemError::KeyNotCertificate } else { PemError::NoCertificate });
    }
    Ok(certificates)
}

/// The private key of a PEM file: PKCS#8, SEC 1 or PKCS#1, unencrypted. Certificates beside it are
/// skipped. Wiping `pem` is up to the caller.
///
/// # Errors
///
/// A [`PemError`]: [`PemError::Encrypted`] if the key is encrypted, [`PemError::NoPrivateKey`] if there is
/// none, [`PemError::SeveralPrivateKeys`] if there is more than one.
pub fn private_key_from_pem(pem: &[u8]) -> Result<PrivateKey, PemError> {
    private_key(pem, None)
}

/// The same for a key that may be encrypted: PKCS#8 with PBES2 (RFC 8018).
///
/// PBKDF2 is followed up to two million iterations, scrypt up to 64 MiB: more than that no file needs, and
/// a hostile one does not get.
///
/// # Errors
///
/// As [`private_key_from_pem`]; [`PemError::WrongPassphrase`]; [`PemError::KdfTooExpensive`];
/// [`PemError::UnsupportedEncryption`].
pub fn private_key_from_encrypted_pem(
    pem: &[u8],
    passphrase: &SecretText<'_>,
) -> Result<PrivateKey, PemError> {
    private_key(pem, Some(passphrase))
}

fn private_key(pem: &[u8], passphrase: Option<&SecretText<'_>>) -> Result<PrivateKey, PemError> {
    let mut found = None;
    let mut has_certificate = false;
    for block in blocks(pem)? {
        let wrap: fn(Vec<u8>) -> PrivateKeyDer<'static> = match block.label {
            "PRIVATE KEY" | ENCRYPTED => |der| PrivateKeyDer::Pkcs8(der.into()),
            "EC PRIVATE KEY" => |der| PrivateKeyDer::Sec1(der.into()),
            "RSA PRIVATE KEY" => |der| PrivateKeyDer::Pkcs1(der.into()),
            "OPENSSH PRIVATE KEY" => return Err(PemError::OpenSsh),
            label => {
                has_certificate |= label.ends_with("CERTIFICATE");
                continue;
            }
        };
        // Before any is decrypted, which may take a while.
        if found.is_some() {
            return Err(PemError::SeveralPrivateKeys);
        }
        found = Some((block, wrap));
    }
    let Some((block, wrap)) = found else {
        return Err(if has_certificate {
            PemError::CertificateNotKey
        } else {
            PemError::NoPrivateKey
        });
    };
    if block.is_legacy_encrypted() {
        return Err(PemError::UnsupportedEncryption);
    }
    let mut der = block.decode()?;
    if block.label == ENCRYPTED {
        let passphrase = passphrase.ok_or(PemError::Encrypted)?;
        return super::private_key::decrypt(&der, passphrase);
    }
    Ok(PrivateKey::new(wrap(core::mem::take(&mut *der))))
}

/// The request of a PEM file with one.
#[cfg(feature = "x509-issue")]
pub(super) fn request_from_pem(pem: &[u8]) -> Result<Vec<u8>, IssueError> {
    let is_request = |block: &&Block<'_>| {
        matches!(block.label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST")
    };
    let blocks = blocks(pem)?;
    let mut requests = blocks.iter().filter(is_request);
    match (requests.next(), requests.next()) {
        (Some(block), None) => Ok(core::mem::take(&mut *block.decode()?)),
        (None, _) => Err(IssueError::NotARequest("the file has none")),
        (Some(_), Some(_)) => Err(IssueError::NotARequest("the file has more than one")),
    }
}

/// PEM of something public: lines of 64 characters (RFC 7468 section 2).
pub(super) fn to_pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let mut pem = alloc::format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_at_checked(64) {
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    if !rest.is_empty() {
        pem.push_str(rest);
        pem.push('\n');
    }
    pem.push_str(&alloc::format!("-----END {label}-----\n"));
    pem
}

/// One block, as it stands in the text.
struct Block<'a> {
    label: &'a str,
    /// Which block of the file, from 1.
    number: usize,
    /// The line of its beginning, from 1.
    line: usize,
    body: Vec<&'a str>,
}

impl Block<'_> {
    /// The headers of RFC 1421, which OpenSSL's old form of encryption has.
    fn is_legacy_encrypted(&self) -> bool {
        self.body.iter().any(|line| line.starts_with("Proc-Type:"))
    }

    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        let Self { number, line, body, .. } = self;
        let len = body.iter().map(|line| line.len()).sum();
        // One buffer for the text and one for the bytes, neither of which grows.
        let mut text = Zeroizing::new(String::with_capacity(len));
        for line in body {
            line.split_ascii_whitespace().for_each(|part| text.push_str(part));
        }
        let mut der = Zeroizing::new(Vec::new());
        der.resize(text.len() / 4 * 3, 0);
        let decoded = Base64::decode(&*text, &mut der).map(<[u8]>::len);
        match decoded {
            Ok(0) | Err(_) => Err(PemError::NotBase64 { block: *number, line: *line }),
            Ok(len) => {
                // What is cut off is zeroes.
                der.truncate(len);
                Ok(der)
            }
        }
    }
}

/// Whether a block begins anywhere in a file, be it on a line of its own or not.
pub(super) fn has_block(file: &[u8]) -> bool {
    contains(file, BEGIN.as_bytes())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn blocks(pem: &[u8]) -> Result<Vec<Block<'_>>, PemError> {
    /// Of the dashes of a block in UTF-16, whichever byte comes first.
    const WIDE_DASHES: &[u8] = b"-\0-\0-";

    if pem.len() > PEM_MAX {
        return Err(PemError::TooLong { len: pem.len() });
    }
    let is_marked = pem.starts_with(&[0xff, 0xfe]) || pem.starts_with(&[0xfe, 0xff]);
    if is_marked || contains(pem, WIDE_DASHES) {
        return Err(PemError::Utf16);
    }
    // A text may begin with the digit that is the first byte of DER.
    if pem.first() == Some(&0x30) && !has_block(pem) {
        return Err(PemError::IsDer);
    }
    let mut pem = pem.strip_prefix("\u{feff}".as_bytes()).unwrap_or(pem);
    // The end of a text in C.
    while let [text @ .., 0] = pem {
        pem = text;
    }
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (line, text) in (1..).zip(pem.split(|byte| *byte == b'\n')) {
        // Text around the blocks may be in any encoding; within them it is ASCII.
        let text = match (core::str::from_utf8(text), &open) {
            (Ok(text), _) => text.trim(),
            (Err(_), None) if has_block(text) => return Err(PemError::LineEndsLost { line }),
            (Err(_), None) => continue,
            (Err(_), Some(block)) => {
                return Err(PemError::NotBase64 { block: block.number, line: block.line });
            }
        };
        let label = |marker: &str| {
            let label = text.strip_prefix(marker)?.strip_suffix(DASHES)?;
            (!label.contains(DASHES)).then_some(label)
        };
        match (label(BEGIN), label(END), open.take()) {
            (Some(label), _, None) => {
                if blocks.len() == PEM_BLOCKS_MAX {
                    return Err(PemError::TooManyBlocks);
                }
                open = Some(Block { label, number: blocks.len() + 1, line, body: Vec::new() });
            }
            (_, Some(label), Some(block)) if label == block.label => blocks.push(block),
            (Some(_), _, Some(block)) | (_, Some(_), Some(block)) => {
                return Err(PemError::NoEnd { block: block.number, line: block.line });
            }
            (None, Some(_), None) => return Err(PemError::NoBegin { line }),
            // No block is left out in silence because of what happened to its first or last line.
            (None, None, _) if text.contains(BEGIN) => return Err(PemError::LineEndsLost { line }),
            (None, None, Some(block)) if text.starts_with(END) => {
                return Err(PemError::NoEnd { block: block.number, line: block.line });
            }
            (None, None, Some(_)) if text.contains(END) => {
                return Err(PemError::LineEndsLost { line });
            }
            (None, None, None) if text.contains(END) => return Err(PemError::NoBegin { line }),
            (None, None, None) => {}
            (None, None, Some(mut block)) => {
                block.body.push(text);
                open = Some(block);
            }
        }
    }
    if let Some(block) = open {
        return Err(PemError::NoEnd { block: block.number, line: block.line });
    }
    if blocks.is_empty() {
        return Err(PemError::NoBlock);
    }
    Ok(blocks)
}

/// Why a file in PEM, or a private key in DER, was not read. Says which block and where; never what was in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PemError {
    /// More than [`PEM_MAX`] bytes.
    #[error("the file has {len} bytes; at most {PEM_MAX} are read")]
    TooLong {
        /// Bytes of the file.
        len: usize,
    },
    /// More than [`PEM_BLOCKS_MAX`] blocks.
    #[error("the file has more than {PEM_BLOCKS_MAX} blocks")]
    TooManyBlocks,
    /// The text is UTF-16, as some editors of Windows save it.
    #[error("the file is UTF-16: save it as UTF-8 or ASCII")]
    Utf16,
    /// DER where PEM was expected.
    #[error("the file is DER, not PEM: read it as DER, or convert it")]
    IsDer,
    /// PEM where DER was expected.
    #[error("the file is PEM, not DER: read it as PEM")]
    IsPem,
    /// There is no line `-----BEGIN …-----`.
    #[error(
        "the file has no line `-----BEGIN ...-----`: it is not PEM, or its first line is missing"
    )]
    NoBlock,
    /// The first or last line of a block was joined with others, or is not whole.
    #[error(
        "line {line}: `-----BEGIN ...-----` and `-----END ...-----` are to be whole and on lines of \
         their own: copy the file anew with its line ends, as variables of the environment and YAML \
         lose them"
    )]
    LineEndsLost {
        /// The line, from 1.
        line: usize,
    },
    /// A line ends a block that has no beginning.
    #[error("line {line}: the line `-----BEGIN ...-----` of the block that ends here is missing")]
    NoBegin {
        /// The line, from 1.
        line: usize,
    },
    /// A block has no line that ends it, or that of another.
    #[error("block {block}, line {line}: its line `-----END ...-----` is missing")]
    NoEnd {
        /// The block, from 1.
        block: usize,
        /// The line where it begins, from 1.
        line: usize,
    },
    /// A block is not canonical base64.
    #[error("block {block}, line {line}: it is empty or not base64, or a part of it is missing")]
    NotBase64 {
        /// The block, from 1.
        block: usize,
        /// The line where it begins, from 1.
        line: usize,
    },
    /// No certificate in the file.
    #[error("the file has no certificate")]
    NoCertificate,
    /// A private key where a certificate was expected.
    #[error("the file has a private key and no certificate: were the two files exchanged?")]
    KeyNotCertificate,
    /// A private key in the format of OpenSSH.
    #[error("the private key is in OpenSSH's own format: convert it with `ssh-keygen -p -m PKCS8`")]
    OpenSsh,
    /// No private key in the file.
    #[error("the file has no private key in PKCS#8, SEC 1 or PKCS#1")]
    NoPrivateKey,
    /// A certificate where a private key was expected.
    #[error("the file has a certificate and no private key: were the two files exchanged?")]
    CertificateNotKey,
    /// More than one private key in the file.
    #[error("the file has more than one private key")]
    SeveralPrivateKeys,
    /// The private key is encrypted, and no passphrase was given.
    #[error("the private key is encrypted: give its passphrase")]
    Encrypted,
    /// The passphrase does not open the private key.
    #[error("the passphrase does not open the private key, or the key is damaged")]
    WrongPassphrase,
    /// The file asks for more work than any needs.
    #[error(
        "the private key's encryption costs more than is done: encrypt it anew with usual parameters"
    )]
    KdfTooExpensive,
    /// The encryption is not PKCS#8 with PBES2.
    #[error(
        "the private key's encryption is not supported: convert it with `openssl pkcs8 -topk8 -v2 \
         aes-256-cbc`"
    )]
    UnsupportedEncryption,
}
