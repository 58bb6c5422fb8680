use super::super::{Format, ModelFile, inspect};
use super::made::{small_gguf, small_safetensors};

#[test]
fn a_header_says_what_the_model_is() {
    let gguf = small_gguf();
    let found = inspect(gguf.as_slice(), gguf.len() as u64).unwrap();
    let expected = ModelFile {
        format: Format::Gguf,
        architecture: Some("llama".to_owned()),
        name: Some("Small".to_owned()),
        parameters: 68,
        quantisation: Some("Q8_0".to_owned()),
        tensors: 2,
        adapter: None,
    };
    assert_eq!(found, expected);
    let safetensors = small_safetensors();
    let found = inspect(safetensors.as_slice(), safetensors.len() as u64).unwrap();
    let expected = ModelFile {
        format: Format::Safetensors,
        architecture: None,
        name: None,
        parameters: 7,
        quantisation: Some("BF16".to_owned()),
        tensors: 2,
        adapter: None,
    };
    assert_eq!(found, expected);
}

#[test]
fn the_last_tensor_may_lack_its_padding() {
    let mut gguf = small_gguf();
    gguf.truncate(gguf.len() - 16);
    inspect(gguf.as_slice(), gguf.len() as u64).unwrap();
}
