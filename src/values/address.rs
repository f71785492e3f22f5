//! Addresses: as nginx dials them (`ngx_parse_url`) and as PHP-FPM listens on them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::host::normalize;

/// The longest path of a unix socket on Linux, without the closing NUL.
pub const MAX_SOCKET_PATH: usize = 107;

/// An address that nginx dials.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// A unix socket, the path as written behind `unix:`.
    Unix(String),
    /// A literal address and port.
    Ip(SocketAddr),
    /// A name that is looked up, and a port.
    Name(String, u16),
}

/// Why nginx does not accept an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// No port, and the protocol has no default.
    NoPort,
    /// Nothing before the port.
    NoHost,
    /// A port that is no number from 1 to 65535.
    InvalidPort,
    /// A path or scheme where a host must stand.
    InvalidHost,
    /// Something in brackets that is no IPv6 address.
    InvalidIpv6,
    /// `unix:` and nothing behind.
    NoPath,
    /// A socket path longer than the kernel takes.
    LongPath,
}

impl AddressError {
    /// The words in which nginx refuses `text`, at start or, for a variable, at the request.
    pub fn nginx_message(self, text: &str) -> String {
        let what = match self {
            AddressError::NoPort => "no port",
            AddressError::NoHost => "no host",
            AddressError::InvalidPort => "invalid port",
            AddressError::InvalidHost => "invalid host",
            AddressError::InvalidIpv6 => "invalid IPv6 address",
            AddressError::NoPath => "no path in the unix domain socket",
            AddressError::LongPath => "too long path in the unix domain socket",
        };
        format!("{what} in upstream \"{text}\"")
    }
}

impl Address {
    /// Reads the address of a `*_pass` or of a `server` in `upstream`, without scheme and URI.
    pub fn parse(text: &str, default_port: Option<u16>) -> Result<Self, AddressError> {
        if text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("unix:")) {
            let path = &text[5..];
            return match path.len() {
                0 => Err(AddressError::NoPath),
                length if length > MAX_SOCKET_PATH => Err(AddressError::LongPath),
                _ => Ok(Address::Unix(path.to_owned())),
            };
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => {
                let host: Ipv6Addr = host.parse().map_err(|_| AddressError::InvalidIpv6)?;
                let port = match rest.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if rest.is_empty() => None,
                    None => return Err(AddressError::InvalidPort),
                };
                return Ok(Address::Ip(SocketAddr::new(host.into(), self::port(port, default_port)?)));
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        // `http://…` and `/path` reach nginx's URI part before any port.
        if host.contains(['/', '?']) || port.is_some_and(|port| port.contains('/')) {
            return Err(AddressError::InvalidHost);
        }
        if text.is_empty() {
            return Err(AddressError::NoHost);
        }
        let port = self::port(port, default_port)?;
        match host.parse::<Ipv4Addr>() {
            Ok(ip) => Ok(Address::Ip(SocketAddr::new(ip.into(), port))),
            Err(_) if host.is_empty() => Err(AddressError::NoHost),
            Err(_) => Ok(Address::Name(host.to_owned(), port)),
        }
    }

    /// Whether only this host can be meant: a socket, a loopback or an any-address.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Ip(address) => is_local(address.ip()),
            Address::Name(name, _) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{path}"),
            Address::Ip(address) => write!(f, "{address}"),
            Address::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

fn port(text: Option<&str>, default: Option<u16>) -> Result<u16, AddressError> {
    match text {
        Some(text) => match text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse()) {
            Some(Ok(port)) if port > 0 => Ok(port),
            _ => Err(AddressError::InvalidPort),
        },
        None => default.ok_or(AddressError::NoPort),
    }
}

/// Whether an address can only be this host's: loopback, or the any-address, which Linux connects
/// to the host itself.
pub fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

/// A place where something listens, or that is dialled, in a form that compares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A socket by its path without links, `//` and `..`; `/var/run` is `/run`.
    Unix(PathBuf),
    /// An address and port.
    Tcp(SocketAddr),
}

impl Endpoint {
    /// The socket of a path. `/var/run` is a link to `/run` wherever PHP-FPM is packaged for Linux.
    pub fn unix(path: &Path) -> Self {
        let path = normalize(path);
        Endpoint::Unix(path.strip_prefix("/var/run").map_or(path.clone(), |rest| Path::new("/run").join(rest)))
    }

    /// Whether something that listens here answers a caller who dials `dialled`.
    pub fn accepts(&self, dialled: &Endpoint) -> bool {
        match (self, dialled) {
            (Endpoint::Unix(listening), Endpoint::Unix(dialled)) => listening == dialled,
            (Endpoint::Tcp(listening), Endpoint::Tcp(dialled)) => {
                listening.port() == dialled.port() && covers(listening.ip(), as_dialled(dialled.ip()))
            }
            _ => false,
        }
    }

    /// Whether two listeners cannot both have their address.
    pub fn conflicts(&self, other: &Endpoint) -> bool {
        match (self, other) {
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) => {
                a.port() == b.port() && (covers(a.ip(), b.ip()) || covers(b.ip(), a.ip()))
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
            Endpoint::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// Dialling an any-address reaches the host's loopback.
pub fn as_dialled(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip.to_canonical(),
    }
}

/// Whether a socket bound to `bound` gets connections to `ip`. FPM leaves `[::]` open for IPv4.
fn covers(bound: IpAddr, ip: IpAddr) -> bool {
    match (bound, ip) {
        (IpAddr::V6(bound), _) if bound.is_unspecified() => true,
        (IpAddr::V4(bound), IpAddr::V4(_)) if bound.is_unspecified() => true,
        _ => bound.to_canonical() == ip.to_canonical(),
    }
}

/// Where a pool's `listen` puts its socket, as FPM reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A unix socket, the path as FPM completes it.
    Unix(PathBuf),
    /// An address and port; a bare port is `[::]`, which takes IPv4 as well.
    Ip(SocketAddr),
    /// A name and port: FPM binds the first address of the name, and only that.
    Name(String, u16),
    /// A port that FPM refuses at the start: `invalid port value '…'`.
    InvalidPort(String),
    /// A host that no resolver can know.
    InvalidHost,
    /// An address that belongs to an interface, which is not named; the text.
    NoInterface(String),
}

impl Listen {
    /// The place, where it depends on no name.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Listen::Unix(path) => Some(Endpoint::unix(path)),
            Listen::Ip(address) => Some(Endpoint::Tcp(*address)),
            Listen::Name(..) | Listen::InvalidPort(_) | Listen::InvalidHost | Listen::NoInterface(_) => None,
        }
    }

    /// Reads the value of `listen`; a relative path is completed with `prefix`. Anything with a
    /// colon is TCP to FPM, also a path or an address in nginx's spelling `unix:/…`.
    pub fn parse(text: &str, prefix: &Path) -> Self {
        if let Some((host, port)) = text.rsplit_once(':') {
            let Some(number) = port.trim_ascii_start().parse().ok().filter(|number| *number > 0) else {
                return Listen::InvalidPort(port.to_owned());
            };
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            return match bare.parse::<IpAddr>() {
                Ok(IpAddr::V6(ip)) if ip.is_unicast_link_local() => Listen::NoInterface(text.to_owned()),
                Ok(ip) => Listen::Ip(SocketAddr::new(ip, number)),
                Err(_) if is_no_name(host) => Listen::InvalidHost,
                Err(_) => Listen::Name(host.to_owned(), number),
            };
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(port) if port > 0 => Listen::Ip(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)),
                _ => Listen::InvalidPort(text.to_owned()),
            };
        }
        Listen::Unix(prefix.join(text))
    }
}

/// Whether no resolver can know a host: it is empty, or has a character that no name has. What looks
/// like the placeholder of a template, and an address with an interface, may be anything.
fn is_no_name(host: &str) -> bool {
    let is_open = host.contains(['{', '<', '%', '@', '$']);
    let is_foreign = |char: char| char.is_ascii_whitespace() || matches!(char, '[' | ']' | ',' | '/');
    host.is_empty() || !is_open && host.contains(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tried with `nginx -t`.
    #[test]
    fn nginx_reads_addresses_like_this() {
        use AddressError::*;
        let ok = |text: &str| Address::parse(text, None).map(|address| address.to_string());
        for text in ["127.0.0.1:9000", "[::1]:9000", "localhost:9000", "0.0.0.0:9000", "unix:/run/php.sock"] {
            assert_eq!(ok(text).as_deref(), Ok(text));
        }
        assert_eq!(ok("UNIX:/a:").as_deref(), Ok("unix:/a:"));
        for (text, error) in [
            ("127.0.0.1", NoPort),
            ("9000", NoPort),
            ("php", NoPort),
            ("[::1]", NoPort),
            (":9000", NoHost),
            ("host:0", InvalidPort),
            ("host:65536", InvalidPort),
            ("host:", InvalidPort),
            ("::1:9000", InvalidPort),
            ("127.0.0.1:9000 ", InvalidPort),
            ("[::zz]:9000", InvalidIpv6),
            ("/run/php.sock", InvalidHost),
            ("tcp://a", InvalidHost),
            ("127.0.0.1:9000/", InvalidHost),
            ("unix:", NoPath),
        ] {
            assert_eq!(ok(text), Err(error), "{text}");
        }
        assert_eq!(ok(&format!("unix:/{}", "x".repeat(107))), Err(LongPath));
        assert_eq!(Address::parse("a", Some(80)), Ok(Address::Name("a".into(), 80)));
    }

    /// Tried with PHP-FPM 8.2.
    #[test]
    fn fpm_reads_listen_like_this() {
        let prefix = Path::new("/usr");
        let tcp = |text: &str| Listen::Ip(text.parse().expect("a socket address"));
        assert_eq!(Listen::parse("9000", prefix), tcp("[::]:9000"));
        assert_eq!(Listen::parse("::1:9000", prefix), tcp("[::1]:9000"));
        assert_eq!(Listen::parse("[::]:9000", prefix), tcp("[::]:9000"));
        assert_eq!(Listen::parse("127.0.0.1:09000", prefix), tcp("127.0.0.1:9000"));
        assert_eq!(Listen::parse("localhost:9000", prefix), Listen::Name("localhost".into(), 9000));
        assert_eq!(Listen::parse("unix:/a", prefix), Listen::InvalidPort("/a".into()));
        assert_eq!(Listen::parse("0", prefix), Listen::InvalidPort("0".into()));
        for host in ["", "::1]", "a b", "/run/a"] {
            assert_eq!(Listen::parse(&format!("{host}:9000"), prefix), Listen::InvalidHost, "{host}");
        }
        for host in ["php", "{{ host }}", "[::1%lo]", "127.1"] {
            assert_eq!(Listen::parse(&format!("{host}:9000"), prefix), Listen::Name(host.into(), 9000), "{host}");
        }
        assert_eq!(Listen::parse("[fe80::1]:9000", prefix), Listen::NoInterface("[fe80::1]:9000".into()));
        assert_eq!(Listen::parse("127.0.0.1: 9000", prefix), Listen::parse("127.0.0.1:9000", prefix));
        assert_eq!(Listen::parse("run/a.sock", prefix), Listen::Unix("/usr/run/a.sock".into()));
        assert_eq!(Listen::parse("/a.sock", prefix), Listen::Unix("/a.sock".into()));
    }

    #[test]
    fn a_listener_accepts_what_it_covers() {
        let tcp = |text: &str| Endpoint::Tcp(text.parse().expect("a socket address"));
        for (listening, dialled, want) in [
            ("[::]:9000", "127.0.0.1:9000", true),
            ("[::]:9000", "127.0.0.2:9000", true),
            ("0.0.0.0:9000", "127.0.0.1:9000", true),
            ("0.0.0.0:9000", "[::1]:9000", false),
            ("127.0.0.1:9000", "0.0.0.0:9000", true),
            ("127.0.0.1:9000", "127.0.0.2:9000", false),
            ("[::1]:9000", "127.0.0.1:9000", false),
            ("127.0.0.1:9000", "127.0.0.1:9001", false),
        ] {
            assert_eq!(tcp(listening).accepts(&tcp(dialled)), want, "{listening} {dialled}");
        }
        assert_eq!(Endpoint::unix(Path::new("/var/run//php/a")), Endpoint::unix(Path::new("/run/x/../php/a")));
        assert!(tcp("[::]:9000").conflicts(&tcp("127.0.0.1:9000")));
        assert!(!tcp("127.0.0.1:9000").conflicts(&tcp("[::1]:9000")));
    }
}
