//! `fd.*` of sockets, `dns.*`, `stream.*`.

use super::EventSubject;
use crate::detect::arguments;
use crate::detect::observed::What;
use yagura_event::{Endpoint, SocketFacts};
use yagura_rules::Value;
use yagura_rules::fields::Field;

/// Address families: include/linux/socket.h.
const UNIX: u16 = 1;
const INET: u16 = 2;
const INET6: u16 = 10;
const NETLINK: u16 = 16;
const PACKET: u16 = 17;

/// The two ends of a connection from the container's point of view.
#[derive(Debug, Clone, Copy)]
struct Ends {
    local: Option<Endpoint>,
    remote: Option<Endpoint>,
    is_server: bool,
}

impl Ends {
    fn client(self) -> Option<Endpoint> {
        if self.is_server {
            self.remote
        } else {
            self.local
        }
    }

    fn server(self) -> Option<Endpoint> {
        if self.is_server {
            self.local
        } else {
            self.remote
        }
    }
}

impl<'a> EventSubject<'a> {
    /// Fields of the socket that an event is about.
    pub(super) fn network_value(&self, field: Field) -> Option<Value<'a>> {
        if let Some(value) = self.derived_value(field) {
            return Some(value);
        }
        let ends = self.ends();
        let address =
            |end: Option<Endpoint>| end.map_or(Value::Absent, |end| Value::Address(end.address));
        let port = |end: Option<Endpoint>| {
            end.map_or(Value::Absent, |end| Value::Number(i64::from(end.port)))
        };
        let either = |of: fn(Endpoint) -> Value<'static>| match ends {
            Some(ends) => Value::List(
                [ends.client(), ends.server()]
                    .into_iter()
                    .flatten()
                    .map(of)
                    .collect(),
            ),
            None => Value::Absent,
        };
        let client = ends.and_then(Ends::client);
        let server = ends.and_then(Ends::server);
        let local = ends.and_then(|ends| ends.local);
        let remote = ends.and_then(|ends| ends.remote);
        Some(match field {
            Field::FdIp | Field::FdNet => either(|end| Value::Address(end.address)),
            Field::FdPort => either(|end| Value::Number(i64::from(end.port))),
            Field::FdCip | Field::FdCnet => address(client),
            Field::FdSip | Field::FdSnet => address(server),
            Field::FdLip | Field::FdLnet => address(local),
            Field::FdRip | Field::FdRnet => address(remote),
            Field::FdCport => port(client),
            Field::FdSport => port(server),
            Field::FdLport => port(local),
            Field::FdRport => port(remote),
            Field::FdProto => either(|end| service(Some(end))),
            Field::FdCproto => service(client),
            Field::FdSproto => service(server),
            Field::FdLproto => service(local),
            Field::FdRproto => service(remote),
            Field::FdCipName => self.name_of(client),
            Field::FdSipName => self.name_of(server),
            Field::FdLipName => self.name_of(local),
            Field::FdRipName => self.name_of(remote),
            Field::FdIsServer => ends.map_or(Value::Absent, |ends| Value::Boolean(ends.is_server)),
            Field::FdConnected => {
                ends.map_or(Value::Absent, |ends| Value::Boolean(ends.remote.is_some()))
            }
            _ => return self.socket_value(field),
        })
    }

    fn socket_value(&self, field: Field) -> Option<Value<'a>> {
        let call = self.what().call();
        let socket = call.and_then(|call| call.event.socket.as_ref());
        Some(match field {
            Field::FdName => match (call, self.what()) {
                (Some(call), _) => Value::owned(arguments::tuple(call)),
                (None, What::RemoteStream(stream)) => {
                    Value::owned(format!("{}:{}", stream.remote.address, stream.remote.port))
                }
                (None, _) => Value::Absent,
            },
            Field::FdType => socket.map_or(self.stream_family(), |socket| {
                Value::text(socket_type(socket).0)
            }),
            Field::FdTypechar => {
                socket.map_or(Value::Absent, |socket| Value::text(socket_type(socket).1))
            }
            Field::FdL4proto => match socket {
                Some(socket) => protocol(socket),
                None if matches!(self.what(), What::RemoteStream(_)) => Value::text("tcp"),
                None => Value::Absent,
            },
            Field::FdSockfamily => match socket.map(|socket| socket.family) {
                Some(INET | INET6) => Value::text("ip"),
                Some(UNIX) => Value::text("unix"),
                _ => Value::Absent,
            },
            Field::FdIno => socket.map_or(Value::Absent, |socket| {
                Value::Number(socket.ino.cast_signed())
            }),
            Field::FdFilename | Field::FdDirectory => match socket
                .filter(|socket| socket.family == UNIX)
            {
                Some(socket) if field == Field::FdFilename => {
                    Value::text(crate::process_table::base_name(socket.unix_path.as_bytes()))
                }
                Some(socket) => Value::text(super::file::directory(socket.unix_path.as_bytes())),
                None => Value::Absent,
            },
            _ => return None,
        })
    }

    /// Fields of events that the sensor derived.
    fn derived_value(&self, field: Field) -> Option<Value<'a>> {
        let what = self.what();
        Some(match (field, what) {
            (Field::StreamHow, What::RemoteStream(stream)) => Value::text(stream.how.as_str()),
            (Field::StreamHeldMs, What::RemoteStream(stream)) => {
                Value::Number(i64::try_from(stream.held_ms).unwrap_or(i64::MAX))
            }
            (Field::DnsQuestion, What::Dns(dns)) => match &dns.question {
                Some(name) => Value::text(name.as_bytes()),
                None => Value::Absent,
            },
            (Field::DnsAnswers, What::Dns(dns)) => {
                let names = dns.names.iter().map(|name| Value::text(name.as_bytes()));
                let addresses = dns
                    .addresses
                    .iter()
                    .map(|address| Value::owned(address.to_string()));
                Value::List(names.chain(addresses).collect())
            }
            (Field::DnsIsAnswer, What::Dns(dns)) if dns.is_dns => Value::Boolean(dns.is_answer),
            (Field::DriftVector, _) => what
                .drift()
                .map_or(Value::Absent, |drift| Value::text(drift.vector.as_str())),
            (Field::DriftKind, _) => what
                .drift()
                .map_or(Value::Absent, |drift| Value::text(drift.kind.singular())),
            (Field::DriftProvenance, _) => what.drift().map_or(Value::Absent, |drift| {
                Value::text(drift.provenance.as_str())
            }),
            (Field::DriftHow, _) => what
                .drift()
                .map_or(Value::Absent, |drift| Value::text(drift.how.as_str())),
            (Field::DriftSha256, _) => match what.drift().and_then(|drift| drift.sha256) {
                Some(digest) => Value::owned(digest.to_string()),
                None => Value::Absent,
            },
            (Field::FdName, What::Drift(drift) | What::SelfCopy(drift)) => {
                Value::text(drift.path.as_bytes())
            }
            (
                Field::StreamHow
                | Field::StreamHeldMs
                | Field::DnsQuestion
                | Field::DnsAnswers
                | Field::DnsIsAnswer,
                _,
            ) => Value::Absent,
            _ => return None,
        })
    }

    fn ends(&self) -> Option<Ends> {
        match self.what() {
            What::RemoteStream(stream) => Some(Ends {
                local: None,
                remote: Some(stream.remote),
                is_server: stream.is_server.unwrap_or(false),
            }),
            what => {
                let socket = what.call()?.event.socket.as_ref()?;
                Some(Ends {
                    local: socket.local,
                    remote: socket.remote,
                    is_server: socket.is_server,
                })
            }
        }
    }

    fn stream_family(&self) -> Value<'a> {
        match self.what() {
            What::RemoteStream(stream) if stream.remote.address.is_ipv4() => Value::text("ipv4"),
            What::RemoteStream(_) => Value::text("ipv6"),
            _ => Value::Absent,
        }
    }

    fn name_of(&self, end: Option<Endpoint>) -> Value<'a> {
        match end.and_then(|end| self.names.get(self.observed.container, end.address)) {
            Some(name) => Value::text(name.as_bytes()),
            None => Value::Absent,
        }
    }
}

fn socket_type(socket: &SocketFacts) -> (&'static str, &'static str) {
    match socket.family {
        INET => ("ipv4", "4"),
        INET6 => ("ipv6", "6"),
        UNIX => ("unix", "u"),
        NETLINK => ("netlink", "n"),
        PACKET => ("packet", "k"),
        _ => ("other", "o"),
    }
}

/// Protocol of an internet socket: include/uapi/linux/in.h, include/linux/net.h for raw ones.
fn protocol(socket: &SocketFacts) -> Value<'static> {
    const RAW: u16 = 3;
    match (socket.family, socket.kind, socket.protocol) {
        (INET | INET6, RAW, _) => Value::text("raw"),
        (INET | INET6, _, 6) | (INET | INET6, 1, 0) => Value::text("tcp"),
        (INET | INET6, _, 17) | (INET | INET6, 2, 0) => Value::text("udp"),
        (INET | INET6, _, 1 | 58) => Value::text("icmp"),
        _ => Value::Absent,
    }
}

/// Names of a few services: the ones that rules are written about (IANA service names).
fn service(end: Option<Endpoint>) -> Value<'static> {
    let name = match end.map(|end| end.port) {
        Some(21) => "ftp",
        Some(22) => "ssh",
        Some(23) => "telnet",
        Some(25) => "smtp",
        Some(53) => "domain",
        Some(80) => "http",
        Some(123) => "ntp",
        Some(389) => "ldap",
        Some(443) => "https",
        Some(445) => "microsoft-ds",
        Some(3306) => "mysql",
        Some(3389) => "ms-wbt-server",
        Some(5432) => "postgresql",
        Some(6379) => "redis",
        _ => return Value::Absent,
    };
    Value::text(name)
}
