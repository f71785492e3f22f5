//! Whether bytes are text that a configuration can be.

/// So many of the first bytes are looked at.
const LOOKED_AT: usize = 64 << 10;

/// So many of these may be control characters that no text has, or one in so many: escapes that somebody pasted.
const FEW: usize = 4;
const RARELY: usize = 32;

/// Why bytes can be no configuration and nothing that a program printed of one; none where they may be.
pub(super) fn not_text(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some(
            "this is UTF-16, as `>` of Windows PowerShell writes it; convert it with iconv -f UTF-16 -t UTF-8",
        );
    }
    let first = &bytes[..bytes.len().min(LOOKED_AT)];
    let is_odd = |byte: &&u8| matches!(byte, 0..=8 | 14..=31 | 127);
    let odd = first.iter().filter(is_odd).count();
    let is_binary = bytes.contains(&0) || odd > FEW && odd * RARELY > first.len();
    is_binary.then_some("this is not text, so it is no configuration of nginx or PHP-FPM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_other_bytes() {
        for text in
            ["", "\n", "events {}\r\n\t\u{c}", "\u{1b}[31mserver { listen 80; root /srv; }\u{1b}[0m", "# Gr\u{fc}n"]
        {
            assert_eq!(not_text(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(not_text(b"# Gr\xfcn\nserver { }\n"), None);
        let random: Vec<u8> = (1..=255).cycle().take(300).collect();
        for bytes in [&b"server {\0}"[..], &random] {
            assert!(not_text(bytes).is_some_and(|why| why.contains("not text")), "{bytes:?}");
        }
        for bytes in [&b"\xff\xfee\0"[..], b"\xfe\xff\0e"] {
            assert!(not_text(bytes).is_some_and(|why| why.contains("UTF-16")), "{bytes:?}");
        }
    }
}
