use super::super::{AdapterConfig, Base, ModelFile, check_adapter, inspect};
use super::made::{F32, entry, gguf, safetensors};

const MOST_RANK: u64 = 64;

fn read(bytes: &[u8]) -> ModelFile {
    inspect(bytes, bytes.len() as u64).unwrap()
}

fn peft(rank: u64) -> ModelFile {
    let name = "base_model.model.layers.0.self_attn.q_proj.lora_A.weight";
    let header = format!(
        r#"{{"{name}":{{"dtype":"F32","shape":[{rank},2],"data_offsets":[0,{}]}}}}"#,
        rank * 8
    );
    read(&safetensors(&header, rank as usize * 8))
}

fn of_gguf(entries: &[(&str, &str)], rank: u64) -> ModelFile {
    let entries: Vec<_> = entries.iter().map(|(key, value)| entry(key, value)).collect();
    let size = rank as usize * 8;
    read(&gguf(
        &entries,
        &[("blk.0.attn_q.weight.lora_a", &[2, rank], F32, size)],
    ))
}

fn config(base: &str, rank: u64) -> AdapterConfig {
    let text = format!(r#"{{"peft_type":"LORA","base_model_name_or_path":"{base}","r":{rank},"lora_alpha":16}}"#);
    AdapterConfig::read(text.as_bytes()).unwrap()
}

fn base() -> Base {
    Base {
        names: vec!["acme/small".to_owned()],
        architecture: Some("llama".to_owned()),
    }
}

fn answer(file: &ModelFile, config: Option<&AdapterConfig>) -> String {
    match check_adapter(file, config, &base(), MOST_RANK) {
        Ok(()) => "fits".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_adapter_fits_the_base_it_was_made_for_up_to_a_rank() {
    let eight = peft(8);
    assert_eq!(eight.adapter.as_ref().unwrap().rank, 8);
    assert_eq!(answer(&eight, Some(&config("acme/small", 8))), "fits");
    let wrong = answer(&eight, Some(&config("acme/other", 8)));
    assert_eq!(wrong, "the adapter was made for acme/other, and the base is acme/small");
    assert_eq!(
        answer(&peft(65), Some(&config("acme/small", 65))),
        "a rank of 65; at most 64 are served"
    );
    // What the matrices are counts, not what is said about them.
    assert!(answer(&peft(65), Some(&config("acme/small", 8))).contains("rank of 65"));
    assert!(answer(&eight, None).contains("nothing says"));
    let other_kind = br#"{"peft_type":"IA3","base_model_name_or_path":"acme/small","r":8}"#;
    assert!(answer(&eight, Some(&AdapterConfig::read(other_kind).unwrap())).contains("IA3"));
    assert!(AdapterConfig::read(br#"{"peft_type":"LORA"}"#).is_err());
    assert!(AdapterConfig::read(&vec![b' '; (1 << 20) + 1]).is_err());
}

#[test]
fn an_adapter_in_gguf_says_by_itself_what_it_fits() {
    let adapter = [("general.type", "adapter"), ("adapter.type", "lora")];
    let with = |more: &[(&str, &str)], rank| answer(&of_gguf(&[&adapter, more].concat(), rank), None);
    assert_eq!(with(&[("general.architecture", "llama")], 8), "fits");
    assert!(with(&[("general.architecture", "gemma3")], 8).contains("gemma3"));
    assert!(with(&[], 8).contains("nothing says"));
    assert_eq!(with(&[("general.base_model.0.name", "acme/small")], 8), "fits");
    let other = [
        ("general.architecture", "llama"),
        ("general.base_model.0.name", "acme/other"),
    ];
    assert!(with(&other, 8).contains("acme/other"));
    assert!(with(&[("general.architecture", "llama")], 65).contains("at most 64"));
}

#[test]
fn a_model_is_no_adapter_and_an_adapter_has_to_say_it_is_one() {
    let model = read(&gguf(&[], &[("a", &[8], F32, 32)]));
    assert_eq!(answer(&model, None), "the file is no adapter");
    let silent = gguf(&[], &[("blk.0.attn_q.weight.lora_a", &[2, 8], F32, 64)]);
    assert!(inspect(silent.as_slice(), silent.len() as u64).is_err());
}
