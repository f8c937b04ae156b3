//! Tokens: read back as they were made, and refused if anything in them was changed.

use std::time::Duration;

use hubward::sas::TokenVerifyError;
use hubward::{PolicyName, ResourceUri, SAS_TOKEN_MAX, SasToken, UnixTime};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{
    Encoding, NO_TOLERANCE, config, encoding, expiry, expiry_after_0, key, percent, policy,
    resource, signature, signer, symmetric, token_text,
};

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn what_is_signed_is_read_back_and_verifies(
        plain in resource(),
        key in key(),
        expiry in expiry(),
        policy in prop::option::of(policy()),
    ) {
        let resource = ResourceUri::parse(&plain)?;
        let signer = signer(&key, &resource, policy.as_deref())?;
        let expiry = UnixTime::from_secs(expiry);
        let made = signer.sign(expiry)?;
        let text = token_text(&key, &plain, expiry.as_secs(), policy.as_deref());
        prop_assert_eq!(made.expose_token(), &text);

        let mut buffer = [0; SAS_TOKEN_MAX];
        let len = signer.sign_into(expiry, &mut buffer)?;
        prop_assert_eq!(&buffer[..len], text.as_bytes());

        let parsed = SasToken::parse(&text)?;
        prop_assert_eq!(&parsed, &made);
        let owned = SasToken::parse(&text)?.into_owned();
        for token in [&made, &parsed, &owned] {
            prop_assert_eq!(token.resource_text(), resource.as_encoded());
            prop_assert_eq!(token.resource().to_string(), plain.as_str());
            prop_assert_eq!(token.expiry(), expiry);
            let policy_name = token.policy_name();
            prop_assert_eq!(policy_name.as_ref().map(PolicyName::as_str), policy.as_deref());
            let shown = text.replace(
                &percent(&signature(&key, resource.as_encoded(), expiry.as_secs())),
                "<redacted>",
            );
            prop_assert_eq!(token.to_string(), shown);

            let now = UnixTime::from_secs(expiry.as_secs().saturating_sub(1));
            let verdict = token.verify(&symmetric(&key), &resource, now, NO_TOLERANCE);
            if now < expiry {
                prop_assert_eq!(verdict, Ok(()));
            } else {
                prop_assert_eq!(verdict, Err(TokenVerifyError::Expired { expiry, now }));
            }
        }
    }

    #[test]
    fn another_key_does_not_verify(
        plain in resource(),
        key in key(),
        bit in any::<Index>(),
        expiry in expiry_after_0(),
    ) {
        let resource = ResourceUri::parse(&plain)?;
        let text = token_text(&key, &plain, expiry, None);
        let mut other = key.clone();
        let bit = bit.index(8 * key.len());
        other[bit / 8] ^= 1 << (bit % 8);
        let token = SasToken::parse(&text)?;
        let now = UnixTime::from_secs(0);
        let verdict = token.verify(&symmetric(&other), &resource, now, NO_TOLERANCE);
        prop_assert_eq!(verdict, Err(TokenVerifyError::SignatureMismatch));
    }

    #[test]
    fn a_changed_byte_does_not_verify(
        plain in resource(),
        key in key(),
        expiry in expiry_after_0(),
        policy in prop::option::of(policy()),
        at in any::<Index>(),
        byte in 0_u8..0x80,
    ) {
        let text = token_text(&key, &plain, expiry, policy.as_deref());
        let at = at.index(text.len());
        check_changed_byte(&key, &plain, &text, at, byte);
    }

    #[test]
    fn the_order_of_the_fields_does_not_matter(
        plain in resource(),
        key in key(),
        expiry in expiry_after_0(),
        policy in prop::option::of(policy()),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let resource = ResourceUri::parse(&plain)?;
        let text = token_text(&key, &plain, expiry, policy.as_deref());
        let (prefix, fields) = text.split_once(' ').expect("the prefix ends in a space");
        let fields: Vec<&str> = fields.split('&').collect();
        let shuffled: Vec<&str> =
            order.iter().filter_map(|index: &usize| fields.get(*index).copied()).collect();
        let shuffled = format!("{prefix} {}", shuffled.join("&"));

        let token = SasToken::parse(&shuffled)?;
        prop_assert_eq!(token.expose_token(), shuffled.as_str());
        prop_assert_eq!(token.resource_text(), resource.as_encoded());
        prop_assert_eq!(token.expiry().as_secs(), expiry);
        let policy_name = token.policy_name();
        prop_assert_eq!(policy_name.as_ref().map(PolicyName::as_str), policy.as_deref());
        let ordered = SasToken::parse(&text)?;
        prop_assert_eq!(token.to_string(), ordered.to_string());
        let now = UnixTime::from_secs(0);
        prop_assert_eq!(token.verify(&symmetric(&key), &resource, now, NO_TOLERANCE), Ok(()));
    }

    /// The text of `sr` is signed as it is sent, so any encoding of it verifies if it was signed
    /// so; the encoding of everything else is of no account.
    #[test]
    fn whichever_encoding_was_signed_verifies(
        plain in resource(),
        key in key(),
        expiry in expiry_after_0(),
        policy in policy(),
        encodings in prop::array::uniform4(encoding()),
    ) {
        let resource = ResourceUri::parse(&plain)?;
        let [of_sr, of_sig, of_se, of_skn] = encodings;
        let sr = of_sr.apply(&plain);
        let sig = of_sig.apply(&signature(&key, &sr, expiry));
        let (se, skn) = (of_se.apply(&expiry.to_string()), of_skn.apply(&policy));
        let text = format!("SharedAccessSignature sr={sr}&sig={sig}&se={se}&skn={skn}");
        let token = SasToken::parse(&text)?;
        prop_assert_eq!(token.resource_text(), sr.as_str());
        prop_assert_eq!(token.expiry().as_secs(), expiry);
        let policy_name = token.policy_name();
        prop_assert_eq!(policy_name.as_ref().map(PolicyName::as_str), Some(policy.as_str()));

        let now = UnixTime::from_secs(0);
        let verdict = token.verify(&symmetric(&key), &resource, now, NO_TOLERANCE);
        // A raw ID with something like an escape in it names another device once it is decoded.
        let says = urlencoding::decode_binary(sr.as_bytes()).into_owned();
        let expected = if says == plain.as_bytes() {
            Ok(())
        } else {
            prop_assert!(of_sr == Encoding::Raw);
            Err(TokenVerifyError::OutOfScope)
        };
        prop_assert_eq!(verdict, expected);

        // Signed in another encoding than it is sent in, it is another text.
        let other_sr = Encoding::All.apply(&plain);
        if other_sr != sr {
            let text = format!("SharedAccessSignature sr={other_sr}&sig={sig}&se={se}");
            let token = SasToken::parse(&text)?;
            let verdict = token.verify(&symmetric(&key), &resource, now, NO_TOLERANCE);
            prop_assert_eq!(verdict, Err(TokenVerifyError::SignatureMismatch));
        }
    }

    #[test]
    fn nothing_panics_on_any_text(text in token_like(), now: u64, tolerance: u64) {
        if let Ok(token) = SasToken::parse(&text) {
            let _ = (token.to_string(), token.resource().to_string(), token.policy_name());
            let (now, tolerance) = (UnixTime::from_secs(now), Duration::from_secs(tolerance));
            let resource = ResourceUri::parse("h/devices/d")?;
            prop_assert!(token.verify(&symmetric(b"key"), &resource, now, tolerance).is_err());
        }
    }
}

/// Texts from the pieces of tokens, and from anything.
fn token_like() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "SharedAccessSignature ",
        "sr=",
        "sig=",
        "se=",
        "skn=",
        "&",
        "=",
        "%",
        "%2",
        "%2F",
        "h/devices/d",
        "0",
        "1",
        "18446744073709551615",
        "z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR/0=",
        " ",
        "\u{e9}",
    ];
    let piece = prop_oneof![6 => select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..14)
        .prop_map(|pieces| format!("SharedAccessSignature {}", pieces.concat()))
}

/// Puts `byte` at `at` and checks that the token is refused, unless it says the same or was changed
/// where it is not signed:
///
/// - in `sig`, only the case of an escape's hexadecimal digit changes without changing the value;
/// - `sr` is signed as it is written, so that even the case of its escapes counts;
/// - `skn` is not signed at all: what is left of a valid name is a valid token.
fn check_changed_byte(key: &[u8], plain: &str, text: &str, at: usize, byte: u8) {
    let old = text.as_bytes()[at];
    let mut changed = text.as_bytes().to_vec();
    changed[at] = byte;
    let changed = String::from_utf8(changed).expect("ASCII");
    let sig = text.find("&sig=").expect("it has one") + 5..text.find("&se=").expect("it has one");
    let skn = text.find("&skn=").map_or(text.len(), |start| start + 5);

    let original = SasToken::parse(text).expect("it was not changed");
    let resource = ResourceUri::parse(plain).expect("a resource");
    let is_in_escape = text.as_bytes()[..at].ends_with(b"%")
        || at >= 2 && text.as_bytes().get(at - 2) == Some(&b'%');
    let says_the_same =
        old == byte || sig.contains(&at) && is_in_escape && old.eq_ignore_ascii_case(&byte);

    match SasToken::parse(&changed) {
        Err(error) => assert!(!says_the_same, "{changed}: {error}"),
        Ok(token) => {
            let now = UnixTime::from_secs(0);
            let verdict = token.verify(&symmetric(key), &resource, now, NO_TOLERANCE);
            if says_the_same || at >= skn {
                assert_eq!(verdict, Ok(()), "{changed}");
                assert_eq!(token.resource_text(), original.resource_text());
                assert_eq!(token.expiry(), original.expiry());
                if at < skn {
                    assert_eq!(token.policy_name(), original.policy_name());
                }
            } else {
                assert_eq!(verdict, Err(TokenVerifyError::SignatureMismatch), "{changed}");
            }
        }
    }
}

#[test]
fn every_byte_of_a_token_counts() {
    // The signature has all three escapes in it.
    let key = b"a key";
    let plain = "H.example/devices/a%2fB=+/modules/$m";
    let expiry = (1_735_689_600..)
        .find(|expiry| {
            let sig = signature(key, &percent(plain), *expiry);
            sig.contains('+') && sig.contains('/')
        })
        .expect("one of the next");
    for policy in [None, Some("a@b.C")] {
        let text = token_text(key, plain, expiry, policy);
        for at in 0..text.len() {
            for byte in 0..0x80 {
                check_changed_byte(key, plain, &text, at, byte);
            }
        }
    }
}

#[test]
fn a_token_cut_short_or_drawn_out_does_not_verify() {
    let plain = "h/devices/d";
    let resource = ResourceUri::parse(plain).expect("a resource");
    let text = token_text(b"key", plain, 1_735_689_600, None);
    let now = UnixTime::from_secs(0);
    let is_good = |text: &str| {
        let token = SasToken::parse(text);
        token.is_ok_and(|token| {
            token.verify(&symmetric(b"key"), &resource, now, NO_TOLERANCE).is_ok()
        })
    };
    assert!(is_good(&text));
    for end in 0..text.len() {
        assert!(!is_good(&text[..end]), "{end}");
    }
    for added in ["0", "&", " ", "\n", "&se=1735689600", "&x=1", "%30", "\0"] {
        assert!(!is_good(&format!("{text}{added}")), "{added:?}");
    }
    for added in [" ", "\u{feff}", "x"] {
        assert!(!is_good(&format!("{added}{text}")), "{added:?}");
    }
}
