//! How nginx reads sizes, offsets, times, numbers and flags (`ngx_parse_size`, `ngx_parse_offset`, `ngx_parse_time`,
//! `ngx_atoi`). Each reader gives `None` for what nginx refuses. Verified with nginx 1.22.

/// A size in bytes: digits and `k` or `m` in either case.
pub fn size(text: &str) -> Option<u64> {
    scaled(text, &[('k', 10), ('m', 20)])
}

/// An offset in bytes: a size, or `g` as well. Taken by `client_max_body_size`, `directio`, `*_max_range_offset` and
/// sizes inside of cache paths.
pub fn offset(text: &str) -> Option<u64> {
    scaled(text, &[('k', 10), ('m', 20), ('g', 30)])
}

fn scaled(text: &str, units: &[(char, u32)]) -> Option<u64> {
    let unit = units.iter().find_map(|(unit, shift)| {
        let digits = text.strip_suffix([*unit, unit.to_ascii_uppercase()])?;
        Some((digits, *shift))
    });
    let (digits, shift) = unit.unwrap_or((text, 0));
    let bytes = number(digits)?.checked_mul(1 << shift)?;
    (bytes <= i64::MAX as u64).then_some(bytes)
}

/// A number: digits only.
pub fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= i64::MAX as u64)
}

/// An address of four numbers, of which each may be left out (`10.0..1`), as `ngx_inet_addr` reads it. It takes
/// `255.255.255.255` for none.
pub fn ipv4(text: &str) -> Option<std::net::Ipv4Addr> {
    let octet = |text: &str| match text {
        "" => Some(0),
        digits => number(digits).and_then(|octet| u8::try_from(octet).ok()),
    };
    let octets: Vec<u8> = text.split('.').map(octet).collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(octets.into()).filter(|ip| *ip != std::net::Ipv4Addr::BROADCAST)
}

/// `on` or `off`, in any case.
pub fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// A time in milliseconds, as timeouts are read. A number without a unit counts seconds.
pub fn milliseconds(text: &str) -> Option<u64> {
    time(text, &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)], 1000)
}

/// A time in seconds, as `fail_timeout`, `expires` and cache times are read.
pub fn seconds(text: &str) -> Option<u64> {
    let units = [("y", 31_536_000), ("M", 2_592_000), ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    time(text, &units, 1)
}

/// Parts of a number and a unit, the units in falling order and each once; a last number without a unit counts seconds.
fn time(text: &str, units: &[(&str, u64)], second: u64) -> Option<u64> {
    let mut rest = text.trim_matches(' ');
    let (mut total, mut next) = (0u64, 0);
    if !rest.contains(|char: char| char.is_ascii_digit()) {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
        // A unit may lack its number, if another one has one: "s5" is 5 s.
        let count = if digits == 0 { 0 } else { number(&rest[..digits])? };
        rest = &rest[digits..];
        let letters = rest.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(rest.len());
        let factor = if letters == 0 && digits == 0 {
            return None;
        } else if letters == 0 {
            // Behind it no unit is taken any more, but further such numbers are: "5 10" is 15 s.
            next = units.len();
            second
        } else {
            let at = units.iter().position(|(unit, _)| *unit == &rest[..letters])?;
            if at < next {
                return None;
            }
            next = at + 1;
            units[at].1
        };
        total = total.checked_add(count.checked_mul(factor)?)?;
        rest = rest[letters..].trim_start_matches(' ');
    }
    (total <= i64::MAX as u64).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_offsets() {
        for (text, want) in [("8k", Some(8192)), ("1M", Some(1 << 20)), ("0", Some(0)), ("12", Some(12))] {
            assert_eq!((size(text), offset(text)), (want, want), "{text}");
        }
        assert_eq!((size("1g"), offset("1g"), offset("2G")), (None, Some(1 << 30), Some(2 << 30)));
        for text in ["", "k", "1kb", "1.5m", "-1", "+1", "1 k", " 1", "off", "1t", "99999999999999999999"] {
            assert_eq!((size(text), offset(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, want) in [
            ("60", Some(60_000)),
            ("300ms", Some(300)),
            ("1m30", Some(90_000)),
            ("1m30s", Some(90_000)),
            ("1h 30m", Some(5_400_000)),
            ("1s500ms", Some(1500)),
            ("1w", Some(604_800_000)),
            ("0", Some(0)),
            ("5 10", Some(15_000)),
            ("5m 3 2", Some(305_000)),
            ("1ms5", Some(5001)),
            ("s5", Some(5000)),
        ] {
            assert_eq!(milliseconds(text), want, "{text}");
        }
        for text in
            ["", "s", "1M", "1y", "10S", "1min", "30sec", "1.5s", "-1", "off", "500ms1s", "1m1m", "1 1m", "5 10s"]
        {
            assert_eq!(milliseconds(text), None, "{text}");
        }
        assert_eq!((seconds("1M"), seconds("1y"), seconds("1m")), (Some(2_592_000), Some(31_536_000), Some(60)));
        assert_eq!((seconds("1ms"), seconds("1M1y"), seconds("10")), (None, None, Some(10)));
    }

    #[test]
    fn addresses_may_lack_numbers() {
        let shown = |text| ipv4(text).map(|ip| ip.to_string());
        for (text, want) in [("127..0.1", "127.0.0.1"), (".0.0.1", "0.0.0.1"), ("010.0.0.1", "10.0.0.1")] {
            assert_eq!(shown(text).as_deref(), Some(want), "{text}");
        }
        for text in ["1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "", "255.255.255.255"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn flags_and_numbers() {
        assert_eq!((flag("ON"), flag("off"), flag("yes"), flag("1")), (Some(true), Some(false), None, None));
        assert_eq!((number("8"), number("-1"), number("3s"), number("")), (Some(8), None, None, None));
    }
}
