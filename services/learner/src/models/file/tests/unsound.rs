use super::super::{check_name, inspect};
use super::made::*;

fn code(bytes: &[u8]) -> &'static str {
    match inspect(bytes, bytes.len() as u64) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

/// Of one header of safetensors over 16 bytes of data.
fn of(header: &str) -> &'static str {
    code(&safetensors(header, 16))
}

#[test]
fn what_may_run_code_is_refused_by_name_and_by_what_is_in_it() {
    for name in ["model.bin", "MODEL.PT", "x.pth", "x.pkl", "x.ckpt", "dir/x.pickle"] {
        assert_eq!(check_name(name).unwrap_err().code(), "model_file_runs_code", "{name}");
    }
    for name in ["model.gguf", "model.safetensors", "bin", "model"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    assert_eq!(code(b"PK\x03\x04archive/data.pkl"), "model_file_runs_code");
    assert_eq!(code(b"\x80\x02}q\x00X\x04\x00\x00\x00data"), "model_file_runs_code");
    assert_eq!(code(b"\x80\x04\x95\x0b\x00\x00\x00\x00"), "model_file_runs_code");
}

#[test]
fn what_is_no_model_is_told_apart() {
    assert_eq!(code(b""), "model_file_unknown_format");
    assert_eq!(code(b"#!/bin/sh"), "model_file_unknown_format");
    assert_eq!(code(b"tjgg\x03\x00\x00\x00"), "model_file_unsupported");
    assert_eq!(code(b"GGUF\x00\x00\x00\x03and more"), "model_file_unsupported");
    assert_eq!(code(b"GGUF\x01\x00\x00\x00and more"), "model_file_unsupported");
    // A pickle that looks as if a header began.
    assert_eq!(code(b"\x80\x02\x00\x00\x00\x00\x00\x00{"), "model_file_truncated");
}

#[test]
fn no_part_of_a_file_is_a_file_and_nothing_may_follow_it() {
    for whole in [small_gguf(), small_safetensors()] {
        assert_eq!(code(&whole), "accepted");
        // The last tensor of the one is padded with 16 bytes.
        let least = whole.len() - if whole[0] == b'G' { 16 } else { 0 };
        for length in 9..least {
            assert_eq!(
                code(&whole[..length]),
                "model_file_truncated",
                "{length} of {}",
                whole.len()
            );
        }
        for more in 1..70 {
            let longer = [whole.as_slice(), &vec![0; more]].concat();
            assert_eq!(code(&longer), "model_file_trailing_data");
        }
    }
}

#[test]
fn tensors_neither_overlap_nor_leave_anything_out() {
    let tensors = |first: u64, second: u64| {
        let parts = [tensor("a", &[8], F32, first), tensor("b", &[8], F32, second)];
        let mut bytes = head(2, 0, &parts);
        bytes.resize(bytes.len().next_multiple_of(32) + 64, 0);
        code(&bytes)
    };
    assert_eq!(tensors(0, 32), "accepted");
    assert_eq!(tensors(0, 0), "model_file_tensors_overlap");
    assert_eq!(tensors(0, 16), "model_file_tensors_overlap");
    assert_eq!(tensors(0, 64), "model_file_trailing_data");
    assert_eq!(tensors(32, 0), "model_file_trailing_data");
    assert_eq!(tensors(u64::MAX, 0), "model_file_trailing_data");
    let pair = |a: &str, b: &str| {
        of(&format!(
            r#"{{"a":{{"dtype":"U8","shape":[8],"data_offsets":{a}}},"b":{{"dtype":"U8","shape":[8],"data_offsets":{b}}}}}"#
        ))
    };
    assert_eq!(pair("[0,8]", "[8,16]"), "accepted");
    assert_eq!(pair("[8,16]", "[0,8]"), "accepted");
    assert_eq!(pair("[0,8]", "[4,12]"), "model_file_tensors_overlap");
    assert_eq!(pair("[0,8]", "[0,8]"), "model_file_tensors_overlap");
    assert_eq!(pair("[0,8]", "[9,17]"), "model_file_trailing_data");
    assert_eq!(pair("[0,8]", "[0,16]"), "model_file_malformed");
    assert_eq!(pair("[8,0]", "[0,8]"), "model_file_malformed");
    assert_eq!(
        pair("[0,8]", "[18446744073709551607,18446744073709551615]"),
        "model_file_trailing_data"
    );
}

#[test]
fn headers_keep_their_own_rules() {
    let one = r#""dtype":"U8","shape":[16],"data_offsets":[0,16]"#;
    assert_eq!(of(&format!(r#"{{"a":{{{one}}}}}"#)), "accepted");
    assert_eq!(
        of(&format!(r#"{{"a":{{{one}}},"a":{{{one}}}}}"#)),
        "model_file_malformed"
    );
    assert_eq!(of(&format!(r#"{{"a":{{{one},"x":1}}}}"#)), "model_file_malformed");
    assert_eq!(of(&format!(r#"{{"a":{{{one}}}}} x"#)), "model_file_malformed");
    assert_eq!(of(&format!(r#"{{"a":{{{one}}}"#)), "model_file_malformed");
    assert_eq!(
        of(r#"{"a":{"dtype":"U7","shape":[16],"data_offsets":[0,16]}}"#),
        "model_file_malformed"
    );
    assert_eq!(
        of(r#"{"a":{"dtype":"U8","shape":[-16],"data_offsets":[0,16]}}"#),
        "model_file_malformed"
    );
    // Its product is 0 once it no longer fits.
    let too_long = r#"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
    assert_eq!(of(too_long), "model_file_malformed");
    assert_eq!(of("{}"), "model_file_malformed");
    let with = |entries: &[Vec<u8>], tensors: &[Tensor<'_>]| code(&gguf(entries, tensors));
    let plain: Tensor<'_> = ("a", &[8], F32, 32);
    assert_eq!(with(&[], &[plain]), "accepted");
    assert_eq!(with(&[], &[]), "model_file_malformed");
    assert_eq!(with(&[], &[plain, plain]), "model_file_malformed");
    assert_eq!(
        with(&[number("x", 1), number("x", 1)], &[plain]),
        "model_file_malformed"
    );
    assert_eq!(
        with(&[number("general.alignment", 0)], &[plain]),
        "model_file_malformed"
    );
    assert_eq!(
        with(&[number("general.alignment", 24)], &[plain]),
        "model_file_malformed"
    );
    assert_eq!(
        with(&[entry("general.alignment", "32")], &[plain]),
        "model_file_malformed"
    );
    assert_eq!(
        with(&[number("general.architecture", 32)], &[plain]),
        "model_file_malformed"
    );
    assert_eq!(with(&[number("split.count", 2)], &[plain]), "model_file_unsupported");
    assert_eq!(with(&[], &[("a", &[8], 4, 32)]), "model_file_unsupported");
    assert_eq!(with(&[], &[("a", &[8], Q8_0, 32)]), "model_file_malformed");
    assert_eq!(with(&[], &[("a", &[1, 1, 1, 1, 1], F32, 4)]), "model_file_malformed");
    assert_eq!(
        with(&[], &[("a", &[u64::MAX, u64::MAX], F32, 32)]),
        "model_file_truncated"
    );
}

/// Whatever a single byte says, there is an answer.
#[test]
fn no_byte_stops_the_reader() {
    for whole in [small_gguf(), small_safetensors()] {
        for at in 0..whole.len() {
            for byte in [0, 1, 2, 9, 0x22, 0x7f, 0x80, 0xff] {
                let mut other = whole.clone();
                other[at] = byte;
                code(&other);
            }
        }
    }
}
