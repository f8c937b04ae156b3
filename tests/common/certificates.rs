//! Certificates for tests: put together byte by byte, so that they can be as bad as they like, and what
//! the real OpenSSL makes and says of them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use hubward::UnixTime;
use hubward::keystore::{SignatureAlgorithm, SigningKey};
use hubward::pki_types::CertificateDer;
use hubward::x509::{Certificate, RING_ALGORITHMS};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 86_400;

pub(crate) const COMMON_NAME: &str = "2.5.4.3";
pub(crate) const ORGANIZATION: &str = "2.5.4.10";

pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const BMP_STRING: u8 = 0x1e;

pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const SUBJECT_KEY_ID: &str = "2.5.29.14";
const AUTHORITY_KEY_ID: &str = "2.5.29.35";

/// The bits of a key usage that fit into one byte (RFC 5280 section 4.2.1.3).
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;
pub(crate) const CRL_SIGN: u8 = 0x02;

pub(crate) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub(crate) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// A value of DER, with its tag and length.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len: Vec<u8> = len.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = vec![tag];
    match len[..] {
        [] => der.push(0),
        [len] if len < 0x80 => der.push(len),
        _ => {
            der.push(0x80 | u8::try_from(len.len()).unwrap());
            der.extend(len);
        }
    }
    der.extend(content);
    der
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// An object identifier from its numbers with dots between.
pub(crate) fn oid(numbers: &str) -> Vec<u8> {
    let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().unwrap()).collect();
    let [first, second, rest @ ..] = &numbers[..] else { panic!("too short: {numbers:?}") };
    let mut content = Vec::new();
    for number in [&[40 * first + second], rest].concat() {
        let septets = (0..10).map(|place| (number >> (7 * place)) & 0x7f).collect::<Vec<_>>();
        let len = septets.iter().rposition(|septet| *septet != 0).unwrap_or(0);
        for place in (0..=len).rev() {
            content.push(u8::try_from(septets[place]).unwrap() | if place > 0 { 0x80 } else { 0 });
        }
    }
    tlv(0x06, &content)
}

/// `UTCTime` before 2050, `GeneralizedTime` from then on (RFC 5280 section 4.1.2.5).
fn moment(seconds: u64) -> Vec<u8> {
    let text = UnixTime::from_secs(seconds).to_string().replace(['-', ':', 'T'], "");
    match text.strip_prefix("20").filter(|text| **text < *"50").or(text.strip_prefix("19")) {
        Some(short) => tlv(0x17, short.as_bytes()),
        None => tlv(0x18, text.as_bytes()),
    }
}

/// A part of a name: an attribute by its object identifier, with the tag of its encoding.
pub(crate) fn attribute(kind: &str, tag: u8, content: &[u8]) -> Vec<u8> {
    sequence(&[oid(kind), tlv(tag, content)])
}

/// A name of attributes, each in a set of its own.
pub(crate) fn name(attributes: &[Vec<u8>]) -> Vec<u8> {
    sequence(&attributes.iter().map(|attribute| tlv(0x31, attribute)).collect::<Vec<_>>())
}

pub(crate) fn common_name(text: &str) -> Vec<u8> {
    name(&[attribute(COMMON_NAME, UTF8_STRING, text.as_bytes())])
}

/// A certificate to be.
#[derive(Clone)]
pub(crate) struct Draft {
    /// As it is encoded: 2 for version 3. Version 1 is left out.
    pub(crate) version: u8,
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) spki: Vec<u8>,
    extensions: Vec<(&'static str, Vec<u8>)>,
}

impl Draft {
    fn new(spki: &[u8], subject: Vec<u8>, issuer: Vec<u8>) -> Self {
        Self {
            version: 2,
            serial: vec![0x4d, 0x01],
            issuer,
            subject,
            not_before: NOW - DAY,
            not_after: NOW + DAY,
            spki: spki.to_vec(),
            extensions: Vec::new(),
        }
    }

    /// That of a device, as it should be.
    pub(crate) fn device(spki: &[u8], subject: &str, issuer: &str) -> Self {
        let mut draft = Self::new(spki, common_name(subject), common_name(issuer));
        draft.basic_constraints(false, None);
        draft.key_usage(DIGITAL_SIGNATURE);
        draft.extended_key_usage(&[CLIENT_AUTH]);
        draft
    }

    /// That of a CA, as it should be.
    pub(crate) fn authority(spki: &[u8], subject: &str, issuer: &str, path_len: u8) -> Self {
        let mut draft = Self::new(spki, common_name(subject), common_name(issuer));
        draft.basic_constraints(true, Some(path_len));
        draft.key_usage(KEY_CERT_SIGN | CRL_SIGN);
        draft
    }

    /// Puts an extension, in place of one that is there.
    pub(crate) fn extension(&mut self, kind: &'static str, critical: bool, content: &[u8]) {
        self.without_extension(kind);
        let critical = if critical { tlv(0x01, &[0xff]) } else { Vec::new() };
        self.extensions.push((kind, sequence(&[oid(kind), critical, tlv(0x04, content)])));
    }

    pub(crate) fn without_extension(&mut self, kind: &str) {
        self.extensions.retain(|(other, _)| *other != kind);
    }

    pub(crate) fn basic_constraints(&mut self, ca: bool, path_len: Option<u8>) {
        let ca = if ca { tlv(0x01, &[0xff]) } else { Vec::new() };
        let path_len = path_len.map_or_else(Vec::new, |len| tlv(0x02, &[len]));
        self.extension(BASIC_CONSTRAINTS, true, &sequence(&[ca, path_len]));
    }

    pub(crate) fn key_usage(&mut self, bits: u8) {
        let unused = u8::try_from(bits.trailing_zeros()).unwrap();
        self.extension(KEY_USAGE, true, &tlv(0x03, &[unused, bits]));
    }

    pub(crate) fn extended_key_usage(&mut self, usages: &[&str]) {
        let usages: Vec<_> = usages.iter().map(|usage| oid(usage)).collect();
        self.extension(EXTENDED_KEY_USAGE, false, &sequence(&usages));
    }

    /// The certificate, signed by a P-256 key. It says by which, so that OpenSSL knows one of several of
    /// the issuer's name.
    pub(crate) fn signed_by(&self, key: &dyn SigningKey) -> Certificate {
        let key_id = |spki: &[u8]| Sha256::digest(spki)[..20].to_vec();
        let mut draft = self.clone();
        draft.extension(SUBJECT_KEY_ID, false, &tlv(0x04, &key_id(&self.spki)));
        let issuer = sequence(&[tlv(0x80, &key_id(&key.public_key()))]);
        draft.extension(AUTHORITY_KEY_ID, false, &issuer);
        let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
        let sign = |message: &[u8]| key.sign(SignatureAlgorithm::EcdsaP256Sha256, message).unwrap();
        certificate(&draft.finish(&algorithm, sign))
    }

    /// The DER, with a signature of any kind.
    pub(crate) fn finish(&self, algorithm: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let version = match self.version {
            0 => Vec::new(),
            version => tlv(0xa0, &tlv(0x02, &[version])),
        };
        let extensions: Vec<_> = self.extensions.iter().map(|(_, der)| der.clone()).collect();
        let extensions = match self.version {
            2 => tlv(0xa3, &sequence(&extensions)),
            _ => Vec::new(),
        };
        let signed = sequence(&[
            version,
            tlv(0x02, &self.serial),
            algorithm.to_vec(),
            self.issuer.clone(),
            sequence(&[moment(self.not_before), moment(self.not_after)]),
            self.subject.clone(),
            self.spki.clone(),
            extensions,
        ]);
        let signature = [vec![0], sign(&signed)].concat();
        sequence(&[signed, algorithm.to_vec(), tlv(0x03, &signature)])
    }
}

/// A certificate that must be readable.
pub(crate) fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(CertificateDer::from(der)).unwrap()
}

/// The program `openssl`, in a folder of its own.
pub(crate) struct OpenSsl {
    folder: TempDir,
}

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The program with these arguments, parted by spaces; names of files are those of the folder.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(arguments.split_ascii_whitespace()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// What it printed, if it succeeds; else also what it complained of.
    pub(crate) fn try_run(&self, arguments: &str) -> Result<String, String> {
        let output = self.command(arguments).output().expect("the program openssl can be run");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(printed) } else { Err(format!("{printed}{complaint}")) }
    }

    pub(crate) fn run(&self, arguments: &str) -> String {
        self.try_run(arguments).unwrap_or_else(|why| panic!("openssl {arguments}: {why}"))
    }

    /// What `openssl verify` says of a client's chain, end entity first.
    pub(crate) fn verify(
        &self,
        chain: &[Certificate],
        anchors: &[Certificate],
        now: u64,
        options: &str,
    ) -> Result<String, String> {
        self.write("anchors.pem", to_pem(anchors));
        self.write("first.pem", to_pem(&chain[..1]));
        self.write("chain.pem", to_pem(chain));
        self.try_run(&format!(
            "verify -attime {now} -purpose sslclient {options} -CAfile anchors.pem \
             -untrusted chain.pem first.pem"
        ))
    }
}

pub(crate) fn to_pem(chain: &[Certificate]) -> String {
    chain.iter().map(Certificate::to_pem).collect()
}

/// What rustls-webpki says of a client's chain, end entity first.
pub(crate) fn verify_with_webpki(
    chain: &[Certificate],
    anchors: &[Certificate],
    now: u64,
) -> Result<(), webpki::Error> {
    let ders: Vec<_> = chain.iter().map(|certificate| certificate.der().clone()).collect();
    let anchors: Vec<_> = anchors.iter().map(|anchor| anchor.der().clone()).collect();
    let anchors =
        anchors.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>()?;
    let now = hubward::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now));
    let usage = webpki::KeyUsage::client_auth();
    webpki::EndEntityCert::try_from(&ders[0])?
        .verify_for_usage(RING_ALGORITHMS, &anchors, &ders[1..], now, usage, None, None)
        .map(|_| ())
}
