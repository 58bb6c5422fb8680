//! A model's file comes home over REST: taken in whole and checked, or refused with the reason and no trace; served, asked a
//! first question, tried.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::stream;
use integration_tests::eventually::eventually;
use integration_tests::rest::{Answer, Rest};
use integration_tests::system::{Options, System, binary};
use reqwest::{Body, Method};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::{ModelServer, Say};

const LIMIT: Duration = Duration::from_secs(60);
const UPLOAD: &str = "/training-data/upload-model";
const MOST: usize = 400 << 20;
/// Of what processes may hold more at the height of an upload than before it.
const MOST_MORE_KB: u64 = 80_000;

#[test]
fn files_of_models_come_in_checked_or_leave_nothing() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let provider = ModelServer::start().await?;
        // What asks with no document asks what is served.
        provider.tempered(|body, _| {
            let list = json!({"data": [{"id": "own-v1"}]});
            body.is_null().then(|| Say::Raw {
                status: 200,
                content_type: "application/json".to_owned(),
                body: list.to_string(),
            })
        });
        let models = std::env::temp_dir().join(format!("models-{}", std::process::id()));
        fs::create_dir_all(&models)?;
        let config = format!(
            "[models]\ndirectory = {:?}\nmax_file_bytes = {MOST}\n\
             [llm.providers.mine]\nkind = \"openai\"\nbase_url = \"{}\"\nserves = \"listed\"\n",
            models,
            provider.url()
        );
        let system = System::start(Options::new("model-files", config)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        let storage = system.state().join("model-files");
        refused(&rest, &storage).await?;
        outside(&rest, &storage, &models).await?;
        broken_off(&system, &rest, &storage).await?;
        large(&system, &rest).await?;
        tried(&rest, &models).await?;
        by_command(&rest, &system, &models)?;
        fs::remove_dir_all(&models)?;
        system.stop()
    })
}

async fn refused(rest: &Rest, storage: &Path) -> Result<()> {
    let sound = gguf();
    let header = |text: &str, data: usize| safetensors(text, data);
    let overlapping = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    let mut huge = (1_u64 << 30).to_le_bytes().to_vec();
    huge.extend(b"{\"a\":1}");
    let mut corrupt = sound.clone();
    corrupt.iter_mut().skip(8).take(8).for_each(|byte| *byte = 0xff);
    let adapter = r#"{"m.q_proj.lora_A.weight":{"dtype":"F32","shape":[8,2],"data_offsets":[0,64]}}"#;
    let other = r#"{"peft_type":"LORA","base_model_name_or_path":"acme/large","r":8}"#;
    let lora = [("base_model", "acme/small"), ("adapter_config", other)];
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Vec<u8>, Fields<'_>, &str); 8] = [
        ("corrupt.gguf", corrupt, &[], "model_file_header_too_large"),
        (
            "truncated.gguf",
            sound.iter().take(200).copied().collect(),
            &[],
            "model_file_truncated",
        ),
        (
            "overlapping.safetensors",
            header(overlapping, 12),
            &[],
            "model_file_tensors_overlap",
        ),
        ("huge.safetensors", huge, &[], "model_file_header_too_large"),
        (
            "renamed.gguf",
            b"\x80\x04\x95 a pickle under another name".to_vec(),
            &[],
            "model_file_runs_code",
        ),
        ("pytorch_model.bin", sound.clone(), &[], "model_file_runs_code"),
        ("lora.safetensors", header(adapter, 64), &lora, "model_adapter_unfit"),
        ("empty.gguf", Vec::new(), &[], "validation"),
    ];
    for (name, bytes, more, code) in cases {
        let fields = [&[("model_name", "own")], more].concat();
        let answer = send(rest, &fields, name, once(bytes)).await.context(name)?;
        answer.expect_problem(422, code).context(name)?;
        ensure!(there(storage)?.is_empty(), "{name} left {:?}", there(storage)?);
    }
    let pieces = stream::iter((0..MOST >> 20).map(|_| Ok(Bytes::from(vec![0; 1 << 20]))));
    let start = once(safetensors("{}", 8));
    let large = send(
        rest,
        &[("model_name", "own")],
        "large.safetensors",
        futures::StreamExt::chain(start, pieces),
    )
    .await?;
    large.expect_problem(413, "model_file_too_large")?;
    eventually("nothing of it is left", LIMIT, || async { clean(storage) }).await
}

/// Paths and links that lead out of the directory of models.
async fn outside(rest: &Rest, storage: &Path, models: &Path) -> Result<()> {
    let secret = models.with_extension("secret");
    fs::write(&secret, gguf())?;
    std::os::unix::fs::symlink(&secret, models.join("link.gguf"))?;
    let escape = format!(
        "../{}",
        secret.file_name().and_then(|name| name.to_str()).context("no name")?
    );
    for named in [escape.as_str(), "link.gguf", "absent.gguf", "/etc/hostname"] {
        let answer = rest
            .post(UPLOAD, &json!({"model_file": named, "model_name": "own"}))
            .await?;
        answer
            .expect_problem(422, "model_file_not_found")
            .context(named.to_owned())?;
    }
    fs::remove_file(secret)?;
    clean(storage)
}

/// The client goes, and the learner is killed, in the middle.
async fn broken_off(system: &System, rest: &Rest, storage: &Path) -> Result<()> {
    let half = |then: Option<io::Error>| {
        let begun = stream::iter([Ok(Bytes::from(gguf())), Ok(Bytes::from(vec![0; 4 << 20]))]);
        let ends = stream::iter(then.map(Err));
        futures::StreamExt::chain(begun, ends)
    };
    let gone = send(
        rest,
        &[("model_name", "own")],
        "a.gguf",
        half(Some(io::Error::other("gone"))),
    )
    .await;
    ensure!(gone.is_err(), "a client that goes hears no answer");
    eventually("nothing of it is left", LIMIT, || async { clean(storage) }).await?;
    let pending = futures::StreamExt::chain(half(None), stream::pending());
    let coming = send(rest, &[("model_name", "own")], "a.gguf", pending);
    let killed = async {
        eventually("it comes in", LIMIT, || async {
            ensure!(!there(storage)?.is_empty(), "nothing is there yet");
            Ok(())
        })
        .await?;
        system.kill("learner-1")
    };
    let (answer, killed) = tokio::join!(coming, killed);
    killed?;
    ensure!(answer?.status == 503, "the learner was killed");
    system.ready(LIMIT).await?;
    eventually("what the kill left is swept", LIMIT, || async { clean(storage) }).await
}

/// Memory stays what it is.
async fn large(system: &System, rest: &Rest) -> Result<()> {
    let size: usize = 300 << 20;
    let header = format!(r#"{{"a":{{"dtype":"U8","shape":[{size}],"data_offsets":[0,{size}]}}}}"#);
    let head = safetensors(&header, 0);
    let before = peaks(system)?;
    let body = stream::iter((0..size >> 20).map(|_| Ok(Bytes::from(vec![0; 1 << 20]))));
    let body = futures::StreamExt::chain(once(head.clone()), body);
    let taken = send(rest, &[("model_name", "large")], "large.safetensors", body)
        .await?
        .expect(202)?;
    let mut hash = Sha256::new();
    hash.update(&head);
    (0..size >> 20).for_each(|_| hash.update(vec![0; 1 << 20]));
    let expected: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(
        taken["sha256"] == expected.as_str() && taken["size"] == head.len() + size,
        "{taken}"
    );
    let after = peaks(system)?;
    println!("peak memory in kB, gateway and learner: {before:?}, after 300 MB {after:?}");
    for (before, after) in before.iter().zip(after) {
        ensure!(after < before + MOST_MORE_KB, "{before} kB, then {after} kB");
    }
    Ok(())
}

/// By its path, with `enable_immediately`: served, asked, tried as planner.
async fn tried(rest: &Rest, models: &Path) -> Result<()> {
    fs::write(models.join("own.gguf"), gguf())?;
    let body = json!({"model_file": "own.gguf", "model_name": "own", "enable_immediately": true});
    let send = || {
        Rest::send(
            rest.request(Method::POST, UPLOAD)
                .header("idempotency-key", "own")
                .json(&body),
        )
    };
    let first = send().await?.expect(202)?;
    let hash: String = Sha256::digest(gguf())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ensure!(
        first["sha256"] == hash.as_str() && first["format"] == "gguf" && first["served_as"] == "own-v1",
        "{first}"
    );
    let id = first["model_id"].as_str().context("no id")?.to_owned();
    let again = send().await?;
    ensure!(again.headers.contains_key("idempotent-replayed") && again.body["model_id"] == id.as_str());
    eventually("it is tried", LIMIT, || async {
        let model = rest.get(&format!("/models/{id}")).await?.expect(200)?;
        ensure!(
            model["state"] == "canary" && model["source"]["answers_as"] == "own-v1",
            "{model}"
        );
        Ok(())
    })
    .await?;
    let experiments = rest.get("/experiments").await?.expect(200)?;
    let experiment = &experiments["items"][0];
    ensure!(
        experiment["role"] == "planner" && experiment["challenger"] == id.as_str(),
        "{experiments}"
    );
    Ok(())
}

fn by_command(rest: &Rest, system: &System, models: &Path) -> Result<()> {
    let file: PathBuf = models.join("own.gguf");
    let output = Command::new(binary("orchestrator")?)
        .args([
            "models",
            "upload",
            "--name",
            "own",
            "--json",
            "--url",
            &system.dev()?.rest_url,
        ])
        .arg(file)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && said.contains("100 %"), "{said}");
    let model: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(model["version"] == 2, "{model} of {rest:?}");
    Ok(())
}

async fn send(
    rest: &Rest,
    fields: &[(&str, &str)],
    name: &str,
    file: impl futures::Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> Result<Answer> {
    let mut head = String::new();
    for (name, value) in fields {
        head.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    let part = "--b\r\nContent-Disposition: form-data; name=\"model_file\"; filename=";
    head.push_str(&format!("{part}\"{name}\"\r\n\r\n"));
    let body = futures::StreamExt::chain(once(head.into_bytes()), file);
    let body = futures::StreamExt::chain(body, once(b"\r\n--b--\r\n".to_vec()));
    let request = rest.request(Method::POST, UPLOAD).timeout(Duration::from_secs(120));
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    Rest::send(request.body(Body::wrap_stream(body))).await
}

fn once(bytes: Vec<u8>) -> impl futures::Stream<Item = Result<Bytes, io::Error>> + Send + Unpin {
    stream::iter([Ok(Bytes::from(bytes))])
}

/// Everything that lies in the storage.
fn there(storage: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["tmp", "sha256", "served"] {
        for entry in fs::read_dir(storage.join(folder))? {
            found.push(entry?.path());
        }
    }
    Ok(found)
}

fn clean(storage: &Path) -> Result<()> {
    let left = there(storage)?;
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

/// Most that gateway and learner ever held, in kB.
fn peaks(system: &System) -> Result<Vec<u64>> {
    let peak = |name: &str| {
        let status = fs::read_to_string(format!("/proc/{}/status", system.pid(name)?))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .context("no VmHWM")?;
        Ok(line.split_whitespace().nth(1).context("no figure")?.parse()?)
    };
    ["gateway-1", "learner-1"].into_iter().map(peak).collect()
}

/// One tensor of 8 numbers, and a name of 200 letters.
fn gguf() -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let mut bytes = [
        b"GGUF".as_slice(),
        &3_u32.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
    ]
    .concat();
    bytes.extend(
        [
            text("general.name"),
            8_u32.to_le_bytes().to_vec(),
            text(&"n".repeat(200)),
        ]
        .concat(),
    );
    bytes.extend([text("a"), 1_u32.to_le_bytes().to_vec(), 8_u64.to_le_bytes().to_vec()].concat());
    bytes.extend([0_u32.to_le_bytes().as_slice(), &0_u64.to_le_bytes()].concat());
    bytes.resize(bytes.len().next_multiple_of(32) + 32, 0);
    bytes
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}
