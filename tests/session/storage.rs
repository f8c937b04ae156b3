//! The place for a file: each reason to refuse it, what stands right beside it, and hostile replies.

use std::collections::BTreeSet;

use hubward::session::storage::{FileUpload, StorageReason, UploadUrl};
use hubward::{DeviceId, UnixTime};
use proptest::prelude::*;
use proptest::sample::select;

use crate::source::sources;
use crate::{NOW, config};

const BLOB_HOST: &str = "contoso.blob.core.windows.net";
/// An hour later than [`NOW`].
const SAS: &str = "?sv=2018-03-28&sr=b&sig=bWFkZSB1cA%3D%3D&se=2027-01-15T09%3A00%3A00Z&sp=rw";
const GOOD: FileUpload<'static> =
    FileUpload { host: BLOB_HOST, container: "logs", blob: "pump-7/today.txt", sas: SAS };

fn check_for(device: &str, upload: FileUpload<'_>) -> Result<UploadUrl, Vec<StorageReason>> {
    let device = DeviceId::new(device).expect("an ID");
    upload.check(&device, NOW).map_err(|refused| refused.reasons().to_vec())
}

fn check(upload: FileUpload<'_>) -> Result<UploadUrl, Vec<StorageReason>> {
    check_for("pump-7", upload)
}

fn reasons(upload: FileUpload<'_>) -> Vec<StorageReason> {
    check(upload).err().unwrap_or_default()
}

#[test]
fn what_the_hub_sends_is_taken_as_it_is() {
    let url = check(GOOD).expect("it is in order");
    let expected = format!("https://{BLOB_HOST}/logs/pump-7/today.txt?{}", &SAS[1..]);
    assert_eq!(url.expose_url(), expected);
    assert_eq!(UploadUrl::BLOB_TYPE, ("x-ms-blob-type", "BlockBlob"));
    // Without its question mark too.
    let url = check(FileUpload { sas: &SAS[1..], ..GOOD }).expect("it is in order");
    assert_eq!(url.expose_url(), expected);
    // What a URL has to escape.
    let odd = FileUpload { blob: "a#%23/t ä?&+.txt", ..GOOD };
    let url = check_for("a#%23", odd).expect("it is in order");
    assert_eq!(
        url.expose_url(),
        format!("https://{BLOB_HOST}/logs/a%23%2523/t%20%C3%A4%3F%26%2B.txt?{}", &SAS[1..])
    );
}

/// A signature with one field replaced, added or, where there is no value, left out.
fn with(key: &str, value: &str) -> String {
    let mut fields: Vec<String> = SAS[1..]
        .split('&')
        .filter(|field| !field.starts_with(&format!("{key}=")))
        .map(str::to_owned)
        .collect();
    if !value.is_empty() {
        fields.push(format!("{key}={value}"));
    }
    format!("?{}", fields.join("&"))
}

/// One part of a reply that is good but for that.
#[derive(Clone, Debug)]
enum Part {
    Host(String),
    Container(String),
    Blob(String),
    Sas(String),
}

impl Part {
    fn reasons(&self) -> Vec<StorageReason> {
        reasons(match self {
            Self::Host(host) => FileUpload { host, ..GOOD },
            Self::Container(container) => FileUpload { container, ..GOOD },
            Self::Blob(blob) => FileUpload { blob, ..GOOD },
            Self::Sas(sas) => FileUpload { sas, ..GOOD },
        })
    }
}

fn field(key: &str, value: &str) -> Part {
    Part::Sas(with(key, value))
}

fn added(rest: &str) -> Part {
    Part::Sas(format!("{SAS}{rest}"))
}

/// Each reason alone, with what brings it and what stands beside that and does not.
fn table() -> Vec<(StorageReason, Vec<Part>, Vec<Part>)> {
    use Part::{Blob, Container, Host, Sas};
    use StorageReason as R;

    let host = |host: &str| Host(host.to_owned());
    let container = |container: &str| Container(container.to_owned());
    let blob = |blob: &str| Blob(blob.to_owned());
    let sas = |sas: &str| Sas(sas.to_owned());
    let of_len = |len: usize| Blob(format!("pump-7/{}", "a".repeat(len - 7)));
    let at = UnixTime::from_secs;
    let (now, second) = (NOW, |seconds: u64| UnixTime::from_secs(seconds));
    vec![
        (
            R::TooLong,
            vec![
                of_len(2049),
                Host("a".repeat(2049)),
                Container("a".repeat(2049)),
                // Three bytes longer: the question mark is not of it.
                Sas(format!("?{}", "a".repeat(2049))),
                // What is too long is not read.
                Blob("%25".repeat(1_000_000)),
            ],
            vec![of_len(2048), added(&format!("&skoid={}", "a".repeat(2048 - SAS.len() - 6)))],
        ),
        (
            R::Host,
            [
                "",
                "blob.core.windows.net",
                ".blob.core.windows.net",
                "ab.blob.core.windows.net",
                "a2345678901234567890123456.blob.core.windows.net",
                "Contoso.blob.core.windows.net",
                "contoso.BLOB.core.windows.net",
                "con-toso.blob.core.windows.net",
                "a.contoso.blob.core.windows.net",
                "contoso.blob.core.windows.net.",
                "contoso.blob.core.windows.net:443",
                "contoso.blob.core.windows.net:80",
                "contoso.blob.core.windows.net/",
                "contoso.blob.core.windows.net#",
                "contoso.blob.core.windows.net@example.com",
                "example.com/contoso.blob.core.windows.net",
                "example.com#.blob.core.windows.net",
                "example.com?.blob.core.windows.net",
                "example.com\\.blob.core.windows.net",
                "user@contoso.blob.core.windows.net",
                "contoso.blob.core.windows.net.example.com",
                "contoso.blob.core.windows.example.com",
                "contosoblob.core.windows.net",
                "contoso.queue.core.windows.net",
                "contoso.blob.core.windows.net ",
                " contoso.blob.core.windows.net",
                "contoso%2eblob.core.windows.net",
                "https://contoso.blob.core.windows.net",
                "127.0.0.1",
                "[::1]",
                "cont\u{f6}so.blob.core.windows.net",
                "contos\u{3bf}.blob.core.windows.net",
                "contoso\u{ff0e}blob.core.windows.net",
                "contoso.blob.core.windows.net\0",
                "contoso.blob.core.windows.net\r\nHost: example.com",
            ]
            .map(host)
            .to_vec(),
            [
                "abc.blob.core.windows.net",
                "a23456789012345678901234.blob.core.windows.net",
                "123.blob.core.windows.net",
                "contoso.blob.core.usgovcloudapi.net",
                "contoso.blob.core.chinacloudapi.cn",
            ]
            .map(host)
            .to_vec(),
        ),
        (
            R::Container,
            [
                "",
                "ab",
                "-ab",
                "ab-",
                "a--b",
                "Logs",
                "lo_gs",
                "lo.gs",
                "logs/..",
                "..",
                "...",
                "logs/x",
                "logs?",
                "logs#x",
                "lo gs",
                "%6cogs",
                "l\u{f6}gs",
                "$root",
                "logs\n",
            ]
            .map(container)
            .into_iter()
            .chain([Container("a".repeat(64))])
            .collect(),
            ["abc", "1-2", "a-b-c", "000"]
                .map(container)
                .into_iter()
                .chain([Container("a".repeat(63))])
                .collect(),
        ),
        (
            R::NotOfDevice,
            [
                "today.txt",
                "pump-8/today.txt",
                "pump-77/today.txt",
                "Pump-7/today.txt",
                "a/pump-7/x",
            ]
            .map(blob)
            .to_vec(),
            ["pump-7/t", "pump-7/pump-8/t", "pump-7/.t", "pump-7/..t"].map(blob).to_vec(),
        ),
        (
            R::Path,
            [
                "pump-7/../pump-8/today.txt",
                "pump-7/..",
                "pump-7/.",
                "pump-7/./t",
                "pump-7//t",
                "pump-7/t/",
                "pump-7/a/../../b",
                "pump-7/..\\pump-8",
                "pump-7/a\\b",
                "pump-7/\0",
                "pump-7/t\r\nx: y",
                "pump-7/\u{7f}",
                "pump-7/\u{85}",
                // Decoded once.
                "pump-7/%2e%2e/t",
                "pump-7/%2E%2e/t",
                "pump-7/.%2e/t",
                "pump-7/%2e/t",
                "pump-7/..%2ft",
                "pump-7/a%2F..%2Fb",
                "pump-7/%2f",
                "pump-7/a%5cb",
                "pump-7/a%00",
                "pump-7/a%0d%0ab",
                // Twice, and more often.
                "pump-7/%252e%252e/t",
                "pump-7/%252e./t",
                "pump-7/..%252ft",
                "pump-7/%25252e%25252e/t",
                "pump-7/%25%32%65%25%32%65/t",
                "pump-7/%2525252525252e./t",
                // No text.
                "pump-7/%ff",
                "pump-7/%c0%ae%c0%ae/t",
                "pump-7/%25ff",
            ]
            .map(blob)
            .to_vec(),
            [
                "pump-7/...",
                "pump-7/..t",
                "pump-7/t..",
                "pump-7/.t",
                "pump-7/a/b/c",
                "pump-7/a?b#c",
                "pump-7/100%",
                "pump-7/%zz",
                "pump-7/%2",
                "pump-7/%c3%a4",
                "pump-7/a%20b",
                "pump-7/%252",
                "pump-7/\u{e4}",
                // A name, and no way anywhere.
                "pump-7/\u{2025}",
            ]
            .map(blob)
            .to_vec(),
        ),
        (
            R::Malformed,
            vec![
                field("sv", ""),
                field("sig", ""),
                added("&"),
                added("&st"),
                added("&=x"),
                added("&sr=b"),
                added("&sig=x"),
                // The same field in another writing.
                added("&s%72=c"),
                added("&%73r=c"),
                added("&SR=c"),
                added("&sr%00=c"),
                added("&sr+=c"),
                // What is to be done is no field of a signature.
                added("&comp=metadata"),
                added("&restype=container"),
                added("&timeout=1"),
                added("&st=soon"),
                added("&st="),
                added("&st=2027-01-15T08:00:00"),
                field("sv", "2018-03"),
                field("sv", "2018-03-28T00:00Z"),
                field("sv", "2018-13-28"),
                field("sv", "latest"),
                added("&si=a#x"),
                added("&si=a b"),
                added("&si=a\"b"),
                added("&si=<a>"),
                added("&si=a\\b"),
                added("&si={a}"),
                added("&si=^"),
                added("&si=[a]"),
                added("&si=%"),
                added("&si=%4"),
                added("&si=%zz"),
                added("&si=%ff"),
                field("sig", "%c0%80"),
                added("&si=\u{e4}"),
                added("&si=a\r\nx: y"),
                Sas(format!("?{SAS}")),
            ],
            vec![
                added("&st=2027-01-15"),
                added("&si=a%20b"),
                added("&si=a+b"),
                added("&si=a?b/c:d@e!$'()*,;"),
                added("&si="),
                added("&sip=168.1.5.60-168.1.5.70"),
                added("&skoid=a&sktid=b&skt=c&ske=d&sks=b&skv=2020-12-06"),
                added("&rscc=no-store&rsct=a%2Fb"),
                field("sv", "2026-02-06"),
                field("sig", "a"),
                field("sig", "a%3D="),
            ],
        ),
        (
            R::NotABlob,
            ["c", "bs", "bv", "d", "B", "b%20", "%62b", "b,c"]
                .map(|value| field("sr", value))
                .into_iter()
                .chain([field("sr", ""), sas(&SAS.replace("sr=b", "sr="))])
                .collect(),
            vec![field("sr", "b"), field("sr", "%62")],
        ),
        (
            R::NoEnd,
            [
                "",
                "soon",
                "1800003600",
                "2027-01-15T09:00:00",
                "2027-01-15T09:00:00z",
                "2027-01-15T09:00:00+00:00",
                "2027-01-15 09:00:00Z",
                "2027-01-15T09Z",
                "2027-01-15T9:00Z",
                "2027-01-15T24:00Z",
                "2027-02-29T09:00Z",
                "2027-1-15",
                "27-01-15",
                "2027-01-15Z",
                "2027-01-15T09:00:00.Z",
                "2027-01-15T09:00:00.12345678Z",
                "2027-01-15T09:00:00.1aZ",
                "2027-01-15T09:00:00.-1Z",
                "2027-01-15T09:00:00:00Z",
                "2027-01-15T09:00:0.0Z",
                "+027-01-15",
                "-2027-01-15",
                "10000-01-01",
                "%32027-01",
            ]
            .map(|value| field("se", &value.replace('+', "%2B").replace(' ', "%20")))
            .to_vec(),
            [
                "2027-01-16",
                "2027-01-15T08:01Z",
                "2027-01-15T08:00:01Z",
                "2027-01-15T08:00:01.0Z",
                "2027-01-15T08:00:01.1234567Z",
                "2027%2D01-15T08%3a00:01Z",
                "9999-12-31T23:59:59Z",
                "2028-02-29",
            ]
            .map(|value| field("se", value))
            .to_vec(),
        ),
        (
            R::Expired { end: at(now.as_secs()), now },
            vec![field("se", "2027-01-15T08:00:00Z"), field("se", "2027-01-15T08:00Z")],
            vec![field("se", "2027-01-15T08:00:01Z")],
        ),
        (
            R::Expired { end: second(1_799_971_200), now },
            vec![field("se", "2027-01-15")],
            vec![field("se", "2027-01-16")],
        ),
        (
            R::NotYet { start: second(now.as_secs() + 1), now },
            vec![field("st", "2027-01-15T08:00:01Z"), field("st", "2027-01-15T08:00:01.9Z")],
            vec![
                field("st", "2027-01-15T08:00:00Z"),
                field("st", "2027-01-15"),
                field("st", "1970-01-01"),
            ],
        ),
        (
            R::NotWritable,
            ["r", "a", "ra", "rr"]
                .map(|value| field("sp", value))
                .into_iter()
                .chain([field("sp", "")])
                .collect(),
            ["w", "c", "rw", "racw", "wr", "%77"].map(|value| field("sp", value)).to_vec(),
        ),
        (
            R::TooMuch,
            ["rwd", "wx", "rwl", "cwt", "wy", "racwdxltmeopi", "w%20", "W%77", "w,r"]
                .map(|value| field("sp", value))
                .to_vec(),
            vec![field("sp", "racw")],
        ),
        (
            R::PlainText,
            ["https,http", "http", "http,https", "HTTPS", "https,", "https,https"]
                .map(|value| field("spr", value))
                .into_iter()
                .chain([sas(&format!("{SAS}&spr="))])
                .collect(),
            vec![field("spr", "https"), field("spr", "http%73")],
        ),
    ]
}

#[test]
fn every_reason_is_brought_by_what_it_is_for_and_not_by_what_stands_beside_it() {
    for (reason, wrong, beside) in table() {
        for part in wrong {
            assert_eq!(part.reasons(), [reason], "{part:.200?}");
        }
        for part in beside {
            assert_eq!(part.reasons(), [], "{part:.200?} is not {reason:?}");
        }
    }
}

/// A reason that is added needs its cases.
#[test]
fn the_table_has_every_reason() {
    let name = |reason: &StorageReason| {
        let text = format!("{reason:?}");
        text.split([' ', '{']).next().expect("a name").to_owned()
    };
    let tested: BTreeSet<String> = table().iter().map(|(reason, ..)| name(reason)).collect();
    let sources = sources();
    let source = sources.iter().find(|source| source.path == "session/storage.rs");
    let words: Vec<&str> =
        source.expect("it is there").tokens.iter().map(|token| token.text.as_str()).collect();
    let start = words.windows(3).position(|three| three == ["enum", "StorageReason", "{"]);
    let (mut depth, mut found) = (0, BTreeSet::new());
    for (index, word) in words.iter().enumerate().skip(start.expect("it is there") + 2) {
        match *word {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            word if depth == 1 && matches!(words[index + 1], "{" | ",") => {
                found.insert(word.to_owned());
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    assert_eq!(tested, found);
}

#[test]
fn all_that_is_wrong_is_told_once() {
    use StorageReason as R;

    let nothing = FileUpload { host: "", container: "", blob: "", sas: "" };
    assert_eq!(
        reasons(nothing),
        [
            R::Host,
            R::Container,
            R::NotOfDevice,
            R::Path,
            R::Malformed,
            R::NotABlob,
            R::NoEnd,
            R::NotWritable
        ]
    );
    let elsewhere = FileUpload {
        host: "example.com",
        container: "..",
        blob: "../../x",
        sas: "?sr=c&sr=d&se=2020-01-01&st=2030-01-01&sp=rd&spr=http&x#",
    };
    let refused = elsewhere.check(&DeviceId::new("pump-7").unwrap(), NOW).unwrap_err();
    assert_eq!(
        refused.reasons(),
        [
            R::Host,
            R::Container,
            R::NotOfDevice,
            R::Path,
            R::Malformed,
            R::NotABlob,
            R::Expired { end: UnixTime::from_secs(1_577_836_800), now: NOW },
            R::NotYet { start: UnixTime::from_secs(1_893_456_000), now: NOW },
            R::NotWritable,
            R::TooMuch,
            R::PlainText,
        ]
    );
    let text = refused.to_string();
    assert!(text.starts_with("the place for the file is refused: the host is none of"), "{text}");
    assert_eq!(text.matches("; ").count(), 10, "{text}");
}

/// IDs may be what paths make something else of.
#[test]
fn devices_with_odd_names() {
    for (device, blob, expected) in [
        ("..", "../t", vec![StorageReason::Path]),
        (".", "./t", vec![StorageReason::Path]),
        ("%2e%2e", "%2e%2e/t", vec![StorageReason::Path]),
        ("a%2fb", "a%2fb/t", vec![]),
        ("%2f", "%2f/t", vec![StorageReason::Path]),
        ("a%", "a%/t", vec![]),
        // Together they would be another character.
        ("a%2", "a%2/t", vec![]),
        ("pump-7", "pump%2D7/t", vec![StorageReason::NotOfDevice]),
        ("a+b", "a+b/t", vec![]),
        ("a+b", "a b/t", vec![StorageReason::NotOfDevice]),
    ] {
        let found = check_for(device, FileUpload { blob, ..GOOD }).err().unwrap_or_default();
        assert_eq!(found, expected, "{device} {blob}");
    }
}

// Whatever is replied.

/// A URL, split as RFC 3986, appendix B has it.
#[derive(Debug)]
struct Url<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: Option<&'a str>,
}

fn split(url: &str) -> Url<'_> {
    let (scheme, rest) = url.split_once(':').expect("there is a scheme");
    let rest = rest.strip_prefix("//").expect("there is an authority");
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Url { scheme, authority, path, query, fragment }
}

/// What browsers and their like make of a path: `%2e` is a dot, a backslash a slash, and dots lead up.
fn resolved(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match &*segment.to_lowercase().replace("%2e", ".") {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&urlencoding::decode_binary(text.as_bytes())).into_owned()
}

/// What must hold for whatever is accepted.
fn is_sound(upload: FileUpload<'_>, device: &str, url: &str) {
    let Url { scheme, authority, path, query, fragment } = split(url);
    assert_eq!((scheme, authority, fragment), ("https", upload.host, None), "{url}");
    let account = authority.strip_suffix(".blob.core.windows.net").expect("none else is generated");
    assert!(account.chars().all(|c| c.is_ascii_alphanumeric()), "{url}");
    // No library reads it otherwise, or writes it otherwise.
    assert!(
        url.is_ascii() && !url.contains(|c: char| " \"<>\\^`{|}[]".contains(c) || c.is_control())
    );
    assert_eq!(resolved(path), path, "{url}");
    assert_eq!(decoded(path), format!("/{}/{}", upload.container, upload.blob), "{url}");
    // Nothing leads elsewhere, however often it is decoded.
    let mut path = path.to_owned();
    for _ in 0..5 {
        assert!(
            path.split(['/', '\\']).skip(1).all(|part| !matches!(part, "" | "." | "..")),
            "{url}"
        );
        path = decoded(&path);
    }
    let own = format!("/{}/{device}/", upload.container);
    assert!(decoded(split(url).path).starts_with(&own), "{url}");
    // The signature, as it came.
    assert_eq!(query, upload.sas.strip_prefix('?').unwrap_or(upload.sas));
    let fields: Vec<(String, String)> = query
        .split('&')
        .map(|field| field.split_once('=').expect("a name and a value"))
        .map(|(key, value)| (decoded(key).to_lowercase(), decoded(value)))
        .collect();
    let values = |wanted: &str| -> Vec<&str> {
        fields.iter().filter(|(key, _)| key == wanted).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(values("sr"), ["b"], "{url}");
    assert_eq!((values("sv").len(), values("sig").len(), values("se").len()), (1, 1, 1), "{url}");
    assert!(values("se")[0] > "2027-01-15T08:00", "{url}");
    let [permissions] = values("sp")[..] else {
        panic!("{url}");
    };
    assert!(
        permissions.contains(['w', 'c']) && !permissions.contains(|c| !"racw".contains(c)),
        "{url}"
    );
    assert!(values("comp").is_empty() && values("restype").is_empty(), "{url}");
    assert!(matches!(values("spr")[..], [] | ["https"]), "{url}");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = select(
        &[
            "..", ".", "/", "\\", "%2e", "%2E", "%252e", "%2f", "%5c", "%25", "25", "2e", "%", "a",
            "t", "pump-7", "pump-8", "?", "#", "@", ":", "&", "=", " ", "+", "\n", "\0", "ä",
            "%c3%a4", "%ff",
        ][..],
    );
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(BLOB_HOST.to_owned()),
        2 => "[a-z0-9]{2,25}\\.blob\\.core\\.windows\\.net",
        1 => pieces().prop_map(|pieces| format!("{pieces}{BLOB_HOST}")),
        1 => pieces().prop_map(|pieces| format!("{BLOB_HOST}{pieces}")),
        1 => pieces().prop_map(|pieces| format!("{pieces}.blob.core.windows.net")),
        1 => any::<String>(),
    ]
}

fn container() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("logs".to_owned()), 2 => "[a-z0-9-]{2,64}", 1 => pieces(), 1 => any::<String>()]
}

fn blob() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => pieces().prop_map(|pieces| format!("pump-7/{pieces}")),
        2 => pieces().prop_map(|pieces| format!("pump-7/a{pieces}/t")),
        1 => pieces(),
        1 => any::<String>().prop_map(|text| format!("pump-7/{text}")),
    ]
}

fn sas() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        3 => select(&[
            "sv=2018-03-28", "sr=b", "sr=c", "sig=x", "se=2027-01-15T09:00Z", "se=2027-01-15", "sp=rw", "sp=r",
            "sp=d", "st=2027-01-15", "st=2028-01-01", "spr=https", "spr=http", "comp=x", "SR=c", "%73r=c", "sip=1",
        ][..]).prop_map(str::to_owned),
        1 => pieces(),
        1 => (select(&["sr", "se", "sp", "sv", "sig", "spr", "x"][..]), pieces())
            .prop_map(|(key, value)| format!("{key}={value}")),
    ];
    prop_oneof![
        2 => Just(SAS.to_owned()),
        3 => proptest::collection::vec(field.clone(), 0..3)
            .prop_map(|fields| fields.iter().fold(SAS.to_owned(), |sas, field| format!("{sas}&{field}"))),
        2 => proptest::collection::vec(field, 0..8).prop_map(|fields| fields.join("&")),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases * 4, ..config() })]

    #[test]
    fn what_is_accepted_leads_nowhere_else(
        host in host(),
        container in container(),
        blob in blob(),
        sas in sas(),
    ) {
        let upload = FileUpload { host: &host, container: &container, blob: &blob, sas: &sas };
        match check(upload) {
            Ok(url) => is_sound(upload, "pump-7", url.expose_url()),
            Err(reasons) => {
                prop_assert!(!reasons.is_empty());
                let all: BTreeSet<String> = reasons.iter().map(|reason| format!("{reason:?}")).collect();
                prop_assert_eq!(all.len(), reasons.len(), "told twice");
            }
        }
        // Each part alone, so that more of them pass the others.
        for upload in [
            FileUpload { host: &host, ..GOOD },
            FileUpload { container: &container, ..GOOD },
            FileUpload { blob: &blob, ..GOOD },
            FileUpload { sas: &sas, ..GOOD },
        ] {
            if let Ok(url) = check(upload) {
                is_sound(upload, "pump-7", url.expose_url());
            }
        }
    }

    /// Neither the reply nor what comes of it shows the signature.
    #[test]
    fn nothing_shows_the_signature(signature in "[A-Za-z0-9]{43}", host in host()) {
        let sas = with("sig", &signature);
        let upload = FileUpload { host: &host, sas: &sas, ..GOOD };
        let mut shown = format!("{upload:?}{upload:#?}");
        match upload.check(&DeviceId::new("pump-7")?, NOW) {
            Ok(url) => {
                prop_assert!(url.expose_url().contains(&signature));
                shown += &format!("{url:?}{url:#?}");
            }
            Err(refused) => shown += &format!("{refused}{refused:?}{refused:#?}"),
        }
        for start in 0..signature.len() - 8 {
            prop_assert!(!shown.contains(&signature[start..start + 8]), "{}", shown);
        }
    }
}
