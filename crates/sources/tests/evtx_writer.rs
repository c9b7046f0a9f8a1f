//! Writes event log files small enough to be understood: one chunk, and binary XML without templates.

/// Bytes of the file's header with its padding.
pub(crate) const HEADER_BYTES: usize = 4096;
/// Bytes of a chunk.
pub(crate) const CHUNK_BYTES: usize = 65_536;
/// Bytes of a chunk's header; its records follow.
const CHUNK_HEADER_BYTES: usize = 512;
/// 100 nanoseconds between 1601 and 2020-01-01T00:00:00Z.
pub(crate) const FILETIME_2020: u64 = 132_223_104_000_000_000;

/// An element: name, attributes, children.
pub(crate) struct Element<'a>(
    pub(crate) &'a str,
    pub(crate) &'a [(&'a str, &'a str)],
    pub(crate) Content<'a>,
);

/// What an element holds.
pub(crate) enum Content<'a> {
    Text(&'a str),
    Elements(Vec<Element<'a>>),
}

/// An event with these values, as its provider would write it.
pub(crate) fn event<'a>(
    event_id: &'a str,
    channel: &'a str,
    provider: &'a [(&'a str, &'a str)],
    data: &'a [(&'a str, &'a [(&'a str, &'a str)])],
) -> Element<'a> {
    let text = |name, text| Element(name, &[], Content::Text(text));
    let system = vec![
        Element("Provider", provider, Content::Text("")),
        text("EventID", event_id),
        Element(
            "TimeCreated",
            &[("SystemTime", "2020-01-01T00:00:01.5Z")],
            Content::Text(""),
        ),
        text("EventRecordID", "1"),
        text("Channel", channel),
        text("Computer", "WS01"),
    ];
    let data = data
        .iter()
        .map(|(value, name)| Element("Data", name, Content::Text(value)))
        .collect();
    Element(
        "Event",
        &[],
        Content::Elements(vec![
            Element("System", &[], Content::Elements(system)),
            Element("EventData", &[], Content::Elements(data)),
        ]),
    )
}

/// A file with one chunk of records.
pub(crate) fn file(events: &[Element<'_>]) -> Vec<u8> {
    let mut file = b"ElfFile\0".to_vec();
    file.resize(HEADER_BYTES, 0);
    file.extend(chunk(events, 1));
    file
}

/// A chunk whose first record has this number.
pub(crate) fn chunk(events: &[Element<'_>], first: u64) -> Vec<u8> {
    let mut chunk = vec![0; CHUNK_HEADER_BYTES];
    let mut last_at = CHUNK_HEADER_BYTES;
    for (id, event) in (first..).zip(events) {
        last_at = chunk.len();
        record(&mut chunk, id, event);
    }
    let end = chunk.len();
    let last = first + events.len() as u64 - 1;
    chunk[..8].copy_from_slice(b"ElfChnk\0");
    for (at, number) in [(8, first), (16, last), (24, first), (32, last)] {
        chunk[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    for (at, number) in [(40, 128), (44, last_at), (48, end)] {
        chunk[at..at + 4].copy_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
    }
    assert!(end <= CHUNK_BYTES, "too much for one chunk");
    chunk.resize(CHUNK_BYTES, 0);
    chunk
}

fn record(chunk: &mut Vec<u8>, id: u64, event: &Element<'_>) {
    let start = chunk.len();
    chunk.extend(b"**\0\0\0\0\0\0");
    chunk.extend(id.to_le_bytes());
    chunk.extend(FILETIME_2020.to_le_bytes());
    chunk.extend([0x0f, 1, 1, 0]);
    element(chunk, event);
    chunk.push(0);
    let size = u32::try_from(chunk.len() - start + 4).unwrap();
    chunk.extend(size.to_le_bytes());
    chunk[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
}

fn element(chunk: &mut Vec<u8>, Element(tag, attributes, content): &Element<'_>) {
    chunk.push(if attributes.is_empty() { 0x01 } else { 0x41 });
    let size_at = sized(chunk);
    name(chunk, tag);
    if !attributes.is_empty() {
        let list_at = sized(chunk);
        for (index, (attribute, text)) in attributes.iter().enumerate() {
            let last = index + 1 == attributes.len();
            chunk.push(if last { 0x06 } else { 0x46 });
            name(chunk, attribute);
            value(chunk, text);
        }
        patch(chunk, list_at);
    }
    chunk.push(0x02);
    match content {
        Content::Text("") => {}
        Content::Text(text) => value(chunk, text),
        Content::Elements(elements) => {
            for inner in elements {
                element(chunk, inner);
            }
        }
    }
    chunk.push(0x04);
    patch(chunk, size_at);
}

/// Leaves room for a size and returns where.
fn sized(chunk: &mut Vec<u8>) -> usize {
    chunk.extend([0; 4]);
    chunk.len()
}

/// Puts the size of what was written since.
fn patch(chunk: &mut [u8], from: usize) {
    let size = u32::try_from(chunk.len() - from).unwrap();
    chunk[from - 4..from].copy_from_slice(&size.to_le_bytes());
}

/// A name, written where it is used.
fn name(chunk: &mut Vec<u8>, name: &str) {
    let at = u32::try_from(chunk.len() + 4).unwrap();
    chunk.extend(at.to_le_bytes());
    chunk.extend([0; 6]);
    text(chunk, name);
    chunk.extend([0; 2]);
}

fn value(chunk: &mut Vec<u8>, value: &str) {
    chunk.extend([0x05, 0x01]);
    text(chunk, value);
}

fn text(chunk: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().collect();
    chunk.extend(u16::try_from(units.len()).unwrap().to_le_bytes());
    chunk.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
}
