//! Files come in whole and checked, or leave nothing.

use super::store;
use crate::models::blobs::Blobs;
use crate::models::file::tests::made::{gguf, safetensors, small_gguf, small_safetensors};
use crate::models::intake::{Coming, Intake, Part, UploadError, collect};
use crate::models::version::State;
use crate::store::Store;
use crate::store::models::Model;
use chrono::DateTime;
use futures::stream;
use serde_json::{Value, json};
use service::config::Serves;
use std::collections::BTreeMap;
use std::path::PathBuf;
use uuid::Uuid;

/// An intake with directories of its own, which go with it.
pub struct Files {
    pub dir: PathBuf,
    pub blobs: Blobs,
    pub intake: Intake,
}

impl Files {
    pub fn new(store: &Store, serving: &[(&str, Serves)]) -> Self {
        let dir = std::env::temp_dir().join(format!("uploads-{}", service::ids::v7()));
        std::fs::create_dir_all(dir.join("models")).unwrap();
        let blobs = Blobs::open(dir.join("files"), 1 << 20).unwrap();
        let serving: BTreeMap<_, _> = serving.iter().map(|(name, way)| ((*name).to_owned(), *way)).collect();
        let intake = Intake::new(store.clone(), blobs.clone(), dir.join("models"), serving, [64, 4]);
        Self { dir, blobs, intake }
    }

    pub async fn take(&self, id: u128, parts: Vec<Part>) -> Result<(Model, bool), UploadError> {
        let coming = Coming {
            tenant: "default".to_owned(),
            id: Uuid::from_u128(id),
            at: DateTime::from_timestamp(1_900_000_000, 0).unwrap(),
        };
        self.intake.take(&coming, stream::iter(parts.into_iter().map(Ok))).await
    }

    /// Bytes with what is said beside them.
    pub async fn upload(&self, id: u128, fields: Value, bytes: &[u8]) -> Result<(Model, bool), UploadError> {
        let mut parts = vec![Part::Fields(fields.to_string()), Part::Name("model".to_owned())];
        parts.extend(bytes.chunks(100).map(|piece| Part::Bytes(piece.to_vec().into())));
        parts.push(Part::Complete);
        self.take(id, parts).await
    }

    /// Files that came in, and that are kept.
    pub fn there(&self) -> [usize; 2] {
        ["tmp", "sha256"].map(|folder| std::fs::read_dir(self.dir.join("files").join(folder)).unwrap().count())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

pub fn adapter(base: &str) -> (Value, Vec<u8>) {
    let name = "base_model.model.layers.0.self_attn.q_proj.lora_A.weight";
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[8,2],"data_offsets":[0,64]}}}}"#);
    let config = json!({"peft_type": "LORA", "base_model_name_or_path": "acme/small", "r": 8});
    let fields = json!({"model_name": "own", "base_model": base, "adapter_config": config});
    (fields, safetensors(&header, 64))
}

#[tokio::test]
async fn the_same_request_makes_one_version_and_another_one_with_its_key_none() {
    let store = store().await;
    let files = Files::new(&store, &[]);
    let fields = || json!({"model_name": "own"});
    let (first, replayed) = files.upload(1, fields(), &small_gguf()).await.unwrap();
    assert_eq!((first.version, first.state, replayed), (1, State::Uploaded, false));
    let (again, replayed) = files.upload(1, fields(), &small_gguf()).await.unwrap();
    assert_eq!((again, replayed), (first, true));
    let others = [
        (fields(), small_safetensors()),
        (json!({"model_name": "other"}), small_gguf()),
        (json!({"model_name": "own", "base_model": "acme/small"}), small_gguf()),
    ];
    for (fields, bytes) in others {
        let refused = files.upload(1, fields, &bytes).await.unwrap_err();
        assert!(matches!(refused, UploadError::Reused), "{refused}");
    }
    assert_eq!(files.there(), [0, 1], "nothing of what was refused stays");
    let (second, _) = files.upload(2, fields(), &small_gguf()).await.unwrap();
    assert_eq!(
        (second.version, files.there()),
        (2, [0, 1]),
        "the same bytes are kept once"
    );
}

#[tokio::test]
async fn what_is_refused_says_why_and_leaves_nothing() {
    let store = store().await;
    let files = Files::new(&store, &[("a", Serves::Listed), ("b", Serves::Ollama)]);
    let own = |more: Value| {
        let mut fields = json!({"model_name": "own", "provider": "a"});
        fields
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        fields
    };
    let (wrong_base, of_other) = adapter("acme/large");
    let (mut no_base, _) = adapter("acme/small");
    no_base.as_object_mut().unwrap().remove("base_model");
    let with_provider = |mut fields: Value| {
        fields["provider"] = json!("a");
        fields
    };
    let cases = [
        (own(json!({"model_name": "../x"})), small_gguf(), "model_name"),
        (own(json!({"provider": "c"})), small_gguf(), "serves no files"),
        (json!({"model_name": "own"}), small_gguf(), "name one of a, b"),
        (own(json!({"trained_on": Uuid::nil()})), small_gguf(), "no such export"),
        (
            own(json!({"base_url": "http://127.0.0.1"})),
            small_gguf(),
            "unknown field",
        ),
        (own(json!({"model_file": "x.gguf"})), small_gguf(), "not both"),
        (own(json!({})), small_gguf()[..300].to_vec(), "too early"),
        (
            own(json!({})),
            b"\x80\x04\x95 a pickle under another name".to_vec(),
            "run code",
        ),
        (own(json!({})), vec![0; 1 << 21], "neither GGUF nor safetensors"),
        (
            own(json!({})),
            gguf(&[], &[("a", &[1 << 18], 0, 1 << 20)]),
            "larger than",
        ),
        (with_provider(wrong_base), of_other.clone(), "the base is acme/large"),
        (with_provider(no_base), of_other, "base_model: required"),
    ];
    for (fields, bytes, why) in cases {
        let shown = fields.to_string();
        let refused = files.upload(1, fields, &bytes).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{shown}: {refused}");
        assert_eq!(files.there(), [0, 0], "{shown}");
    }
    let broken_off = vec![
        Part::Fields(own(json!({})).to_string()),
        Part::Bytes(small_gguf().into()),
    ];
    let refused = files.take(1, broken_off).await.unwrap_err().to_string();
    assert!(refused.contains("before its end"), "{refused}");
    let named = vec![Part::Name("model.PT".to_owned())];
    assert!(files.take(1, named).await.unwrap_err().to_string().contains("run code"));
    assert_eq!(files.there(), [0, 0]);
}

#[tokio::test]
async fn a_file_of_the_directory_is_taken_with_the_configuration_beside_it() {
    let store = store().await;
    let files = Files::new(&store, &[]);
    let folder = files.dir.join("models/mine");
    std::fs::create_dir_all(&folder).unwrap();
    let (fields, bytes) = adapter("acme/small");
    std::fs::write(folder.join("adapter_model.safetensors"), bytes).unwrap();
    let take = |file: &str| {
        let fields = json!({"model_file": file, "model_name": "own", "base_model": "acme/small"});
        files.take(1, vec![Part::Fields(fields.to_string()), Part::Complete])
    };
    let alone = take("mine/adapter_model.safetensors").await.unwrap_err().to_string();
    assert!(alone.contains("adapter_config: required"), "{alone}");
    std::fs::write(folder.join("adapter_config.json"), fields["adapter_config"].to_string()).unwrap();
    assert!(take("../models/mine/adapter_model.safetensors").await.is_err());
    let (model, _) = take("mine/adapter_model.safetensors").await.unwrap();
    assert_eq!((model.name.as_str(), files.there()), ("own", [0, 1]));
}

#[tokio::test]
async fn what_nobody_names_is_collected_but_not_while_somebody_registers() {
    let store = store().await;
    let files = Files::new(&store, &[]);
    files
        .upload(1, json!({"model_name": "own"}), &small_gguf())
        .await
        .unwrap();
    let mut left = files.blobs.begin(Uuid::from_u128(9)).unwrap();
    left.write(&small_safetensors()).unwrap();
    let held = store.hold_model_files().await.unwrap();
    left.check().unwrap().keep().unwrap();
    collect(&store, &files.blobs).await;
    assert_eq!(files.there(), [0, 2], "its version may be on its way");
    held.release().await.unwrap();
    collect(&store, &files.blobs).await;
    assert_eq!(files.there(), [0, 1], "nobody came to name it");
}
