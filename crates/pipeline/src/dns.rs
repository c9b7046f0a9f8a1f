//! What a container's DNS datagrams ask and answer. The bytes are hostile, may be cut, and may be no DNS at all.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a message before its first question (RFC 1035, 4.1.1).
const HEADER_BYTES: usize = 12;
/// Bytes of the length that stands before a message over TCP.
const LENGTH_BYTES: usize = 2;
/// Bytes of a name on the wire (RFC 1035, 2.3.4). Longer ones are no names.
const NAME_BYTES_MAX: usize = 255;
/// Compression pointers followed in one name. Each leads backwards anyway; stops chains that cost a jump per byte.
const JUMPS_MAX: usize = 32;
/// Questions looked at in one message; real ones have one, multicast ones a few. Beyond it the payload is no DNS.
const QUESTIONS_MAX: u16 = 32;
/// Records looked at in one message. Stops a message of empty records from costing a name each.
const RECORDS_MAX: usize = 64;
/// Addresses and names kept of one message.
const KEPT_MAX: usize = 32;

const TYPE_A: u16 = 1;
const TYPE_NS: u16 = 2;
const TYPE_CNAME: u16 = 5;
const TYPE_PTR: u16 = 12;
const TYPE_MX: u16 = 15;
const TYPE_AAAA: u16 = 28;
const TYPE_SRV: u16 = 33;
const TYPE_DNAME: u16 = 39;
/// Multicast DNS uses the highest bit of the class for flags of its own (RFC 6762).
const CLASS_MASK: u16 = 0x7fff;

/// What was found in a payload that went to or came from a name server's port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsMessage {
    /// Ties an answer to its question.
    pub id: u16,
    /// Whether it is a response.
    pub is_answer: bool,
    /// The first name asked for: lower case, without the dot at its end (the root is `.`). Bytes that are not printable
    /// stand as `\DDD`, and dots and backslashes within a label behind a backslash.
    pub question: Option<String>,
    /// Type of the first question (A is 1), zero without one.
    pub question_type: u16,
    /// Addresses among the records, at most 32.
    pub answers: Vec<IpAddr>,
    /// Names that records lead to (aliases, servers, pointers), at most 32.
    pub names: Vec<String>,
    /// Whether the payload is a DNS message at all. Nothing else here has a meaning if it is not.
    pub is_dns: bool,
}

/// Looks at the beginning of a payload, of a datagram or of a TCP stream. `None` if it is too short to tell anything: no
/// more than the length that goes ahead of a message over TCP.
pub fn parse(payload: &[u8]) -> Option<DnsMessage> {
    if payload.len() <= LENGTH_BYTES {
        return None;
    }
    let over_tcp = || payload.get(LENGTH_BYTES..).and_then(message);
    let found = message(payload).or_else(over_tcp);
    Some(found.unwrap_or_default())
}

/// Reads one message; `None` if the bytes are no DNS.
fn message(bytes: &[u8]) -> Option<DnsMessage> {
    let mut reader = Reader { bytes, at: 0 };
    let id = reader.u16()?;
    let flags = reader.u16()?;
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let [questions, records @ ..] = counts;
    let is_answer = flags & 0x8000 != 0;
    if !is_plausible(flags, questions, records) {
        return None;
    }
    let mut found = DnsMessage {
        id,
        is_answer,
        is_dns: true,
        ..DnsMessage::default()
    };
    for number in 0..questions {
        let (name, kind) = match reader.question() {
            Ok(question) => question,
            // The kernel side keeps the beginning of a payload only.
            Err(Broken::Cut) if number > 0 => return Some(found),
            Err(_) => return None,
        };
        if number == 0 {
            found.question = Some(name);
            found.question_type = kind;
        }
    }
    let records: usize = records.into_iter().map(usize::from).sum();
    for _ in 0..records.min(RECORDS_MAX) {
        match reader.record(&mut found) {
            Ok(()) => {}
            Err(Broken::Cut) => break,
            Err(Broken::Malformed) => return None,
        }
    }
    Some(found)
}

/// Whether a header can be a real message's: a known operation, no reserved bit, and something in it.
fn is_plausible(flags: u16, questions: u16, records: [u16; 3]) -> bool {
    const RESERVED: u16 = 0x0040;
    let operation = (flags >> 11) & 0xf;
    let is_answer = flags & 0x8000 != 0;
    let [answers, authorities, additional] = records;
    let is_filled = questions > 0 || (is_answer && (answers > 0 || flags & 0xf != 0));
    // Questions may carry known answers (multicast) and options, never many.
    let is_small = is_answer || answers.max(authorities).max(additional) <= QUESTIONS_MAX;
    matches!(operation, 0 | 1 | 2 | 4 | 5 | 6)
        && flags & RESERVED == 0
        && questions <= QUESTIONS_MAX
        && is_filled
        && is_small
}

/// Why reading went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The bytes end here.
    Cut,
    /// No DNS message has this.
    Malformed,
}

/// A place in a message.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let end = self.at.checked_add(count).ok_or(Broken::Malformed)?;
        let taken = self.bytes.get(self.at..end).ok_or(Broken::Cut)?;
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, Broken> {
        let taken = self.take(2)?.first_chunk().ok_or(Broken::Cut)?;
        Ok(u16::from_be_bytes(*taken))
    }

    fn u16(&mut self) -> Option<u16> {
        self.number().ok()
    }

    fn question(&mut self) -> Result<(String, u16), Broken> {
        let name = self.name()?;
        let kind = self.number()?;
        let class = self.number()? & CLASS_MASK;
        // Internet, Chaos, Hesiod, none, any.
        if kind == 0 || !matches!(class, 1 | 3 | 4 | 254 | 255) {
            return Err(Broken::Malformed);
        }
        Ok((name, kind))
    }

    /// One resource record: keeps what it leads to.
    fn record(&mut self, found: &mut DnsMessage) -> Result<(), Broken> {
        self.name()?;
        let kind = self.number()?;
        // Class and time to live.
        self.take(6)?;
        let bytes = usize::from(self.number()?);
        let start = self.at;
        let data = self.take(bytes)?;
        // Within the record, but pointers lead into the whole message.
        let name_at = match kind {
            TYPE_NS | TYPE_CNAME | TYPE_PTR | TYPE_DNAME => start,
            TYPE_MX => start.saturating_add(2),
            TYPE_SRV => start.saturating_add(6),
            TYPE_A | TYPE_AAAA => {
                let address = address(kind, data).ok_or(Broken::Malformed)?;
                if found.answers.len() < KEPT_MAX {
                    found.answers.push(address);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let mut within = Reader {
            bytes: self.bytes,
            at: name_at,
        };
        let name = within.name()?;
        if within.at > self.at {
            return Err(Broken::Malformed);
        }
        if found.names.len() < KEPT_MAX {
            found.names.push(name);
        }
        Ok(())
    }

    /// A name, in which the rest may stand elsewhere. Goes on behind it.
    fn name(&mut self) -> Result<String, Broken> {
        let mut text = String::new();
        let mut wire_bytes = 0usize;
        let mut jumps = 0;
        let mut behind = None;
        // Pointers lead before the part that they stand in, so that none can be met again.
        let mut part = self.at;
        loop {
            let here = self.at;
            let length = *self.take(1)?.first().ok_or(Broken::Cut)?;
            match length {
                0 => break,
                1..=63 => {
                    let label = self.take(usize::from(length))?;
                    wire_bytes = wire_bytes.saturating_add(label.len().saturating_add(1));
                    if wire_bytes >= NAME_BYTES_MAX {
                        return Err(Broken::Malformed);
                    }
                    push_label(&mut text, label);
                }
                0xc0..=0xff => {
                    let low = *self.take(1)?.first().ok_or(Broken::Cut)?;
                    behind.get_or_insert(self.at);
                    let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    jumps += 1;
                    if to >= part || to >= here || to < HEADER_BYTES || jumps > JUMPS_MAX {
                        return Err(Broken::Malformed);
                    }
                    part = to;
                    self.at = to;
                }
                _ => return Err(Broken::Malformed),
            }
        }
        if let Some(behind) = behind {
            self.at = behind;
        }
        if text.is_empty() {
            text.push('.');
        }
        Ok(text)
    }
}

fn address(kind: u16, data: &[u8]) -> Option<IpAddr> {
    if kind == TYPE_A {
        let octets: [u8; 4] = data.try_into().ok()?;
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    let octets: [u8; 16] = data.try_into().ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

/// Appends a label as it is written in zone files, in lower case.
fn push_label(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    for &byte in label {
        match byte {
            b'.' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'!'..=b'~' => text.push(char::from(byte.to_ascii_lowercase())),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A question as a stub resolver sends it.
    fn question(name: &[&[u8]], kind: u16) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(*label);
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes
    }

    /// The answer to it, with records that name the question by a pointer.
    fn answer(name: &[&[u8]], records: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = question(name, TYPE_A);
        bytes[2] |= 0x80;
        bytes[7] = u8::try_from(records.len()).unwrap();
        for (kind, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60]);
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn a_question_over_udp_and_tcp() {
        let bytes = question(&[b"Pool", b"example", b"ORG"], TYPE_AAAA);
        let expected = DnsMessage {
            id: 0x1234,
            question: Some("pool.example.org".to_owned()),
            question_type: TYPE_AAAA,
            is_dns: true,
            ..DnsMessage::default()
        };
        assert_eq!(parse(&bytes), Some(expected.clone()));
        let mut stream = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        stream.extend(&bytes);
        assert_eq!(parse(&stream), Some(expected));
        let root = parse(&question(&[], TYPE_NS)).unwrap();
        assert_eq!(root.question.as_deref(), Some("."));
    }

    #[test]
    fn an_answer_s_addresses_and_names() {
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let bytes = answer(
            &[b"www", b"example"],
            &[
                // An alias: a label, then the question's second one.
                (TYPE_CNAME, vec![2, b'C', b'1', 0xc0, 16]),
                (TYPE_A, vec![192, 0, 2, 7]),
                (TYPE_AAAA, v6.octets().to_vec()),
                (TYPE_MX, vec![0, 10, 2, b'm', b'x', 0]),
                (TYPE_SRV, vec![0, 0, 0, 0, 0, 80, 1, b's', 0]),
                (16, b"\x05text!".to_vec()),
            ],
        );
        let found = parse(&bytes).unwrap();
        assert!(found.is_dns && found.is_answer);
        assert_eq!(found.question.as_deref(), Some("www.example"));
        assert_eq!(found.names, ["c1.example", "mx", "s"]);
        let addresses: [IpAddr; 2] = [Ipv4Addr::new(192, 0, 2, 7).into(), v6.into()];
        assert_eq!(found.answers, addresses);
    }

    #[test]
    fn answers_without_records_and_multicast_ones() {
        let mut refused = question(&[b"a"], TYPE_A);
        refused[2..4].copy_from_slice(&[0x81, 0x83]);
        assert!(parse(&refused).unwrap().is_dns);
        let mut multicast = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        multicast.extend(b"\x04host\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x01");
        let found = parse(&multicast).unwrap();
        assert_eq!(found.answers, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!((found.question, found.is_dns), (None, true));
    }

    #[test]
    fn names_are_printable_whatever_their_bytes() {
        let found = parse(&question(&[b"a.b\\", b"\x1b[2J\xff "], TYPE_A)).unwrap();
        let name = found.question.unwrap();
        assert_eq!(name, "a\\.b\\\\.\\027[2j\\255\\032");
    }

    #[test]
    fn what_is_no_dns_is_told() {
        let payloads: [&[u8]; 8] = [
            b"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
            b"{\"id\":1,\"method\":\"login\",\"params\":{}}\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x01\x02\x03\x04\x05\x06\x07",
            b"id\n",
            &[0; 64],
            &[0xff; 64],
            // A header that promises a question and has none.
            &[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        ];
        for payload in payloads {
            let found = parse(payload).unwrap();
            assert_eq!(found, DnsMessage::default(), "{payload:x?}");
        }
        assert_eq!((parse(b""), parse(b"\0\x1d")), (None, None));
    }

    #[test]
    fn pointers_that_lead_nowhere_forward_or_round() {
        for to in [0u16, 11, 12, 14, 40, 0x3fff] {
            let mut bytes = question(&[], TYPE_A);
            let pointer = (0xc000 | to).to_be_bytes();
            bytes.splice(12..13, pointer);
            assert!(!parse(&bytes).unwrap().is_dns, "{to}");
        }
        // A label before a pointer to itself.
        let mut bytes = question(&[b"a"], TYPE_A);
        bytes.splice(14..15, [0xc0, 12]);
        assert!(!parse(&bytes).unwrap().is_dns);
        // A long ladder: each record's name is a pointer to the one before.
        let mut ladder = question(&[b"a"], TYPE_A);
        ladder[2] |= 0x80;
        ladder[7] = 60;
        let mut to = 12u16;
        for _ in 0..60 {
            let here = u16::try_from(ladder.len()).unwrap();
            ladder.extend((0xc000 | to).to_be_bytes());
            ladder.extend([0, 16, 0, 1, 0, 0, 0, 0, 0, 0]);
            to = here;
        }
        assert!(!parse(&ladder).unwrap().is_dns);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let records = vec![(TYPE_A, vec![10, 0, 0, 1]); 100];
        let found = parse(&answer(&[b"many"], &records)).unwrap();
        assert_eq!(found.answers.len(), KEPT_MAX);
        let records = vec![(TYPE_CNAME, vec![0xc0, 12]); 100];
        assert_eq!(
            parse(&answer(&[b"many"], &records)).unwrap().names.len(),
            KEPT_MAX
        );
    }

    fn labels() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6)
    }

    proptest! {
        #[test]
        fn any_bytes_give_bounded_printable_text(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            check(&bytes);
        }

        #[test]
        fn any_change_of_a_real_answer_does_too(
            name in labels(), at in 0usize..200, to in any::<u8>(), cut in 0usize..300,
        ) {
            let name: Vec<&[u8]> = name.iter().map(Vec::as_slice).collect();
            let mut bytes = answer(&name, &[(TYPE_CNAME, vec![0xc0, 12]), (TYPE_A, vec![1, 2, 3, 4])]);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            bytes.truncate(cut);
            check(&bytes);
        }

        #[test]
        fn every_real_question_is_read_wherever_its_answer_is_cut(name in labels(), cut in 0usize..100) {
            let name: Vec<&[u8]> = name.iter().map(Vec::as_slice).collect();
            let asked = question(&name, TYPE_A);
            let found = parse(&asked).unwrap();
            prop_assert!(found.is_dns && !found.is_answer);
            let mut bytes = answer(&name, &[(TYPE_CNAME, vec![0xc0, 12]), (TYPE_A, vec![1, 2, 3, 4])]);
            let whole = parse(&bytes).unwrap();
            prop_assert_eq!(&whole.question, &found.question);
            prop_assert_eq!(&whole.names, &vec![found.question.clone().unwrap()]);
            bytes.truncate(asked.len().saturating_add(cut));
            let part = parse(&bytes).unwrap();
            prop_assert!(part.is_dns);
            prop_assert_eq!(part.question, found.question);
        }
    }

    fn check(bytes: &[u8]) {
        let Some(found) = parse(bytes) else {
            return;
        };
        assert!(found.answers.len() <= KEPT_MAX && found.names.len() <= KEPT_MAX);
        for name in found.question.iter().chain(&found.names) {
            assert!(!name.is_empty() && name.len() <= 4 * NAME_BYTES_MAX);
            assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        assert!(found.is_dns || found == DnsMessage::default());
    }
}
