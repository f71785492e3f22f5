//! A name server that knows a few names, as each container has one of Docker's.

use crate::live::Result;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// Where Docker's listens.
pub const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)), 53);

/// How long the head of a message is.
const HEAD: usize = 12;

/// Answers with the addresses of `names`, as long as the process lives.
pub fn serve(names: BTreeMap<String, Ipv4Addr>) -> Result<()> {
    let socket = UdpSocket::bind(ADDRESS).map_err(|e| format!("cannot listen on {ADDRESS}: {e}"))?;
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            // Who asks in an unknown way asks in vain.
            let answer = answer(&query[..length], &names).unwrap_or_default();
            let _ = socket.send_to(&answer, from);
        }
    });
    Ok(())
}

/// The answer to a query (RFC 1035, section 4): the address, or that nobody has the name. Of a name that somebody
/// has, only its IPv4 address is known.
pub fn answer(query: &[u8], names: &BTreeMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let (mut labels, mut at) = (Vec::new(), HEAD);
    while let length @ 1.. = usize::from(*query.get(at)?) {
        labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + length)?).to_ascii_lowercase());
        at += 1 + length;
    }
    // Behind the name: type and class.
    let question = query.get(HEAD..at + 5)?;
    let known = names.get(&labels.join("."));
    let is_for_ipv4 = query[at + 1..at + 3] == [0, 1];
    let found = known.filter(|_| is_for_ipv4);
    let name_error = if known.is_some() { 0 } else { 3 };
    let counts = [0, 1, 0, u8::from(found.is_some()), 0, 0, 0, 0];
    let mut answer = [&query[..2], &[0x81, 0x80 | name_error], &counts, question].concat();
    if let Some(address) = found {
        // The name of the question, type A, class IN, for 600 s, 4 bytes.
        answer.extend([0xc0, HEAD as u8, 0, 1, 0, 1, 0, 0, 2, 88, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
