//! Names in every encoding that is in use, and in some that are not.

use crate::certificates::agreed;
use crate::der::{
    BMP_STRING, Der, NULL, OCTET_STRING, SEQUENCE, SET, SUBJECT, T61_STRING, UNIVERSAL_STRING,
    UTF8_STRING, changed, oid, value, values,
};
use crate::openssl::{OpenSsl, P256};
use crate::{SAMPLE, read};

/// A configuration of names in the encodings that OpenSSL's mask allows.
fn config(mask: &str, names: &str) -> String {
    format!(
        "[req]\ndistinguished_name = dn\nprompt = no\nutf8 = yes\nstring_mask = {mask}\n[dn]\n{names}"
    )
}

fn common_name() -> Der {
    value(0x06, &[0x55, 0x04, 0x03])
}

fn attribute(kind: Der, tag: u8, content: &[u8]) -> Der {
    values(SEQUENCE, [kind, value(tag, content)])
}

/// A certificate with this subject.
fn named<const N: usize>(parts: [Der; N]) -> Vec<u8> {
    changed(&SAMPLE.certificate, |tree| *tree.at(SUBJECT) = values(SEQUENCE, parts))
}

#[test]
fn encodings_that_openssl_writes() {
    let openssl = OpenSsl::new();
    openssl.key("key.pem", P256);
    const PRINTABLE: &str = "MASK:0x2";
    const T61: &str = "MASK:0x4";
    const BMP: &str = "MASK:0x800";
    for (mask, names, subject, common_name) in [
        ("utf8only", "CN = pump-7\n", "CN=pump-7", Some("pump-7")),
        (PRINTABLE, "CN = pump-7\n", "CN=pump-7", Some("pump-7")),
        (T61, "CN = pump-7\n", "CN=pump-7", Some("pump-7")),
        (T61, "CN = café\n", "CN=café", Some("café")),
        (BMP, "CN = pump-7\n", "CN=pump-7", Some("pump-7")),
        (BMP, "O = Œuvre\nCN = 水泵\n", "O=Œuvre, CN=水泵", Some("水泵")),
        ("utf8only", "CN = 😀\n", "CN=😀", Some("😀")),
        (
            "utf8only",
            "C = DE\nST = x\nL = y\nO = z\nOU = u\nCN = v\n",
            "C=DE, ST=x, L=y, O=z, OU=u, CN=v",
            Some("v"),
        ),
        ("utf8only", "O = a\n+CN = b\nOU = c\n", "CN=b + O=a, OU=c", Some("b")),
        ("utf8only", "0.CN = a\n1.CN = b\n", "CN=a, CN=b", None),
        ("utf8only", "0.CN = a\n1.+CN = b\n", "CN=a + CN=b", None),
        ("utf8only", "O = nobody\n", "O=nobody", None),
        (
            "utf8only",
            "DC = com\nUID = 7\nserialNumber = 1\nemailAddress = a@b\nCN = c\n",
            "DC=com, UID=7, serialNumber=1, emailAddress=a@b, CN=c",
            Some("c"),
        ),
        // What would read as more parts than there are.
        ("utf8only", "CN = \"x, O=Contoso\"\n", "CN=x\\, O=Contoso", Some("x, O=Contoso")),
        ("utf8only", "CN = \"#a+b<c>;d\"\n", "CN=\\#a\\+b\\<c\\>\\;d", Some("#a+b<c>;d")),
        ("utf8only", "CN = \" a \"\n", "CN=\\ a\\ ", Some(" a ")),
    ] {
        let der = openssl.self_signed("key.pem", &config(mask, names), "");
        let certificate = if common_name == Some("x, O=Contoso") || common_name == Some(" a ") {
            // What OpenSSL prints for the common name is hard to take apart here.
            read(&der).unwrap()
        } else {
            agreed(&openssl, &der)
        };
        assert_eq!(certificate.subject(), subject);
        assert_eq!(certificate.common_name(), common_name, "{names}");
        assert_eq!(certificate.issuer(), subject);
    }
}

#[test]
fn encodings_that_nobody_should_write() {
    let openssl = OpenSsl::new();
    let name = |tag, content: &[u8]| named([values(SET, [attribute(common_name(), tag, content)])]);

    let universal: Vec<u8> = "a水😀".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let certificate = agreed(&openssl, &name(UNIVERSAL_STRING, &universal));
    assert_eq!(certificate.common_name(), Some("a水😀"));

    // No text: not a string at all, or not in its own encoding.
    for (tag, content, subject) in [
        (OCTET_STRING, b"pump-7".as_slice(), "CN=#040670756D702D37"),
        (NULL, b"", "CN=#0500"),
        (UTF8_STRING, b"\xff", "CN=#0C01FF"),
        (UTF8_STRING, b"a\xc3", "CN=#0C0261C3"),
        (BMP_STRING, b"\xd8\x00", "CN=#1E02D800"),
        (BMP_STRING, b"\x00a\x00", "CN=#1E03006100"),
        (UNIVERSAL_STRING, b"\x00\x11\x00\x00", "CN=#1C0400110000"),
        (UNIVERSAL_STRING, b"\x00\x00\x00", "CN=#1C03000000"),
    ] {
        let certificate = read(&name(tag, content)).unwrap();
        assert_eq!(certificate.common_name(), None, "{subject}");
        assert_eq!(certificate.subject(), subject);
    }
    // One that is text beside one that is not: nobody can say which counts.
    let parts = [(UTF8_STRING, "a"), (OCTET_STRING, "b")]
        .map(|(tag, text)| values(SET, [attribute(common_name(), tag, text.as_bytes())]));
    assert_eq!(read(&named(parts)).unwrap().common_name(), None);
}

#[test]
fn a_kind_that_nobody_knows_is_shown_by_its_number() {
    let openssl = OpenSsl::new();
    let der = named([values(SET, [attribute(oid(&[6, 999]), UTF8_STRING, b"a")])]);
    assert_eq!(agreed(&openssl, &der).subject(), "1.3.6.999=a");
}

#[test]
fn nothing_in_a_name_reaches_a_terminal() {
    let openssl = OpenSsl::new();
    for (name, shown) in [
        ("a\nb", "CN=a\\0Ab"),
        ("a\0b", "CN=a\\00b"),
        ("\u{1b}[2J", "CN=\\1B[2J"),
        ("\u{7f}", "CN=\\7F"),
        ("a\\b\"", "CN=a\\\\b\\\""),
    ] {
        let der = named([values(SET, [attribute(common_name(), UTF8_STRING, name.as_bytes())])]);
        let certificate = read(&der).unwrap();
        assert_eq!(certificate.subject(), shown);
        assert_eq!(certificate.common_name(), Some(name));
        openssl.write("c.der", &der);
        let printed = openssl.run(
            "x509 -in c.der -inform DER -noout -subject -nameopt utf8,esc_2253,esc_ctrl,sname",
        );
        assert_eq!(printed.trim_end_matches('\n'), format!("subject={shown}"));
    }
    // Beyond OpenSSL: what turns the direction of the text, breaks its lines or is not seen.
    for (name, shown) in [
        ("\u{202e}7-pmup", "CN=\\E2\\80\\AE7-pmup"),
        ("a\u{2028}b", "CN=a\\E2\\80\\A8b"),
        ("\u{2066}\u{feff}", "CN=\\E2\\81\\A6\\EF\\BB\\BF"),
        ("\u{85}", "CN=\\C2\\85"),
    ] {
        let der = named([values(SET, [attribute(common_name(), UTF8_STRING, name.as_bytes())])]);
        assert_eq!(read(&der).unwrap().subject(), shown);
    }
}

#[test]
fn a_name_is_read_whole_or_not_at_all() {
    let good = || attribute(common_name(), UTF8_STRING, b"pump-7");
    let evil = || attribute(common_name(), UTF8_STRING, b"pump-8");
    read(&named([values(SET, [good()]), values(SET, [evil()])])).unwrap();
    // Behind each of these another reader might go on, and see another name.
    for parts in [
        [values(SET, [good()]), values(SET, []), values(SET, [evil()])],
        [values(SET, [good()]), value(NULL, b""), values(SET, [evil()])],
        [values(SET, [good()]), values(SEQUENCE, [evil()]), values(SET, [evil()])],
        [
            values(SET, [good(), value(NULL, b""), evil()]),
            values(SET, [evil()]),
            values(SET, [evil()]),
        ],
        [
            values(SET, [good()]),
            values(SET, [values(SEQUENCE, [common_name()])]),
            values(SET, [evil()]),
        ],
        [
            values(SET, [good()]),
            values(
                SET,
                [values(SEQUENCE, [common_name(), value(UTF8_STRING, b"a"), value(NULL, b"")])],
            ),
            values(SET, [evil()]),
        ],
        [
            values(SET, [good()]),
            values(SET, [attribute(value(NULL, b""), UTF8_STRING, b"a")]),
            values(SET, [evil()]),
        ],
        [
            values(SET, [good()]),
            values(SET, [good(), value(OCTET_STRING, b"a")]),
            values(SET, [evil()]),
        ],
    ] {
        let read = read(&named(parts));
        assert!(read.is_err(), "{:?}", read.map(|certificate| certificate.subject().to_owned()));
    }
}

#[test]
fn a_t61_string_is_latin_1() {
    let der = named([values(SET, [attribute(common_name(), T61_STRING, b"\xe9\xff\x80")])]);
    assert_eq!(read(&der).unwrap().common_name(), Some("éÿ\u{80}"));
}
