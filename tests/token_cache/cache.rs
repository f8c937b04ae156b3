//! The cache over sources that work, fail and give what they like.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hubward::keystore::{KeyError, Tag};
use hubward::sas::{
    CachedToken, Refusal, SasError, Step, TokenCache, TokenFn, TokenId, TokenPolicy, TokenSchedule,
    TokenSource,
};
use hubward::{MacKey, OtherError, ResourceUri, SasSigner, SasToken, SymmetricKey, UnixTime};

use super::{FLOOR, START, at, device, policy};

fn resource() -> ResourceUri {
    device("pump-7")
}

fn signer() -> SasSigner {
    let key = SymmetricKey::from_bytes(b"made up").expect("a key");
    SasSigner::new(key, &resource()).expect("not Service Bus")
}

fn silence() -> SasError {
    SasError::Key(KeyError::Other(OtherError::from_static("the chip does not answer")))
}

/// What an answer says, without what it borrows.
#[derive(Debug, PartialEq)]
enum Said {
    Use { expiry: u64, next: u64, is_new: bool, error: Option<SasError> },
    Wait { until: u64, error: Option<SasError> },
    ClockUnknown { now: u64 },
}

fn said<S: TokenSource>(cache: &mut TokenCache<S>, now: u64) -> Said {
    match cache.poll(at(now)) {
        CachedToken::Use { token, next, is_new, error, .. } => {
            let (expiry, next) = (token.expiry().as_secs(), next.as_secs());
            Said::Use { expiry, next, is_new, error: error.cloned() }
        }
        CachedToken::Wait { until, error } => {
            Said::Wait { until: until.as_secs(), error: error.cloned() }
        }
        CachedToken::ClockUnknown { now } => Said::ClockUnknown { now: now.as_secs() },
        other => panic!("{other:?}"),
    }
}

/// The ID of the token that is at hand.
fn id<S: TokenSource>(cache: &mut TokenCache<S>, now: u64) -> TokenId {
    match cache.poll(at(now)) {
        CachedToken::Use { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

/// How long the cache is left alone after the first try in vain, after the second and so on.
fn pauses() -> [u64; 3] {
    let mut schedule = TokenSchedule::new(TokenPolicy::default(), &resource());
    [(); 3].map(|()| {
        schedule.failed(at(START));
        let Step::Wait { until } = schedule.poll(at(START)) else {
            panic!("there is no token");
        };
        until.as_secs() - START
    })
}

#[test]
fn a_token_is_kept_and_renewed() {
    let mut cache = TokenCache::for_signer(signer(), TokenPolicy::default());
    let Said::Use { expiry, next, is_new: true, error: None } = said(&mut cache, START) else {
        panic!("no token");
    };
    assert_eq!(expiry, START + 3600);
    for now in [START, START + 1, next - 1] {
        assert_eq!(said(&mut cache, now), Said::Use { expiry, next, is_new: false, error: None });
    }
    let renewed = Said::Use { expiry: next + 3600, next: next + 2880, is_new: true, error: None };
    assert_eq!(said(&mut cache, next), renewed);
    assert_eq!(said(&mut cache, 0), Said::ClockUnknown { now: 0 });
    assert_eq!(said(&mut cache, FLOOR - 1), Said::ClockUnknown { now: FLOOR - 1 });
    // What it signs is what the signer signs.
    let CachedToken::Use { token, .. } = cache.poll(at(next)) else {
        panic!("no token");
    };
    let expected = signer().sign(at(next + 3600)).expect("in memory");
    assert_eq!(token.expose_token(), expected.expose_token());
    assert!(cache.schedule().is_usable(at(next)));
}

/// A connection is lost, and made anew at whatever moment: never with a token that has expired.
#[test]
fn a_reconnect_never_gets_a_stale_token() {
    let works = Cell::new(true);
    let source = TokenFn(|expiry| if works.get() { signer().sign(expiry) } else { Err(silence()) });
    let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
    assert!(matches!(said(&mut cache, START), Said::Use { .. }));
    works.set(false);
    // Suspended, for as long as it takes.
    for now in (START..START + 10_000).step_by(13) {
        match said(&mut cache, now) {
            Said::Use { expiry, .. } => assert!(now < START + 3420 && expiry == START + 3600),
            Said::Wait { until, error } => {
                assert!(now >= START + 3420 && until > now);
                assert_eq!(error, Some(silence()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn why_a_token_was_not_renewed_is_said_until_it_is() {
    let works = Cell::new(false);
    let source = TokenFn(|expiry| if works.get() { signer().sign(expiry) } else { Err(silence()) });
    let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
    let waits = |until| Said::Wait { until, error: Some(silence()) };
    let [first, second, _] = pauses();
    let (once, twice) = (START + first, START + first + second);
    assert_eq!(said(&mut cache, START), waits(once));
    assert_eq!(said(&mut cache, START), waits(once));
    assert_eq!(said(&mut cache, once), waits(twice));
    works.set(true);
    // Not before it is time.
    assert_eq!(said(&mut cache, twice - 1), waits(twice));
    let Said::Use { next, is_new: true, error: None, .. } = said(&mut cache, twice) else {
        panic!("no token");
    };
    works.set(false);
    let (once, again) = (next + first, next + first + second);
    for (now, until) in [(next, once), (next, once), (once, again)] {
        let kept =
            Said::Use { expiry: twice + 3600, next: until, is_new: false, error: Some(silence()) };
        assert_eq!(said(&mut cache, now), kept);
    }
    works.set(true);
    assert!(matches!(said(&mut cache, again), Said::Use { is_new: true, error: None, .. }));
}

#[test]
fn a_source_that_gives_what_has_expired_gives_nothing() {
    let expiry = Cell::new(0);
    let source = TokenFn(|_| signer().sign(at(expiry.get())));
    let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
    let mut now = START;
    for given in [0, 1, FLOOR, START, START + 1] {
        expiry.set(given);
        let error = SasError::ShortLived { expiry: at(given), now: at(now) };
        let Said::Wait { until, error: Some(found) } = said(&mut cache, now) else {
            panic!("a token until {given} at {now}");
        };
        assert_eq!(found, error);
        now = until;
    }
    // The one before is kept.
    expiry.set(now + 3600);
    let Said::Use { next, .. } = said(&mut cache, now) else {
        panic!("no token");
    };
    for given in [0, next, next + 3] {
        expiry.set(given);
        match said(&mut cache, next) {
            Said::Use {
                expiry, is_new: false, error: Some(SasError::ShortLived { .. }), ..
            } => {
                assert_eq!(expiry, now + 3600);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// One that lasts longer than all clocks.
#[test]
fn a_source_that_gives_what_never_expires_is_asked_all_the_same() {
    let count = Cell::new(0);
    let source = TokenFn(|_| {
        count.set(count.get() + 1);
        signer().sign(UnixTime::MAX)
    });
    let mut cache = TokenCache::new(source, &resource(), policy(3600, 80));
    let mut now = START;
    for calls in 1..10 {
        let Said::Use { next, expiry: u64::MAX, is_new: true, error: None } = said(&mut cache, now)
        else {
            panic!("no token");
        };
        assert!(next > now && next <= now + 2880);
        assert_eq!(count.get(), calls);
        now = next;
    }
}

#[test]
fn a_refused_token_is_not_handed_out_again() {
    let given = RefCell::new(Vec::new());
    let source = TokenFn(|expiry: UnixTime| {
        given.borrow_mut().push(expiry.as_secs());
        signer().sign(expiry)
    });
    let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
    let [first, second, _] = pauses();
    let token = id(&mut cache, START);
    cache.accepted(token);
    assert_eq!(cache.refused(token, at(START + 5)), Refusal::Once);
    assert!(matches!(said(&mut cache, START + 5), Said::Use { is_new: true, .. }));
    let token = id(&mut cache, START + 5);
    assert_eq!(cache.refused(token, at(START + 6)), Refusal::Again);
    let mut until = START + 6 + first;
    assert_eq!(said(&mut cache, START + 6), Said::Wait { until, error: None });
    let mut expected = vec![START, START + 5, until];
    let token = id(&mut cache, until);
    assert_eq!(cache.refused(token, at(until)), Refusal::Again);
    let now = until;
    until += second;
    assert_eq!(said(&mut cache, now), Said::Wait { until, error: None });
    let token = id(&mut cache, until);
    expected.push(until);
    cache.accepted(token);
    assert_eq!(cache.refused(token, at(until)), Refusal::Once);
    for asked in &mut expected {
        *asked += 3600;
    }
    assert_eq!(*given.borrow(), expected);
}

/// A connection was opened with a token that has been renewed since; that the hub refuses it late is no
/// reason to give up the one that came after it.
#[test]
fn a_late_refusal_leaves_the_new_token_alone() {
    let mut cache = TokenCache::for_signer(signer(), TokenPolicy::default());
    let (old, Said::Use { next, .. }) = (id(&mut cache, START), said(&mut cache, START)) else {
        panic!("no token");
    };
    let new = id(&mut cache, next);
    let before = said(&mut cache, next);
    assert_eq!(cache.refused(old, at(next + 1)), Refusal::Replaced);
    assert_eq!(said(&mut cache, next + 1), before);
    assert_eq!(id(&mut cache, next + 1), new);
    assert_eq!(cache.refused(new, at(next + 1)), Refusal::Once);
    assert_ne!(id(&mut cache, next + 1), new);
}

/// The spread follows from what the tokens are for, whoever says so.
#[test]
fn a_signer_knows_what_its_tokens_are_for() {
    assert_eq!(signer().resource_text(), resource().as_encoded());
    let own = TokenCache::for_signer(signer(), policy(600, 50));
    let told = TokenCache::new(signer(), &resource(), policy(600, 50));
    assert_eq!(own.schedule(), told.schedule());
    let other = TokenCache::new(signer(), &device("pump-8"), policy(600, 50));
    assert_ne!(own.schedule(), other.schedule());
}

/// An old error is not the reason for a refusal.
#[test]
fn a_refusal_has_no_reason_of_its_own() {
    let works = Cell::new(true);
    let source = TokenFn(|expiry| if works.get() { signer().sign(expiry) } else { Err(silence()) });
    let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
    let Said::Use { next, .. } = said(&mut cache, START) else {
        panic!("no token");
    };
    works.set(false);
    assert!(matches!(said(&mut cache, next), Said::Use { error: Some(_), .. }));
    let token = id(&mut cache, next);
    assert_eq!(cache.refused(token, at(next)), Refusal::Once);
    // The signer's pause goes on.
    let [first, second, _] = pauses();
    assert_eq!(said(&mut cache, next), Said::Wait { until: next + first, error: None });
    // And a reason that comes later is not lost where the refusal is told again.
    let until = next + first + second;
    let waits = Said::Wait { until, error: Some(silence()) };
    assert_eq!(said(&mut cache, next + first), waits);
    assert_eq!(cache.refused(token, at(next + first)), Refusal::Once);
    assert_eq!(said(&mut cache, next + first), waits);
}

/// A source may be boxed, and may hold what it asks.
#[test]
fn sources_of_every_kind() {
    #[derive(Debug)]
    struct Element(SymmetricKey);

    impl MacKey for Element {
        fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
            self.0.hmac_sha256(parts)
        }
    }

    /// Keeps one until it is asked for one that lives longer, as services do.
    #[derive(Debug)]
    struct Service {
        tokens: Rc<Cell<u32>>,
    }

    impl TokenSource for Service {
        fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
            self.tokens.set(self.tokens.get() + 1);
            let text = signer().sign(expiry)?.expose_token().to_owned();
            Ok(SasToken::from_string(text).expect("it was made"))
        }
    }

    let element = Element(SymmetricKey::from_bytes(b"made up").expect("a key"));
    let by_handle = SasSigner::new(element, &resource()).expect("not Service Bus");
    let tokens = Rc::new(Cell::new(0));
    let service = Service { tokens: Rc::clone(&tokens) };
    let sources: [Box<dyn TokenSource>; 4] = [
        Box::new(signer()),
        Box::new(by_handle),
        Box::new(TokenFn(|expiry| signer().sign(expiry))),
        Box::new(Box::new(service)),
    ];
    for source in sources {
        let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
        let mut now = START;
        for _ in 0..5 {
            let Said::Use { expiry, next, is_new: true, error: None } = said(&mut cache, now)
            else {
                panic!("no token");
            };
            assert_eq!(expiry, now + 3600);
            now = next;
        }
        let shown = format!("{cache:?}");
        assert!(shown.contains("TokenCache") && !shown.contains("made up"), "{shown}");
    }
    assert_eq!(tokens.get(), 5);
}

/// A service that keeps its token gives the same one until shortly before its end.
#[test]
fn a_source_that_keeps_its_tokens_is_asked_more_often_near_their_end() {
    let now = Cell::new(START);
    let kept = Cell::new(0);
    let calls = Cell::new(0);
    let source = TokenFn(|_| {
        calls.set(calls.get() + 1);
        if kept.get() < now.get() + 30 {
            kept.set(now.get() + 3600);
        }
        signer().sign(at(kept.get()))
    });
    let mut cache = TokenCache::new(source, &resource(), TokenPolicy::default());
    while now.get() < START + 100 * 3600 {
        match said(&mut cache, now.get()) {
            Said::Use { expiry, next, .. } => {
                assert!(expiry > now.get());
                now.set(next);
            }
            other => panic!("{other:?}"),
        }
    }
    // About a hundred hours, and some calls in each.
    assert!((100..1200).contains(&calls.get()), "{}", calls.get());
}
