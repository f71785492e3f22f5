//! How PHP-FPM and PHP read the text of a value: numbers, times, booleans, modes, sizes.
//!
//! Most readers take more than they understand. What they make of the text and what the text seems
//! to say are both of interest, so a reader tells three cases apart: see [`Reading`].

use std::fmt;

/// What the server makes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It takes the text for what it says.
    Plain(T),
    /// It takes the text, but for something else than it seems to say, silently.
    Different(T, Difference),
    /// It does not start, with this message behind `unable to parse value for entry 'NAME': `.
    Refused(&'static str),
}

impl<T: Copy> Reading<T> {
    /// The value in force, unless the text is refused.
    pub fn value(self) -> Option<T> {
        match self {
            Reading::Plain(value) | Reading::Different(value, _) => Some(value),
            Reading::Refused(_) => None,
        }
    }

    /// Why the value is not the one that the text seems to say.
    pub fn difference(self) -> Option<Difference> {
        match self {
            Reading::Different(_, difference) => Some(difference),
            _ => None,
        }
    }

    /// The server's message about a text that it refuses.
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Reading::Refused(message) => Some(message),
            _ => None,
        }
    }
}

/// Why a text is read differently from what it seems to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is no text, which counts as 0.
    Empty,
    /// No digit stands where the number should begin, which counts as 0.
    NoNumber,
    /// Something between the number and the end is ignored.
    Ignored,
    /// The number is too big, and something unrelated comes out.
    Overflow,
    /// A leading `0` makes the number octal.
    Octal,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Difference::Empty => "an empty value counts as 0",
            Difference::NoNumber => "it does not begin with a number, which counts as 0",
            Difference::Ignored => "only the number at the start counts, what follows is ignored",
            Difference::Overflow => "the number is too big",
            Difference::Octal => "a number with a leading 0 is octal",
        })
    }
}

/// The message of PHP-FPM's readers of numbers.
pub const NOT_A_NUMBER: &str = "is not a valid number (greater or equal than zero)";

/// A number as PHP-FPM reads it: digits, and perhaps a `-`. The range is checked elsewhere, per setting.
pub fn int(text: &str) -> Reading<i32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Reading::Refused(NOT_A_NUMBER);
    }
    counted(text, digits, 1)
}

/// A time as PHP-FPM reads it, in seconds. The last character must be `s`, `m`, `h`, `d` or a digit;
/// of the text before it only the number at its start counts: `1m30s` is one second.
pub fn time(text: &str) -> Reading<i32> {
    let (number, unit) = match text.as_bytes().last() {
        None => return Reading::Refused("invalid time value"),
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 60 * 60),
        Some(b'd') => (&text[..text.len() - 1], 24 * 60 * 60),
        Some(b'0'..=b'9') => (text, 1),
        Some(_) => return Reading::Refused("unknown suffix used in time value"),
    };
    counted(number, number.strip_prefix('-').unwrap_or(number), unit)
}

/// The number at the start of `text` times `unit`. `digits` is the text without its sign.
fn counted(text: &str, digits: &str, unit: i32) -> Reading<i32> {
    let value = leading_int(text).wrapping_mul(unit);
    let exact = leading_long(text).0.checked_mul(i64::from(unit));
    let difference = if text.is_empty() {
        Difference::Empty
    } else if leading_long(text).1 == 0 {
        Difference::NoNumber
    } else if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Difference::Ignored
    } else if exact != Some(i64::from(value)) {
        Difference::Overflow
    } else {
        return Reading::Plain(value);
    };
    Reading::Different(value, difference)
}

/// A boolean as PHP-FPM reads it, in lower case only. (Bare words come out of the parser as `1` or
/// nothing in any case; only quoted ones and those from variables get here as words.
/// Before 8.2.19 and 8.3.7 they were refused altogether.)
pub fn boolean(text: &str) -> Reading<bool> {
    match text {
        "1" | "yes" | "true" | "on" => Reading::Plain(true),
        "" | "0" | "no" | "none" | "false" | "off" => Reading::Plain(false),
        _ => Reading::Refused("invalid boolean value"),
    }
}

/// A boolean of php.ini, which takes any text: a word for yes in any case, or a number other than 0.
pub fn ini_flag(text: &str) -> bool {
    ["on", "yes", "true"].iter().any(|word| text.eq_ignore_ascii_case(word)) || leading_int(text) != 0
}

/// The mode of a socket as PHP-FPM reads it: octal, up to the first character that is no octal digit,
/// and only the lowest nine bits. Nothing is refused; an empty value leaves the default of 0660.
pub fn octal_mode(text: &str) -> Reading<u32> {
    if text.is_empty() {
        return Reading::Plain(0o660);
    }
    let trimmed = text.trim_start_matches(is_space);
    let negative = trimmed.starts_with('-');
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let length = digits.bytes().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let number = digits[..length]
        .bytes()
        .try_fold(0u64, |number, byte| number.checked_mul(8).map(|number| number + u64::from(byte - b'0')));
    // C's strtoul negates as it goes and answers all ones where the number does not fit.
    let number = number.map_or(u64::MAX, |number| if negative { number.wrapping_neg() } else { number });
    let value = (number & 0o777) as u32;
    if length == 0 {
        Reading::Different(value, Difference::NoNumber)
    } else if length < digits.len() {
        Reading::Different(value, Difference::Ignored)
    } else if number != u64::from(value) {
        Reading::Different(value, Difference::Overflow)
    } else {
        Reading::Plain(value)
    }
}

/// The size limit of core files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    Unlimited,
    /// So many bytes.
    Bytes(i32),
}

/// A limit as PHP-FPM reads `rlimit_core`.
pub fn rlimit(text: &str) -> Reading<Limit> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Reading::Plain(Limit::Unlimited);
    }
    match int(text) {
        Reading::Plain(value) if value >= 0 => Reading::Plain(Limit::Bytes(value)),
        Reading::Different(value, difference) if value >= 0 => Reading::Different(Limit::Bytes(value), difference),
        Reading::Refused(message) => Reading::Refused(message),
        _ => Reading::Refused("must be greater than zero or 'unlimited'"),
    }
}

/// A size as PHP 8.2 and later read it in php.ini, in bytes. The last character may be `K`, `M` or `G`;
/// of the text before it only the number at its start counts, and any other last letter counts
/// nothing: `64MB` is 64 bytes. Nothing is refused.
pub fn size(text: &str) -> Reading<i64> {
    let trimmed = text.trim_matches(is_space);
    let negative = trimmed.starts_with('-');
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', ..] => (8, unsigned),
        _ => (10, unsigned),
    };
    let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(base)).count();
    if length == 0 {
        let difference = if trimmed.is_empty() { Difference::Empty } else { Difference::NoNumber };
        return Reading::Different(0, difference);
    }
    let magnitude = u64::from_str_radix(&digits[..length], base).ok();
    let suffix = digits[length..].trim_start_matches(is_space);
    let (factor, ignored) = match suffix.as_bytes() {
        [] => (1, false),
        [.., b'k' | b'K'] => (1 << 10, suffix.len() > 1),
        [.., b'm' | b'M'] => (1 << 20, suffix.len() > 1),
        [.., b'g' | b'G'] => (1 << 30, suffix.len() > 1),
        _ => (1, true),
    };
    // C's strtoul answers all ones where the number does not fit.
    let number = magnitude.map_or(u64::MAX, |value| if negative { value.wrapping_neg() } else { value }) as i64;
    let value = number.wrapping_mul(factor);
    let exact =
        magnitude.is_some() && (number < 0) == (negative && number != 0) && number.checked_mul(factor).is_some();
    if ignored {
        Reading::Different(value, Difference::Ignored)
    } else if !exact {
        Reading::Different(value, Difference::Overflow)
    } else if base == 8 && unsigned.len() == digits.len() && length > 1 {
        Reading::Different(value, Difference::Octal)
    } else {
        Reading::Plain(value)
    }
}

/// What C counts as white space.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// The number at the start of a text as C's `atoi` reads it: 0 without digits, cut to 32 bits.
pub fn leading_int(text: &str) -> i32 {
    leading_long(text).0 as i32
}

/// The number at the start of a text as C's `strtol` reads it, and how many digits it has.
fn leading_long(text: &str) -> (i64, usize) {
    let text = text.trim_start_matches(is_space);
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let number = digits[..length].bytes().fold(0i64, |number, byte| {
        let digit = i64::from(byte - b'0');
        let number = number.saturating_mul(10);
        if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) }
    });
    (number, length)
}

#[cfg(test)]
mod tests {
    use super::Difference::{Empty, Ignored, NoNumber, Octal, Overflow};
    use super::Reading::{Different, Plain, Refused};
    use super::*;

    /// Runs a reader over a table of texts and what comes out.
    fn table<T: Copy + fmt::Debug + PartialEq>(reader: fn(&str) -> Reading<T>, cases: &[(&str, Reading<T>)]) {
        for (text, expected) in cases {
            assert_eq!(reader(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn ints() {
        let refused = Refused(NOT_A_NUMBER);
        table(
            int,
            &[
                ("5", Plain(5)),
                ("-5", Plain(-5)),
                ("010", Plain(10)),
                ("", Different(0, Empty)),
                ("-", Different(0, NoNumber)),
                ("99999999999", Different(1215752191, Overflow)),
                ("4294967297", Different(1, Overflow)),
                ("+5", refused),
                ("5k", refused),
                ("5.5", refused),
                ("5 ", refused),
                (" 5", refused),
                ("--5", refused),
            ],
        );
    }

    #[test]
    fn times() {
        let suffix = Refused("unknown suffix used in time value");
        table(
            time,
            &[
                ("30", Plain(30)),
                ("30s", Plain(30)),
                ("2m", Plain(120)),
                ("1h", Plain(3600)),
                ("1d", Plain(86400)),
                ("030", Plain(30)),
                ("-1", Plain(-1)),
                ("1m30s", Different(1, Ignored)),
                ("5ms", Different(5, Ignored)),
                ("0.5", Different(0, Ignored)),
                ("1e3", Different(1, Ignored)),
                (" 5 s", Different(5, Ignored)),
                ("abcs", Different(0, NoNumber)),
                ("m5", Different(0, NoNumber)),
                ("s", Different(0, Empty)),
                ("100000000000s", Different(1215752192, Overflow)),
                ("50000d", Different(25032704, Overflow)),
                ("", Refused("invalid time value")),
                ("5S", suffix),
                ("5M", suffix),
                ("5 min", suffix),
                ("5é", suffix),
            ],
        );
    }

    #[test]
    fn booleans() {
        for text in ["1", "yes", "true", "on"] {
            assert_eq!(boolean(text), Plain(true), "{text}");
        }
        for text in ["", "0", "no", "none", "false", "off"] {
            assert_eq!(boolean(text), Plain(false), "{text}");
        }
        for text in ["2", "y", "enabled", "Yes", "ON", "null", " 1"] {
            assert_eq!(boolean(text).refusal(), Some("invalid boolean value"), "{text}");
        }
    }

    #[test]
    fn flags() {
        for (text, flag) in [("1", true), ("On", true), ("2", true), ("", false), ("0", false), ("Off", false)] {
            assert_eq!(ini_flag(text), flag, "{text}");
        }
    }

    #[test]
    fn modes() {
        table(
            octal_mode,
            &[
                ("0660", Plain(0o660)),
                ("660", Plain(0o660)),
                ("+660", Plain(0o660)),
                (" 660", Plain(0o660)),
                ("", Plain(0o660)),
                ("438", Different(0o43, Ignored)),
                ("0660x", Different(0o660, Ignored)),
                ("0o660", Different(0, Ignored)),
                ("rw", Different(0, NoNumber)),
                ("999", Different(0, NoNumber)),
                ("07777", Different(0o777, Overflow)),
                ("-1", Different(0o777, Overflow)),
            ],
        );
    }

    #[test]
    fn rlimits() {
        let negative = Refused("must be greater than zero or 'unlimited'");
        table(
            rlimit,
            &[
                ("unlimited", Plain(Limit::Unlimited)),
                ("UNLIMITED", Plain(Limit::Unlimited)),
                ("0", Plain(Limit::Bytes(0))),
                ("1024", Plain(Limit::Bytes(1024))),
                ("", Different(Limit::Bytes(0), Empty)),
                ("-1", negative),
                ("4294967295", negative),
                ("1k", Refused(NOT_A_NUMBER)),
            ],
        );
    }

    /// As PHP 8.2's `ini_parse_quantity` answers.
    #[test]
    fn sizes() {
        table(
            size,
            &[
                ("128M", Plain(128 << 20)),
                ("128 M", Plain(128 << 20)),
                (" 128M ", Plain(128 << 20)),
                ("1g", Plain(1 << 30)),
                ("-1", Plain(-1)),
                ("-5K", Plain(-5120)),
                ("+5", Plain(5)),
                ("0", Plain(0)),
                ("0M", Plain(0)),
                ("0x10", Plain(16)),
                ("0x1fK", Plain(31744)),
                ("-0x10", Plain(-16)),
                ("0o17", Plain(15)),
                ("0b101", Plain(5)),
                ("64MB", Different(64, Ignored)),
                ("1.5G", Different(1 << 30, Ignored)),
                ("1T", Different(1, Ignored)),
                ("1e3", Different(1, Ignored)),
                ("12xyzK", Different(12288, Ignored)),
                ("5 K M", Different(5 << 20, Ignored)),
                ("08", Different(0, Ignored)),
                ("0z", Different(0, Ignored)),
                ("010M", Different(8 << 20, Octal)),
                ("007", Different(7, Octal)),
                ("abc", Different(0, NoNumber)),
                ("K", Different(0, NoNumber)),
                ("--5", Different(0, NoNumber)),
                ("0x", Different(0, NoNumber)),
                ("0x-5", Different(0, NoNumber)),
                ("", Different(0, Empty)),
                (" ", Different(0, Empty)),
                ("9223372036854775807", Plain(i64::MAX)),
                ("-9223372036854775808", Plain(i64::MIN)),
                ("9223372036854775808", Different(i64::MIN, Overflow)),
                ("99999999999999999999", Different(-1, Overflow)),
                ("9999999999999999G", Different(-7210192635749728256, Overflow)),
            ],
        );
    }
}
