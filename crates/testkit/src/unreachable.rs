//! Addresses at which nobody answers, in the two ways in which that happens.

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, SockAddr, Socket, Type};

fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&SockAddr::from(any_port)).expect("a free port on loopback");
    socket
}

fn address_of(socket: &Socket) -> SocketAddr {
    socket.local_addr().expect("a bound socket").as_socket().expect("an IP address")
}

/// A port that refuses every connection, and is ours, so that nobody else starts to listen there.
#[derive(Debug)]
pub struct ClosedPort(Socket);

impl Default for ClosedPort {
    fn default() -> Self {
        Self::new()
    }
}

impl ClosedPort {
    /// Binds a port and does not listen.
    #[must_use]
    pub fn new() -> Self {
        Self(bound())
    }

    /// The address that refuses.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        address_of(&self.0)
    }
}

/// A port that never answers a connection attempt: its backlog is full and nobody accepts.
#[derive(Debug)]
pub struct BlackHole {
    listener: Socket,
    _filling: Vec<Socket>,
}

impl Default for BlackHole {
    fn default() -> Self {
        Self::new()
    }
}

impl BlackHole {
    /// Listens with the smallest backlog and fills it.
    #[must_use]
    pub fn new() -> Self {
        let listener = bound();
        listener.listen(0).expect("a bound socket");
        let address = SockAddr::from(address_of(&listener));
        let filling = (0..4)
            .map(|_| {
                let filler = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                filler.set_nonblocking(true).expect("a socket of ours");
                // In progress is all we want of it.
                let _ = filler.connect(&address);
                filler
            })
            .collect();
        Self { listener, _filling: filling }
    }

    /// The address that stays silent.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        address_of(&self.listener)
    }
}

/// Whether something accepts connections at `address` within a short while.
#[must_use]
pub fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, std::time::Duration::from_millis(100)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_closed_port_refuses_at_once() {
        let port = ClosedPort::new();
        let error = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_black_hole_lets_a_connection_attempt_hang() {
        let hole = BlackHole::new();
        let error = TcpStream::connect_timeout(&hole.address(), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(!accepts(hole.address()));
    }
}
