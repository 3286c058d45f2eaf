//! Comparing an outcome with the expected one, path by path.

use serde_json::Value;

/// Every path at which the two differ, in words. Both must have exactly the same keys.
pub(crate) fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(String::new(), Some(expected), Some(got), &mut found);
    found
}

fn compare(path: String, expected: Option<&Value>, got: Option<&Value>, found: &mut Vec<String>) {
    if let (Some(Value::Object(expected)), Some(Value::Object(got))) = (expected, got) {
        for (key, value) in expected {
            compare(join(&path, key), Some(value), got.get(key), found);
        }
        for (key, value) in got.iter().filter(|(key, _)| !expected.contains_key(*key)) {
            compare(join(&path, key), None, Some(value), found);
        }
        return;
    }
    if expected == got {
        return;
    }
    let by = match (expected.map_or(Some(0), Value::as_i64), got.map_or(Some(0), Value::as_i64)) {
        (Some(expected), Some(got)) => format!(" ({:+})", got - expected),
        _ => String::new(),
    };
    let word = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    found.push(format!("{path}: expected {}, got {}{by}", word(expected), word(got)));
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_outcomes_have_no_differences() {
        let outcome = json!({"orders": 3, "states": {"paid": 3}});
        assert_eq!(differences(&outcome, &outcome), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_named_by_its_path_with_both_values() {
        let expected = json!({"orders": 3, "states": {"paid": 2, "invalid": 1}, "stock_sha256": "aa"});
        let got = json!({"orders": 3, "states": {"paid": 4, "shipped": 1}, "stock_sha256": "bb"});
        assert_eq!(
            differences(&expected, &got),
            [
                "states.invalid: expected 1, got nothing (-1)",
                "states.paid: expected 2, got 4 (+2)",
                "states.shipped: expected nothing, got 1 (+1)",
                "stock_sha256: expected \"aa\", got \"bb\"",
            ]
        );
    }
}
