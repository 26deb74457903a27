//! Results of many rows: they come in parts, each in a message of its own.

use crate::device::{Device, Machine};
use holm::doc::value::Value;
use holm::limits::MESSAGE_ROWS_MAX;

const COUNT: usize = 2 * MESSAGE_ROWS_MAX + 500;

fn filled(machine: &Machine, count: usize) -> Device {
    let mut device = Device::new(machine, 1, None);
    device.ask_open(false).expect("it opens");
    for from in (0..count).step_by(500) {
        let ops = (from..count.min(from + 500)).map(|nth| {
            let fields = format!(r#"{{"title":"t{nth}"}}"#);
            format!(r#"{{"op":"insert","collection":"films","id":"f{nth:05}","fields":{fields}}}"#)
        });
        let ops: Vec<_> = ops.collect();
        device.write(&ops.join(",")).expect("it is written");
    }
    device.take_notices("part");
    device
}

fn id(row: &Value) -> &str {
    let columns = row.as_list().expect("a row is a list");
    columns[0].as_str().expect("an id is a text")
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(id).collect()
}

#[test]
fn a_large_result_comes_in_parts_and_a_small_one_does_not() {
    let machine = Machine::default();
    let mut device = filled(&machine, COUNT);
    let expected: Vec<String> = (0..COUNT).map(|nth| format!("f{nth:05}")).collect();
    let all = device.rows(r#"{"from":"films"}"#);
    assert_eq!(ids(&all), expected);
    let some = format!(r#"{{"from":"films","limit":{MESSAGE_ROWS_MAX}}}"#);
    let answer = device
        .ask(&format!(r#""kind":"get","query":{some}"#))
        .unwrap();
    assert_eq!(device.take_notices("part").len(), 0);
    assert_eq!(ids(&device.with_parts(&answer)).len(), MESSAGE_ROWS_MAX);
    device
        .ask(r#""kind":"subscribe","subscription":4,"query":{"from":"films"}"#)
        .unwrap();
    let result = device
        .take_notices("result")
        .pop()
        .expect("there is a result");
    assert_eq!(result.get("subscription"), Some(&Value::int(4)));
    assert_eq!(ids(&device.with_parts(&result)), expected);
}

#[test]
fn no_message_has_more_rows_than_one_may_have() {
    let machine = Machine::default();
    let mut device = filled(&machine, COUNT);
    device
        .ask(r#""kind":"get","query":{"from":"films"}"#)
        .unwrap();
    let rows = |notice: &Value| {
        let ok = notice.get("ok").unwrap_or(notice);
        ok.get("rows")
            .and_then(Value::as_list)
            .map_or(0, <[Value]>::len)
    };
    let sizes: Vec<usize> = device
        .messages
        .iter()
        .map(|notices| notices.iter().map(rows).sum())
        .collect();
    assert_eq!(
        sizes,
        [
            MESSAGE_ROWS_MAX,
            MESSAGE_ROWS_MAX,
            COUNT - 2 * MESSAGE_ROWS_MAX
        ]
    );
}
