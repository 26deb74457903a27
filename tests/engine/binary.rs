//! Operations in their binary form, which is what pages send: what is no value, or not in the form
//! that is stored, is refused or put right.

use crate::device::{Device, Machine, code};
use holm::doc::codec::binary;
use holm::doc::json;
use holm::doc::value::Value;

/// An insert of a film: its id, and where its fields begin.
const INSERT: &[u8] = b"\x07\x04\x05\x06insert\x05\x05films\x05\x01a\x07";

fn operation(text: &str) -> Vec<u8> {
    binary(&json::read(text.as_bytes()).unwrap())
}

/// An insert with these fields, which are so many things.
fn insert(count: u8, fields: &[&[u8]]) -> Vec<u8> {
    [INSERT, &[count], &fields.concat()].concat()
}

#[test]
fn operations_in_their_binary_form_are_written() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let both = [
        operation(r#"["insert","films","a",[0,"Alien",1,8.5,4,{"b":[1],"c":null}]]"#),
        operation(r#"["insert","films","b",[0,"Brazil"]]"#),
    ];
    device.write_binary(&both.concat()).unwrap();
    let update = operation(r#"["update","films","a",[0,"Aliens"]]"#);
    let delete = operation(r#"["delete","films","b"]"#);
    device.write_binary(&[update, delete].concat()).unwrap();
    let expected = r#"["a","Aliens",8.5,"Drama",null,{"b":[1],"c":null},false]"#;
    let expected = json::read(expected.as_bytes()).unwrap();
    assert_eq!(
        device.rows(r#"{"from":"films"}"#),
        std::slice::from_ref(&expected)
    );
    drop(device);
    let mut again = Device::open(&machine, 2, None);
    assert_eq!(again.rows(r#"{"from":"films"}"#), [expected]);
}

#[test]
fn values_in_another_form_are_stored_in_theirs() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    // Names of a map out of their order, one of them twice; a whole number as a float.
    let map = b"\x08\x03\x01b\x03\x02\x01a\x00\x01b\x03\x04";
    let eight = [&[4][..], &8.0_f64.to_le_bytes()].concat();
    let fields: [&[u8]; 6] = [
        b"\x03\x00",
        b"\x05\x01x",
        b"\x03\x08",
        map,
        b"\x03\x02",
        &eight,
    ];
    device.write_binary(&insert(6, &fields)).unwrap();
    let expected = r#"["a","x",8,"Drama",null,{"a":null,"b":2},false]"#;
    let expected = json::read(expected.as_bytes()).unwrap();
    let rated = r#"{"from":"films","where":{"op":"=","field":"rating","value":8}}"#;
    assert_eq!(device.rows(rated), std::slice::from_ref(&expected));
    drop(device);
    let mut again = Device::open(&machine, 2, None);
    assert_eq!(again.rows(r#"{"from":"films"}"#), [expected]);
}

#[test]
pub fn what_is_no_value_is_refused_and_changes_nothing() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let title: &[u8] = b"\x03\x00";
    let deep = [[7, 1].repeat(200), vec![0]].concat();
    let infinite = [&[4][..], &f64::INFINITY.to_le_bytes()].concat();
    for (name, bad) in [
        ("no UTF-8", insert(2, &[title, b"\x05\x02a\xff"])),
        ("U+0000", insert(2, &[title, b"\x05\x02a\x00"])),
        ("a string without an end", insert(2, &[title, b"\x05\x09a"])),
        ("an unknown tag", insert(2, &[title, b"\x09"])),
        ("a number beyond all", insert(2, &[b"\x03\x02", &infinite])),
        ("too deep", insert(2, &[b"\x03\x08", &deep])),
        ("no value", insert(1, &[title])),
        ("half an operation", INSERT[..9].to_vec()),
        ("no operation", b"\x00".to_vec()),
        (
            "a part too many",
            [&b"\x07\x05"[..], &INSERT[2..], &[0], b"\x05\x09"].concat(),
        ),
    ] {
        let good = operation(r#"["insert","films","b",[0,"Brazil"]]"#);
        let answer = device.write_binary(&[good, bad].concat());
        assert_eq!(code(answer), "bad_request", "{name}");
        assert_eq!(device.rows(r#"{"from":"films"}"#), [], "{name}");
    }
    for (name, bad) in [
        (
            "a text for a number",
            insert(2, &[b"\x03\x02", b"\x05\x01x"]),
        ),
        ("too large a whole number", {
            let number = b"\x03\x80\x80\x80\x80\x80\x80\x80\x80\x01";
            insert(2, &[title, number])
        }),
        (
            "an id that is no text",
            [b"\x07\x04\x05\x06insert\x05\x05films\x00", &b"\x07\x00"[..]].concat(),
        ),
        (
            "an id with U+0000",
            [
                b"\x07\x04\x05\x06insert\x05\x05films",
                &b"\x05\x01\x00\x07\x00"[..],
            ]
            .concat(),
        ),
    ] {
        assert_eq!(code(device.write_binary(&bad)), "bad_value", "{name}");
    }
    assert_eq!(device.rows(r#"{"from":"films"}"#), [] as [Value; 0]);
}
