//! The hand-off to storage: the place that the hub names for a file, judged before anything is sent there.
//!
//! A device that uploads a file asks the hub for a place and gets a host, a container, a blob and a shared
//! access signature (`sasToken`). Whoever could put another place there would get the file; so each part is
//! checked for what the hub ever sends ("Upload files with IoT Hub" and "Create a service SAS" in Azure's
//! documentation). The signature itself a device cannot check.

use core::fmt;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;
use zeroize::Zeroizing;

use super::Encoded;
use super::https::digits;
use crate::encoding::percent;
use crate::identity::DeviceId;
use crate::secret::{REDACTED, SecretText};
use crate::time::UnixTime;

/// The longest part of a reply that is read, in bytes.
const PART_MAX: usize = 2048;

/// The reply of the hub, field by field.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is the reply's own shape")]
pub struct FileUpload<'a> {
    /// `hostName`.
    pub host: &'a str,
    /// `containerName`.
    pub container: &'a str,
    /// `blobName`.
    pub blob: &'a str,
    /// `sasToken`, with or without its `?`.
    pub sas: &'a str,
}

/// Ends of the hosts of blob storage, by cloud.
const HOSTS: [&str; 3] =
    [".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn"];

impl FileUpload<'_> {
    /// Judges the place for a file of `device` at `now`, and puts its URL together.
    ///
    /// # Errors
    ///
    /// All that speaks against it.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::session::storage::{FileUpload, StorageReason};
    /// use hubward::{DeviceId, UnixTime};
    ///
    /// let upload = FileUpload {
    ///     host: "contoso.blob.core.windows.net",
    ///     container: "logs",
    ///     blob: "pump-7/today.txt",
    ///     sas: "?sv=2018-03-28&sr=b&sig=Zm9vYmFy&se=2027-01-15T09%3A00%3A00Z&sp=rw",
    /// };
    /// let (device, now) = (DeviceId::new("pump-7")?, UnixTime::from_secs(1_800_000_000));
    /// let url = upload.check(&device, now)?;
    /// assert!(url.expose_url().starts_with("https://contoso.blob.core.windows.net/logs/pump-7/today.txt?"));
    ///
    /// let elsewhere = FileUpload { host: "contoso.example", ..upload };
    /// let refused = elsewhere.check(&device, now).unwrap_err();
    /// assert_eq!(refused.reasons(), [StorageReason::Host]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, device: &DeviceId, now: UnixTime) -> Result<UploadUrl, UploadRefused> {
        let Self { host, container, blob, sas } = *self;
        let sas = sas.strip_prefix('?').unwrap_or(sas);
        if [host, container, blob, sas].iter().any(|part| part.len() > PART_MAX) {
            // And is not read.
            return Err(UploadRefused { reasons: Vec::from([StorageReason::TooLong]) });
        }
        let mut reasons = Vec::new();
        let mut add = |is_right: bool, reason| {
            if !is_right && !reasons.contains(&reason) {
                reasons.push(reason);
            }
        };
        add(is_blob_host(host), StorageReason::Host);
        add(is_container(container), StorageReason::Container);
        let path = blob.strip_prefix(device.as_str()).and_then(|rest| rest.strip_prefix('/'));
        add(path.is_some_and(|path| !path.is_empty()), StorageReason::NotOfDevice);
        add(is_plain_path(blob), StorageReason::Path);
        judge_sas(sas, now, &mut add);
        if !reasons.is_empty() {
            return Err(UploadRefused { reasons });
        }
        let segments: Vec<_> =
            blob.split('/').map(|segment| format!("{}", Encoded(segment))).collect();
        let place = format!("https://{host}/{container}/{}?", segments.join("/"));
        // As long as it will be, so that no copy of the signature is left where it grew.
        let mut url = String::with_capacity(place.len() + sas.len());
        url.push_str(&place);
        url.push_str(sas);
        Ok(UploadUrl(SecretText::owned(url)))
    }
}

impl fmt::Debug for FileUpload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, container, blob, sas: _ } = self;
        f.debug_struct("FileUpload")
            .field("host", host)
            .field("container", container)
            .field("blob", blob)
            .field("sas", &REDACTED)
            .finish()
    }
}

fn is_blob_host(host: &str) -> bool {
    let account = HOSTS.iter().find_map(|end| host.strip_suffix(end));
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    account
        .is_some_and(|account| (3..=24).contains(&account.len()) && account.bytes().all(is_plain))
}

fn is_container(container: &str) -> bool {
    let bytes = container.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| is_plain(byte) || *byte == b'-')
        && bytes.first().is_some_and(is_plain)
        && bytes.last().is_some_and(is_plain)
        && !container.contains("--")
}

/// No way out of the folder, however often the path is decoded, and nothing that ends a path.
fn is_plain_path(path: &str) -> bool {
    let mut path = String::from(path);
    loop {
        let is_plain = path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
            && !path.contains('\\')
            && !path.contains(char::is_control);
        let decoded = String::from_utf8(percent::Decoded::new(&path).collect());
        match decoded {
            _ if !is_plain => return false,
            Err(_) => return false,
            Ok(decoded) if decoded == path => return true,
            // Shorter by two bytes at least.
            Ok(decoded) => path = decoded,
        }
    }
}

/// Whether a shared access signature has such a field, or will have: its own begin with `s`, those about
/// the headers of a reply with `rsc`. Others (`comp`, `restype`) say what is to be done.
fn is_sas_field(key: &str) -> bool {
    let is_of_sas = key.starts_with('s') || key.starts_with("rsc");
    is_of_sas && key.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// `query` of RFC 3986, section 3.4: nothing that would end it, and nothing that libraries write in
/// another way than it is here.
fn is_query(query: &str) -> bool {
    let mut bytes = query.bytes();
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                digit() && digit()
            }
            _ => percent::is_unreserved(byte) || b"!$&'()*+,;=:@/?".contains(&byte),
        };
        if !is_right {
            return false;
        }
    }
    true
}

fn judge_sas(sas: &str, now: UnixTime, add: &mut dyn FnMut(bool, StorageReason)) {
    let mut fields: Vec<(&str, Zeroizing<Vec<u8>>)> = Vec::new();
    for field in sas.split('&') {
        let Some((key, value)) = field.split_once('=') else {
            add(false, StorageReason::Malformed);
            continue;
        };
        // As long as it will be at most: the signature is among them.
        let mut decoded = Zeroizing::new(Vec::with_capacity(value.len()));
        decoded.extend(percent::Decoded::new(value));
        let is_new = !fields.iter().any(|(known, _)| *known == key);
        let is_text = core::str::from_utf8(&decoded).is_ok();
        add(is_sas_field(key) && is_new && is_text, StorageReason::Malformed);
        fields.push((key, decoded));
    }
    add(is_query(sas), StorageReason::Malformed);
    let field = |key: &str| {
        let value = fields.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
        value.map(|value| core::str::from_utf8(value).unwrap_or_default())
    };
    let is_version = |version: &str| version.len() == 10 && moment(version).is_some();
    add(field("sv").is_some_and(is_version), StorageReason::Malformed);
    add(field("sig").is_some_and(|signature| !signature.is_empty()), StorageReason::Malformed);
    add(field("sr") == Some("b"), StorageReason::NotABlob);
    match field("se").map(moment) {
        Some(Some(end)) => add(now < end, StorageReason::Expired { end, now }),
        _ => add(false, StorageReason::NoEnd),
    }
    match field("st").map(moment) {
        None => {}
        Some(Some(start)) => add(start <= now, StorageReason::NotYet { start, now }),
        Some(None) => add(false, StorageReason::Malformed),
    }
    let permissions = field("sp").unwrap_or_default();
    add(permissions.contains(['w', 'c']), StorageReason::NotWritable);
    add(permissions.chars().all(|one| "racw".contains(one)), StorageReason::TooMuch);
    add(field("spr").is_none_or(|protocols| protocols == "https"), StorageReason::PlainText);
}

/// ISO 8601 in UTC, as a shared access signature has it: a date, with minutes, or with seconds.
fn moment(text: &str) -> Option<UnixTime> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00"),
    };
    let [year, month, day] = *date.split('-').collect::<Vec<_>>() else { return None };
    let (hour, minute, second) = match *time.split(':').collect::<Vec<_>>() {
        [hour, minute] => (hour, minute, "00"),
        // Fractions of a second, which some write.
        [hour, minute, second] => match second.split_once('.') {
            Some((whole, fraction)) => {
                digits(fraction, fraction.len().clamp(1, 7))?;
                (hour, minute, whole)
            }
            None => (hour, minute, second),
        },
        _ => return None,
    };
    UnixTime::from_civil(
        [digits(year, 4)?, digits(month, 2)?, digits(day, 2)?],
        [digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?],
    )
}

/// Where a file may be sent. The signature in it is a credential: `Debug` hides the whole.
pub struct UploadUrl(SecretText<'static>);

impl UploadUrl {
    /// The header that the request must have beside it, and its value.
    pub const BLOB_TYPE: (&'static str, &'static str) = ("x-ms-blob-type", "BlockBlob");

    /// The URL, for `PUT`.
    pub fn expose_url(&self) -> &str {
        self.0.expose_text()
    }
}

impl fmt::Debug for UploadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadUrl({REDACTED})")
    }
}

/// Why a file is not sent to where the hub says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the place for the file is refused: {}", list(reasons))]
pub struct UploadRefused {
    reasons: Vec<StorageReason>,
}

impl UploadRefused {
    /// All of it; at least one.
    pub fn reasons(&self) -> &[StorageReason] {
        &self.reasons
    }
}

fn list(reasons: &[StorageReason]) -> String {
    let texts: Vec<_> = reasons.iter().map(|reason| format!("{reason}")).collect();
    texts.join("; ")
}

/// What speaks against a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StorageReason {
    /// A part is longer than 2048 bytes.
    #[error("a part of the reply is longer than {PART_MAX} bytes")]
    TooLong,
    /// The host is none of Azure's blob storage.
    #[error("the host is none of Azure's blob storage")]
    Host,
    /// The container's name is none.
    #[error("the container has no name that one can have")]
    Container,
    /// The blob is not below the device's own name.
    #[error("the blob is not below the device's own name")]
    NotOfDevice,
    /// The blob's name leads elsewhere.
    #[error("the blob's name has segments that lead elsewhere, or characters that no path has")]
    Path,
    /// The signature is malformed, or a field of it is there twice, missing, or none of a signature.
    #[error(
        "the shared access signature is malformed, or a field of it is there twice, missing, or none of one"
    )]
    Malformed,
    /// The signature is not for one blob.
    #[error("the shared access signature is not for one blob (sr=b)")]
    NotABlob,
    /// The signature has no end.
    #[error("the shared access signature has no end (se), or none that can be read")]
    NoEnd,
    /// The signature has expired.
    #[error("the shared access signature ended at {end}, and now it is {now}")]
    Expired {
        /// When it ended.
        end: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// The signature begins later.
    #[error("the shared access signature begins at {start}, and now it is {now}")]
    NotYet {
        /// When it begins.
        start: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// The signature does not let a file be written.
    #[error("the shared access signature does not allow to write (sp)")]
    NotWritable,
    /// The signature allows more than a device needs.
    #[error("the shared access signature allows more than to read, add, create and write (sp)")]
    TooMuch,
    /// The signature allows connections without TLS.
    #[error("the shared access signature allows connections without TLS (spr)")]
    PlainText,
}
