//! Chains that were made bad, each in one way, and for every way one that only looks like it.

use std::sync::LazyLock;
use std::time::Duration;

use hubward::UnixTime;
use hubward::x509::{Certificate, Thumbprint};

use crate::certificates::{
    BASIC_CONSTRAINTS, BMP_STRING, CLIENT_AUTH, COMMON_NAME, CRL_SIGN, DAY, Draft, IA5_STRING, NOW,
    ORGANIZATION, PRINTABLE_STRING, SERVER_AUTH, UTF8_STRING, attribute, certificate, common_name,
    name, oid, sequence, tlv,
};
use crate::world::{
    DEVICE, Drafts, Foreign, INTERMEDIATE, Id, Judged, Key, ROOT, Signer, other_root,
    with_broken_signature,
};

const FLOOR: u64 = UnixTime::BUILD_FLOOR.as_secs();

const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const NAME_CONSTRAINTS: &str = "2.5.29.30";
const ANY_EXTENDED_KEY_USAGE: &str = "2.5.29.37.0";
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_ENCIPHERMENT: u8 = 0x20;
const KEY_CERT_SIGN: u8 = 0x04;
const OCTET_STRING: u8 = 0x04;
const NUMERIC_STRING: u8 = 0x12;

const SHA256_WITH_RSA: &str = "1.2.840.113549.1.1.11";
const SHA1_WITH_RSA: &str = "1.2.840.113549.1.1.5";
const MD5_WITH_RSA: &str = "1.2.840.113549.1.1.4";
const ECDSA_WITH_SHA1: &str = "1.2.840.10045.4.1";
const ECDSA_WITH_SHA512: &str = "1.2.840.10045.4.3.4";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const MD5: &str = "1.2.840.113549.2.5";
const SHA1: &str = "1.3.14.3.2.26";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
const SHA512: &str = "2.16.840.1.101.3.4.2.3";

/// A chain that produces the finding that it is about, and others where they belong to it; or that does
/// not, however close it comes.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) about: &'static str,
    pub(crate) name: &'static str,
    pub(crate) judged: Judged,
    /// All findings in their order: the certificate, and the code.
    pub(crate) findings: Vec<(Option<usize>, &'static str)>,
}

fn case<const N: usize>(
    about: &'static str,
    name: &'static str,
    draft: fn(&mut Drafts),
    change: fn(&mut Judged),
    findings: [(usize, &'static str); N],
) -> Case {
    println!("making {about}: {name}"); // the last line that a failed test shows
    let mut drafts = Drafts::good();
    draft(&mut drafts);
    let mut judged = Judged::new(drafts.issue());
    change(&mut judged);
    let findings = findings.map(|(index, code)| (Some(index), code)).to_vec();
    Case { about, name, judged, findings }
}

impl Case {
    /// Also what is about no certificate of the chain, before or behind the others.
    fn and_apart(mut self, at: usize, code: &'static str) -> Self {
        self.findings.insert(at, (None, code));
        self
    }
}

const fn as_drafted(_: &mut Judged) {}
const fn good(_: &mut Drafts) {}

pub(crate) fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let of_names = [names(), long_names(), name_constraints(), unprocessed()].concat();
        let of_signatures = [signatures(), pss()].concat();
        let of_chains = [order(), trust(), crossed(), registered(), others()].concat();
        [of_names, validity(), rights(), keys(), of_signatures, of_chains].concat()
    });
    &CASES
}

fn cn(tag: u8, content: &[u8]) -> Vec<u8> {
    attribute(COMMON_NAME, tag, content)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn names() -> Vec<Case> {
    vec![
        case(
            "no-common-name",
            "an organization only",
            |drafts| {
                let part = attribute(ORGANIZATION, UTF8_STRING, DEVICE.as_bytes());
                drafts.device.draft.subject = name(&[part]);
            },
            as_drafted,
            [(0, "no-common-name")],
        ),
        case(
            "no-common-name",
            "an empty subject, and no ID expected",
            |drafts| drafts.device.draft.subject = name(&[]),
            |judged| judged.id = Id::None,
            [(0, "no-common-name")],
        ),
        case(
            "no-common-name",
            "a common name behind other parts",
            |drafts| {
                let organization = attribute(ORGANIZATION, UTF8_STRING, b"Contoso");
                drafts.device.draft.subject =
                    name(&[organization, cn(PRINTABLE_STRING, DEVICE.as_bytes())]);
            },
            as_drafted,
            [],
        ),
        case(
            "several-common-names",
            "twice the same",
            |drafts| {
                let part = cn(UTF8_STRING, DEVICE.as_bytes());
                drafts.device.draft.subject = name(&[part.clone(), part]);
            },
            as_drafted,
            [(0, "several-common-names")],
        ),
        case(
            "several-common-names",
            "two in one set, the right one first",
            |drafts| {
                let parts = [cn(UTF8_STRING, DEVICE.as_bytes()), cn(UTF8_STRING, b"pump-8")];
                drafts.device.draft.subject = name(&[parts.concat()]);
            },
            as_drafted,
            [(0, "several-common-names")],
        ),
        case(
            "several-common-names",
            "one, and an organization of the same text",
            |drafts| {
                let organization = attribute(ORGANIZATION, UTF8_STRING, DEVICE.as_bytes());
                drafts.device.draft.subject =
                    name(&[cn(UTF8_STRING, DEVICE.as_bytes()), organization]);
            },
            as_drafted,
            [],
        ),
        case(
            "common-name-not-text",
            "half a character of UTF-16",
            |drafts| drafts.device.draft.subject = name(&[cn(BMP_STRING, &utf16(DEVICE)[..11])]),
            as_drafted,
            [(0, "common-name-not-text")],
        ),
        case(
            "common-name-not-text",
            "bytes",
            |drafts| drafts.device.draft.subject = name(&[cn(OCTET_STRING, DEVICE.as_bytes())]),
            as_drafted,
            [(0, "common-name-not-text")],
        ),
        case(
            "common-name-not-text",
            "UTF-16",
            |drafts| drafts.device.draft.subject = name(&[cn(BMP_STRING, &utf16(DEVICE))]),
            as_drafted,
            [],
        ),
        case(
            "common-name-not-text",
            "what claims to be UTF-8",
            |drafts| drafts.device.draft.subject = name(&[cn(UTF8_STRING, b"pump-7\xff")]),
            as_drafted,
            [(0, "common-name-not-text")],
        ),
        case(
            "common-name-not-text",
            "PrintableString",
            |drafts| drafts.device.draft.subject = name(&[cn(PRINTABLE_STRING, DEVICE.as_bytes())]),
            as_drafted,
            [],
        ),
        case(
            "common-name-not-text",
            "IA5String",
            |drafts| drafts.device.draft.subject = name(&[cn(IA5_STRING, DEVICE.as_bytes())]),
            as_drafted,
            [],
        ),
        case(
            "common-name-not-text",
            "NumericString",
            |drafts| drafts.device.draft.subject = name(&[cn(NUMERIC_STRING, b"7")]),
            |judged| judged.id = Id::Device("7"),
            [],
        ),
        case(
            "common-name-differs",
            "another device",
            |drafts| drafts.device.draft.subject = common_name("pump-8"),
            as_drafted,
            [(0, "common-name-differs")],
        ),
        case(
            "common-name-differs",
            "a zero byte behind the ID",
            |drafts| drafts.device.draft.subject = common_name("pump-7\0"),
            as_drafted,
            [(0, "common-name-differs")],
        ),
        case(
            "common-name-differs",
            "a space behind the ID",
            |drafts| drafts.device.draft.subject = common_name("pump-7 "),
            as_drafted,
            [(0, "common-name-differs")],
        ),
        case(
            "common-name-differs",
            "nothing at all",
            |drafts| drafts.device.draft.subject = common_name(""),
            as_drafted,
            [(0, "common-name-differs")],
        ),
        case(
            "common-name-differs",
            "the device where its module is expected",
            good,
            |judged| judged.id = Id::Module(DEVICE, "vibration"),
            [(0, "common-name-differs")],
        ),
        case(
            "common-name-differs",
            "another registration",
            good,
            |judged| judged.id = Id::Registration("pump-8"),
            [(0, "common-name-differs")],
        ),
        case(
            "common-name-differs",
            "a module",
            |drafts| drafts.device.draft.subject = common_name("pump-7/vibration"),
            |judged| judged.id = Id::Module(DEVICE, "vibration"),
            [],
        ),
        case(
            "common-name-differs",
            "another device, and no ID expected",
            |drafts| drafts.device.draft.subject = common_name("pump-8"),
            |judged| judged.id = Id::None,
            [],
        ),
        case(
            "common-name-case",
            "a device in other case",
            |drafts| drafts.device.draft.subject = common_name("Pump-7"),
            as_drafted,
            [(0, "common-name-case")],
        ),
        case(
            "common-name-case",
            "a module in other case",
            |drafts| drafts.device.draft.subject = common_name("pump-7/Vibration"),
            |judged| judged.id = Id::Module(DEVICE, "vibration"),
            [(0, "common-name-case")],
        ),
        case(
            "common-name-case",
            "a registration in other case",
            |drafts| drafts.device.draft.subject = common_name("PUMP-7"),
            |judged| judged.id = Id::Registration("pump-7"),
            [],
        ),
    ]
}

/// Of 64 characters, and of one more.
const LONG: &str = "pump-0123456789-0123456789-0123456789-0123456789-0123456789-0123";
const TOO_LONG: &str = "pump-0123456789-0123456789-0123456789-0123456789-0123456789-01234";

fn long_names() -> Vec<Case> {
    assert_eq!((LONG.len(), TOO_LONG.len()), (64, 65));
    vec![
        case(
            "long-common-name",
            "a character more than there may be",
            |drafts| drafts.device.draft.subject = common_name(TOO_LONG),
            |judged| judged.id = Id::Device(TOO_LONG),
            [(0, "long-common-name")],
        ),
        case(
            "long-common-name",
            "and for another device",
            |drafts| drafts.device.draft.subject = common_name(TOO_LONG),
            as_drafted,
            [(0, "common-name-differs"), (0, "long-common-name")],
        ),
        case(
            "long-common-name",
            "of a module, whose ID has two parts",
            |drafts| {
                let text = format!("{DEVICE}/{LONG}");
                drafts.device.draft.subject = common_name(&text);
            },
            |judged| judged.id = Id::Module(DEVICE, LONG),
            [(0, "long-common-name")],
        ),
        case(
            "long-common-name",
            "as many characters as there may be",
            |drafts| drafts.device.draft.subject = common_name(LONG),
            |judged| judged.id = Id::Device(LONG),
            [],
        ),
        case(
            "long-common-name",
            "as many characters, of several bytes each",
            |drafts| drafts.device.draft.subject = common_name(&"泵".repeat(64)),
            |judged| judged.id = Id::None,
            [],
        ),
        case(
            "long-common-name",
            "a long one of the issuer, which is no ID",
            |drafts| {
                drafts.device.draft.issuer = common_name(TOO_LONG);
                drafts.intermediate.draft.subject = common_name(TOO_LONG);
            },
            as_drafted,
            [],
        ),
        case(
            "long-common-name",
            "two, of which none is the name",
            |drafts| {
                let long = cn(UTF8_STRING, TOO_LONG.as_bytes());
                drafts.device.draft.subject = name(&[long.clone(), long]);
            },
            as_drafted,
            [(0, "several-common-names")],
        ),
    ]
}

fn validity() -> Vec<Case> {
    let mut cases = vec![
        case(
            "ends-before-it-begins",
            "by a second",
            |drafts| {
                let draft = &mut drafts.device.draft;
                (draft.not_before, draft.not_after) = (NOW + 1, NOW);
            },
            as_drafted,
            [(0, "ends-before-it-begins")],
        ),
        case(
            "ends-before-it-begins",
            "a root that never was",
            |drafts| {
                let draft = &mut drafts.root.draft;
                (draft.not_before, draft.not_after) = (NOW - DAY, NOW - 2 * DAY);
            },
            as_drafted,
            [(2, "ends-before-it-begins")],
        ),
        case(
            "ends-before-it-begins",
            "valid for this one second",
            |drafts| {
                let draft = &mut drafts.device.draft;
                (draft.not_before, draft.not_after) = (NOW, NOW);
            },
            as_drafted,
            [],
        ),
        case(
            "check-the-clock",
            "a clock that starts in 1970",
            good,
            |judged| judged.now = 17,
            [(0, "check-the-clock"), (1, "check-the-clock"), (2, "check-the-clock")],
        )
        .and_apart(0, "clock-unknown"),
        case(
            "check-the-clock",
            "a second before this crate was",
            |drafts| drafts.device.draft.not_before = FLOOR,
            |judged| {
                judged.without_root();
                judged.anchors.clear();
                judged.chain.pop().unwrap();
                judged.now = FLOOR - 1;
            },
            [(0, "check-the-clock"), (0, "signature-not-checked"), (0, "issuer-elsewhere")],
        )
        .and_apart(0, "clock-unknown"),
        case(
            "check-the-clock",
            "a clock that can be right",
            |drafts| {
                drafts.device.draft.not_before = FLOOR + 1;
                drafts.intermediate.draft.not_before = FLOOR;
                drafts.root.draft.not_before = FLOOR;
            },
            |judged| judged.now = FLOOR,
            [(0, "not-yet-valid")],
        ),
        case(
            "clock-unknown",
            "certificates without a beginning",
            |drafts| {
                drafts.device.draft.not_before = 0;
                drafts.intermediate.draft.not_before = 0;
                drafts.root.draft.not_before = 0;
            },
            |judged| judged.now = FLOOR - 1,
            [],
        )
        .and_apart(0, "clock-unknown"),
        case(
            "clock-unknown",
            "the first moment that can be",
            |drafts| {
                drafts.device.draft.not_before = 0;
                drafts.intermediate.draft.not_before = 0;
                drafts.root.draft.not_before = 0;
            },
            |judged| judged.now = FLOOR,
            [],
        ),
        case(
            "expires-soon",
            "no window: only what has expired counts",
            good,
            |judged| judged.now = NOW + 30 * DAY,
            [],
        ),
        case(
            "expires-soon",
            "a window longer than time",
            good,
            |judged| judged.window = Duration::MAX,
            [(0, "expires-soon"), (1, "expires-soon"), (2, "expires-soon")],
        ),
        case(
            "expired",
            "the trust anchor, which is not sent",
            |drafts| drafts.root.draft.not_after = NOW - 1,
            Judged::without_root,
            [],
        )
        .and_apart(0, "expired"),
        case(
            "not-yet-valid",
            "the trust anchor, which is not sent",
            |drafts| drafts.root.draft.not_before = NOW + 1,
            Judged::without_root,
            [],
        )
        .and_apart(0, "not-yet-valid"),
        case(
            "expired",
            "a trust anchor that nothing leads to",
            good,
            |judged| {
                let spki = Key::Other.spki();
                let mut expired = Draft::authority(&spki, "Fabrikam root", "Fabrikam root", 1);
                expired.not_after = NOW - 1;
                judged.anchors.insert(0, expired.signed_by(Key::Other.get()));
            },
            [],
        ),
    ];
    // Each place of the chain, to the second.
    let places: [fn(&mut Drafts) -> &mut Draft; 3] = [
        |drafts| &mut drafts.device.draft,
        |drafts| &mut drafts.intermediate.draft,
        |drafts| &mut drafts.root.draft,
    ];
    let week = Duration::from_secs(7 * DAY);
    for (index, place) in places.into_iter().enumerate() {
        for (about, name, not_before, not_after, window, is_found) in [
            ("not-yet-valid", "a second before", NOW + 1, NOW + DAY, Duration::ZERO, true),
            ("not-yet-valid", "in its first second", NOW, NOW + DAY, Duration::ZERO, false),
            ("expired", "a second behind", NOW - DAY, NOW - 1, Duration::ZERO, true),
            ("expired", "in its last second", NOW - DAY, NOW, Duration::ZERO, false),
            ("expires-soon", "as the window begins", NOW - DAY, NOW + 7 * DAY, week, true),
            ("expires-soon", "before the window", NOW - DAY, NOW + 7 * DAY + 1, week, false),
            ("expires-soon", "its last second", NOW - DAY, NOW, Duration::from_secs(1), true),
        ] {
            let mut drafts = Drafts::good();
            let draft = place(&mut drafts);
            (draft.not_before, draft.not_after) = (not_before, not_after);
            let mut judged = Judged::new(drafts.issue());
            judged.window = window;
            let findings = is_found.then_some((Some(index), about)).into_iter().collect();
            cases.push(Case { about, name, judged, findings });
        }
    }
    cases
}

fn rights() -> Vec<Case> {
    vec![
        case(
            "no-client-auth",
            "for servers only",
            |drafts| drafts.device.draft.extended_key_usage(&[SERVER_AUTH]),
            as_drafted,
            [(0, "no-client-auth")],
        ),
        case(
            "no-client-auth",
            "an intermediate for servers only",
            |drafts| drafts.intermediate.draft.extended_key_usage(&[SERVER_AUTH]),
            as_drafted,
            [(1, "no-client-auth")],
        ),
        case(
            "no-client-auth",
            "a trust anchor for servers only",
            |drafts| drafts.root.draft.extended_key_usage(&[SERVER_AUTH]),
            Judged::without_root,
            [],
        )
        .and_apart(0, "no-client-auth"),
        case(
            "no-client-auth",
            "for servers and clients",
            |drafts| drafts.device.draft.extended_key_usage(&[SERVER_AUTH, CLIENT_AUTH]),
            as_drafted,
            [],
        ),
        case(
            "client-auth-by-any",
            "for anything",
            |drafts| drafts.device.draft.extended_key_usage(&[ANY_EXTENDED_KEY_USAGE]),
            as_drafted,
            [(0, "client-auth-by-any")],
        ),
        case(
            "client-auth-by-any",
            "for servers and anything",
            |drafts| {
                let usages = [SERVER_AUTH, ANY_EXTENDED_KEY_USAGE];
                drafts.device.draft.extended_key_usage(&usages);
            },
            as_drafted,
            [(0, "client-auth-by-any")],
        ),
        case(
            "client-auth-by-any",
            "an intermediate for anything",
            |drafts| drafts.intermediate.draft.extended_key_usage(&[ANY_EXTENDED_KEY_USAGE]),
            as_drafted,
            [(1, "client-auth-by-any")],
        ),
        case(
            "client-auth-by-any",
            "a trust anchor for anything",
            |drafts| drafts.root.draft.extended_key_usage(&[ANY_EXTENDED_KEY_USAGE]),
            Judged::without_root,
            [],
        )
        .and_apart(0, "client-auth-by-any"),
        case(
            "client-auth-by-any",
            "for anything, and for clients by name",
            |drafts| {
                let usages = [ANY_EXTENDED_KEY_USAGE, CLIENT_AUTH];
                drafts.device.draft.extended_key_usage(&usages);
                drafts.intermediate.draft.extended_key_usage(&usages);
            },
            as_drafted,
            [],
        ),
        case(
            "client-auth-by-any",
            "for what is called nearly so",
            |drafts| drafts.device.draft.extended_key_usage(&["2.5.29.37.1", CLIENT_AUTH]),
            as_drafted,
            [],
        ),
        case(
            "no-client-auth",
            "no such extension",
            |drafts| drafts.device.draft.without_extension(EXTENDED_KEY_USAGE),
            as_drafted,
            [],
        ),
        case(
            "no-digital-signature",
            "for encryption only",
            |drafts| drafts.device.draft.key_usage(KEY_ENCIPHERMENT),
            as_drafted,
            [(0, "no-digital-signature")],
        ),
        case(
            "no-digital-signature",
            "no such extension",
            |drafts| drafts.device.draft.without_extension(KEY_USAGE),
            as_drafted,
            [],
        ),
        case(
            "no-digital-signature",
            "among others",
            |drafts| drafts.device.draft.key_usage(DIGITAL_SIGNATURE | KEY_ENCIPHERMENT),
            as_drafted,
            [],
        ),
        case(
            "end-entity-is-ca",
            "marked as a CA",
            |drafts| drafts.device.draft.basic_constraints(true, None),
            as_drafted,
            [(0, "end-entity-is-ca")],
        ),
        case(
            "end-entity-is-ca",
            "no such extension",
            |drafts| drafts.device.draft.without_extension(BASIC_CONSTRAINTS),
            as_drafted,
            [],
        ),
        case(
            "issuer-not-ca",
            "marked as none",
            |drafts| drafts.intermediate.draft.basic_constraints(false, None),
            as_drafted,
            [(1, "issuer-not-ca")],
        ),
        case(
            "issuer-not-ca",
            "no such extension",
            |drafts| drafts.intermediate.draft.without_extension(BASIC_CONSTRAINTS),
            as_drafted,
            [(1, "issuer-not-ca")],
        ),
        case(
            "issuer-not-ca",
            "a device that issues for another",
            |drafts| {
                drafts.intermediate.draft =
                    Draft::device(&Key::Intermediate.spki(), INTERMEDIATE, ROOT);
            },
            as_drafted,
            [(1, "issuer-not-ca"), (1, "no-cert-sign")],
        ),
        case(
            "issuer-not-ca",
            "a trust anchor without the extension",
            |drafts| drafts.root.draft.without_extension(BASIC_CONSTRAINTS),
            Judged::without_root,
            [],
        )
        .and_apart(0, "issuer-not-ca"),
        case(
            "issuer-not-ca",
            "without a path length",
            |drafts| drafts.intermediate.draft.basic_constraints(true, None),
            as_drafted,
            [],
        ),
        case(
            "no-cert-sign",
            "for revocation lists only",
            |drafts| drafts.intermediate.draft.key_usage(CRL_SIGN),
            as_drafted,
            [(1, "no-cert-sign")],
        ),
        case(
            "no-cert-sign",
            "a root that may not",
            |drafts| drafts.root.draft.key_usage(DIGITAL_SIGNATURE),
            as_drafted,
            [(2, "no-cert-sign")],
        ),
        case(
            "no-cert-sign",
            "no such extension",
            |drafts| drafts.intermediate.draft.without_extension(KEY_USAGE),
            as_drafted,
            [],
        ),
        case(
            "no-cert-sign",
            "that alone",
            |drafts| drafts.intermediate.draft.key_usage(KEY_CERT_SIGN),
            as_drafted,
            [],
        ),
        case(
            "path-too-long",
            "a root that allows no CA below it",
            |drafts| drafts.root.draft.basic_constraints(true, Some(0)),
            as_drafted,
            [(2, "path-too-long")],
        ),
        case(
            "path-too-long",
            "a trust anchor that allows no CA below it",
            |drafts| drafts.root.draft.basic_constraints(true, Some(0)),
            Judged::without_root,
            [],
        )
        .and_apart(0, "path-too-long"),
        case(
            "path-too-long",
            "a CA that is not marked counts as well",
            |drafts| {
                drafts.intermediate.draft.without_extension(BASIC_CONSTRAINTS);
                drafts.root.draft.basic_constraints(true, Some(0));
            },
            as_drafted,
            [(1, "issuer-not-ca"), (2, "path-too-long")],
        ),
        case(
            "path-too-long",
            "what issued nothing here does not count",
            |drafts| drafts.root.draft.basic_constraints(true, Some(1)),
            |judged| {
                let sister = Draft::authority(&Key::Other.spki(), "Contoso hall 4", ROOT, 0);
                judged.chain.insert(2, sister.signed_by(Key::Root.get()));
            },
            [(2, "unrelated")],
        ),
        case(
            "path-too-long",
            "what is self-issued does not count",
            |drafts| {
                // The intermediate's new key, certified by its old one.
                drafts.device.signer = Signer::Ours(Key::Other);
            },
            |judged| {
                let new = Draft::authority(&Key::Other.spki(), INTERMEDIATE, INTERMEDIATE, 0);
                judged.chain.insert(1, new.signed_by(Key::Intermediate.get()));
            },
            [],
        ),
    ]
}

fn keys() -> Vec<Case> {
    fn device_with(drafts: &mut Drafts, key: &str) {
        drafts.device.draft.spki = Foreign::get().spki(key);
    }

    fn issued_by_rsa(drafts: &mut Drafts, key: &'static str) {
        drafts.intermediate.draft.spki = Foreign::get().spki(key);
        drafts.device.signer = Signer::Foreign(key, "sha256", SHA256_WITH_RSA);
    }

    const fn any_key(judged: &mut Judged) {
        judged.key = None;
    }

    vec![
        case(
            "weak-key",
            "RSA of 1024 bits",
            |drafts| device_with(drafts, "rsa1024"),
            any_key,
            [(0, "weak-key")],
        ),
        // That signature is good, but no algorithm that there is takes such a key.
        case(
            "weak-key",
            "an intermediate of 1024 bits",
            |drafts| issued_by_rsa(drafts, "rsa1024"),
            as_drafted,
            [(0, "signature-not-checked"), (1, "weak-key")],
        ),
        case("weak-key", "RSA of 2048 bits", |drafts| device_with(drafts, "rsa2048"), any_key, []),
        case(
            "weak-key",
            "an intermediate of 2048 bits",
            |drafts| issued_by_rsa(drafts, "rsa2048"),
            as_drafted,
            [],
        ),
        case(
            "unsupported-key",
            "Ed25519",
            |drafts| device_with(drafts, "ed25519"),
            any_key,
            [(0, "unsupported-key")],
        ),
        case(
            "unsupported-key",
            "P-521",
            |drafts| device_with(drafts, "p521"),
            any_key,
            [(0, "unsupported-key")],
        ),
        case(
            "unsupported-key",
            "secp256k1",
            |drafts| device_with(drafts, "secp256k1"),
            any_key,
            [(0, "unsupported-key")],
        ),
        case(
            "unsupported-key",
            "DSA",
            |drafts| device_with(drafts, "dsa"),
            any_key,
            [(0, "unsupported-key")],
        ),
        case("unsupported-key", "P-384", |drafts| device_with(drafts, "p384"), any_key, []),
        case(
            "key-differs",
            "somebody else's",
            good,
            |judged| judged.key = Some(Key::Other),
            [(0, "key-differs")],
        ),
        case(
            "key-differs",
            "that of the issuer",
            good,
            |judged| judged.key = Some(Key::Intermediate),
            [(0, "key-differs")],
        ),
        case("key-differs", "none given", good, any_key, []),
    ]
}

fn signatures() -> Vec<Case> {
    vec![
        case(
            "weak-signature",
            "SHA-1 with RSA",
            |drafts| {
                drafts.intermediate.draft.spki = Foreign::get().spki("rsa2048");
                drafts.device.signer = Signer::Foreign("rsa2048", "sha1", SHA1_WITH_RSA);
            },
            as_drafted,
            [(0, "weak-signature"), (0, "signature-not-checked")],
        ),
        case(
            "weak-signature",
            "MD5 with RSA, by the root",
            |drafts| {
                drafts.root.draft.spki = Foreign::get().spki("rsa2048");
                drafts.root.signer = Signer::Foreign("rsa2048", "sha256", SHA256_WITH_RSA);
                drafts.intermediate.signer = Signer::Foreign("rsa2048", "md5", MD5_WITH_RSA);
            },
            as_drafted,
            [(1, "weak-signature"), (1, "signature-not-checked")],
        ),
        case(
            "weak-signature",
            "SHA-1 with ECDSA",
            |drafts| {
                drafts.intermediate.draft.spki = Foreign::get().spki("p384");
                drafts.device.signer = Signer::Foreign("p384", "sha1", ECDSA_WITH_SHA1);
            },
            as_drafted,
            [(0, "weak-signature"), (0, "signature-not-checked")],
        ),
        case(
            "weak-signature",
            "SHA-1 of a root, which nobody checks",
            |drafts| {
                drafts.root.draft.spki = Foreign::get().spki("rsa2048");
                drafts.root.signer = Signer::Foreign("rsa2048", "sha1", SHA1_WITH_RSA);
                drafts.intermediate.signer = Signer::Foreign("rsa2048", "sha256", SHA256_WITH_RSA);
            },
            Judged::without_root,
            [],
        ),
        case(
            "weak-signature",
            "SHA-256 with RSA",
            |drafts| {
                drafts.intermediate.draft.spki = Foreign::get().spki("rsa2048");
                drafts.device.signer = Signer::Foreign("rsa2048", "sha256", SHA256_WITH_RSA);
            },
            as_drafted,
            [],
        ),
        case(
            "bad-signature",
            "a bit of the device's",
            good,
            |judged| judged.chain[0] = with_broken_signature(&judged.chain[0]),
            [(0, "bad-signature")],
        ),
        case(
            "bad-signature",
            "a bit of the intermediate's",
            good,
            |judged| judged.chain[1] = with_broken_signature(&judged.chain[1]),
            [(1, "bad-signature")],
        ),
        case(
            "bad-signature",
            "a bit of the root's",
            good,
            |judged| judged.chain[2] = with_broken_signature(&judged.chain[2]),
            [(2, "bad-signature")],
        ),
        case(
            "bad-signature",
            "an intermediate of the right name and another key",
            |drafts| drafts.intermediate.draft.spki = Key::Other.spki(),
            as_drafted,
            [(0, "bad-signature")],
        ),
        case(
            "bad-signature",
            "signed by the root's name, not by its key",
            |drafts| drafts.intermediate.signer = Signer::Ours(Key::Other),
            as_drafted,
            [(1, "bad-signature")],
        ),
        case(
            "bad-signature",
            "the same, to a trust anchor that is not sent",
            |drafts| drafts.intermediate.signer = Signer::Ours(Key::Other),
            Judged::without_root,
            [(1, "bad-signature")],
        ),
        case(
            "bad-signature",
            "a trust anchor of the right name and another key",
            good,
            |judged| {
                judged.without_root();
                judged.anchors = vec![other_root(ROOT)];
            },
            [(1, "bad-signature")],
        ),
        case(
            "bad-signature",
            "the intermediate's old key stands before its new one",
            good,
            |judged| {
                let old = Draft::authority(&Key::Other.spki(), INTERMEDIATE, ROOT, 0);
                judged.chain.insert(1, old.signed_by(Key::Root.get()));
            },
            [(1, "unrelated")],
        ),
        case(
            "bad-signature",
            "the root's old key stands before its new one",
            good,
            |judged| {
                judged.without_root();
                judged.anchors.insert(0, other_root(ROOT));
            },
            [],
        ),
        case(
            "bad-signature",
            "a root of the same name is sent, and the right one is trusted",
            good,
            |judged| {
                judged.without_root();
                judged.chain.push(other_root(ROOT));
            },
            [(2, "unrelated")],
        ),
        case(
            "bad-signature",
            "self-issued: the root's new key, certified by its old one",
            |drafts| {
                drafts.intermediate.signer = Signer::Ours(Key::Other);
            },
            |judged| {
                let new = Draft::authority(&Key::Other.spki(), ROOT, ROOT, 1);
                judged.chain.insert(2, new.signed_by(Key::Root.get()));
            },
            [],
        ),
        case(
            "bad-signature",
            "the same, to a trust anchor that is not sent",
            |drafts| {
                drafts.intermediate.signer = Signer::Ours(Key::Other);
            },
            |judged| {
                let new = Draft::authority(&Key::Other.spki(), ROOT, ROOT, 1);
                judged.without_root();
                judged.chain.push(new.signed_by(Key::Root.get()));
            },
            [],
        ),
        case(
            "signature-not-checked",
            "no algorithm at all",
            good,
            |judged| {
                judged.algorithms = &[];
                judged.anchors.clear();
            },
            [
                (0, "signature-not-checked"),
                (1, "signature-not-checked"),
                (2, "signature-not-checked"),
            ],
        ),
        case(
            "signature-not-checked",
            "no algorithm at all, and the root is trusted as it is",
            good,
            |judged| judged.algorithms = &[],
            [(0, "signature-not-checked"), (1, "signature-not-checked")],
        ),
        case(
            "signature-not-checked",
            "ECDSA with SHA-512",
            |drafts| {
                drafts.intermediate.draft.spki = Foreign::get().spki("p384");
                drafts.device.signer = Signer::Foreign("p384", "sha512", ECDSA_WITH_SHA512);
            },
            as_drafted,
            [(0, "signature-not-checked")],
        ),
        case(
            "signature-not-checked",
            "by a key of P-521",
            |drafts| {
                drafts.intermediate.draft.spki = Foreign::get().spki("p521");
                drafts.device.signer = Signer::Foreign("p521", "sha512", ECDSA_WITH_SHA512);
            },
            as_drafted,
            [(0, "signature-not-checked"), (1, "unsupported-key")],
        ),
        case("signature-not-checked", "as it should be", good, as_drafted, []),
    ]
}

/// Excludes the names below one; [0] would permit only them.
fn excluded(tag: u8) -> Vec<u8> {
    sequence(&[tlv(tag, &sequence(&[tlv(0x82, b"fabrikam.example")]))])
}

fn name_constraints() -> Vec<Case> {
    vec![
        case(
            "constrains",
            "an intermediate that excludes some",
            |drafts| drafts.intermediate.draft.extension(NAME_CONSTRAINTS, true, &excluded(0xa1)),
            as_drafted,
            [(1, "constrains")],
        ),
        case(
            "constrains",
            "the same, and nobody need know it",
            |drafts| drafts.intermediate.draft.extension(NAME_CONSTRAINTS, false, &excluded(0xa1)),
            as_drafted,
            [(1, "constrains")],
        ),
        case(
            "constrains",
            "the root as well",
            |drafts| {
                drafts.intermediate.draft.extension(NAME_CONSTRAINTS, true, &excluded(0xa1));
                drafts.root.draft.extension(NAME_CONSTRAINTS, true, &excluded(0xa1));
            },
            as_drafted,
            [(1, "constrains"), (2, "constrains")],
        ),
        case(
            "constrains",
            "a trust anchor",
            |drafts| drafts.root.draft.extension(NAME_CONSTRAINTS, true, &excluded(0xa1)),
            Judged::without_root,
            [],
        )
        .and_apart(0, "constrains"),
        case(
            "constrains",
            "the device's own, which issues nothing",
            |drafts| drafts.device.draft.extension(NAME_CONSTRAINTS, false, &excluded(0xa1)),
            as_drafted,
            [],
        ),
        case(
            "constrains",
            "a CA that issued nothing here",
            good,
            |judged| {
                let mut other = Draft::authority(&Key::Other.spki(), "Contoso hall 4", ROOT, 0);
                other.extension(NAME_CONSTRAINTS, true, &excluded(0xa1));
                judged.chain.push(other.signed_by(Key::Root.get()));
            },
            [(3, "unrelated")],
        ),
        case(
            "constrains",
            "neither permitted nor excluded ones: nobody can tell what they are",
            |drafts| drafts.intermediate.draft.extension(NAME_CONSTRAINTS, true, &excluded(0xa2)),
            as_drafted,
            [(1, "unknown-critical")],
        ),
        case(
            "constrains",
            "none at all, and nobody need know it",
            |drafts| drafts.root.draft.extension(NAME_CONSTRAINTS, false, &sequence(&[])),
            Judged::without_root,
            [],
        ),
    ]
}

/// RSASSA-PSS, with the parameters for a hash (RFC 4055 section 3.1), as others write them.
fn pss_with(hash: &str, salt_len: u8) -> Vec<u8> {
    const MGF1: &str = "1.2.840.113549.1.1.8";

    let hash = sequence(&[oid(hash), tlv(0x05, &[])]);
    sequence(&[
        oid(RSA_PSS),
        sequence(&[
            tlv(0xa0, &hash),
            tlv(0xa1, &sequence(&[oid(MGF1), hash])),
            tlv(0xa2, &tlv(0x02, &[salt_len])),
        ]),
    ])
}

fn pss() -> Vec<Case> {
    fn signed(drafts: &mut Drafts, how: &'static str, algorithm: fn() -> Vec<u8>) {
        drafts.intermediate.draft.spki = Foreign::get().spki("rsa2048");
        drafts.device.signer = Signer::With("rsa2048", how, algorithm);
    }

    const BY_SHA1: &str = "-sha1 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20";
    let weak = [(0, "weak-signature"), (0, "signature-not-checked")];
    vec![
        case(
            "weak-signature",
            "PSS with the hash that it has when none is named",
            |drafts| signed(drafts, BY_SHA1, || sequence(&[oid(RSA_PSS), sequence(&[])])),
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS that names only the length of its salt",
            |drafts| {
                signed(drafts, BY_SHA1, || {
                    sequence(&[oid(RSA_PSS), sequence(&[tlv(0xa2, &tlv(0x02, &[20]))])])
                });
            },
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS without parameters",
            |drafts| signed(drafts, BY_SHA1, || sequence(&[oid(RSA_PSS)])),
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS that names SHA-1",
            |drafts| signed(drafts, BY_SHA1, || pss_with(SHA1, 20)),
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS that names MD5",
            |drafts| {
                let how = "-md5 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:16";
                signed(drafts, how, || pss_with(MD5, 16));
            },
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS that names a hash where another stands",
            |drafts| {
                signed(drafts, BY_SHA1, || {
                    let hash = tlv(0xa1, &sequence(&[oid(SHA256)]));
                    sequence(&[oid(RSA_PSS), sequence(&[hash])])
                });
            },
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS that names its hash by something else than an object identifier",
            |drafts| {
                signed(drafts, BY_SHA1, || {
                    let tagged = [&[0x86], &oid(SHA256)[1..]].concat();
                    sequence(&[oid(RSA_PSS), sequence(&[tlv(0xa0, &sequence(&[tagged]))])])
                });
            },
            as_drafted,
            weak,
        ),
        case(
            "weak-signature",
            "PSS with SHA-256",
            |drafts| {
                let how = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32";
                signed(drafts, how, || pss_with(SHA256, 32));
            },
            as_drafted,
            [],
        ),
        case(
            "weak-signature",
            "PSS with SHA-384",
            |drafts| {
                let how = "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48";
                signed(drafts, how, || pss_with(SHA384, 48));
            },
            as_drafted,
            [],
        ),
        case(
            "weak-signature",
            "PSS with SHA-512",
            |drafts| {
                let how = "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:64";
                signed(drafts, how, || pss_with(SHA512, 64));
            },
            as_drafted,
            [],
        ),
        // By a salt that none of the algorithms here is for.
        case(
            "weak-signature",
            "PSS with SHA-256, and no salt",
            |drafts| {
                let how = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0";
                signed(drafts, how, || pss_with(SHA256, 0));
            },
            as_drafted,
            [(0, "signature-not-checked")],
        ),
        case(
            "weak-signature",
            "PSS of a root with SHA-1, which nobody checks",
            |drafts| {
                drafts.root.draft.spki = Foreign::get().spki("rsa2048");
                drafts.root.signer =
                    Signer::With("rsa2048", BY_SHA1, || sequence(&[oid(RSA_PSS), sequence(&[])]));
                drafts.intermediate.signer = Signer::Foreign("rsa2048", "sha256", SHA256_WITH_RSA);
            },
            Judged::without_root,
            [],
        ),
    ]
}

fn order() -> Vec<Case> {
    vec![
        case(
            "out-of-order",
            "the other way round",
            good,
            |judged| judged.chain.reverse(),
            [
                (0, "common-name-differs"),
                (0, "end-entity-is-ca"),
                (0, "no-digital-signature"),
                (0, "key-differs"),
                (0, "self-signed"),
                (1, "out-of-order"),
                (2, "out-of-order"),
            ],
        ),
        case(
            "out-of-order",
            "the two CAs exchanged",
            good,
            |judged| judged.chain.swap(1, 2),
            [(0, "out-of-order"), (2, "out-of-order")],
        ),
        case(
            "out-of-order",
            "the device's own in the middle",
            good,
            |judged| judged.chain.swap(0, 1),
            [
                (0, "common-name-differs"),
                (0, "end-entity-is-ca"),
                (0, "no-digital-signature"),
                (0, "key-differs"),
                (0, "out-of-order"),
                (1, "out-of-order"),
            ],
        ),
        case(
            "out-of-order",
            "a duplicate stands between",
            good,
            |judged| judged.chain.insert(1, judged.chain[0].clone()),
            [(1, "duplicate")],
        ),
        case(
            "duplicate",
            "the intermediate twice",
            good,
            |judged| judged.chain.insert(2, judged.chain[1].clone()),
            [(2, "duplicate")],
        ),
        case(
            "duplicate",
            "the whole chain twice",
            good,
            |judged| judged.chain.extend(judged.chain.clone()),
            [(3, "duplicate"), (4, "duplicate"), (5, "duplicate")],
        ),
        case(
            "duplicate",
            "issued twice, for the same key",
            good,
            |judged| {
                let mut again = Draft::authority(&Key::Intermediate.spki(), INTERMEDIATE, ROOT, 0);
                again.serial = vec![0x4d, 0x02];
                judged.chain.insert(2, again.signed_by(Key::Root.get()));
            },
            [(2, "unrelated")],
        ),
        case(
            "unrelated",
            "another's root",
            good,
            |judged| judged.chain.push(other_root("Fabrikam root")),
            [(3, "unrelated")],
        ),
        case(
            "unrelated",
            "another device of the same CA",
            good,
            |judged| {
                let other = Draft::device(&Key::Other.spki(), "pump-8", INTERMEDIATE);
                judged.chain.push(other.signed_by(Key::Intermediate.get()));
            },
            [(3, "unrelated")],
        ),
        case(
            "unrelated",
            "between the others: once it is left out, they are in order",
            good,
            |judged| judged.chain.insert(1, other_root("Fabrikam root")),
            [(1, "unrelated")],
        ),
        case(
            "unrelated",
            "the first of two, for the same key, has expired",
            good,
            |judged| {
                let mut old = Draft::authority(&Key::Intermediate.spki(), INTERMEDIATE, ROOT, 0);
                old.not_after = NOW - 1;
                judged.chain.insert(1, old.signed_by(Key::Root.get()));
            },
            [(1, "unrelated")],
        ),
        case("unrelated", "as it should be", good, as_drafted, []),
    ]
}

fn trust() -> Vec<Case> {
    vec![
        case(
            "missing-issuer",
            "the device's own alone",
            good,
            |judged| {
                judged.chain.truncate(1);
                judged.anchors.clear();
            },
            // The CA that issued it may be the one that is registered.
            [(0, "signature-not-checked"), (0, "issuer-elsewhere")],
        ),
        case(
            "missing-issuer",
            "the intermediate left out",
            good,
            |judged| drop(judged.chain.remove(1)),
            [(0, "missing-issuer"), (0, "signature-not-checked"), (1, "unrelated")],
        ),
        case(
            "missing-issuer",
            "the same, and the root is only trusted",
            good,
            |judged| judged.chain.truncate(1),
            [(0, "missing-issuer"), (0, "signature-not-checked")],
        ),
        case(
            "missing-issuer",
            "the same, and nothing is trusted",
            good,
            |judged| {
                judged.chain.remove(1);
                judged.anchors.clear();
            },
            [(0, "missing-issuer"), (0, "signature-not-checked"), (1, "unrelated")],
        ),
        case(
            "missing-issuer",
            "one of two intermediates left out",
            |drafts| drafts.intermediate.draft.issuer = common_name("Contoso Europe"),
            |judged| judged.anchors.clear(),
            [(1, "missing-issuer"), (1, "signature-not-checked"), (2, "unrelated")],
        ),
        case(
            "missing-issuer",
            "another root is trusted",
            good,
            |judged| {
                judged.without_root();
                judged.anchors = vec![other_root("Fabrikam root")];
            },
            [(1, "missing-issuer"), (1, "signature-not-checked")],
        ),
        case("missing-issuer", "the root is trusted", good, Judged::without_root, []),
        case(
            "missing-issuer",
            "the intermediate is trusted",
            good,
            |judged| {
                judged.chain.truncate(1);
                judged.anchors = vec![Drafts::good().intermediate.issue()];
            },
            [],
        ),
        case(
            "missing-issuer",
            "the intermediate is trusted, and sent",
            good,
            |judged| {
                judged.without_root();
                judged.anchors = vec![judged.chain[1].clone()];
            },
            [],
        ),
        case(
            "missing-issuer",
            "the intermediate is trusted, and all is sent",
            good,
            |judged| judged.anchors = vec![judged.chain[1].clone()],
            [(2, "unrelated")],
        ),
        case(
            "issuer-elsewhere",
            "the hub has the root",
            good,
            |judged| {
                judged.without_root();
                judged.anchors.clear();
            },
            [(1, "signature-not-checked"), (1, "issuer-elsewhere")],
        ),
        case(
            "issuer-elsewhere",
            "the chain has the root",
            good,
            |judged| judged.anchors.clear(),
            [],
        ),
        case(
            "not-anchored",
            "an attacker's chain, with the names of ours",
            |drafts| {
                drafts.device.signer = Signer::Ours(Key::Other);
                drafts.intermediate.draft.spki = Key::Other.spki();
                drafts.intermediate.signer = Signer::Ours(Key::Other);
            },
            |judged| judged.chain[2] = other_root(ROOT),
            [(2, "not-anchored")],
        ),
        case(
            "not-anchored",
            "a chain of another root",
            good,
            |judged| judged.anchors = vec![other_root("Fabrikam root")],
            [(2, "not-anchored")],
        ),
        case(
            "not-anchored",
            "nobody's chain: two that issued each other",
            |drafts| drafts.root.draft.issuer = common_name(INTERMEDIATE),
            |judged| {
                let mut root = Draft::authority(&Key::Root.spki(), ROOT, INTERMEDIATE, 1);
                root.serial = vec![0x4d, 0x03];
                judged.chain[2] = root.signed_by(Key::Intermediate.get());
                judged.anchors = vec![other_root("Fabrikam root")];
            },
            [(2, "out-of-order"), (2, "not-anchored")],
        ),
        case(
            "not-anchored",
            "self-signed, where a CA is expected",
            |drafts| {
                drafts.device.draft.issuer = common_name(DEVICE);
                drafts.device.signer = Signer::Ours(Key::Device);
            },
            |judged| judged.chain.truncate(1),
            [(0, "not-anchored"), (0, "self-signed")],
        ),
        case(
            "not-anchored",
            "an attacker's root that the trusted one seems to have issued",
            |drafts| {
                drafts.intermediate.signer = Signer::Ours(Key::Other);
            },
            |judged| {
                let root = Draft::authority(&Key::Other.spki(), ROOT, "Fabrikam root", 1);
                judged.anchors = vec![
                    Draft::authority(&Key::Root.spki(), "Fabrikam root", "Fabrikam root", 2)
                        .signed_by(Key::Root.get()),
                ];
                judged.chain[2] = root.signed_by(Key::Other.get());
            },
            [(2, "bad-signature")],
        ),
        case(
            "not-anchored",
            "self-signed, and that is what is trusted",
            |drafts| {
                drafts.device.draft.issuer = common_name(DEVICE);
                drafts.device.signer = Signer::Ours(Key::Device);
            },
            |judged| {
                judged.chain.truncate(1);
                judged.anchors = judged.chain.clone();
            },
            [(0, "self-signed")],
        ),
        case(
            "not-anchored",
            "cross-signed: the root is there twice, and its issuer is trusted",
            good,
            |judged| {
                let crossed = Draft::authority(&Key::Root.spki(), ROOT, "Fabrikam root", 1);
                judged.chain.push(crossed.signed_by(Key::Other.get()));
                let spki = Key::Other.spki();
                let fabrikam = Draft::authority(&spki, "Fabrikam root", "Fabrikam root", 2);
                judged.anchors = vec![fabrikam.signed_by(Key::Other.get())];
            },
            [(2, "unrelated")],
        ),
        case(
            "not-anchored",
            "a newer certificate of the trusted key is sent",
            good,
            |judged| {
                let newer = Draft::authority(&Key::Root.spki(), ROOT, ROOT, 1);
                judged.chain[2] = newer.signed_by(Key::Root.get());
            },
            [],
        ),
        case(
            "not-anchored",
            "nothing in particular is trusted",
            good,
            |judged| {
                judged.anchors.clear();
            },
            [],
        ),
    ]
}

/// The intermediate, certified by a root of somebody else as well.
fn cross_signed(judged: &Judged) -> Certificate {
    let mut crossed = Drafts::good().intermediate;
    crossed.draft.issuer = common_name("Fabrikam root");
    crossed.signer = Signer::Ours(Key::Other);
    assert_eq!(crossed.draft.subject, common_name(judged.chain[1].common_name().unwrap()));
    crossed.issue()
}

fn crossed() -> Vec<Case> {
    vec![
        case(
            "missing-issuer",
            "cross-signed: the way to the trust anchor stands second",
            good,
            |judged| {
                judged.without_root();
                judged.chain.insert(1, cross_signed(judged));
            },
            [(1, "unrelated")],
        ),
        case(
            "not-anchored",
            "cross-signed: the other root is sent as well",
            good,
            |judged| {
                judged.without_root();
                judged.chain.insert(1, cross_signed(judged));
                judged.chain.insert(2, other_root("Fabrikam root"));
            },
            [(1, "unrelated"), (2, "unrelated")],
        ),
        case(
            "expired",
            "behind what is trusted",
            |drafts| drafts.root.draft.not_after = NOW - 1,
            |judged| judged.anchors = vec![judged.chain[1].clone()],
            [(2, "unrelated")],
        ),
        case(
            "path-too-long",
            "behind what is trusted",
            |drafts| drafts.root.draft.basic_constraints(true, Some(0)),
            |judged| judged.anchors = vec![judged.chain[1].clone()],
            [(2, "unrelated")],
        ),
        case(
            "issuer-not-ca",
            "a trust anchor of version 1, which cannot say so",
            |drafts| drafts.root.draft.version = 0,
            Judged::without_root,
            [],
        )
        .and_apart(0, "old-version"),
    ]
}

/// What the hub knows by its thumbprint.
fn registered() -> Vec<Case> {
    fn worst(drafts: &mut Drafts) {
        drafts.device.draft.subject = common_name("anything");
        drafts.device.draft.issuer = common_name("anything");
        drafts.device.draft.basic_constraints(true, None);
        drafts.device.signer = Signer::Ours(Key::Device);
    }
    fn alone(judged: &mut Judged) {
        judged.chain.truncate(1);
        judged.anchors.clear();
        let primary = Thumbprint::sha1(other_root("Fabrikam root").der());
        judged.thumbprints = vec![primary, Thumbprint::sha256(judged.chain[0].der())];
    }

    vec![
        case(
            "thumbprint-differs",
            "the secondary is its own: nothing else counts",
            worst,
            alone,
            [],
        ),
        case(
            "thumbprint-differs",
            "by SHA-1",
            worst,
            |judged| {
                alone(judged);
                judged.thumbprints = vec![Thumbprint::sha1(judged.chain[0].der())];
            },
            [],
        ),
        case(
            "thumbprint-differs",
            "those of others",
            worst,
            |judged| {
                alone(judged);
                let other = other_root("Fabrikam root");
                judged.thumbprints =
                    vec![Thumbprint::sha1(other.der()), Thumbprint::sha256(other.der())];
            },
            [(0, "thumbprint-differs")],
        ),
        case(
            "expired",
            "and known by its thumbprint",
            worst,
            |judged| {
                alone(judged);
                judged.now = NOW + 31 * DAY;
            },
            [(0, "expired")],
        ),
        case(
            "key-differs",
            "and known by its thumbprint",
            worst,
            |judged| {
                alone(judged);
                judged.key = Some(Key::Other);
            },
            [(0, "key-differs")],
        ),
    ]
}

/// Extensions that this crate does not process, though a parser may know them.
fn unprocessed() -> Vec<Case> {
    vec![
        case(
            "unknown-critical",
            "the number of a revocation list",
            |drafts| drafts.device.draft.extension("2.5.29.20", true, &tlv(0x02, &[1])),
            as_drafted,
            [(0, "unknown-critical")],
        ),
        case(
            "unknown-critical",
            "a reason for revocation",
            |drafts| drafts.device.draft.extension("2.5.29.21", true, &tlv(0x0a, &[1])),
            as_drafted,
            [(0, "unknown-critical")],
        ),
        case(
            "unknown-critical",
            "the type of Netscape",
            |drafts| {
                let content = tlv(0x03, &[7, 0x80]);
                drafts.device.draft.extension("2.16.840.1.113730.1.1", true, &content);
            },
            as_drafted,
            [(0, "unknown-critical")],
        ),
        case(
            "constrains",
            "policies, of the intermediate",
            |drafts| {
                let content = tlv(0x02, &[0]);
                drafts.intermediate.draft.extension("2.5.29.54", true, &content);
            },
            as_drafted,
            [(1, "constrains")],
        ),
    ]
}

fn others() -> Vec<Case> {
    fn self_signed(drafts: &mut Drafts) {
        drafts.device.draft.issuer = common_name(DEVICE);
        drafts.device.signer = Signer::Ours(Key::Device);
    }

    vec![
        case(
            "self-signed",
            "for a registration by thumbprint",
            self_signed,
            |judged| {
                judged.chain.truncate(1);
                judged.anchors.clear();
            },
            [(0, "self-signed")],
        ),
        case(
            "self-signed",
            "with a certificate that has nothing to do with it",
            self_signed,
            |judged| {
                judged.chain.truncate(2);
                judged.anchors.clear();
            },
            [(0, "self-signed"), (1, "unrelated")],
        ),
        // OpenSSL takes these for self-signed, by their names.
        case(
            "self-signed",
            "self-issued: by a CA of the device's name",
            |drafts| {
                drafts.device.draft.issuer = common_name(DEVICE);
                drafts.intermediate.draft.subject = common_name(DEVICE);
            },
            as_drafted,
            [],
        ),
        case(
            "self-signed",
            "self-issued, by a CA that is missing",
            |drafts| drafts.device.draft.issuer = common_name(DEVICE),
            |judged| {
                judged.chain.truncate(1);
                judged.anchors.clear();
            },
            [(0, "bad-signature")],
        ),
        case(
            "old-version",
            "version 1",
            |drafts| drafts.device.draft.version = 0,
            as_drafted,
            [(0, "old-version")],
        ),
        case(
            "old-version",
            "a root of version 1",
            |drafts| drafts.root.draft.version = 0,
            as_drafted,
            [(2, "old-version")],
        ),
        case("old-version", "version 3", good, as_drafted, []),
        case(
            "unknown-critical",
            "on the device's",
            |drafts| drafts.device.draft.extension("1.3.6.1.4.1.99999.1", true, &tlv(0x05, &[])),
            as_drafted,
            [(0, "unknown-critical")],
        ),
        case(
            "unknown-critical",
            "two on the intermediate's",
            |drafts| {
                let draft = &mut drafts.intermediate.draft;
                draft.extension("1.3.6.1.4.1.99999.1", true, &tlv(0x05, &[]));
                draft.extension("1.3.6.1.4.1.99999.2", true, &tlv(0x05, &[]));
            },
            as_drafted,
            [(1, "unknown-critical"), (1, "unknown-critical")],
        ),
        case(
            "unknown-critical",
            "one that does not insist",
            |drafts| drafts.device.draft.extension("1.3.6.1.4.1.99999.1", false, &tlv(0x05, &[])),
            as_drafted,
            [],
        ),
    ]
}

/// Everything that can be wrong with one certificate at once.
pub(crate) fn worst() -> Certificate {
    let mut draft = Draft::authority(&Foreign::get().spki("rsa1024"), "", "nobody", 0);
    (draft.not_before, draft.not_after) = (NOW + 2, NOW + 1);
    draft.subject = name(&[]);
    draft.extended_key_usage(&[SERVER_AUTH]);
    draft.extension("1.3.6.1.4.1.99999.1", true, &tlv(0x05, &[]));
    let algorithm = sequence(&[oid(MD5_WITH_RSA), tlv(0x05, &[])]);
    certificate(&draft.finish(&algorithm, |_| vec![0; 128]))
}
