#!/usr/bin/env python3
"""What Python's `cryptography` says of requests and certificates.

    scripts/peers/judge_certificates.py FOLDER

FOLDER has files of PEM, and `samples.json`, which says what each should be. Prints a line for each and
fails if one is not what it should be.
"""

import datetime
import json
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def expect(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, not {expected!r}")


def kind_of(public_key):
    match public_key:
        case ec.EllipticCurvePublicKey():
            return {"secp256r1": "p256", "secp384r1": "p384"}[public_key.curve.name]
        case rsa.RSAPublicKey():
            expect("the bits of the key", public_key.key_size, 2048)
            return "rsa"
    raise AssertionError(f"a key of another kind: {public_key!r}")


def check_subject(name, common_name):
    """One common name and nothing else, as UTF8String."""
    (attribute,) = name
    expect("the attribute", attribute.oid, NameOID.COMMON_NAME)
    expect("the common name", attribute.value, common_name)
    expect("its encoding", attribute._type.name, "UTF8String")


def check_usages(extensions, is_ca, path_length, usages, is_key_known):
    """Each extension that there is, and whether it is critical."""
    found = {extension.oid: extension for extension in extensions}
    expect("how many extensions there are", len(found), len(list(extensions)))

    def take(kind):
        return found.pop(kind.oid)

    constraints = take(x509.BasicConstraints)
    expect("basic constraints", constraints.value, x509.BasicConstraints(is_ca, path_length))
    expect("basic constraints are critical", constraints.critical, True)
    usage = take(x509.KeyUsage)
    expect("key usage", {name for name in USAGES if getattr(usage.value, name)}, usages)
    expect("key usage is critical", usage.critical, True)
    if not is_ca:
        extended = take(x509.ExtendedKeyUsage)
        expect("extended key usage", list(extended.value), [ExtendedKeyUsageOID.CLIENT_AUTH])
    if is_key_known:
        expect("its key's identifier is critical", take(x509.SubjectKeyIdentifier).critical, False)
    if x509.AuthorityKeyIdentifier.oid in found:
        issuer = take(x509.AuthorityKeyIdentifier)
        expect("its issuer's identifier is critical", issuer.critical, False)
    expect("other extensions", found, {})


def usages_of_device(kind):
    return {"digital_signature"} | ({"key_encipherment"} if kind == "rsa" else set())


def check_hash(signed, kind):
    expect("the hash", signed.signature_hash_algorithm.name, "sha384" if kind == "p384" else "sha256")


def check_request(pem, sample):
    request = x509.load_pem_x509_csr(pem)
    expect("the signature is its own", request.is_signature_valid, True)
    (common_name,) = sample["common_names"]
    check_subject(request.subject, common_name)
    kind = kind_of(request.public_key())
    expect("the key", kind, sample["key"])
    check_hash(request, kind)
    check_usages(request.extensions, False, None, usages_of_device(kind), is_key_known=False)


def check_certificate(certificate, sample, place, of_chain):
    """One of a chain, by its place, the end entity's is 0."""
    is_ca = place > 0
    is_root = place == of_chain - 1
    kind = kind_of(certificate.public_key())
    expect("the version", certificate.version, x509.Version.v3)
    expect("the key", kind, sample["ca_key"] if is_ca else sample["key"])
    check_hash(certificate, sample["ca_key"] if of_chain > 1 else kind)
    check_subject(certificate.subject, sample["common_names"][place])
    check_subject(certificate.issuer, sample["common_names"][min(place + 1, of_chain - 1)])
    begin = datetime.datetime.fromtimestamp(sample["now"], datetime.UTC)
    end = begin + datetime.timedelta(days=sample["days"][place])
    expect("the beginning", certificate.not_valid_before_utc, begin)
    expect("the end", certificate.not_valid_after_utc, end)
    if not 0 < certificate.serial_number.bit_length() < 160:
        raise AssertionError(f"the serial number: {certificate.serial_number}")
    usages = {"key_cert_sign", "crl_sign"} if is_ca else usages_of_device(kind)
    path_length = (1 if is_root else 0) if is_ca else None
    check_usages(certificate.extensions, is_ca, path_length, usages, is_key_known=True)


def check_chain(pem, sample):
    chain = x509.load_pem_x509_certificates(pem)
    expect("how many certificates there are", len(chain), len(sample["common_names"]))
    for place, certificate in enumerate(chain):
        check_certificate(certificate, sample, place, len(chain))
        issuer = chain[min(place + 1, len(chain) - 1)]
        certificate.verify_directly_issued_by(issuer)
        if issuer is not certificate:
            named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
            known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            expect("the issuer's key", named.value.key_identifier, known.value.digest)
    if len(chain) > 1:
        verify(chain, sample["now"])


def verify(chain, now):
    """As a server would. A device is named by its common name, which takes no alternative name."""
    device, *others, root = chain
    for delay, is_valid in ((0, True), (-1, False), (400 * 86_400, False)):
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store([root]))
            .time(datetime.datetime.fromtimestamp(now + delay, datetime.UTC))
            .extension_policies(
                ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
                ee_policy=verification.ExtensionPolicy.permit_all()
                .require_present(x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, None)
                .require_present(x509.BasicConstraints, verification.Criticality.CRITICAL, None)
                .require_present(x509.AuthorityKeyIdentifier, verification.Criticality.AGNOSTIC, None),
            )
            .build_client_verifier()
        )
        try:
            verified = verifier.verify(device, others)
        except verification.VerificationError as error:
            if is_valid:
                raise AssertionError(f"the chain is refused: {error}") from error
        else:
            expect(f"it is valid {delay} seconds later", True, is_valid)
            expect("the path", list(verified.chain), chain)


def main():
    folder = Path(sys.argv[1])
    samples = json.loads((folder / "samples.json").read_text())
    bad = 0
    for sample in samples:
        pem = (folder / sample["file"]).read_bytes()
        check = check_request if sample["what"].endswith("request") else check_chain
        try:
            check(pem, sample)
        except Exception as error:  # whatever a library does not like
            bad += 1
            print(f"BAD   {sample['file']}: {type(error).__name__}: {error}")
        else:
            print(f"good  {sample['file']}")
    print(f"{len(samples) - bad} good, {bad} bad")
    if bad or not samples:
        sys.exit(1)


if __name__ == "__main__":
    main()
