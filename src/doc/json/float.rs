//! Floats as decimal text: the nearest float to a text, and the shortest text that reads as a
//! float.
//!
//! Exact and small. The known fast methods carry ten kilobytes of powers, a twelfth of what
//! the module may weigh; here
//! texts of few digits take two float operations, and the others a few words of exact arithmetic.

use crate::text::write_whole;

/// Digits that decide which float is nearest: a point halfway between two floats has at most 767.
const DIGITS_MAX: usize = 800;
/// A whole number up to this is a float exactly.
const EXACT_MAX: u64 = 1 << 53;
/// A power of ten up to this one is a float exactly.
const EXACT_POWER_MAX: u32 = 22;
/// The largest power of five in 32 bits, and its exponent.
const FIVES: (u32, u32) = (1_220_703_125, 13);

/// `top * 2^exponent`, and less than `2^exponent` more where something was cut off. `top` has
/// its highest bit set.
struct Scaled {
    top: u64,
    exponent: i32,
    is_cut: bool,
}

/// The float nearest to a JSON number; none if it is out of range.
pub fn read(text: &[u8]) -> Option<f64> {
    let (mut mantissa, mut words) = (0_u64, Vec::new());
    let (mut count, mut power) = (0, 0_i32);
    let mut is_after_point = false;
    let mut bytes = text.iter();
    for byte in bytes.by_ref() {
        match byte {
            b'0'..=b'9' => {
                let digit = u32::from(byte - b'0');
                power -= i32::from(is_after_point);
                count += usize::from(count > 0 || digit > 0);
                match count {
                    0..=19 => mantissa = mantissa * 10 + u64::from(digit),
                    20..=DIGITS_MAX => {
                        if count == 20 {
                            words = words_of(mantissa);
                        }
                        multiply(&mut words, 10, digit);
                    }
                    _ => {
                        // What is cut off only has to be seen not to be
                        // zero: a point halfway ends in zeros here.
                        power += 1;
                        if let Some(lowest) = words.first_mut() {
                            *lowest |= u32::from(digit > 0);
                        }
                    }
                }
            }
            b'.' => is_after_point = true,
            b'-' => {}
            _ => break,
        }
    }
    let power = power.saturating_add(exponent(bytes.as_slice()));
    let float = if count < 20 {
        nearest(mantissa, power)
    } else {
        nearest_of(words, power)
    };
    float.map(|float| {
        if text.first() == Some(&b'-') {
            -float
        } else {
            float
        }
    })
}

fn exponent(text: &[u8]) -> i32 {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit());
    let exponent = digits.fold(0_i32, |exponent, digit| {
        exponent
            .saturating_mul(10)
            .saturating_add(i32::from(digit - b'0'))
    });
    if text.first() == Some(&b'-') {
        -exponent
    } else {
        exponent
    }
}

/// The float nearest to `mantissa * 10^power`.
fn nearest(mantissa: u64, power: i32) -> Option<f64> {
    if mantissa > EXACT_MAX || power.unsigned_abs() > EXACT_POWER_MAX {
        return nearest_of(words_of(mantissa), power);
    }
    // Both are exact, so that the one operation rounds correctly.
    let (float, ten) = (mantissa as f64, ten_to(power.unsigned_abs()));
    Some(if power < 0 { float / ten } else { float * ten })
}

/// A power of ten that a float holds exactly.
fn ten_to(power: u32) -> f64 {
    (0..power).fold(1.0, |ten, _| ten * 10.0)
}

/// Digits, low word first.
fn words_of(mantissa: u64) -> Vec<u32> {
    vec![mantissa as u32, (mantissa >> 32) as u32]
}

fn nearest_of(words: Vec<u32>, power: i32) -> Option<f64> {
    let digits = words.len() as i32 * 10;
    if words.iter().all(|word| *word == 0) || power.saturating_add(digits) < -330 {
        return Some(0.0);
    }
    if power > 310 {
        return None;
    }
    round(&scale(words, power))
}

/// `words = words * factor + more`.
fn multiply(words: &mut Vec<u32>, factor: u32, more: u32) {
    let mut carry = more;
    for word in words.iter_mut() {
        let product = u64::from(*word) * u64::from(factor) + u64::from(carry);
        *word = product as u32;
        carry = (product >> 32) as u32;
    }
    if carry > 0 {
        words.push(carry);
    }
}

/// `words = words / divisor`, and whether that is not exact.
fn divide(words: &mut [u32], divisor: u32) -> bool {
    let mut rest = 0;
    for word in words.iter_mut().rev() {
        let dividend = rest << 32 | u64::from(*word);
        *word = (dividend / u64::from(divisor)) as u32;
        rest = dividend % u64::from(divisor);
    }
    rest > 0
}

/// `words * 10^power`, where words are not zero.
fn scale(mut words: Vec<u32>, power: i32) -> Scaled {
    let mut exponent = power;
    let mut is_cut = false;
    if power < 0 {
        // A power of five takes less than 7/3 bits a step; three words more keep 64
        // bits after the divisions.
        let more = power.unsigned_abs() as usize * 7 / 96 + 4;
        let mut shifted = vec![0; more];
        shifted.extend_from_slice(&words);
        words = shifted;
        exponent -= more as i32 * 32;
    }
    let mut left = power.unsigned_abs();
    while left > 0 {
        let step = left.min(FIVES.1);
        let fives = if step == FIVES.1 {
            FIVES.0
        } else {
            5_u32.pow(step)
        };
        if power < 0 {
            is_cut |= divide(&mut words, fives);
        } else {
            multiply(&mut words, fives, 0);
        }
        left -= step;
    }
    let mut scaled = top_of(&words);
    scaled.exponent += exponent;
    scaled.is_cut |= is_cut;
    scaled
}

fn top_of(words: &[u32]) -> Scaled {
    let mut high = words.iter().rev().skip_while(|word| **word == 0).copied();
    let mut next = || u64::from(high.next().unwrap_or(0));
    let (first, second, third) = (next(), next(), next());
    let zeros = (first as u32).leading_zeros();
    let below = third << zeros;
    let used = words.len() - words.iter().rev().take_while(|word| **word == 0).count();
    Scaled {
        top: (first << 32 | second) << zeros | below >> 32,
        exponent: used as i32 * 32 - 64 - zeros as i32,
        is_cut: below as u32 > 0 || high.any(|word| word > 0),
    }
}

/// The nearest float, of two equally near the one whose last bit is 0; none if it is out of range.
fn round(scaled: &Scaled) -> Option<f64> {
    let exponent = scaled.exponent + 63;
    let dropped = 11 + (-1022 - exponent).max(0) as u32;
    if exponent > 1023 || dropped > 64 {
        return (exponent < 0).then_some(0.0);
    }
    let kept = scaled.top.checked_shr(dropped).unwrap_or(0);
    let rest = scaled.top << (64 - dropped);
    let is_up = rest > 1 << 63 || (rest == 1 << 63 && (scaled.is_cut || kept & 1 == 1));
    let biased = (exponent + 1022).max(0) as u64;
    let float = f64::from_bits((biased << 52) + kept + u64::from(is_up));
    float.is_finite().then_some(float)
}

/// Writes a float above 0 with as few digits as read as it, and of these the nearest to it.
pub fn write(out: &mut Vec<u8>, float: f64) {
    let (number, power) = few_digits(float).unwrap_or_else(|| shortest(float));
    let mut digits = Vec::new();
    write_whole(&mut digits, number);
    // Where the point is, counted from the first digit.
    let point = digits.len() as i32 + power;
    let is_plain = (-5..=21).contains(&point);
    let before_point = if is_plain { point } else { 1 };
    if before_point < 1 {
        write_zeros(out, 1);
    }
    let (whole, part) = digits.split_at(digits.len().min(before_point.max(0) as usize));
    out.extend_from_slice(whole);
    if part.is_empty() {
        write_zeros(out, before_point - whole.len() as i32);
    } else {
        out.push(b'.');
        write_zeros(out, -before_point);
        out.extend_from_slice(part);
    }
    if !is_plain {
        out.extend_from_slice(if point < 1 { b"e-" } else { b"e+" });
        write_whole(out, u64::from((point - 1).unsigned_abs()));
    }
}

fn write_zeros(out: &mut Vec<u8>, count: i32) {
    out.resize(out.len() + count.max(0) as usize, b'0');
}

/// The digits and their power of ten, where they are at most 15 and most of them before the
/// point. A decimal of 15
/// digits is the only one that reads as its float, so the first found is the shortest.
fn few_digits(float: f64) -> Option<(u64, i32)> {
    let mut ten = 1.0;
    for power in 0..=EXACT_POWER_MAX {
        let scaled = float * ten + 0.5;
        if scaled >= 1e15 {
            break;
        }
        let digits = scaled as u64;
        if digits as f64 / ten == float {
            return Some((digits, -power.cast_signed()));
        }
        ten *= 10.0;
    }
    None
}

fn shortest(float: f64) -> (u64, i32) {
    let bits = float.to_bits();
    let biased = (bits >> 52) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let mantissa = if biased > 0 {
        fraction | 1 << 52
    } else {
        fraction
    };
    let exponent = biased.max(1) - 1075;
    // At most 10^17 times the float, rounded down: 18 or 19 digits.
    let magnitude = exponent + 63 - mantissa.leading_zeros() as i32;
    let power = 17 - ((i64::from(magnitude) * 315_653) >> 20) as i32;
    let scaled = scale(words_of(mantissa), power);
    let places = (-scaled.exponent - exponent) as u32;
    let digits = scaled.top >> places;
    let is_cut = scaled.is_cut || digits << places != scaled.top;
    shorten(float, digits, power, is_cut)
}

/// Takes digits off the end as long as what is left, rounded to either side, reads as the float.
fn shorten(float: f64, digits: u64, power: i32, is_cut: bool) -> (u64, i32) {
    let mut best = (digits, -power);
    let mut unit = 10;
    for off in 1..19 {
        let (below, rest) = (digits / unit, digits % unit);
        let half = unit / 2;
        let is_up = rest > half || (rest == half && (is_cut || below & 1 == 1));
        let near = below + u64::from(is_up);
        let far = below + u64::from(!is_up);
        let reads = |digits: &u64| nearest(*digits, off - power) == Some(float);
        match [near, far].into_iter().find(reads) {
            Some(fewer) => best = (fewer, off - power),
            None => break,
        }
        unit *= 10;
    }
    best
}

#[cfg(test)]
mod tests;
