//! The JSON schema agrees with what serde writes: it accepts every outcome, refuses what no outcome is, and knows
//! each field.

use jsonschema::Validator;
use ntpool_finding::{
    Block, DebugLine, DeviceRecord, DriverRecord, Finding, Frame, Hex, Limit, LimitKind, Outcome, Phase,
    Role, SCHEMA, SCHEMA_VERSION, Stack, Status, TagUsage,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

fn validator() -> Validator {
    let schema = schema();
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::draft202012::new(&schema).expect("the schema can be compiled")
}

fn minimal() -> Outcome {
    let driver = DriverRecord { name: "sample.sys".into(), sha256: "0f".repeat(32), embedded: false };
    Outcome::new(driver, 0, "ntpool run sample.sys --seed 0".into())
}

/// An outcome with something in every field, and every variant of every enumeration.
fn full() -> Outcome {
    let frame = Frame {
        address: Hex(u64::MAX),
        return_address: true,
        module: Some("sample.sys".into()),
        offset: Some(Hex(0x1234)),
        function: Some("Close".into()),
        function_offset: Some(Hex(0x1F)),
        file: Some("close.c".into()),
        line: Some(u32::MAX),
    };
    let stacks: Vec<Stack> = [Role::Allocated, Role::Freed, Role::At, Role::Again, Role::Created]
        .into_iter()
        .map(|role| Stack { role, frames: vec![frame.clone(), Frame::default()] })
        .collect();
    let finding = |phase| Finding {
        rule: "pool.double-free".into(),
        bug_check: Some(Hex(0xC2)),
        name: Some("BAD_POOL_CALLER".into()),
        parameters: Some([Hex(7), Hex(0), Hex(0), Hex(0x2000_1000_4C40)]),
        model: Some("with Driver Verifier".into()),
        message: "a pool block was freed twice".into(),
        block: Some(Block { address: Hex(1), size: u64::MAX, kind: "nonpaged".into(), tag: "Cnfg".into() }),
        count: u64::MAX,
        bytes: Some(u64::MAX),
        stacks: stacks.clone(),
        phase,
        processor: u16::MAX,
        irql: u8::MAX,
        time: u64::MAX,
        repeat: "ntpool run sample.sys --seed 0".into(),
    };
    let limit = |kind| Limit { kind, message: "the routine is missing".into(), stacks: stacks.clone() };
    let usage = TagUsage {
        tag: "Cnfg".into(),
        kind: "paged".into(),
        allocations: u64::MAX,
        frees: 1,
        bytes: u64::MAX,
    };
    Outcome {
        driver_entry: Some(Status { value: Hex(0), name: Some("STATUS_SUCCESS".into()), success: true }),
        unloaded: true,
        stack_used: Some(24_576),
        devices: vec![DeviceRecord { name: Some(r"\Device\A".into()), links: vec![r"\??\A".into()] }],
        findings: [Phase::Load, Phase::DriverEntry, Phase::Unload, Phase::AfterUnload].map(finding).into(),
        limits: [LimitKind::MissingExport, LimitKind::RefusedExport, LimitKind::EntryFailed, LimitKind::Host]
            .map(limit)
            .into(),
        notes: vec!["\u{1b}\u{0}".into()],
        debug_output: vec![DebugLine {
            text: "hello\n".into(),
            component: u32::MAX,
            level: 3,
            time: u64::MAX,
        }],
        tags: vec![usage.clone()],
        left: vec![usage],
        ..minimal()
    }
}

/// A full outcome whose optional fields inside findings, devices and the status are empty.
fn sparse() -> Outcome {
    let mut outcome = full();
    outcome.driver_entry = Some(Status { value: Hex(0x4000_0123), name: None, success: true });
    outcome.devices = vec![DeviceRecord { name: None, links: Vec::new() }];
    for finding in &mut outcome.findings {
        finding.bug_check = None;
        finding.name = None;
        finding.parameters = None;
        finding.model = None;
        finding.block = None;
        finding.bytes = None;
        finding.stacks.clear();
    }
    outcome
}

fn to_value(outcome: &Outcome) -> Value {
    serde_json::to_value(outcome).expect("an outcome serialises")
}

#[test]
fn every_outcome_is_accepted_and_reads_back() {
    let validator = validator();
    for outcome in [minimal(), full(), sparse()] {
        let value = to_value(&outcome);
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(serde_json::from_value::<Outcome>(value).unwrap(), outcome);
    }
}

#[test]
fn the_schema_names_the_version_that_outcomes_carry() {
    assert_eq!(schema()["properties"]["schema"]["const"], json!(SCHEMA_VERSION));
    assert_eq!(schema()["$id"], json!(format!("urn:ntpool:outcome:{SCHEMA_VERSION}")));
}

#[test]
fn what_no_outcome_is_is_refused() {
    let validator = validator();
    let wrong: &[(&str, Value)] = &[
        ("/schema", json!(SCHEMA_VERSION + 1)),
        ("/version", json!(1)),
        ("/driver", Value::Null),
        ("/driver/sha256", json!("00FF")),
        ("/driver/embedded", json!("no")),
        ("/seed", json!(42)),
        ("/seed", json!("42")),
        ("/seed", json!("0x012")),
        ("/seed", json!("0xAB")),
        ("/seed", json!("0x10000000000000000")),
        ("/unloaded", Value::Null),
        ("/stack_used", json!(-1)),
        ("/driver_entry/value", json!("")),
        ("/driver_entry/success", json!(1)),
        ("/devices/0/links/0", Value::Null),
        ("/findings", json!({})),
        ("/findings/0/rule", Value::Null),
        ("/findings/0/bug_check", json!(0xC2)),
        ("/findings/0/parameters", json!(["0x1", "0x2", "0x3"])),
        ("/findings/0/parameters", json!(["0x1", "0x2", "0x3", "0x4", "0x5"])),
        ("/findings/0/parameters/0", json!(1)),
        ("/findings/0/block/size", json!(-1)),
        ("/findings/0/count", json!(1.5)),
        ("/findings/0/bytes", json!("128")),
        ("/findings/0/phase", json!("Unload")),
        ("/findings/0/processor", json!(65536)),
        ("/findings/0/irql", json!(256)),
        ("/findings/0/stacks/0/role", json!("seen")),
        ("/findings/0/stacks/0/frames/0/return_address", Value::Null),
        ("/findings/0/stacks/0/frames/0/line", json!(-1)),
        ("/findings/0/stacks/0/frames/0/offset", json!("1234")),
        ("/limits/0/kind", json!("other")),
        ("/notes/0", json!({})),
        ("/debug_output/0/text", Value::Null),
        ("/tags/0/frees", json!(-1)),
        ("/left/0", Value::Null),
    ];
    for (place, instead) in wrong {
        let mut value = to_value(&full());
        *value.pointer_mut(place).unwrap_or_else(|| panic!("{place} is not in a full outcome")) =
            instead.clone();
        assert!(!validator.is_valid(&value), "{place}: {instead} was accepted");
    }
}

/// Calls `visit` with each JSON object inside `value` and its place.
fn each_object(value: &Value, place: &str, visit: &mut dyn FnMut(&str, &Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(place, fields);
            for (name, field) in fields {
                each_object(field, &format!("{place}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_object(item, &format!("{place}/{index}"), visit);
            }
        }
        _ => {}
    }
}

#[test]
fn an_object_with_a_field_more_or_less_is_refused() {
    let validator = validator();
    let value = to_value(&full());
    each_object(&value, "", &mut |place, fields| {
        let mut more = value.clone();
        let object = more.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
        object.insert("unknown".into(), Value::Null);
        assert!(!validator.is_valid(&more), "{place} may have another field");
        for name in fields.keys() {
            let mut less = value.clone();
            less.pointer_mut(place).and_then(Value::as_object_mut).unwrap().remove(name);
            assert!(!validator.is_valid(&less), "{place} may lack {name}");
        }
    });
}

/// The definition that `part` refers to, through a reference or an alternative of null.
fn resolve<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    if let Some(reference) = part["$ref"].as_str() {
        return schema.pointer(reference.trim_start_matches('#')).expect("a reference leads somewhere");
    }
    match part["anyOf"].as_array() {
        Some(choices) => resolve(schema, &choices[0]),
        None => part,
    }
}

/// Compares the fields of `value` with the properties of `part`, all the way down.
fn compare(schema: &Value, part: &Value, value: &Value, place: &str) {
    let part = resolve(schema, part);
    match value {
        Value::Object(fields) => {
            let written: BTreeSet<&String> = fields.keys().collect();
            let properties = part["properties"].as_object().unwrap_or_else(|| panic!("{place} is no object"));
            assert_eq!(written, properties.keys().collect(), "{place}");
            for (name, field) in fields {
                compare(schema, &properties[name], field, &format!("{place}/{name}"));
            }
        }
        Value::Array(items) => {
            assert!(!items.is_empty(), "{place} is empty in a full outcome");
            for item in items {
                compare(schema, &part["items"], item, place);
            }
        }
        Value::Null => assert!(place.contains("/frames"), "{place} is empty in a full outcome"),
        _ => {}
    }
}

#[test]
fn the_schema_has_exactly_the_fields_that_serde_writes() {
    let schema = schema();
    compare(&schema, &schema, &to_value(&full()), "");
}

#[test]
fn every_field_is_described_and_every_object_is_closed() {
    let mut objects = 0;
    each_object(&schema(), "", &mut |place, part| {
        let Some(properties) = part.get("properties").and_then(Value::as_object) else { return };
        if place.ends_with("/properties") {
            return;
        }
        objects += 1;
        assert_eq!(part.get("additionalProperties"), Some(&json!(false)), "{place}");
        let required: BTreeSet<&str> =
            part["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(required, properties.keys().map(String::as_str).collect(), "{place}");
        for (name, field) in properties {
            let described = field["description"].as_str().is_some_and(|words| words.ends_with('.'));
            assert!(described, "{place}: {name} is not described");
        }
    });
    assert_eq!(objects, 11, "an outcome and ten structs inside it");
}
