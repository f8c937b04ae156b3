//! Keys in an encrypted file, and signing with those that are private.

use core::ffi::c_char;

use alloc::sync::Arc;

use super::boundary::{BytesOut, Out, TextIn, TextOut, bytes, call, compiled_in, optional_bytes};
use super::failure::Failure;
use super::handle::{Handle, free, lend};
use super::key::hubward_mac_key;
use super::status::*;
use crate::keystore::{KeyKind, SignatureAlgorithm, SigningKey};

/// A kind of key: HMAC-SHA256, the shared access keys of IoT Hub and DPS.
pub const HUBWARD_KEY_SYMMETRIC: i32 = 1;
/// A kind of key: ECDSA with the curve P-256.
pub const HUBWARD_KEY_ECDSA_P256: i32 = 2;
/// A kind of key: ECDSA with the curve P-384.
pub const HUBWARD_KEY_ECDSA_P384: i32 = 3;
/// A kind of key: RSA.
pub const HUBWARD_KEY_RSA: i32 = 4;

/// Signs as the key does best: ECDSA with its curve's hash, RSA by PSS with SHA-256.
pub const HUBWARD_SIGN_DEFAULT: i32 = 0;
/// Signs by ECDSA with P-256 and SHA-256.
pub const HUBWARD_SIGN_ECDSA_P256_SHA256: i32 = 1;
/// Signs by ECDSA with P-384 and SHA-384.
pub const HUBWARD_SIGN_ECDSA_P384_SHA384: i32 = 2;
/// Signs by RSASSA-PSS with SHA-256, its salt as long as the hash.
pub const HUBWARD_SIGN_RSA_PSS_SHA256: i32 = 3;
/// Signs by RSASSA-PSS with SHA-384, its salt as long as the hash.
pub const HUBWARD_SIGN_RSA_PSS_SHA384: i32 = 4;
/// Signs by RSASSA-PSS with SHA-512, its salt as long as the hash.
pub const HUBWARD_SIGN_RSA_PSS_SHA512: i32 = 5;
/// Signs by RSASSA-PKCS1-v1_5 with SHA-256.
pub const HUBWARD_SIGN_RSA_PKCS1_SHA256: i32 = 6;
/// Signs by RSASSA-PKCS1-v1_5 with SHA-384.
pub const HUBWARD_SIGN_RSA_PKCS1_SHA384: i32 = 7;
/// Signs by RSASSA-PKCS1-v1_5 with SHA-512.
pub const HUBWARD_SIGN_RSA_PKCS1_SHA512: i32 = 8;

/// A buffer of this size takes every signature.
pub const HUBWARD_SIGNATURE_MAX: usize = 1024;

/// Keys in an encrypted file, whole after any crash (Unix). Its folder must be for its owner alone, mode 0700.
///
/// Each call reads the file anew, so that what another process changed is seen.
#[derive(Debug)]
pub struct hubward_store(
    #[cfg(all(feature = "keystore-file", unix))] crate::keystore::file::FileKeyStore,
);

impl Handle for hubward_store {}

/// A private key that signs.
#[derive(Debug)]
pub struct hubward_signing_key(Arc<dyn SigningKey>);

impl Handle for hubward_signing_key {}

impl hubward_signing_key {
    #[cfg_attr(
        not(feature = "x509"),
        expect(dead_code, reason = "for requests and the judgement of certificates")
    )]
    pub(super) fn key(&self) -> &Arc<dyn SigningKey> {
        &self.0
    }
}

/// Creates an empty store under a passphrase, and its folder if that is not there. Argon2id takes 19 MiB of memory
/// meanwhile, here and when the store is opened.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_store_free`. The passphrase is only read: whoever
/// holds it wipes it. Threads: any. Needs the feature `keystore-file`.
///
/// Errors: those of keys and stores (500 to 611), such as `HUBWARD_STORE_ALREADY_EXISTS` and `HUBWARD_STORE_NOT_PRIVATE`. After
/// `HUBWARD_STORE_NOT_SYNCED` the store is there, to be opened.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_create(
    path: *const c_char,
    path_len: usize,
    passphrase: *const c_char,
    passphrase_len: usize,
    out: *mut *mut hubward_store,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (path, passphrase, out) = unsafe {
            (
                bytes(path.cast(), path_len)?,
                TextIn::new(passphrase, passphrase_len)?,
                Out::new(out)?,
            )
        };
        compiled_in!(all(feature = "keystore-file", unix), (path, passphrase, out), {
            use crate::keystore::file::{FileKeyStore, StoreKey};
            let passphrase = crate::secret::SecretText::borrowed(passphrase.read()?);
            let key = StoreKey::Passphrase(&passphrase);
            out.give(hubward_store(FileKeyStore::create(to_path(path), key)?));
            Ok(())
        })
    })
}

/// Opens a store with its passphrase and checks all of it.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_store_free`. The passphrase is only read: whoever
/// holds it wipes it. Threads: any. Needs the feature `keystore-file`.
///
/// Errors: those of keys and stores (500 to 611), such as `HUBWARD_STORE_NOT_FOUND`, `HUBWARD_STORE_WRONG_KEY` and
/// `HUBWARD_STORE_DAMAGED`, after which the file is as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_open(
    path: *const c_char,
    path_len: usize,
    passphrase: *const c_char,
    passphrase_len: usize,
    out: *mut *mut hubward_store,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (path, passphrase, out) = unsafe {
            (
                bytes(path.cast(), path_len)?,
                TextIn::new(passphrase, passphrase_len)?,
                Out::new(out)?,
            )
        };
        compiled_in!(all(feature = "keystore-file", unix), (path, passphrase, out), {
            use crate::keystore::file::{FileKeyStore, StoreKey};
            let passphrase = crate::secret::SecretText::borrowed(passphrase.read()?);
            let key = StoreKey::Passphrase(&passphrase);
            out.give(hubward_store(FileKeyStore::open(to_path(path), key)?));
            Ok(())
        })
    })
}

/// `hubward_store_create` under a key that something else keeps, such as a chip. That key must serve no other use:
/// whoever can have it sign messages of their choice can open the store.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_store_free`; the key's handle stays the caller's, and
/// is used during the call only. Threads: any. Needs the feature `keystore-file`.
///
/// Errors: as `hubward_store_create`; those of keys (500 to 599) if the key fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_create_with_key(
    path: *const c_char,
    path_len: usize,
    key: *const hubward_mac_key,
    out: *mut *mut hubward_store,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (path, key, out) =
            unsafe { (bytes(path.cast(), path_len)?, lend(key)?, Out::new(out)?) };
        compiled_in!(all(feature = "keystore-file", unix), (path, key, out), {
            use crate::keystore::file::{FileKeyStore, StoreKey};
            let key = StoreKey::MacKey(&**key.key());
            out.give(hubward_store(FileKeyStore::create(to_path(path), key)?));
            Ok(())
        })
    })
}

/// `hubward_store_open` with a key that something else keeps.
///
/// Ownership: as `hubward_store_create_with_key`. Threads: any. Needs the feature `keystore-file`.
///
/// Errors: as `hubward_store_open`; those of keys (500 to 599) if the key fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_open_with_key(
    path: *const c_char,
    path_len: usize,
    key: *const hubward_mac_key,
    out: *mut *mut hubward_store,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (path, key, out) =
            unsafe { (bytes(path.cast(), path_len)?, lend(key)?, Out::new(out)?) };
        compiled_in!(all(feature = "keystore-file", unix), (path, key, out), {
            use crate::keystore::file::{FileKeyStore, StoreKey};
            let key = StoreKey::MacKey(&**key.key());
            out.give(hubward_store(FileKeyStore::open(to_path(path), key)?));
            Ok(())
        })
    })
}

/// Makes a key, unless there is one of that name and kind already. `kind` is one of `HUBWARD_KEY_*`; `name` has
/// letters, digits, `-`, `_` and `.`, at most 64. RSA keys are imported, not made.
///
/// Ownership: nothing is kept but the key, in the file. Threads: any, several at once: they wait for each other. Needs
/// the feature `keystore-file`, and for private keys `keystore-software`.
///
/// Errors: `HUBWARD_INVALID_ARGUMENT` for another kind; those of names of keys (120 to 123);
/// `HUBWARD_KEY_WRONG_KIND` if the name is taken by another kind; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM`; those of keys
/// and stores (500 to 611). After `HUBWARD_STORE_NOT_SYNCED` the key is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_generate(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
    kind: i32,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name) = unsafe { (lend(store)?, TextIn::new(name, name_len)?) };
        let kind = kind_of(kind)?;
        compiled_in!(all(feature = "keystore-file", unix), (store, name, kind), {
            use crate::keystore::KeyStoreAdmin as _;
            if kind != KeyKind::Symmetric && !cfg!(feature = "keystore-software") {
                return Err(Failure::new(HUBWARD_NOT_COMPILED_IN));
            }
            store.0.create(&to_name(name)?, kind)?;
            Ok(())
        })
    })
}

/// Keeps a symmetric key, from its base64 text as the service shows it.
///
/// Ownership: the store keeps a copy; the text is only read, and whoever holds it wipes it. Threads: as
/// `hubward_store_generate`. Needs the feature `keystore-file`.
///
/// Errors: `HUBWARD_KEY_ALREADY_EXISTS`; `HUBWARD_KEY_NOT_BASE64`; `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`; those
/// of names of keys (120 to 123), keys and stores (500 to 611). After `HUBWARD_STORE_NOT_SYNCED` the key is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_import(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
    key_base64: *const c_char,
    key_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name, key) = unsafe {
            (lend(store)?, TextIn::new(name, name_len)?, TextIn::new(key_base64, key_len)?)
        };
        compiled_in!(all(feature = "keystore-file", unix), (store, name, key), {
            use crate::keystore::{KeyStoreAdmin as _, NewKey, SymmetricKey};
            let key = SymmetricKey::from_base64(key.read()?)?;
            store.0.import(&to_name(name)?, NewKey::Symmetric(&key))?;
            Ok(())
        })
    })
}

/// Keeps a private key, from an unencrypted PKCS#8 in DER.
///
/// Ownership: the store keeps a copy; the key is only read, and whoever holds it wipes it. Threads: as
/// `hubward_store_generate`. Needs the features `keystore-file` and `keystore-software`.
///
/// Errors: `HUBWARD_KEY_ALREADY_EXISTS`; `HUBWARD_KEY_INVALID_PRIVATE_KEY`; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM`; those
/// of names of keys (120 to 123), keys and stores (500 to 611). After `HUBWARD_STORE_NOT_SYNCED` the key is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_import_private_der(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
    pkcs8: *const u8,
    pkcs8_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name, der) =
            unsafe { (lend(store)?, TextIn::new(name, name_len)?, bytes(pkcs8, pkcs8_len)?) };
        compiled_in!(
            all(feature = "keystore-file", feature = "keystore-software", unix),
            (store, name, der),
            {
                use crate::keystore::{KeyStoreAdmin as _, NewKey};
                use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
                store.0.import(&to_name(name)?, NewKey::Private(&key))?;
                Ok(())
            }
        )
    })
}

/// Keeps a private key, from PEM: PKCS#8, SEC 1 or PKCS#1, unencrypted.
///
/// Ownership: the store keeps a copy; the PEM is only read, and whoever holds it wipes it. Threads: as
/// `hubward_store_generate`. Needs the features `keystore-file`, `keystore-software` and `x509`.
///
/// Errors: those of PEM (800 to 819); as `hubward_store_import_private_der`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_import_private_pem(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
    pem: *const c_char,
    pem_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name, pem) =
            unsafe { (lend(store)?, TextIn::new(name, name_len)?, bytes(pem.cast(), pem_len)?) };
        compiled_in!(
            all(feature = "keystore-file", feature = "keystore-software", feature = "x509", unix),
            (store, name, pem),
            {
                use crate::keystore::{KeyStoreAdmin as _, NewKey};
                let key = crate::x509::private_key_from_pem(pem)?;
                let name = to_name(name)?;
                store.0.import(&name, NewKey::Private(key.expose_der()))?;
                Ok(())
            }
        )
    })
}

/// What the store has, in the order of the names: a line for each key, which ends in `\n`, with its name, its kind
/// (`symmetric`, `ecdsa-p256`, `ecdsa-p384`, `rsa`) and its protection (`plain`, `passphrase`, `operating-system`,
/// `sealed`, `hardware`), and a space between them. A later version may know more of both. Empty for an empty store.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once. Needs the feature
/// `keystore-file`.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`; those of keys and stores (500 to 611).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_list(
    store: *const hubward_store,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, out) = unsafe { (lend(store)?, TextOut::new(out.cast(), cap, len)?) };
        compiled_in!(all(feature = "keystore-file", unix), (store, out), {
            use crate::keystore::KeyStoreAdmin as _;
            let line = |key: crate::keystore::KeyInfo| {
                alloc::format!(
                    "{} {} {}\n",
                    key.name,
                    kind_name(key.kind),
                    protection_name(key.protection)
                )
            };
            let list: alloc::string::String = store.0.list()?.into_iter().map(line).collect();
            out.write(list.as_bytes())
        })
    })
}

/// Deletes a key, and the certificates that are kept under its name. Handles of it go on. What was deleted may remain
/// in blocks of the disk.
///
/// Ownership: nothing is kept. Threads: as `hubward_store_generate`. Needs the feature `keystore-file`.
///
/// Errors: `HUBWARD_KEY_NOT_FOUND`; those of names of keys (120 to 123), keys and stores (500 to 611). After
/// `HUBWARD_STORE_NOT_SYNCED` the key is deleted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_delete(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name) = unsafe { (lend(store)?, TextIn::new(name, name_len)?) };
        compiled_in!(all(feature = "keystore-file", unix), (store, name), {
            use crate::keystore::KeyStoreAdmin as _;
            store.0.delete(&to_name(name)?)?;
            Ok(())
        })
    })
}

/// A symmetric key of the store, for `hubward_signer_from_mac_key`. It is the key as it is now, also after the store
/// has deleted it.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`; it does not need the store any more.
/// Threads: any, several at once. Needs the feature `keystore-file`.
///
/// Errors: `HUBWARD_KEY_NOT_FOUND`; `HUBWARD_KEY_WRONG_KIND`; those of names of keys (120 to 123), keys and stores (500
/// to 611).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_mac_key(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
    out: *mut *mut hubward_mac_key,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name, out) =
            unsafe { (lend(store)?, TextIn::new(name, name_len)?, Out::new(out)?) };
        compiled_in!(all(feature = "keystore-file", unix), (store, name, out), {
            use crate::keystore::KeyStore as _;
            let key = store.0.mac_key(&to_name(name)?)?;
            out.give(hubward_mac_key::new(key));
            Ok(())
        })
    })
}

/// A private key of the store, to sign with. It is the key as it is now, also after the store has deleted it.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_signing_key_free`; it does not need the store any more.
/// Threads: any, several at once. Needs the features `keystore-file` and `keystore-software`; for RSA `ring` or
/// `aws-lc-rs`.
///
/// Errors: `HUBWARD_KEY_NOT_FOUND`; `HUBWARD_KEY_WRONG_KIND`; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM`; those of names of
/// keys (120 to 123), keys and stores (500 to 611).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_signing_key(
    store: *const hubward_store,
    name: *const c_char,
    name_len: usize,
    out: *mut *mut hubward_signing_key,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (store, name, out) =
            unsafe { (lend(store)?, TextIn::new(name, name_len)?, Out::new(out)?) };
        compiled_in!(
            all(feature = "keystore-file", feature = "keystore-software", unix),
            (store, name, out),
            {
                use crate::keystore::KeyStore as _;
                let key = store.0.signing_key(&to_name(name)?)?;
                out.give(hubward_signing_key(key));
                Ok(())
            }
        )
    })
}

/// Wipes the store's own key and frees the rest; the file stays. Keys that came from it go on. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_store_free(store: *mut hubward_store) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(store) }
}

/// Signs a message, unhashed: `algorithm` is one of `HUBWARD_SIGN_*`, and says which hash is taken. What is written is
/// the DER of an ECDSA-Sig-Value, or the octets of an RSA signature; there is no NUL behind it, and `cap` and `*len`
/// are both in bytes. `message` may be NULL with a length of 0.
///
/// A buffer of `HUBWARD_SIGNATURE_MAX` takes every signature. To ask for the size costs as much as to sign.
///
/// Ownership: the signature is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM` if the key does not sign so;
/// `HUBWARD_INVALID_ARGUMENT` for another algorithm; those of keys (500 to 599).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signing_key_sign(
    key: *const hubward_signing_key,
    algorithm: i32,
    message: *const u8,
    message_len: usize,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (key, message, out) = unsafe {
            (
                lend(key)?,
                optional_bytes(message, message_len)?.unwrap_or_default(),
                BytesOut::new(out, cap, len)?,
            )
        };
        let algorithm = match algorithm_of(algorithm)? {
            Some(algorithm) => algorithm,
            None => *key.0.algorithms().first().ok_or(Failure::new(HUBWARD_INTERNAL))?,
        };
        out.write(&key.0.sign(algorithm, message)?)
    })
}

/// The public key with its algorithm: a SubjectPublicKeyInfo in DER. There is no NUL behind it, and `cap` and `*len`
/// are both in bytes.
///
/// Ownership: the key is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signing_key_public_key(
    key: *const hubward_signing_key,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (key, out) = unsafe { (lend(key)?, BytesOut::new(out, cap, len)?) };
        out.write(&key.0.public_key())
    })
}

/// Wipes the key, once nothing needs it any more. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signing_key_free(key: *mut hubward_signing_key) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(key) }
}

#[cfg(all(feature = "keystore-file", unix))]
fn to_path(path: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt as _;

    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}

#[cfg(all(feature = "keystore-file", unix))]
fn to_name(name: TextIn<'_>) -> Result<crate::keystore::KeyName, Failure> {
    Ok(crate::keystore::KeyName::new(name.read()?)?)
}

fn kind_of(kind: i32) -> Result<KeyKind, Failure> {
    match kind {
        HUBWARD_KEY_SYMMETRIC => Ok(KeyKind::Symmetric),
        HUBWARD_KEY_ECDSA_P256 => Ok(KeyKind::EcdsaP256),
        HUBWARD_KEY_ECDSA_P384 => Ok(KeyKind::EcdsaP384),
        HUBWARD_KEY_RSA => Ok(KeyKind::Rsa),
        _ => Err(Failure::new(HUBWARD_INVALID_ARGUMENT)),
    }
}

#[cfg(all(feature = "keystore-file", unix))]
const fn kind_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Symmetric => "symmetric",
        KeyKind::EcdsaP256 => "ecdsa-p256",
        KeyKind::EcdsaP384 => "ecdsa-p384",
        KeyKind::Rsa => "rsa",
    }
}

#[cfg(all(feature = "keystore-file", unix))]
const fn protection_name(protection: crate::keystore::Protection) -> &'static str {
    use crate::keystore::Protection;

    match protection {
        Protection::Plain => "plain",
        Protection::Passphrase => "passphrase",
        Protection::OperatingSystem => "operating-system",
        Protection::Sealed => "sealed",
        Protection::Hardware => "hardware",
    }
}

/// `None` for the key's best.
fn algorithm_of(algorithm: i32) -> Result<Option<SignatureAlgorithm>, Failure> {
    Ok(Some(match algorithm {
        HUBWARD_SIGN_DEFAULT => return Ok(None),
        HUBWARD_SIGN_ECDSA_P256_SHA256 => SignatureAlgorithm::EcdsaP256Sha256,
        HUBWARD_SIGN_ECDSA_P384_SHA384 => SignatureAlgorithm::EcdsaP384Sha384,
        HUBWARD_SIGN_RSA_PSS_SHA256 => SignatureAlgorithm::RsaPssSha256,
        HUBWARD_SIGN_RSA_PSS_SHA384 => SignatureAlgorithm::RsaPssSha384,
        HUBWARD_SIGN_RSA_PSS_SHA512 => SignatureAlgorithm::RsaPssSha512,
        HUBWARD_SIGN_RSA_PKCS1_SHA256 => SignatureAlgorithm::RsaPkcs1Sha256,
        HUBWARD_SIGN_RSA_PKCS1_SHA384 => SignatureAlgorithm::RsaPkcs1Sha384,
        HUBWARD_SIGN_RSA_PKCS1_SHA512 => SignatureAlgorithm::RsaPkcs1Sha512,
        _ => return Err(Failure::new(HUBWARD_INVALID_ARGUMENT)),
    }))
}
