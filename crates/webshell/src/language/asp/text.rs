//! Reading a file's bytes as text, whatever encoding they are in.

/// Bytes at the start that are looked at for an encoding.
const HEAD_BYTES: usize = 4096;

/// A file as text.
#[derive(Debug)]
pub(crate) struct Text {
    /// The text.
    pub(crate) text: String,
    /// Bytes of the file for one of the text.
    pub(crate) width: usize,
}

/// The text of a file. Bytes that are no UTF-8 become `_`, so that offsets stay.
pub(crate) fn read(content: &[u8]) -> Text {
    if let Some(text) = wide(content) {
        return Text { text, width: 2 };
    }
    let bytes = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => lenient(bytes),
    };
    Text { text, width: 1 }
}

fn lenient(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(std::iter::repeat_n('_', chunk.invalid().len()));
    }
    out
}

/// UTF-16 with its mark, or with a zero in every other byte of the start.
fn wide(content: &[u8]) -> Option<String> {
    let big = match content {
        [0xfe, 0xff, ..] => true,
        [0xff, 0xfe, ..] => false,
        _ => {
            let head = content.get(..HEAD_BYTES).unwrap_or(content);
            let zeros = |odd: usize| {
                let every = head.iter().skip(odd).step_by(2);
                every.filter(|&&byte| byte == 0).count()
            };
            let (first, second) = (zeros(0), zeros(1));
            match head.len() / 2 {
                half if half >= 8 && first * 2 > half && second * 8 < half => true,
                half if half >= 8 && second * 2 > half && first * 8 < half => false,
                _ => return None,
            }
        }
    };
    let units = content.chunks_exact(2).map(|pair| match pair {
        [a, b] if big => u16::from_be_bytes([*a, *b]),
        [a, b] => u16::from_le_bytes([*a, *b]),
        _ => 0,
    });
    Some(
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or('_'))
            .filter(|&c| c != '\u{feff}')
            .collect(),
    )
}
