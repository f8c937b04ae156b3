//! Chains out of files: how long, and in which order.

use hubward::pki_types::CertificateDer;
use hubward::x509::{CHAIN_MAX, Certificate, ChainError, DeviceCertificate, PemError};

use crate::openssl::{OpenSsl, P256};
use crate::{SAMPLE, from_pem, read};

const CONFIG: &str = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n\
                      [ca]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
                      [device]\nbasicConstraints = critical, CA:FALSE\n\
                      keyUsage = critical, digitalSignature\n";

/// PEM of a chain of `len` certificates, end entity first, the root last: each signed by the next.
fn chain(openssl: &OpenSsl, name: &str, len: usize) -> Vec<String> {
    openssl.write("chain.cnf", CONFIG);
    openssl.key("key.pem", P256);
    let mut chain = Vec::new();
    for level in 0..len {
        let kind = if level + 1 == len { "device" } else { "ca" };
        let issuer = match level.checked_sub(1) {
            Some(above) => format!("-CA {name}-{above}.pem -CAkey key.pem"),
            None => String::new(),
        };
        openssl.run(&format!(
            "req -x509 -new -key key.pem -config chain.cnf -subj /CN={name}-{level} -extensions {kind} \
             {issuer} -out {name}-{level}.pem"
        ));
        chain.insert(0, openssl.read_text(&format!("{name}-{level}.pem")));
    }
    chain
}

fn names(device: &DeviceCertificate) -> Vec<&str> {
    device.chain().iter().map(|certificate| certificate.common_name().unwrap()).collect()
}

fn ordered(pems: &[&String]) -> Vec<String> {
    let pem: String = pems.iter().map(|pem| pem.as_str()).collect();
    let device = DeviceCertificate::from_pem(pem.as_bytes()).unwrap();
    assert_eq!(device.chain().len(), pems.len());
    let ordered = device.into_ordered();
    assert_eq!(*ordered.end_entity(), ordered.chain()[0]);
    let again = ordered.clone().into_ordered();
    assert_eq!(again, ordered, "what is in order stays so");
    names(&ordered).into_iter().map(str::to_owned).collect()
}

/// Calls `check` with every order of `items`.
fn permutations<T: Copy>(items: &mut [T], from: usize, check: &mut impl FnMut(&[T])) {
    if from == items.len() {
        return check(items);
    }
    for index in from..items.len() {
        items.swap(from, index);
        permutations(items, from + 1, check);
        items.swap(from, index);
    }
}

#[test]
fn sixteen_are_a_chain_and_fifty_are_not() {
    let openssl = OpenSsl::new();
    let chain = chain(&openssl, "deep", 50);
    let error = DeviceCertificate::from_pem(chain.concat().as_bytes()).unwrap_err();
    assert_eq!(error, ChainError::TooLong { len: 50 });
    assert!(error.to_string().contains("50"), "{error}");
    let error = DeviceCertificate::from_pem(chain[..=CHAIN_MAX].concat().as_bytes()).unwrap_err();
    assert_eq!(error, ChainError::TooLong { len: 17 });

    let device = DeviceCertificate::from_pem(chain[..CHAIN_MAX].concat().as_bytes()).unwrap();
    assert_eq!(device.chain().len(), 16);
    assert_eq!(device.end_entity().common_name(), Some("deep-49"));
    assert_eq!(device.to_der().len(), 16);
    let reversed: Vec<_> = chain[..CHAIN_MAX].iter().rev().collect();
    let expected: Vec<_> = (34..50).rev().map(|level| format!("deep-{level}")).collect();
    assert_eq!(ordered(&reversed), expected);
}

#[test]
fn no_certificates_are_no_chain() {
    assert_eq!(DeviceCertificate::from_chain(&[]), Err(ChainError::Empty));
    let error = DeviceCertificate::from_pem(b"").unwrap_err();
    assert_eq!(error, ChainError::Pem(PemError::NoBlock));
}

#[test]
fn the_error_says_which_certificate_it_is() {
    let good = CertificateDer::from(&*SAMPLE.certificate);
    let bad = CertificateDer::from(&SAMPLE.certificate[1..]);
    for index in 0..4 {
        let mut chain = vec![good.clone(); 4];
        chain[index] = bad.clone();
        match DeviceCertificate::from_chain(&chain).unwrap_err() {
            ChainError::Certificate { index: found, .. } => assert_eq!(found, index),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn every_order_of_a_chain_with_a_duplicate_and_a_stranger() {
    let openssl = OpenSsl::new();
    let chain = chain(&openssl, "a", 4);
    // A root of somebody else.
    openssl.write("other.cnf", CONFIG);
    openssl.run(
        "req -x509 -new -key key.pem -config other.cnf -subj /CN=stranger -extensions ca \
         -out stranger.pem",
    );
    let stranger = openssl.read_text("stranger.pem");
    for duplicate in 0..4 {
        let [a, b, c, d] = &chain[..] else { panic!() };
        let mut all = [a, b, c, d, &chain[duplicate], &stranger];
        permutations(&mut all, 0, &mut |pems| {
            assert_eq!(ordered(pems), ["a-3", "a-2", "a-1", "a-0", "stranger"]);
        });
    }
}

#[test]
fn a_gap_in_the_chain_does_not_hide_the_end_entity() {
    let openssl = OpenSsl::new();
    let chain = chain(&openssl, "a", 4);
    let [a, _, c, d] = &chain[..] else { panic!() };
    permutations(&mut [a, c, d], 0, &mut |pems| {
        let names = ordered(pems);
        assert_eq!(names[0], "a-3");
        assert_eq!(names.len(), 3);
    });
}

#[test]
fn two_end_entities_both_stay_and_one_is_first() {
    let openssl = OpenSsl::new();
    let chain = chain(&openssl, "a", 3);
    openssl.run(
        "req -x509 -new -key key.pem -config chain.cnf -subj /CN=second -extensions device \
         -CA a-1.pem -CAkey key.pem -out second.pem",
    );
    let second = openssl.read_text("second.pem");
    let [a, b, c] = &chain[..] else { panic!() };
    permutations(&mut [a, b, c, &second], 0, &mut |pems| {
        let names = ordered(pems);
        // Whose key the device has is not known here: the first of the file.
        let place = |pem: &String| pems.iter().position(|other| *other == pem).unwrap();
        let (first, other) =
            if place(a) < place(&second) { ("a-2", "second") } else { ("second", "a-2") };
        assert_eq!(names, [first, "a-1", "a-0", other]);
    });
}

#[test]
fn only_authorities() {
    let openssl = OpenSsl::new();
    let chain = chain(&openssl, "a", 4);
    let [_, b, c, d] = &chain[..] else { panic!() };
    permutations(&mut [b, c, d], 0, &mut |pems| {
        assert_eq!(ordered(pems), ["a-2", "a-1", "a-0"]);
    });
}

#[test]
fn a_self_signed_certificate_is_its_own_chain() {
    let pem = &SAMPLE.certificate_pem;
    assert_eq!(ordered(&[pem]), ["pump-7"]);
    assert_eq!(ordered(&[pem, pem, pem]), ["pump-7"]);
}

#[test]
fn two_that_issue_each_other_do_not_go_round_for_ever() {
    let openssl = OpenSsl::new();
    openssl.write("chain.cnf", CONFIG);
    openssl.key("key.pem", P256);
    for name in ["x", "y"] {
        openssl.run(&format!(
            "req -x509 -new -key key.pem -config chain.cnf -subj /CN={name} -extensions ca -out {name}.pem"
        ));
    }
    for (name, by) in [("x", "y"), ("y", "x")] {
        openssl.run(&format!(
            "req -x509 -new -key key.pem -config chain.cnf -subj /CN={name} -extensions ca \
             -CA {by}.pem -CAkey key.pem -out {name}-by-{by}.pem"
        ));
    }
    let [x, y] = ["x-by-y.pem", "y-by-x.pem"].map(|name| openssl.read_text(name));
    let issuer = |pem| read(&from_pem(pem)).map(|read: Certificate| read.issuer().to_owned());
    assert_eq!((issuer(&x).unwrap(), issuer(&y).unwrap()), ("CN=y".into(), "CN=x".into()));
    let mut names = ordered(&[&x, &y]);
    names.sort();
    assert_eq!(names, ["x", "y"]);
}

#[test]
fn a_chain_is_written_as_it_was_read() {
    let openssl = OpenSsl::new();
    let text = chain(&openssl, "written", 3).concat();
    let read = DeviceCertificate::from_pem(text.as_bytes()).unwrap();
    assert_eq!(read.to_pem(), text);
    assert_eq!(DeviceCertificate::from_pem(read.to_pem().as_bytes()), Ok(read));
}
