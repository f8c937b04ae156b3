//! Sessions that outlive what they began with: tokens and certificates are renewed, and hubs die, while
//! `connect_mqtt` sends. Every message is counted.

#![cfg(unix)]

mod common;

use std::time::Duration;

use common::hub::{Hub, World, count_all, device_that_renews, id, is_connected, keys, now, token};
use common::mqtt::Login;
use common::program::{Ended, Program};
use hubward::sas::TokenVerifyError;
use hubward::{Clock as _, UnixTime};
use hubward_connected::hub::{Credential, Disconnect, Event, Refused};
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// How long a program may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Ends the device, and returns how many messages it says are acknowledged.
async fn stop(program: Program) -> (usize, Ended) {
    program.signal(libc::SIGINT);
    let ended = program.end(GOODBYE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = ended.err.lines().last().unwrap();
    let count = last.strip_prefix("connect_mqtt: ").unwrap().split_once(' ').unwrap().0;
    (count.parse().unwrap(), ended)
}

/// Until when each of the device's connections might have lasted.
fn limits(events: &[Event], device: &str) -> Vec<UnixTime> {
    let connected = events.iter().filter(|event| is_connected(event, device));
    connected
        .map(|event| match event {
            Event::Connected { admitted } => admitted.until,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn refusals(events: &[Event]) -> Vec<Refused> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Refused { refused, .. } => Some(refused.clone()),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_it_ends() {
    let world = World::new();
    // The shortest lifetime, and a device that renews its first token soon.
    let device = device_that_renews(MINUTE, 4..=5);
    world.with_key(&device);
    let known = id(&device);
    let hub = Hub::start(&world, move |registry| registry.device(&known, keys())).await;
    // At this hub, a token has twelve seconds.
    hub.clock.set_ahead(MINUTE - Duration::from_secs(12));
    let program = Program::connect_mqtt(
        &world,
        &device,
        hub.mqtt().port(),
        &["--ttl", "60", "--interval", "20"],
    );

    let first = hub.wait_for(|events| limits(events, &device).first().copied()).await;
    let second = hub.wait_for(|events| limits(events, &device).get(1).copied()).await;
    assert!(first < second && second <= first.saturating_add(Duration::from_secs(8)));
    while hub.clock.now().unwrap() <= first {
        sleep(Duration::from_millis(50)).await;
    }
    // The first token has ended, and the device goes on.
    let count = hub.messages(&device).len();
    hub.wait_for_messages(&device, count + 2).await;

    let (acknowledged, _) = stop(program).await;
    let events = hub.told();
    assert!(acknowledged > 200, "{acknowledged}");
    // An orderly renewal sends nothing twice.
    assert_eq!(count_all(&hub.messages(&device), acknowledged), 0);
    assert_eq!(limits(&events, &device), [first, second]);
    assert_eq!(refusals(&events), []);
    assert_eq!(hub.ends(&device), [Disconnect::Orderly, Disconnect::Orderly]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_early_is_signed_anew() {
    let world = World::new();
    // It would renew its token much later.
    let device = device_that_renews(MINUTE, 30..=48);
    world.with_key(&device);
    let known = id(&device);
    let hub = Hub::start(&world, move |registry| registry.device(&known, keys())).await;
    let program = Program::connect_mqtt(
        &world,
        &device,
        hub.mqtt().port(),
        &["--ttl", "60", "--interval", "20"],
    );
    let first = hub.wait_for(|events| limits(events, &device).first().copied()).await;
    hub.wait_for_messages(&device, 20).await;

    // For this hub, the token ends now; one that is signed a few seconds later, so much later.
    let mut left = MINUTE;
    while left > MINUTE - Duration::from_secs(4) {
        sleep(Duration::from_millis(50)).await;
        left = first.saturating_duration_since(now());
    }
    hub.clock.set_ahead(left);
    hub.wait_for_event(|event| {
        matches!(event, Event::Disconnected { reason: Disconnect::Expired, .. })
    })
    .await;
    let refused = hub.wait_for(|events| refusals(events).first().cloned()).await;
    assert!(matches!(refused, Refused::Verify(TokenVerifyError::Expired { expiry, .. })
        if expiry == first));
    // The next one does.
    let second = hub.wait_for(|events| limits(events, &device).get(1).copied()).await;
    assert!(second > first);
    hub.clock.set_ahead(Duration::ZERO);
    let count = hub.messages(&device).len();
    hub.wait_for_messages(&device, count + 20).await;

    let (acknowledged, ended) = stop(program).await;
    let twice = count_all(&hub.messages(&device), acknowledged);
    assert!(twice < hub.connections(&device), "{twice} came twice");
    assert!(ended.err.contains("trying once more with a new token"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_renew_is_dropped() {
    let world = World::new();
    let hub = Hub::start(&world, |registry| {
        registry.device(&id("pump-7"), keys());
        registry.device(&id("valve-3"), Credential::Authority);
    })
    .await;
    let port = hub.mqtt().port();
    let valve = world.issue("valve-3", 30).identity();
    for (device, tls, password, life) in [
        ("pump-7", world.client(None), token("pump-7", HOUR), HOUR),
        ("valve-3", world.client(Some(valve)), String::new(), 30 * DAY),
    ] {
        hub.clock.set_ahead(Duration::ZERO);
        let login = Login::new(device, port, tls.config(), &password);
        let mut session = login.connect().await.unwrap();
        let topic = format!("devices/{device}/messages/events/");
        hub.clock.set_ahead(life - Duration::from_secs(25));
        assert!(session.publish(&topic, "in time").await);
        sleep(Duration::from_millis(200)).await;
        assert!(session.publish(&topic, "still").await);
        assert_eq!(hub.ends(device), []);
        // A certificate is good in its last second, a token is not.
        hub.clock.set_ahead(life + Duration::from_secs(1));
        session.closed().await;
        hub.wait_for(|_| (hub.ends(device) == [Disconnect::Expired]).then_some(())).await;
        login.refused().await;
        let told = hub.wait_for(|events| refusals(events).last().cloned()).await;
        match told {
            Refused::Verify(TokenVerifyError::Expired { .. }) => assert_eq!(device, "pump-7"),
            Refused::Chain | Refused::CertificateTime => assert_eq!(device, "valve-3"),
            other => panic!("{other:?}"),
        }
    }
}

/// In the middle of traffic, again and again, and at last for longer.
#[tokio::test(flavor = "multi_thread")]
async fn the_hub_is_killed_and_started_again() {
    let world = World::new();
    world.with_key("pump-7");
    let mut hub = Hub::start(&world, |registry| registry.device(&id("pump-7"), keys())).await;
    let program = Program::connect_mqtt(&world, "pump-7", hub.mqtt().port(), &["--interval", "10"]);
    for life in 1..=4 {
        let count = hub.messages("pump-7").len();
        hub.wait_for_messages("pump-7", count + 50).await;
        hub.stop();
        program.wait_for_err("trying again in 1s", life).await;
        if life == 4 {
            // The pauses grow for as long as nobody is there, and what there is to say waits.
            program.wait_for_err("trying again in 2s", 1).await;
            program.wait_for_err("trying again in 4s", 1).await;
        }
        hub.restart(&world).await;
    }
    let count = hub.messages("pump-7").len();
    hub.wait_for_messages("pump-7", count + 300).await;

    let (acknowledged, ended) = stop(program).await;
    // At most the one that was on its way when the hub was killed.
    let twice = count_all(&hub.messages("pump-7"), acknowledged);
    assert!(twice <= 4, "{twice} came twice");
    assert_eq!(hub.connections("pump-7"), 5);
    assert_eq!(ended.err.matches("is connected").count(), 5, "{ended:?}");
    // After a session, they begin anew.
    assert_eq!(ended.err.matches("trying again in 1s").count(), 4, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_rotate() {
    let world = World::new();
    let spring = world.with_certificate("valve-3");
    let mut hub =
        Hub::start(&world, |registry| registry.device(&id("valve-3"), Credential::Authority)).await;
    let program =
        Program::connect_mqtt(&world, "valve-3", hub.mqtt().port(), &["--interval", "20"]);
    let limit = |number: usize| {
        let hub = &hub;
        hub.wait_for(move |events| limits(events, "valve-3").get(number).copied())
    };
    assert_eq!(limit(0).await, spring.until);

    // Each file is there at once.
    let summer = world.issue("valve-3", 20);
    for (name, content) in [("key", &summer.key_pem), ("pem", &summer.chain.to_pem())] {
        world.write("new", content);
        std::fs::rename(world.path("new"), world.path(&format!("valve-3.{name}"))).unwrap();
    }
    assert_eq!(limit(1).await, summer.until);

    // Half of it, then for a while the one without the other.
    let autumn = world.issue("valve-3", 10);
    let pem = autumn.chain.to_pem();
    world.write("valve-3.pem", &pem[..pem.len() / 2]);
    program.wait_for_err("the certificate stays: ", 1).await;
    world.write("valve-3.pem", &pem);
    program.wait_for_err("the certificate stays: ", 2).await;
    world.write("valve-3.key", &autumn.key_pem);
    assert_eq!(limit(2).await, autumn.until);

    // A pair that is none, and stays so: what is there is shown again, also to a hub that has restarted.
    world.write("valve-3.key", &summer.key_pem);
    program.wait_for_err("the certificate stays: ", 3).await;
    let count = hub.messages("valve-3").len();
    // For longer than it takes to look again.
    hub.wait_for_messages("valve-3", count + 100).await;
    hub.stop();
    program.wait_for_err("trying again in", 1).await;
    hub.restart(&world).await;
    let last = hub.wait_for(|events| limits(events, "valve-3").get(3).copied()).await;
    assert_eq!(last, autumn.until);
    let count = hub.messages("valve-3").len();
    hub.wait_for_messages("valve-3", count + 20).await;

    let (acknowledged, ended) = stop(program).await;
    let twice = count_all(&hub.messages("valve-3"), acknowledged);
    assert!(twice <= 1, "{twice} came twice");
    assert_eq!(hub.connections("valve-3"), 4);
    // The hub that was killed has nothing to say of it.
    assert_eq!(hub.ends("valve-3"), [(); 3].map(|()| Disconnect::Orderly));
    assert_eq!(refusals(&hub.told()), []);
    // A complaint is made once.
    assert_eq!(ended.err.matches("the certificate stays: ").count(), 3, "{ended:?}");
}
