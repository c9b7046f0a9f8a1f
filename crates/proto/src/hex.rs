//! Hexadecimal digits.

use std::fmt::Write as _;

/// The bytes as lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of exactly `N` pairs of lower-case digits.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

/// The bytes of pairs of lower-case digits.
pub(crate) fn decode_any(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_as_bytes_and_nothing_else_does() {
        assert_eq!(encode(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(decode::<3>("00abff"), Some([0, 0xab, 0xff]));
        assert_eq!(decode_any("00abff"), Some(vec![0, 0xab, 0xff]));
        assert_eq!((decode_any("0"), decode_any("0g")), (None, None));
        for wrong in ["00abf", "00abfff", "00ABFF", "00abfg", "ää0"] {
            assert_eq!(decode::<3>(wrong), None, "{wrong}");
        }
    }
}
