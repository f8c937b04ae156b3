//! Certificates: judged, and requested.

use core::ffi::c_char;

use super::boundary::{Out, TextIn, TextOut, bytes, call, compiled_in};
use super::handle::{Handle, free, lend};
use super::status::*;
use super::store::hubward_signing_key;

/// A device's certificate with the chain that it sends, and what it is judged against: at first nothing in particular.
#[derive(Debug)]
pub struct hubward_certificate(#[cfg(feature = "x509")] imp::Certificate);

impl Handle for hubward_certificate {}

/// Reads a chain in PEM, the device's own certificate first.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_certificate_free`. Threads: any. Needs the feature
/// `x509`.
///
/// Errors: those of PEM, certificates and chains (800 to 841).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_parse(
    pem: *const c_char,
    pem_len: usize,
    out: *mut *mut hubward_certificate,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (pem, out) = unsafe { (bytes(pem.cast(), pem_len)?, Out::new(out)?) };
        compiled_in!(feature = "x509", (pem, out), {
            out.give(hubward_certificate(imp::Certificate::parse(pem)?));
            Ok(())
        })
    })
}

/// It must be that of a device, or of a module of it: `module_id` may be NULL with a length of 0. Takes the place of
/// what was expected before, a registration included.
///
/// Ownership: the IDs are copied. Threads: any, several at once. Needs the feature `x509`.
///
/// Errors: those of names (100 to 104).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_expect_device(
    certificate: *const hubward_certificate,
    device_id: *const c_char,
    device_id_len: usize,
    module_id: *const c_char,
    module_id_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, device, module) = unsafe {
            (
                lend(certificate)?,
                TextIn::new(device_id, device_id_len)?,
                TextIn::optional(module_id, module_id_len)?,
            )
        };
        compiled_in!(feature = "x509", (certificate, device, module), {
            certificate.0.expect_device(device.read()?, module.map(TextIn::read).transpose()?)
        })
    })
}

/// It must be that of a registration in DPS. Takes the place of what was expected before, a device included.
///
/// Ownership: the ID is copied. Threads: any, several at once. Needs the feature `x509`.
///
/// Errors: those of names (100 to 104).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_expect_registration(
    certificate: *const hubward_certificate,
    registration_id: *const c_char,
    registration_id_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, registration) =
            unsafe { (lend(certificate)?, TextIn::new(registration_id, registration_id_len)?) };
        compiled_in!(feature = "x509", (certificate, registration), {
            certificate.0.expect_registration(registration.read()?)
        })
    })
}

/// It must belong to that key.
///
/// Ownership: the key's handle stays the caller's, and can be freed before the certificate. Threads: any, several at
/// once. Needs the feature `x509`.
///
/// Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_expect_key(
    certificate: *const hubward_certificate,
    key: *const hubward_signing_key,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, key) = unsafe { (lend(certificate)?, lend(key)?) };
        compiled_in!(feature = "x509", (certificate, key), {
            certificate.0.expect_key(key.key());
            Ok(())
        })
    })
}

/// What ends within so many seconds is a finding.
///
/// Ownership: nothing is kept. Threads: any, several at once. Needs the feature `x509`. Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_expect_window(
    certificate: *const hubward_certificate,
    window_seconds: u64,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let certificate = unsafe { lend(certificate)? };
        compiled_in!(feature = "x509", (certificate, window_seconds), {
            certificate.0.expect_window(window_seconds);
            Ok(())
        })
    })
}

/// The chain must end at one of these certificates, in PEM, or have one in it: what was registered with the hub. Takes
/// the place of those before.
///
/// Ownership: they are copied. Threads: any, several at once. Needs the feature `x509`.
///
/// Errors: those of PEM and certificates (800 to 834).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_expect_trust_anchors(
    certificate: *const hubward_certificate,
    pem: *const c_char,
    pem_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, pem) = unsafe { (lend(certificate)?, bytes(pem.cast(), pem_len)?) };
        compiled_in!(feature = "x509", (certificate, pem), {
            certificate.0.expect_trust_anchors(pem)
        })
    })
}

/// The hub knows it by its thumbprint: 64 (SHA-256) or 40 (SHA-1) hexadecimal digits. To be called once for the
/// primary and once for the secondary: the last two count. It then is judged by nothing but that, its validity and its
/// key.
///
/// Ownership: it is copied. Threads: any, several at once. Needs the feature `x509`.
///
/// Errors: `HUBWARD_THUMBPRINT_WRONG_LENGTH`; `HUBWARD_THUMBPRINT_NOT_HEX`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_expect_thumbprint(
    certificate: *const hubward_certificate,
    thumbprint: *const c_char,
    thumbprint_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, thumbprint) =
            unsafe { (lend(certificate)?, TextIn::new(thumbprint, thumbprint_len)?) };
        compiled_in!(feature = "x509", (certificate, thumbprint), {
            certificate.0.expect_thumbprint(thumbprint.read()?)
        })
    })
}

/// Judges the chain at `now`: all that is wrong with it, as a JSON array of objects with `severity` ("error", "warning"
/// or "note"), `code`, `certificate` (an index from 0, or null) and `text`. `[]` is the best there is. It tells a
/// device what is wrong with its own certificate, and is no judgement by which to let somebody in.
///
/// Signatures are checked in a build with `ring` or `aws-lc-rs`; in one without, that they were not is a finding.
///
/// Ownership: the JSON is written to the caller's buffer. Threads: any, several at once. Needs the feature `x509`.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_judge(
    certificate: *const hubward_certificate,
    now: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, out) =
            unsafe { (lend(certificate)?, TextOut::new(out.cast(), cap, len)?) };
        compiled_in!(feature = "x509", (certificate, now, out), {
            out.write(certificate.0.judge(now).as_bytes())
        })
    })
}

/// From when to when the device's own certificate is valid, both included, in seconds since 1970.
///
/// Ownership: the moments are written to the caller's numbers. Threads: any, several at once. Needs the feature `x509`.
/// Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_validity(
    certificate: *const hubward_certificate,
    not_before: *mut u64,
    not_after: *mut u64,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, not_before, not_after) =
            unsafe { (lend(certificate)?, Out::new(not_before)?, Out::new(not_after)?) };
        compiled_in!(feature = "x509", (certificate, not_before, not_after), {
            let validity = certificate.0.validity();
            not_before.set(validity.not_before.as_secs());
            not_after.set(validity.not_after.as_secs());
            Ok(())
        })
    })
}

/// The SHA-256 thumbprint of the device's own certificate, as a hub is told it: 64 hexadecimal digits.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once. Needs the feature `x509`.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_thumbprint(
    certificate: *const hubward_certificate,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (certificate, out) =
            unsafe { (lend(certificate)?, TextOut::new(out.cast(), cap, len)?) };
        compiled_in!(feature = "x509", (certificate, out), {
            out.write(certificate.0.thumbprint().as_bytes())
        })
    })
}

/// Frees the certificate. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_free(certificate: *mut hubward_certificate) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(certificate) }
}

/// A request for a device's certificate (PKCS#10), or that of a module of it, in PEM, signed by its key: see
/// `hubward_store_signing_key`. `module_id` may be NULL with a length of 0.
///
/// Ownership: the PEM is written to the caller's buffer; the key's handle stays the caller's. Threads: any, several at
/// once. Needs the feature `x509-issue`.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_ISSUE_UNSUPPORTED_KEY`; `HUBWARD_ISSUE_FAILED`; those of names (100 to 104) and keys (500 to
/// 599).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_request(
    key: *const hubward_signing_key,
    device_id: *const c_char,
    device_id_len: usize,
    module_id: *const c_char,
    module_id_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (key, device, module, out) = unsafe {
            (
                lend(key)?,
                TextIn::new(device_id, device_id_len)?,
                TextIn::optional(module_id, module_id_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        compiled_in!(feature = "x509-issue", (key, device, module, out), {
            use crate::identity::{DeviceId, ModuleId};
            use crate::x509::CertificateRequest;
            let device = DeviceId::new(device.read()?)?;
            let request = match module.map(TextIn::read).transpose()? {
                None => CertificateRequest::for_device(&**key.key(), &device)?,
                Some(module) => {
                    CertificateRequest::for_module(&**key.key(), &device, &ModuleId::new(module)?)?
                }
            };
            out.write(request.to_pem().as_bytes())
        })
    })
}

/// `hubward_certificate_request` for a registration in DPS.
///
/// Ownership: as `hubward_certificate_request`. Threads: any, several at once. Needs the feature `x509-issue`.
///
/// Errors: as `hubward_certificate_request`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_certificate_request_for_registration(
    key: *const hubward_signing_key,
    registration_id: *const c_char,
    registration_id_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (key, registration, out) = unsafe {
            (
                lend(key)?,
                TextIn::new(registration_id, registration_id_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        compiled_in!(feature = "x509-issue", (key, registration, out), {
            use crate::identity::RegistrationId;
            use crate::x509::CertificateRequest;
            let registration = RegistrationId::new(registration.read()?)?;
            let request = CertificateRequest::for_registration(&**key.key(), &registration)?;
            out.write(request.to_pem().as_bytes())
        })
    })
}

#[cfg(feature = "x509")]
mod imp {
    use core::time::Duration;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use alloc::string::{String, ToString as _};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use rustls_pki_types::SignatureVerificationAlgorithm;

    use super::super::failure::Failure;
    use crate::identity::{DeviceId, ModuleId, RegistrationId};
    use crate::keystore::SigningKey;
    use crate::time::UnixTime;
    use crate::x509::{
        self, ChainError, DeviceCertificate, Expected, Thumbprint, Validity, certificates_from_pem,
    };

    #[derive(Debug)]
    pub(super) struct Certificate {
        chain: DeviceCertificate,
        expected: Mutex<Expectation>,
    }

    #[derive(Debug, Default)]
    struct Expectation {
        id: Option<Id>,
        key: Option<Arc<dyn SigningKey>>,
        window: Duration,
        anchors: Vec<x509::Certificate>,
        thumbprints: Vec<Thumbprint>,
    }

    #[derive(Debug)]
    enum Id {
        Device(DeviceId),
        Module(DeviceId, ModuleId),
        Registration(RegistrationId),
    }

    impl Certificate {
        pub(super) fn parse(pem: &[u8]) -> Result<Self, Failure> {
            let chain = DeviceCertificate::from_pem(pem)?;
            Ok(Self { chain, expected: Mutex::default() })
        }

        pub(super) fn expect_device(
            &self,
            device: &str,
            module: Option<&str>,
        ) -> Result<(), Failure> {
            let device = DeviceId::new(device)?;
            self.expected().id = Some(match module {
                None => Id::Device(device),
                Some(module) => Id::Module(device, ModuleId::new(module)?),
            });
            Ok(())
        }

        pub(super) fn expect_registration(&self, registration: &str) -> Result<(), Failure> {
            let registration = RegistrationId::new(registration)?;
            self.expected().id = Some(Id::Registration(registration));
            Ok(())
        }

        pub(super) fn expect_key(&self, key: &Arc<dyn SigningKey>) {
            self.expected().key = Some(Arc::clone(key));
        }

        pub(super) fn expect_window(&self, seconds: u64) {
            self.expected().window = Duration::from_secs(seconds);
        }

        pub(super) fn expect_trust_anchors(&self, pem: &[u8]) -> Result<(), Failure> {
            let read = |(index, der)| {
                x509::Certificate::from_der(der)
                    .map_err(|error| ChainError::Certificate { index, error })
            };
            let certificates = certificates_from_pem(pem)?.into_iter().enumerate();
            self.expected().anchors = certificates.map(read).collect::<Result<_, _>>()?;
            Ok(())
        }

        pub(super) fn expect_thumbprint(&self, thumbprint: &str) -> Result<(), Failure> {
            let thumbprint = thumbprint.parse()?;
            let mut expectation = self.expected();
            if expectation.thumbprints.len() == 2 {
                expectation.thumbprints.remove(0);
            }
            expectation.thumbprints.push(thumbprint);
            Ok(())
        }

        pub(super) fn judge(&self, now: u64) -> String {
            let expectation = self.expected();
            let Expectation { id, key, window, anchors, thumbprints } = &*expectation;
            let mut expected = Expected::new()
                .window(*window)
                .algorithms(ALGORITHMS)
                .trust_anchors(anchors)
                .thumbprints(thumbprints);
            expected = match id {
                None => expected,
                Some(Id::Device(device)) => expected.device(device),
                Some(Id::Module(device, module)) => expected.module(device, module),
                Some(Id::Registration(registration)) => expected.registration(registration),
            };
            if let Some(key) = key {
                expected = expected.key(&**key);
            }
            self.chain.judge(&expected, UnixTime::from_secs(now)).to_json()
        }

        pub(super) fn validity(&self) -> Validity {
            self.chain.end_entity().validity()
        }

        pub(super) fn thumbprint(&self) -> String {
            Thumbprint::sha256(self.chain.end_entity().der()).to_string()
        }

        fn expected(&self) -> MutexGuard<'_, Expectation> {
            // What is in it is replaced whole.
            self.expected.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[cfg(feature = "aws-lc-rs")]
    const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = x509::AWS_LC_RS_ALGORITHMS;
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = x509::RING_ALGORITHMS;
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[];
}
