//! Bytes as base64 (RFC 4648): the common alphabet, padded.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes at the end of `out`.
pub fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let mut bits = 0;
        for byte in group {
            bits = bits << 8 | u32::from(*byte);
        }
        bits <<= (3 - group.len()) * 8;
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - place * 6)) as usize & 63);
            let is_written = place <= group.len();
            out.push(digit.copied().filter(|_| is_written).unwrap_or(b'='));
        }
    }
}

/// The bytes of a text; none if it is not what `write` writes.
pub fn read(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let digits = group
            .strip_suffix(b"==")
            .or(group.strip_suffix(b"="))
            .unwrap_or(group);
        let mut bits = 0;
        for digit in digits {
            bits = bits << 6 | DIGITS.iter().position(|known| known == digit)? as u32;
        }
        bits <<= 4_usize.saturating_sub(digits.len()) * 6;
        let [_, three @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(three.get(..digits.len().checked_sub(1)?)?);
    }
    let mut canonical = Vec::with_capacity(text.len());
    write(&mut canonical, &bytes);
    (canonical == text.as_bytes()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(written(bytes.as_bytes()), text);
            assert_eq!(read(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(written(&[0xfb, 0xef, 0xff]), "++//");
    }

    #[test]
    fn one_text_for_each_bytes() {
        for text in [
            "Z",
            "Zg",
            "Zg=",
            "Zg===",
            "Zh==",
            "Zm9=",
            "Zm8",
            "Z===",
            "====",
            "=",
            "Zg==Zg==",
            "Z=g=",
            "Zm9v=",
            "Zm-v",
            "Zm 9",
            "Zm9\u{e9}",
            "Zm9vA",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn any_bytes_read_as_they_were_written(bytes: Vec<u8>) {
            prop_assert_eq!(read(&written(&bytes)), Some(bytes));
        }
    }
}
