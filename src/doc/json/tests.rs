//! What is JSON, what is refused, and what stands for what.

use super::*;
use crate::doc::value::Number;
use proptest::prelude::*;

fn read_text(text: &str) -> Result<Value, NotJson> {
    read(text.as_bytes())
}

fn refused(text: &str, problem: &'static str, at: usize) {
    assert_eq!(read_text(text), Err(NotJson { problem, at }), "{text:?}");
}

#[test]
fn every_form_reads() {
    let text =
        " { \"b\" : [ 1 , -2.5e1 , true , false , null ] ,\t\"a\":{}, \"c\":[],\r\n\"d\":\"x\" } ";
    let list = vec![
        Value::int(1),
        Value::int(-25),
        Value::Bool(true),
        Value::Bool(false),
        Value::Null,
    ];
    let expected = Value::map(vec![
        ("b".into(), Value::List(list)),
        ("a".into(), Value::map(vec![])),
        ("c".into(), Value::List(vec![])),
        ("d".into(), Value::text("x")),
    ]);
    assert_eq!(read_text(text), Ok(expected));
    for (text, number) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0e7", 0),
        ("1E+2", 100),
        ("120e-1", 12),
    ] {
        assert_eq!(read_text(text), Ok(Value::int(number)), "{text}");
    }
    let twice = read_text(r#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!(to_text(&twice), r#"{"a":3,"b":2}"#);
}

#[test]
fn strings_read_with_their_escapes() {
    for (text, expected) in [
        (r#""""#, ""),
        (r#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
        (r#""\u00e9\u00E9\u0041""#, "\u{e9}\u{e9}A"),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\uffff\udbff\udfff""#, "\u{ffff}\u{10ffff}"),
        ("\"\u{e9}\u{7f}\u{1f600}\"", "\u{e9}\u{7f}\u{1f600}"),
    ] {
        assert_eq!(read_text(text), Ok(Value::text(expected)), "{text}");
    }
}

#[test]
fn what_is_not_json_is_refused_with_the_place() {
    for text in ["", "  "] {
        refused(text, "a value is missing", text.len());
    }
    for text in [
        "nul",
        "NaN",
        "Infinity",
        "+1",
        ".5",
        "'a'",
        "TRUE",
        "\u{feff}1",
        "]",
        "\u{e9}",
    ] {
        refused(text, "not a value", 0);
    }
    for text in ["-", "01", "-01", "00", "1.", "1.e3", "1e", "1e+", "-.5"] {
        refused(text, "not a number", text.len());
    }
    for text in ["1 2", "1x", "{}{}", "[]]", "1.5.5", "0x10", "null1"] {
        let at = read_text(text).unwrap_err().at;
        refused(text, "trailing characters", at);
    }
    for text in ["[1 2]", "[1", "{\"a\":1", "{\"a\":1]", "[1}"] {
        let at = read_text(text).unwrap_err().at;
        refused(text, "a comma or the closing bracket is missing", at);
    }
    refused("[1,]", "not a value", 3);
    refused("{\"a\":1,}", "a name is missing", 7);
    refused("{a:1}", "a name is missing", 1);
    refused("{\"a\" 1}", "a colon is missing", 5);
    refused("1e309", "a number is out of range", 5);
    assert_eq!(
        read(b"[\"\xff\"]"),
        Err(NotJson {
            problem: "not UTF-8",
            at: 2
        })
    );
    assert_eq!(
        read(b"\xff"),
        Err(NotJson {
            problem: "not UTF-8",
            at: 0
        })
    );
}

#[test]
fn bad_strings_are_refused() {
    refused("\"a", "a string has no end", 2);
    refused("\"a\\", "an unknown escape", 3);
    refused(r#""\x""#, "an unknown escape", 2);
    for text in ["\"\n\"", "\"\u{0}\"", "\"\u{1f}\""] {
        refused(text, "a control character in a string", 1);
    }
    for text in [
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u"#,
        r#""\u+123""#,
        r#""\U0041""#,
        r#""\ud83d\x""#,
    ] {
        assert!(read_text(text).is_err(), "{text}");
    }
    for text in [
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83dx""#,
        r#""\ud83d\ud83d""#,
        r#""\ud83d\u0041""#,
    ] {
        assert_eq!(
            read_text(text).unwrap_err().problem,
            "half a character",
            "{text}"
        );
    }
    for text in [r#""a\u0000""#, r#"{"\u0000":1}"#] {
        assert_eq!(read_text(text).unwrap_err().problem, "U+0000 in a string");
    }
}

#[test]
fn depth_has_a_bound() {
    let nested = |depth: usize| format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
    assert_eq!(read_text(&nested(48)).unwrap().depth(), 96);
    refused(&nested(49), "nested too deep", 48 * 6);
    refused(&"[".repeat(1 << 20), "nested too deep", 96);
    // Beside each other is not within each other.
    assert!(read_text(&format!("[{}1]", "[],".repeat(200))).is_ok());
}

#[test]
fn tags_stand_for_bytes_and_for_maps_with_a_dollar() {
    let bytes = Value::Bytes(vec![0, 255, 7]);
    let dollar = Value::map(vec![
        ("$".into(), Value::text("bytes")),
        ("v".into(), bytes.clone()),
    ]);
    for (text, value) in [
        (r#"{"$":"bytes","v":"AP8H"}"#, bytes.clone()),
        (r#"{"v":"AP8H","$":"bytes","!":1}"#, bytes.clone()),
        (r#"[{"a":{"$":"bytes","v":""}}]"#, {
            Value::List(vec![Value::map(vec![("a".into(), Value::Bytes(vec![]))])])
        }),
        (
            r#"{"$":"map","v":{"$":"bytes","v":{"$":"bytes","v":"AP8H"}}}"#,
            dollar.clone(),
        ),
    ] {
        assert_eq!(read_text(text), Ok(value), "{text}");
    }
    for value in [bytes, dollar.clone(), Value::List(vec![dollar])] {
        assert_eq!(read_text(&to_text(&value)), Ok(value));
    }
    for (text, problem) in [
        (r#"{"$":"bytes"}"#, "a tagged value has no member v"),
        (r#"{"$":"bytes","v":"A"}"#, "bytes are not valid base64"),
        (
            r#"{"$":"bytes","v":1}"#,
            "a tagged value has an unknown kind",
        ),
        (
            r#"{"$":"map","v":[]}"#,
            "a tagged value has an unknown kind",
        ),
        (r#"{"$":1,"v":null}"#, "a tagged value has an unknown kind"),
        (
            r#"[{"a":{"$":"set","v":[]}}]"#,
            "a tagged value has an unknown kind",
        ),
    ] {
        refused(text, problem, 0);
    }
}

#[test]
fn what_is_written_is_json() {
    let value = Value::map(vec![
        (
            "a\"b".into(),
            Value::text("\u{0}\u{1}\u{1f}\u{8}\t\n\u{c}\r\"\\/\u{7f}\u{e9}\u{1f600}"),
        ),
        (
            "n".into(),
            Value::List(vec![
                Value::int(-(1 << 53) + 1),
                Value::int(0),
                Value::Null,
                Value::Bool(true),
            ]),
        ),
        ("x".into(), Number::new(-2.5).map(Value::Number).unwrap()),
    ]);
    assert_eq!(
        to_text(&value),
        "{\"a\\\"b\":\"\\u0000\\u0001\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\u{7f}\u{e9}\u{1f600}\",\
         \"n\":[-9007199254740991,0,null,true],\"x\":-2.5}"
    );
}

#[test]
fn no_value_is_longer_than_is_said_without_writing() {
    let extremes = [
        f64::MAX,
        -f64::MIN_POSITIVE,
        5e-324,
        -1.797_693_134_862_315_7e-300,
    ];
    let numbers = extremes.map(|number| Value::Number(Number::new(number).unwrap()));
    let control = |length: usize| Value::text(&"\u{1}".repeat(length));
    let marked = vec![("$".to_owned(), control(0))];
    let mut values = vec![Value::Null, Value::Bool(false), Value::Map(marked)];
    values.extend(numbers);
    values.extend([0, 1, 1_000].map(control));
    values.extend([0, 1, 2, 1_000].map(|length| Value::Bytes(vec![255; length])));
    for _ in 0..4 {
        for value in &values {
            let length = to_text(value).len();
            assert!(length <= most(value), "{length} bytes: {value:?}");
        }
        let named = |value: &Value| ("\u{2}".to_owned(), value.clone());
        let map = Value::Map(values.iter().map(named).collect());
        values = vec![Value::List(Vec::new()), Value::List(values), map];
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_string_reads_as_it_was_written(text in "[^\u{0}]{0,40}") {
        prop_assert_eq!(read_text(&to_text(&Value::text(&text))), Ok(Value::String(text)));
    }

    #[test]
    fn any_number_reads_as_it_was_written(number in proptest::num::f64::ANY) {
        if let Some(number) = Number::new(number) {
            let value = Value::Number(number);
            prop_assert_eq!(read_text(&to_text(&value)), Ok(value));
        }
    }

    #[test]
    fn no_bytes_break_the_reader(text in r#"[\[\]{}",:$v\\u0-9a-f.eE+\- ntrls]{0,40}"#) {
        if let Ok(value) = read_text(&text) {
            prop_assert_eq!(read_text(&to_text(&value)), Ok(value));
        }
    }
}
