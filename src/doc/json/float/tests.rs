//! Floats both ways, against the standard library.

use super::*;
use proptest::prelude::*;

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        cases: 2000,
        ..ProptestConfig::default()
    }
}

fn agrees(text: &str) {
    let expected: f64 = text.parse().unwrap();
    let read = read(text.as_bytes());
    assert_eq!(
        read.map(f64::to_bits),
        expected.is_finite().then_some(expected.to_bits()),
        "{text}"
    );
}

/// The digits and the power of ten that the standard library writes.
fn standard(float: f64) -> (String, i32) {
    let text = format!("{float:e}");
    let (digits, power) = text.split_once('e').unwrap();
    (digits.replace('.', ""), power.parse().unwrap())
}

fn round_trips(float: f64) {
    let mut out = Vec::new();
    write(&mut out, float);
    agrees(std::str::from_utf8(&out).unwrap());
    assert_eq!(read(&out), Some(float));
    let (digits, power) = few_digits(float).unwrap_or_else(|| shortest(float));
    let digits = digits.to_string();
    let first = digits.len() as i32 + power - 1;
    let digits = if power == 0 {
        digits.trim_end_matches('0')
    } else {
        &digits
    };
    let (expected, place) = standard(float);
    // Exactly between two shortest texts, either may be taken.
    let exact = format!("{float:.1100}");
    let is_between = exact.trim_end_matches('0').ends_with('5')
        && exact
            .trim_end_matches('0')
            .trim_start_matches(['0', '.'])
            .replace('.', "")
            .len()
            == expected.len() + 1;
    assert_eq!((digits.len(), first), (expected.len(), place), "{float:e}");
    assert!(
        is_between || digits == expected,
        "{float:e} was written as {digits}"
    );
}

#[test]
fn known_hard_numbers() {
    for text in [
        "0",
        "-0",
        "0.1",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992.5",
        "1e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e309",
        "1e-400",
        "0e999999999999",
        "1e999999999999",
        "1e-999999999999",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "4.9e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "6.631236846766476e-316",
        "3.2378839133029012895883524125015321748630094e-319",
        concat!(
            "17976931348623158079372897140530341507993413271003782693617377898044496829276475",
            "09466490179775872070963302864166928879109465555478519404026306574886715058206819",
            "08902000708383676273854845817711531764475730270069855571366959622842914819860834",
            "936475292719074168444365510704342711559699508093042880",
        ),
    ] {
        agrees(text);
    }
    agrees(&format!("{:.1100}", f64::from_bits(1)));
    agrees(&format!("{:.1100}1", f64::from_bits(3) / 2.0));
    agrees(&format!("0.{}1e2000", "0".repeat(1999)));
    for float in [
        0.1,
        1e15,
        1e16,
        1e21,
        1e22,
        1e23,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        2.0_f64.powi(-44),
        9.5e-7,
    ] {
        round_trips(float);
    }
}

#[test]
fn numbers_look_as_in_javascript() {
    for (float, text) in [
        (0.5, "0.5"),
        (12.34, "12.34"),
        (0.000_001_5, "0.0000015"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5e-324"),
        (9_007_199_254_740_994.0, "9007199254740994"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.25e21, "1.25e+21"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.0 / 3.0, "0.3333333333333333"),
    ] {
        let mut out = Vec::new();
        write(&mut out, float);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_float_is_written_shortest_and_reads_the_same(bits in 1..f64::INFINITY.to_bits()) {
        round_trips(f64::from_bits(bits));
    }

    #[test]
    fn a_power_of_two_is_written_shortest(power in -1074..=1023, more in 0_u64..3) {
        let bits = match u64::try_from(power + 1022) {
            Ok(biased) => (biased + 1) << 52,
            Err(_) => 1_u64 << (power + 1074),
        };
        round_trips(f64::from_bits(bits + more));
    }

    #[test]
    fn a_subnormal_is_written_shortest(bits in 1_u64..1 << 52) {
        round_trips(f64::from_bits(bits));
    }

    #[test]
    fn a_float_of_few_digits_is_written_shortest(digits in 1_u64..1_000_000_000, power in -20..20) {
        round_trips(format!("{digits}e{power}").parse().unwrap());
    }

    #[test]
    fn a_float_near_a_million_is_written_shortest(float in 1e-3..1e18_f64) {
        round_trips(float);
    }

    #[test]
    fn any_decimal_reads_as_in_the_standard_library(
        whole in "(0|[1-9][0-9]{0,20})", part in "(\\.[0-9]{1,40})?", power in -345..330,
    ) {
        agrees(&format!("{whole}{part}e{power}"));
        agrees(&format!("-{whole}{part}"));
    }

    #[test]
    fn a_point_between_two_floats_reads_as_the_even_one(bits in 1..f64::MAX.to_bits()) {
        let (low, high) = (f64::from_bits(bits), f64::from_bits(bits + 1));
            let between = halfway(low, high);
        agrees(&between);
        agrees(&format!("{between}1"));
        let half = between.trim_end_matches('0').strip_suffix('5');
        let below = half.map(|text| format!("{text}4999"));
        if between.contains('.') && let Some(below) = below {
            agrees(&below);
        }
    }
}

/// The exact middle of two neighbours as decimal text.
fn halfway(low: f64, high: f64) -> String {
    let texts = [low, high].map(|float| format!("{float:.1080}").replace('.', ""));
    let width = texts[1].len();
    let low = format!("{:0>width$}", texts[0]);
    let mut carry = 0;
    let mut sum: Vec<u8> = Vec::new();
    for (a, b) in low.bytes().rev().zip(texts[1].bytes().rev()) {
        let digit = a - b'0' + b - b'0' + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.push(carry);
    sum.reverse();
    let mut rest = 0;
    let mut half: String = sum
        .iter()
        .map(|digit| {
            let digit = digit + rest * 10;
            rest = digit % 2;
            char::from(b'0' + digit / 2)
        })
        .collect();
    half.push(if rest > 0 { '5' } else { '0' });
    half.insert(half.len() - 1081, '.');
    let half = half.trim_start_matches('0');
    if half.starts_with('.') {
        format!("0{half}")
    } else {
        half.into()
    }
}
