//! `FileUpload::check` against its rules, written down once more, and the URL against what others make of
//! it.
//!
//! An input is lines: host, container, blob, signature, device, and the moment in seconds; what is missing is
//! of a reply that is good.

use std::collections::BTreeSet;

use hubward::session::storage::{FileUpload, StorageReason};
use hubward::{DeviceId, UnixTime};

use super::oracle::{self, percent_decode, shown};

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Some((upload, device, now)) = read(data) else {
        return;
    };
    let expected = reading(&upload, device.as_str(), now);
    match upload.check(&device, UnixTime::from_secs(now)) {
        Ok(url) => {
            assert_eq!(expected, BTreeSet::new(), "{upload:?}");
            leads_where_it_says(&upload, url.expose_url());
            is_hidden(&upload, &format!("{url:?} {url:#?} {upload:?} {upload:#?}"));
        }
        Err(refused) => {
            let names: Vec<String> = refused.reasons().iter().map(name).collect();
            let found: BTreeSet<String> = names.iter().cloned().collect();
            assert_eq!(found.len(), names.len(), "told twice: {names:?}");
            assert_eq!(found, expected, "{upload:?}");
            refused.reasons().iter().for_each(|reason| is_true(reason, &upload, now));
            is_hidden(&upload, &shown(&refused));
        }
    }
}

/// Why the input is refused.
pub fn reasons(data: &[u8]) -> Vec<StorageReason> {
    let checked = read(data).map(|(upload, device, now)| {
        upload
            .check(&device, UnixTime::from_secs(now))
            .err()
            .map(|refused| refused.reasons().to_vec())
    });
    checked.flatten().unwrap_or_default()
}

fn read(data: &[u8]) -> Option<(FileUpload<'_>, DeviceId, u64)> {
    let mut lines = core::str::from_utf8(data).ok()?.split('\n');
    let mut line = |usual| lines.next().unwrap_or(usual);
    let upload = FileUpload {
        host: line("contoso.blob.core.windows.net"),
        container: line("logs"),
        blob: line("pump-7/today.txt"),
        sas: line("?sv=2018-03-28&sr=b&sig=eA%3D%3D&se=2027-01-15T09%3A00%3A00Z&sp=rw"),
    };
    let device = DeviceId::new(line("pump-7")).ok()?;
    let now = line("1800000000").parse().unwrap_or(1_800_000_000);
    Some((upload, device, now))
}

fn name(reason: &StorageReason) -> String {
    let text = format!("{reason:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

// The rules.

const ENDS: [&str; 3] =
    ["blob.core.windows.net", "blob.core.usgovcloudapi.net", "blob.core.chinacloudapi.cn"];

fn reading(upload: &FileUpload<'_>, device: &str, now: u64) -> BTreeSet<String> {
    let FileUpload { host, container, blob, sas } = *upload;
    let sas = sas.strip_prefix('?').unwrap_or(sas);
    let mut reasons = BTreeSet::new();
    let mut unless = |is_right: bool, reason: &str| {
        if !is_right {
            reasons.insert(reason.to_owned());
        }
    };
    if [host, container, blob, sas].iter().any(|part| part.len() > 2048) {
        return BTreeSet::from(["TooLong".to_owned()]);
    }
    let is_of = |text: &str, marks: &str| {
        text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9') || marks.contains(c))
    };
    let (account, end) = host.split_once('.').unwrap_or((host, ""));
    unless(ENDS.contains(&end) && is_of(account, "") && (3..25).contains(&account.len()), "Host");
    // Words of letters and digits, a hyphen between them.
    let is_word = |word: &str| !word.is_empty() && is_of(word, "");
    unless(container.split('-').all(is_word) && (3..64).contains(&container.len()), "Container");
    unless(blob.starts_with(&format!("{device}/")) && blob.len() > device.len() + 1, "NotOfDevice");
    unless(is_plain(blob.as_bytes()), "Path");

    // The signature: its fields as another decoder reads them.
    let fields: Vec<(&str, Option<String>)> = sas
        .split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(key, value)| (key, String::from_utf8(percent_decode(value)).ok()))
        .collect();
    let is_whole = sas.split('&').all(|field| field.contains('='));
    let keys: BTreeSet<&str> = fields.iter().map(|(key, _)| *key).collect();
    let is_known = |key: &&str| {
        key.bytes().all(|byte| byte.is_ascii_lowercase())
            && (key.starts_with('s') || key.starts_with("rsc"))
    };
    let value = |wanted: &str| {
        let found = fields.iter().find(|(key, _)| *key == wanted);
        found.map(|(_, value)| value.clone().unwrap_or_default())
    };
    let version = value("sv").filter(|version| version.len() == 10);
    let start = value("st").map(|start| moment(&start));
    unless(
        is_whole
            && keys.len() == fields.len()
            && keys.iter().all(is_known)
            && is_query(sas)
            && version.is_some_and(|version| moment(&version).is_some())
            && fields.iter().all(|(_, value)| value.is_some())
            && value("sig").is_some_and(|signature| !signature.is_empty())
            && start != Some(None),
        "Malformed",
    );
    unless(value("sr").as_deref() == Some("b"), "NotABlob");
    let end = value("se").and_then(|end| moment(&end));
    unless(end.is_some(), "NoEnd");
    unless(end.is_none_or(|end| now < end), "Expired");
    unless(start.flatten().is_none_or(|start| start <= now), "NotYet");
    let permissions = value("sp").unwrap_or_default();
    unless(permissions.contains('w') || permissions.contains('c'), "NotWritable");
    unless(permissions.trim_matches(['r', 'a', 'c', 'w']).is_empty(), "TooMuch");
    unless(value("spr").is_none_or(|protocols| protocols == "https"), "PlainText");
    reasons
}

/// However often it is decoded: text, and segments that are names.
fn is_plain(path: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(path) else {
        return false;
    };
    let is_name = |segment: &str| !segment.is_empty() && segment != "." && segment != "..";
    let mut control =
        text.chars().filter(|c| matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\\'));
    let decoded = percent_decode(text);
    control.next().is_none()
        && text.split('/').all(is_name)
        && (decoded == path || is_plain(&decoded))
}

/// Characters and escapes of RFC 3986, section 3.4.
fn is_query(text: &str) -> bool {
    let mut parts = text.split('%');
    let is_plain = |part: &str| {
        part.chars().all(|c| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?".contains(c))
    };
    let is_escape = |part: &str| {
        let digits: Vec<char> = part.chars().take(2).collect();
        digits.len() == 2 && digits.iter().all(char::is_ascii_hexdigit) && is_plain(&part[2..])
    };
    parts.next().is_none_or(is_plain) && parts.all(is_escape)
}

/// ISO 8601 in UTC, by the places of its characters.
fn moment(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let mark = |place: usize, mark: &str| text.get(place..place + 1) == Some(mark);
    let (hour, minute, second) = match text.len() {
        10 => (0, 0, 0),
        17 if mark(10, "T") && mark(13, ":") && mark(16, "Z") => {
            (number(11, 13)?, number(14, 16)?, 0)
        }
        len if mark(10, "T") && mark(13, ":") && mark(16, ":") && mark(len - 1, "Z") => {
            let is_whole = len == 20;
            let is_fraction =
                mark(19, ".") && (22..=28).contains(&len) && number(20, len - 1).is_some();
            if !is_whole && !is_fraction {
                return None;
            }
            (number(11, 13)?, number(14, 16)?, number(17, 19)?)
        }
        _ => return None,
    };
    if !mark(4, "-") || !mark(7, "-") {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
    if year < 1970
        || day == 0
        || day > lengths[month - 1]
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let days = 365 * (year - 1970) + leaps(year - 1) - leaps(1969)
        + lengths[..month - 1].iter().sum::<u64>()
        + day
        - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second.min(59))
}

// What comes of it.

/// As RFC 3986, appendix B, takes a URL apart.
fn leads_where_it_says(upload: &FileUpload<'_>, url: &str) {
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
    let rest = url.strip_prefix("https://").expect("the scheme");
    assert!(!rest.contains(['#', '\\', '"', '<', '>', '^', '`', '{', '|', '}', '[', ']']), "{url}");
    let (place, query) = rest.split_once('?').expect("a query");
    let (authority, path) = place.split_once('/').expect("a path");
    assert_eq!(authority, upload.host);
    assert_eq!(query, upload.sas.strip_prefix('?').unwrap_or(upload.sas));
    // Each segment is what it was, encoded once, and leads on.
    let segments: Vec<&str> = path.split('/').collect();
    let expected: Vec<String> = core::iter::once(upload.container)
        .chain(upload.blob.split('/'))
        .map(|segment| oracle::percent_encode(segment.as_bytes()))
        .collect();
    assert_eq!(segments, expected);
    let mut decoded = path.as_bytes().to_vec();
    for _ in 0..4 {
        let text = String::from_utf8(decoded).expect("it is text");
        let leads_on = |segment: &str| !matches!(segment, "" | "." | "..");
        assert!(text.split(['/', '\\']).all(leads_on), "{url}");
        decoded = percent_decode(&text);
    }
}

fn is_true(reason: &StorageReason, upload: &FileUpload<'_>, now: u64) {
    match *reason {
        StorageReason::Expired { end, now: judged } => {
            assert!(end <= judged && judged.as_secs() == now && upload.sas.contains("se="));
        }
        StorageReason::NotYet { start, now: judged } => {
            assert!(start > judged && judged.as_secs() == now && upload.sas.contains("st="));
        }
        _ => {}
    }
}

/// What is shown is the same for another signature.
fn is_hidden(upload: &FileUpload<'_>, shown: &str) {
    let fields =
        upload.sas.split('&').filter_map(|field| field.trim_start_matches('?').split_once('='));
    for (_, signature) in fields.filter(|(key, value)| *key == "sig" && value.len() >= 16) {
        let parts = [upload.host, upload.container, upload.blob];
        assert!(!shown.contains(signature) || parts.iter().any(|part| part.contains(signature)));
    }
}
