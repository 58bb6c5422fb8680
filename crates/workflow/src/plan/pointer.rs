//! JSON pointers (RFC 6901).

/// Longest pointer of a plan, in bytes.
const MAX_POINTER_BYTES: usize = 1024;

/// Well formed: empty, or names each led by `/`, with `~0` for `~` and `~1` for `/`; at most 1024 bytes.
pub(super) fn is_pointer(text: &str) -> bool {
    let starts_right = text.is_empty() || text.starts_with('/');
    let mut tildes = text.split('~').skip(1);
    starts_right && text.len() <= MAX_POINTER_BYTES && tildes.all(|after| after.starts_with(['0', '1']))
}

/// Appends `name` as one more segment.
pub(super) fn push_segment(pointer: &mut String, name: &str) {
    pointer.push('/');
    for c in name.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_other_texts() {
        for good in ["", "/", "/a", "/a/0/~0~1", "//", "/ä b"] {
            assert!(is_pointer(good), "{good:?}");
        }
        for bad in ["a", "#/a", "/~", "/~2", "/a~", "$.a"] {
            assert!(!is_pointer(bad), "{bad:?}");
        }
        assert!(!is_pointer(&format!("/{}", "a".repeat(MAX_POINTER_BYTES))));
    }

    #[test]
    fn a_segment_is_escaped_so_that_the_pointer_finds_it_again() {
        let mut pointer = String::new();
        push_segment(&mut pointer, "a/b~c");
        let document = serde_json::json!({"a/b~c": 1});
        assert_eq!(document.pointer(&pointer), Some(&serde_json::json!(1)));
    }
}
