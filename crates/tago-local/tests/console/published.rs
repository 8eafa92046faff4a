//! What is published about the APIs, as facts, and what this platform answers to each of its operations.
//!
//! The tables hold method, path, parameters, bodies and the shape of answers. Every operation is called with valid
//! input on a prepared project and answers in its shape, or it is listed with a reason. Where a document is wrong,
//! that place is listed; a place that is listed and is not wrong fails as well.

mod differences;
mod tagodeploy;
mod tagoio;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::send;

/// One operation of a document.
struct Operation {
    /// Such as `GET /device/{deviceID}`.
    name: String,
    query: Vec<String>,
    /// The shape of what it answers when all is well.
    answer: Value,
}

fn operations(document: &str) -> Vec<Operation> {
    let table: Value = serde_json::from_str(document).unwrap();
    let operation = |row: &Value| {
        let parameters = row["parameters"].as_array().cloned().unwrap_or_default();
        let answers = row["answers"].as_object().unwrap();
        Operation {
            name: format!("{} {}", row["method"].as_str().unwrap(), row["path"].as_str().unwrap()),
            query: parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect(),
            answer: answers
                .iter()
                .find(|(status, _)| status.starts_with('2'))
                .map_or(Value::Null, |(_, shape)| shape.clone()),
        }
    };
    table.as_array().unwrap().iter().map(operation).collect()
}

/// A place where a document is wrong.
struct Difference {
    operation: &'static str,
    /// `path`, or a place in the answer, with all below it, such as `result[].options`.
    place: &'static str,
    /// What is so instead.
    instead: &'static str,
}

/// An operation that the platform does not serve.
struct Unserved {
    operation: &'static str,
    reason: &'static str,
}

/// Calls operations, and notes what is not as the document says.
struct Inspector {
    operations: Vec<Operation>,
    differences: &'static [Difference],
    unserved: &'static [Unserved],
    address: SocketAddr,
    token: String,
    called: BTreeSet<String>,
    asked: BTreeSet<(String, String)>,
    met: BTreeSet<usize>,
    faults: Vec<String>,
}

impl Inspector {
    fn new(
        document: &str,
        (differences, unserved): (&'static [Difference], &'static [Unserved]),
        address: SocketAddr,
        token: &str,
    ) -> Inspector {
        Inspector {
            operations: operations(document),
            differences,
            unserved,
            address,
            token: token.to_owned(),
            called: BTreeSet::new(),
            asked: BTreeSet::new(),
            met: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Calls an operation with the parts of its path, and returns its answer.
    async fn call(&mut self, name: &str, parts: &[&str], query: &str, body: Value) -> Value {
        let token = self.token.clone();
        self.call_as(&token, name, parts, query, body).await
    }

    async fn call_as(&mut self, token: &str, name: &str, parts: &[&str], query: &str, body: Value) -> Value {
        let operation = self.operations.iter().find(|operation| operation.name == name);
        let shape = operation.unwrap_or_else(|| panic!("{name} is not in the document")).answer.clone();
        let (method, documented) = name.split_once(' ').unwrap();
        let path = filled(&self.real_path(name, documented), parts);
        let sent = if body.is_null() { None } else { Some(body) };
        let query_text = query.replace(' ', "%20");
        let address = if query.is_empty() { path } else { format!("{path}?{query_text}") };
        let answer = send(self.address, Some(token), method, &address, sent).await;
        self.called.insert(name.to_owned());
        for parameter in query.split('&').filter_map(|pair| pair.split('=').next()) {
            self.asked.insert((name.to_owned(), parameter.to_owned()));
        }
        if !(200..300).contains(&answer.status) {
            self.faults.push(format!("{name}: {} {}", answer.status, answer.body));
            return Value::Null;
        }
        let mut places = Vec::new();
        // Where the document forgets the envelope, what is in it is looked at all the same.
        if let (Value::Array(_), Some(result)) = (&shape, answer.body.get("result")) {
            self.note(name, "envelope", "is not documented");
            differences(&shape, result, "result", &mut places);
        } else {
            differences(&shape, &answer.body, "", &mut places);
        }
        for (place, fault) in places {
            self.note(name, &place, &format!("{fault} in {:.300}", answer.body.to_string()));
        }
        match answer.body.get("result") {
            Some(result) => result.clone(),
            None => answer.body,
        }
    }

    /// Calls an operation in a way whose answer the document does not show; only that it succeeds is asked.
    async fn try_with(&mut self, token: &str, name: &str, parts: &[&str], query: &str) -> Value {
        let known = self.faults.len();
        let answer = self.call_as(token, name, parts, query, Value::Null).await;
        self.faults.truncate(if answer.is_null() { self.faults.len() } else { known });
        answer
    }

    /// The path that is really there: the document misspells some.
    fn real_path(&mut self, name: &str, documented: &str) -> String {
        let misspelt = |difference: &Difference| difference.operation == name && difference.place == "path";
        match self.differences.iter().position(misspelt) {
            Some(known) => {
                self.met.insert(known);
                self.differences[known].instead.to_owned()
            }
            None => documented.to_owned(),
        }
    }

    /// The shape that an operation answers in.
    fn documented(&self, name: &str) -> &Value {
        &self.operations.iter().find(|operation| operation.name == name).unwrap().answer
    }

    fn note(&mut self, name: &str, place: &str, fault: &str) {
        let known = self
            .differences
            .iter()
            .position(|difference| difference.operation == name && place.starts_with(difference.place));
        match known {
            Some(known) => drop(self.met.insert(known)),
            None => self.faults.push(format!("{name}: {place} {fault}")),
        }
    }

    /// Fails with whatever is in neither list, in both, or not as it is listed.
    fn conclude(mut self, served: &BTreeSet<String>) {
        for operation in std::mem::take(&mut self.operations) {
            let (method, documented) = operation.name.split_once(' ').unwrap();
            let path = self.real_path(&operation.name, documented);
            let routed = served.contains(&shape(method, &path));
            let called = self.called.contains(&operation.name);
            let unserved = self.unserved.iter().find(|unserved| unserved.operation == operation.name);
            match unserved {
                Some(unserved) if called || routed => {
                    self.faults.push(format!("{}: served, and listed: {}", operation.name, unserved.reason));
                }
                Some(unserved) => assert!(unserved.reason.len() > 15, "{}", operation.name),
                None if !routed => {
                    self.faults.push(format!("{}: no such route, and no reason", operation.name))
                }
                None if !called => self.faults.push(format!("{}: never called", operation.name)),
                None => {
                    for parameter in &operation.query {
                        let root = parameter.trim_end_matches("[]");
                        let asked = self
                            .asked
                            .iter()
                            .any(|(name, sent)| *name == operation.name && sent.starts_with(root));
                        if !asked {
                            self.faults.push(format!("{}: never asked with ?{parameter}", operation.name));
                        }
                    }
                }
            }
        }
        for (known, difference) in self.differences.iter().enumerate() {
            if !self.met.contains(&known) {
                let Difference { operation, place, instead } = difference;
                self.faults.push(format!("{operation}: {place} is listed as wrong ({instead}), and is not"));
            }
        }
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

/// Where an answer does not have the shape. What is beyond the shape is no fault, nor is null.
fn differences(shape: &Value, answer: &Value, at: &str, found: &mut Vec<(String, String)>) {
    let mut fault = |fault: &str| found.push((at.to_owned(), fault.to_owned()));
    match shape {
        _ if answer.is_null() => {}
        Value::Null => {}
        Value::String(kind) => {
            let fits = match kind.trim_end_matches('?') {
                "any" => true,
                "string" => answer.is_string(),
                "number" => answer.is_number(),
                "integer" => answer.is_i64() || answer.is_u64(),
                "boolean" => answer.is_boolean(),
                "object" => answer.is_object(),
                "array" => answer.is_array(),
                other => panic!("{other} is no kind of value"),
            };
            if !fits {
                fault(&format!("is no {kind}"));
            }
        }
        Value::Array(of) => match answer.as_array() {
            None => fault("is no array"),
            Some(items) if items.is_empty() => fault("is empty: the project is not prepared for it"),
            Some(items) => {
                items.iter().for_each(|item| differences(&of[0], item, &format!("{at}[]"), found));
            }
        },
        Value::Object(fields) if fields.contains_key("or_null") => {
            differences(&fields["or_null"], answer, at, found);
        }
        Value::Object(fields) if fields.contains_key("one_of") => {
            let fits = |shape: &Value| {
                let mut places = Vec::new();
                differences(shape, answer, at, &mut places);
                places.is_empty()
            };
            if !fields["one_of"].as_array().unwrap().iter().any(fits) {
                fault("is none of the documented shapes");
            }
        }
        Value::Object(fields) => match answer.as_object() {
            None => fault("is no object"),
            Some(object) => {
                for (name, shape) in fields {
                    let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                    match object.get(name) {
                        None => found.push((at, "is missing".to_owned())),
                        Some(value) => differences(shape, value, &at, found),
                    }
                }
            }
        },
        other => panic!("{other} is no shape"),
    }
}

/// The path with its parameters in their order.
fn filled(path: &str, parts: &[&str]) -> String {
    let mut parts = parts.iter();
    let part = |part: &str| match part.starts_with('{') {
        true => (*parts.next().unwrap_or_else(|| panic!("{path} needs more"))).to_owned(),
        false => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A route without the names of its parameters.
fn shape(method: &str, path: &str) -> String {
    let part = |part| if str::starts_with(part, '{') { "{}" } else { part };
    format!("{method} {}", path.split('/').map(part).collect::<Vec<_>>().join("/"))
}
