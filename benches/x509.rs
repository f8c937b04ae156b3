//! What certificates cost: read, judged, requested, issued.
//!
//! Two figures are baselines. `verify_p256` is one check of a signature, by the algorithm that
//! `judge_chain` is given, over the end entity's certificate: a chain of three is three such checks, and
//! what the judgement costs beside them is the rest. `thumbprint_sha256` is one SHA-256 over the same
//! bytes. `csr_p256` and `issue_device` sign once each with a key in memory, and `issue_device` first
//! checks the request's signature.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hubward::keystore::{KeyKind, SignatureAlgorithm, SigningKey as _, SoftwareSigningKey};
use hubward::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, DeviceCertificate, Expected,
    RING_ALGORITHMS, Thumbprint, Validity,
};
use hubward::{DeviceId, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn p256_key() -> SoftwareSigningKey {
    SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap()
}

/// The bits of a P-256 public key, an uncompressed point: the end of its SubjectPublicKeyInfo.
fn point<'a>(spki: &'a SubjectPublicKeyInfoDer<'_>) -> &'a [u8] {
    &spki[spki.len() - 65..]
}

fn x509(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("x509");

    let keys = [p256_key(), p256_key(), p256_key()];
    let [root_key, intermediate_key, key] = &keys;
    let validity = |days| Validity::starting(NOW, DAY * days);
    let root = CertificateAuthority::root(root_key, "Contoso root", validity(365)).unwrap();
    let intermediate =
        root.intermediate(intermediate_key, "Contoso intermediate", validity(180)).unwrap();
    let device = DeviceId::new("pump-7").unwrap();
    let request = CertificateRequest::for_device(key, &device).unwrap();
    let issue = |request: &CertificateRequest| {
        intermediate.issue_device(request, &device, validity(30), RING_ALGORITHMS).unwrap()
    };
    let certificate = issue(&request);
    let der = certificate.der();

    group.bench_function("thumbprint_sha256", |bencher| {
        bencher.iter(|| Thumbprint::sha256(black_box(der)));
    });
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Certificate::from_der(CertificateDer::from(black_box(&**der))).unwrap());
    });

    // As many bytes as are signed of a certificate, but for its signature.
    let message = &der[..der.len() - 80];
    let signature = key.sign(SignatureAlgorithm::EcdsaP256Sha256, message).unwrap();
    let spki = key.public_key();
    let verify = |message: &[u8]| {
        RING_ALGORITHMS[0].verify_signature(point(&spki), message, &signature).is_ok()
    };
    assert!(
        verify(message) && !verify(&message[1..]),
        "it is not P-256 with SHA-256 that comes first"
    );
    group.bench_function("verify_p256", |bencher| bencher.iter(|| verify(black_box(message))));

    let chain = [&certificate, intermediate.certificate(), root.certificate()];
    let chain = chain.map(|certificate| certificate.der().clone());
    let chain = DeviceCertificate::from_chain(&chain).unwrap();
    let expected = Expected::new().device(&device).key(key).window(DAY).algorithms(RING_ALGORITHMS);
    let now = NOW.saturating_add(DAY);
    let report = chain.judge(&expected, now);
    assert!(report.findings().is_empty(), "{report}");
    group.bench_function("judge_chain", |bencher| {
        bencher.iter(|| black_box(&chain).judge(black_box(&expected), black_box(now)));
    });

    group.bench_function("csr_p256", |bencher| {
        bencher.iter(|| CertificateRequest::for_device(black_box(key), &device).unwrap());
    });
    group.bench_function("issue_device", |bencher| bencher.iter(|| issue(black_box(&request))));
    group.finish();
}

criterion_group!(benches, x509);
criterion_main!(benches);
