//! One request to the kernel and its answers (netlink(7)).

use std::io;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Sends `question` with `flags` beside `NLM_F_REQUEST` on a socket of its own, and hands every answer to `each`.
///
/// # Errors
///
/// The kernel's error number; the socket's errors; `Other` if an answer is malformed.
pub(crate) fn exchange(
    question: RouteNetlinkMessage,
    flags: u16,
    mut each: impl FnMut(RouteNetlinkMessage),
) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut message = NetlinkMessage::from(question);
    message.header.flags = NLM_F_REQUEST | flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    loop {
        let (answers, _) = socket.recv_from_full()?;
        let mut rest = answers.as_slice();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|error| io::Error::other(error.to_string()))?;
            let len = usize::try_from(answer.header.length).map_err(io::Error::other)?;
            match answer.payload {
                NetlinkPayload::Done(_) => return Ok(()),
                // An error without a number is the acknowledgement.
                NetlinkPayload::Error(error) if error.code.is_none() => return Ok(()),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(message) => each(message),
                _ => {}
            }
            // Messages are aligned to four bytes (netlink(7)).
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
