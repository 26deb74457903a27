//! Texts put together without `core::fmt`, which is two kilobytes of the module.

/// The template with each `{}` replaced by the next part.
pub fn filled(template: &str, parts: &[&str]) -> String {
    let mut fixed = template.as_bytes().split(|byte| *byte == b'{');
    let mut out = fixed.next().unwrap_or_default().to_vec();
    for (part, behind) in parts.iter().zip(fixed) {
        out.extend_from_slice(part.as_bytes());
        // Without the closing brace.
        out.extend_from_slice(behind.get(1..).unwrap_or_default());
    }
    written(out)
}

/// A number's decimal digits.
pub fn decimal(number: u64) -> String {
    padded(number, 1)
}

/// A number's decimal digits, so many at least.
pub fn padded(number: u64, width: usize) -> String {
    let mut digits = Vec::new();
    write_whole(&mut digits, number);
    let mut out = "0".repeat(width.saturating_sub(digits.len()));
    out.push_str(&written(digits));
    out
}

/// Appends a whole number's decimal digits.
pub fn write_whole(out: &mut Vec<u8>, mut whole: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (whole % 10) as u8);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// What was written, as text.
pub fn written(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("it is written from texts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_place() {
        assert_eq!(filled("{}.{} is {}!", &["a", "{}", "b"]), "a.{} is b!");
        assert_eq!(filled("", &[]), "");
        assert_eq!(
            (decimal(0), decimal(u64::MAX)),
            ("0".into(), u64::MAX.to_string())
        );
        assert_eq!(
            (padded(7, 4), padded(12_345, 4)),
            ("0007".into(), "12345".into())
        );
    }
}
