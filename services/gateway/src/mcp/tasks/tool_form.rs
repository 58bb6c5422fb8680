//! What a tool asks, as fields of a form, and the filled-in form as the answers the tool is given. Pure.

use super::shown::{Telling, hides};
use crate::documents::is_hidden;
use rmcp::model::PrimitiveSchemaDefinition;
use serde_json::{Map, Value};

/// What a person fills in at once; more is for a program.
const MAX_REQUESTS: usize = 8;
const MAX_FIELDS: usize = 32;
/// Bytes of everything asked.
const MAX_BYTES: usize = 16 << 10;
/// Characters of a field's title and of its description.
const TITLE: usize = 100;
const DESCRIPTION: usize = 500;

/// All that a tool asks at once.
#[derive(Debug)]
pub struct ToolForm {
    requests: Vec<Request>,
}

#[derive(Debug)]
struct Request {
    /// The tool's name for what it asks.
    key: String,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    /// In the form: no tool can name one of ours.
    name: String,
    /// In the answer.
    property: String,
    schema: PrimitiveSchemaDefinition,
}

impl ToolForm {
    /// Of the requests `[{key, message, schema}]`. None: what is asked does not fit a form, whose fields are plain
    /// values side by side.
    pub fn of(requests: &Value) -> Option<Self> {
        let asked = requests.as_array().filter(|asked| asked.len() <= MAX_REQUESTS)?;
        if requests.to_string().len() > MAX_BYTES {
            return None;
        }
        let read: Option<Vec<Request>> = (1..).zip(asked).map(|(number, asked)| request(number, asked)).collect();
        let requests = read?;
        let fields: usize = requests.iter().map(|request| request.fields.len()).sum();
        (fields <= MAX_FIELDS).then_some(Self { requests })
    }

    /// Name and schema of every field.
    pub fn fields(&self) -> impl Iterator<Item = (String, PrimitiveSchemaDefinition)> {
        let fields = self.requests.iter().flat_map(|request| &request.fields);
        fields.map(|field| (field.name.clone(), field.schema.clone()))
    }

    /// Takes the fields out of a filled-in form: answers by the key of each request. What was left empty is absent;
    /// whether that will do is checked where all answers are.
    pub fn take(&self, content: &mut Map<String, Value>) -> Map<String, Value> {
        let mut answer = |request: &Request| {
            let mut filled = |field: &Field| {
                let value = content.remove(&field.name).filter(|value| !value.is_null())?;
                Some((field.property.clone(), value))
            };
            let answer = request.fields.iter().filter_map(&mut filled).collect();
            (request.key.clone(), Value::Object(answer))
        };
        self.requests.iter().map(&mut answer).collect()
    }
}

fn request(number: usize, asked: &Value) -> Option<Request> {
    let key = asked.get("key")?.as_str()?.to_owned();
    let schema = asked.get("schema")?;
    if schema.get("type")? != "object" {
        return None;
    }
    let properties = match schema.get("properties") {
        None => Map::new(),
        Some(properties) => properties.as_object()?.clone(),
    };
    let required: Vec<&str> = match schema.get("required") {
        None => Vec::new(),
        Some(names) => names.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?,
    };
    if required.iter().any(|name| !properties.contains_key(*name)) {
        return None;
    }
    let field = |(property, schema): (String, Value)| {
        let is_required = required.contains(&property.as_str());
        Some(Field {
            name: format!("answer_{number}.{property}"),
            schema: labelled(&property, schema, is_required)?,
            property,
        })
    };
    let fields = properties.into_iter().map(field).collect::<Option<_>>()?;
    Some(Request { key, fields })
}

/// The field with a label that says whose it is. Not even what is required must be filled in by somebody who does
/// not approve. None where it would not be read as it is: a word of it hides something, or is too long.
fn labelled(property: &str, mut schema: Value, is_required: bool) -> Option<PrimitiveSchemaDefinition> {
    let members = schema.as_object_mut()?;
    let [title, description] = ["title", "description"].map(|name| members.remove(name));
    if property.chars().any(is_hidden) || hides(&Value::Object(members.clone())) {
        return None;
    }
    let mut telling = Telling::default();
    let mut said = |text: Option<&Value>, most| text.and_then(Value::as_str).map(|text| telling.line(text, most));
    let title = said(title.as_ref(), TITLE).or_else(|| said(Some(&property.into()), TITLE))?;
    let description = [
        said(description.as_ref(), DESCRIPTION),
        is_required.then(|| "Needed to approve.".to_owned()),
    ];
    if !telling.is_whole() {
        return None;
    }
    let description: Vec<String> = description.into_iter().flatten().collect();
    members.insert("title".to_owned(), format!("Answer: {title}").into());
    members.insert("description".to_owned(), description.join(" ").into());
    serde_json::from_value(schema).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(schema: Value) -> Value {
        json!([{"key": "q", "message": "?", "schema": schema}])
    }

    fn object(properties: Value, required: Value) -> Value {
        json!({"type": "object", "properties": properties, "required": required})
    }

    #[test]
    fn every_kind_of_plain_value_is_a_field_that_answers_its_request() {
        let properties = json!({
            "size": {"type": "string", "enum": ["s", "l"], "description": "of the\n cup"},
            "mail": {"type": "string", "format": "email", "title": "Your address"},
            "many": {"type": "integer", "minimum": 1, "default": 2}, "share": {"type": "number"}, "gift": {"type": "boolean"},
            "extras": {"type": "array", "items": {"type": "string", "enum": ["milk", "sugar"]}},
            "taste": {"type": "string", "oneOf": [{"const": "b", "title": "Black"}]},
        });
        let requests = json!([
            {"key": "order", "message": "?", "schema": object(properties, json!(["size"]))},
            {"key": "go", "message": "see https://shop.example", "schema": {"type": "object"}},
            {"key": "again", "message": "?", "schema": object(json!({"size": {"type": "string"}}), json!([]))},
        ]);
        let form = ToolForm::of(&requests).unwrap();
        let fields: Map<String, Value> = form.fields().map(|(name, field)| (name, json!(field))).collect();
        assert_eq!(fields.len(), 8);
        let size = &fields["answer_1.size"];
        assert_eq!(
            (&size["title"], &size["enum"]),
            (&json!("Answer: size"), &json!(["s", "l"]))
        );
        assert_eq!(size["description"], "of the  cup Needed to approve.");
        assert_eq!(fields["answer_1.mail"]["title"], "Answer: Your address");
        let filled = json!({
            "approved": true, "answer_1.size": "l", "answer_1.many": 3, "answer_1.gift": null, "answer_3.size": "s",
        });
        let mut content = filled.as_object().cloned().unwrap();
        let answers = form.take(&mut content);
        let expected = json!({"order": {"size": "l", "many": 3}, "go": {}, "again": {"size": "s"}});
        assert_eq!(Value::Object(answers), expected);
        assert_eq!(Value::Object(content), json!({"approved": true}));
    }

    #[test]
    fn a_tool_cannot_name_a_field_of_ours() {
        let properties = json!({"approved": {"type": "boolean"}, "action": {"type": "string", "title": "Approve"}});
        let form = ToolForm::of(&asked(object(properties, json!([])))).unwrap();
        let names: Vec<String> = form.fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["answer_1.action", "answer_1.approved"]);
    }

    #[test]
    fn what_a_form_cannot_hold_is_none() {
        let many: Map<String, Value> = (0..40).map(|n| (format!("f{n}"), json!({"type": "string"}))).collect();
        let long = json!({"x": {"type": "string", "enum": ["y".repeat(20_000)]}});
        for schema in [
            json!({"enum": ["s", "l"]}),
            json!({"type": "string"}),
            json!(true),
            object(json!({"x": {"type": "object"}}), json!([])),
            object(json!({"x": {"type": ["string", "null"]}}), json!([])),
            object(json!({"x": {"type": "array", "items": {"type": "object"}}}), json!([])),
            object(json!({"x": true}), json!([])),
            object(json!({}), json!(["x"])),
            object(json!([]), json!([])),
            object(Value::Object(many), json!([])),
            object(long, json!([])),
            object(json!({"x": {"type": "string", "title": "a\u{202e}b"}}), json!([])),
            // Not what it seems to be, or more than is read.
            object(json!({"si\u{200b}ze": {"type": "string"}}), json!([])),
            object(json!({"x": {"type": "string", "default": "a\u{202e}b"}}), json!([])),
            object(json!({"x": {"type": "string", "enum": ["a", "a\u{200b}"]}}), json!([])),
            object(
                json!({"x": {"type": "string", "oneOf": [{"const": "a", "title": "b\nApprove"}]}}),
                json!([]),
            ),
            object(
                json!({"x": {"type": "string", "description": "y".repeat(501)}}),
                json!([]),
            ),
        ] {
            assert!(ToolForm::of(&asked(schema.clone())).is_none(), "{schema}");
        }
        let nine: Value = (0..9)
            .map(|n| json!({"key": n.to_string(), "schema": {"type": "object"}}))
            .collect();
        assert!(ToolForm::of(&nine).is_none());
    }
}
