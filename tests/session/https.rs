//! HTTPS: the header, where to send, and what time the server says it is.

use hubward::session::https::{self, Authorization, date};
use hubward::{UnixTime, session::HubIdentity};
use proptest::prelude::*;

use crate::{HOST, config, device, host, id, module, token};

#[test]
fn the_header_is_the_token_alone() {
    let token = token(&device("pump-7").resource());
    let authorization = Authorization::new(&token);
    assert_eq!(authorization.expose_value(), token.expose_token().as_bytes());
    assert!(authorization.expose_value().starts_with(b"SharedAccessSignature sr="));
    // What a header may have in it (RFC 9110, section 5.5): nothing that ends it.
    let is_plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    assert!(authorization.expose_value().iter().all(is_plain));
    assert_eq!(Authorization::HEADER, "authorization");
    assert_eq!(https::PORT, 443);
}

#[test]
fn where_to_send() {
    let through = |identity: HubIdentity| identity.through_gateway(host("edge"));
    let version = "?api-version=2020-03-13";
    for (identity, base) in [
        (device("pump-7"), format!("https://{HOST}/devices/pump-7")),
        (through(device("pump-7")), "https://edge/devices/pump-7".to_owned()),
        (module("pump-7", "fan"), format!("https://{HOST}/devices/pump-7/modules/fan")),
        // What means something in a URL.
        (device("a%2F#?"), format!("https://{HOST}/devices/a%252F%23%3F")),
        (module("a", "$edgeHub"), format!("https://{HOST}/devices/a/modules/%24edgeHub")),
    ] {
        assert_eq!(https::telemetry_url(&identity), format!("{base}/messages/events{version}"));
        assert_eq!(https::file_upload_url(&identity), format!("{base}/files{version}"));
        assert_eq!(
            https::file_notification_url(&identity),
            format!("{base}/files/notifications{version}")
        );
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ids_stay_in_their_places(device_id in id(), module_id in id()) {
        let url = https::telemetry_url(&module(&device_id, &module_id));
        let rest = url.strip_prefix(&format!("https://{HOST}/")).expect("it begins so");
        let (path, query) = rest.split_once('?').expect("there is a query");
        prop_assert_eq!(query, "api-version=2020-03-13");
        let segments: Vec<_> = path.split('/').collect();
        prop_assert_eq!(segments.len(), 6);
        prop_assert_eq!(urlencoding::decode(segments[1])?, device_id);
        prop_assert_eq!(urlencoding::decode(segments[3])?, module_id);
        prop_assert!(!url.contains('#'));
    }
}

// The date.

#[test]
fn dates_of_replies() {
    for (text, seconds) in [
        // RFC 9110, section 5.6.7.
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Tue, 24 Nov 2026 12:00:00 GMT", Some(1_795_521_600)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
        ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
        // A leap second is the one before it.
        ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_799)),
        // Which day of the week it is, nobody checks.
        ("Mon, 24 Nov 2026 12:00:00 GMT", Some(1_795_521_600)),
        ("Tue, 24 Nov 2026 12:00:61 GMT", None),
        ("Tue, 24 Nov 2026 12:60:00 GMT", None),
        ("Tue, 24 Nov 2026 24:00:00 GMT", None),
        ("Tue, 00 Nov 2026 12:00:00 GMT", None),
        ("Tue, 31 Nov 2026 12:00:00 GMT", None),
        ("Tue, 32 Dec 2026 12:00:00 GMT", None),
        ("Thu, 29 Feb 2025 00:00:00 GMT", None),
        ("Thu, 29 Feb 2100 00:00:00 GMT", None),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Tue, 24 Nov 0026 12:00:00 GMT", None),
        // Other forms, and other zones.
        ("Tue, 24 Nov 2026 12:00:00 UTC", None),
        ("Tue, 24 Nov 2026 12:00:00 +0000", None),
        ("Tue, 24 Nov 2026 12:00:00", None),
        ("Tue, 24 nov 2026 12:00:00 GMT", None),
        ("tue, 24 Nov 2026 12:00:00 GMT", None),
        ("Tuesday, 24-Nov-26 12:00:00 GMT", None),
        ("Tue Nov 24 12:00:00 2026", None),
        ("2026-11-24T12:00:00Z", None),
        ("Tue, 24 Nov 2026 12:00:00 GMT ", None),
        (" Tue, 24 Nov 2026 12:00:00 GMT", None),
        ("Tue,24 Nov 2026 12:00:00 GMT", None),
        ("Tue, 24  Nov 2026 12:00:00 GMT", None),
        ("Tue, 4 Nov 2026 12:00:00 GMT", None),
        ("Tue, +4 Nov 2026 12:00:00 GMT", None),
        ("Tue, 24 Nov +026 12:00:00 GMT", None),
        ("Tue, ٢٤ Nov 2026 12:00:00 GMT", None),
        ("€, 24 Nov 2026 12:00:00 GMT", None),
        ("Tue, 24 Nov 2026 12:00 GMT", None),
        ("Tue, 24 Nov 2026 12:00:00:00 GMT", None),
        ("Tue, 24 Nov 2026 12:00:00 GMT, Tue, 24 Nov 2026 12:00:00 GMT", None),
        ("", None),
    ] {
        assert_eq!(date(text), seconds.map(UnixTime::from_secs), "{text:?}");
    }
}

/// Day by day, counted without a formula.
#[test]
fn every_day_of_four_centuries() {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let mut count = 0_u64;
    for year in 1970_u64..2401 {
        let is_leap = match (year % 4, year % 100, year % 400) {
            (_, _, 0) => true,
            (_, 0, _) => false,
            (remainder, ..) => remainder == 0,
        };
        for (month, days) in MONTHS {
            let days = days + u64::from(is_leap && month == "Feb");
            for day in 1..=days {
                let weekday = DAYS[usize::try_from(count % 7).unwrap()];
                let text = format!("{weekday}, {day:02} {month} {year} 13:14:15 GMT");
                let seconds = count * 86_400 + 13 * 3600 + 14 * 60 + 15;
                assert_eq!(date(&text), Some(UnixTime::from_secs(seconds)), "{text}");
                count += 1;
            }
            let text = format!("Mon, {:02} {month} {year} 00:00:00 GMT", days + 1);
            assert_eq!(date(&text), None, "{text}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_date_panics(text in prop_oneof![
        any::<String>(),
        "(Mon|Tue), [0-9]{1,3} (Jan|Feb|Dec) [0-9]{3,5} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    ]) {
        if let Some(moment) = date(&text) {
            // Day, year and time are those of the same moment, written by other code.
            let shown = moment.to_string();
            let (day, year) = (&text[5..7], &text[12..16]);
            prop_assert!(shown.starts_with(year) && shown[8..10] == *day);
            prop_assert!(shown[11..19] == text[17..25] || &text[23..25] == "60");
        }
    }
}
