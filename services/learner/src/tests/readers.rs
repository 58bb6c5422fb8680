//! The files as others read them: `datasets` and pyarrow, where this machine has them.

use super::store;
use super::training::{file, varied};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `EX_TEMPFAIL`: this machine cannot install them.
const CANNOT: i32 = 75;

#[tokio::test]
async fn every_file_loads_with_the_libraries_others_train_with() {
    let Some(python) = python() else {
        let why = "the files are not loaded: Python with `datasets` and `pyarrow` is needed";
        assert!(
            !nothing_is_left_out(),
            "{why}, and nothing may be skipped: ORCHESTRATOR_SKIP_NOTHING is set"
        );
        println!("SKIPPED: {why}");
        return;
    };
    let store = store().await;
    store.keep(varied(120)).await.unwrap();
    let folder = std::env::temp_dir().join(format!("training-files-{}", service::ids::v7()));
    std::fs::create_dir_all(&folder).unwrap();
    for format in ["jsonl", "openai-chat", "dpo", "sharegpt", "parquet"] {
        std::fs::write(folder.join(format), file(&store, format).await).unwrap();
    }
    let script = workspace().join("scripts/load-training-files.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

fn nothing_is_left_out() -> bool {
    std::env::var("ORCHESTRATOR_SKIP_NOTHING").is_ok_and(|set| !set.is_empty())
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One that has them: of `ORCHESTRATOR_PYTHON`, installed for this test, or the machine's own.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("ORCHESTRATOR_PYTHON").map(PathBuf::from);
    let own = || Some(workspace().join(".orchestrator/training-readers/bin/python"));
    let mut candidates = named.into_iter().chain(own()).chain([PathBuf::from("python3")]);
    candidates
        .find(|python| has_them(python))
        .or_else(|| nothing_is_left_out().then(install).flatten())
}

fn has_them(python: &Path) -> bool {
    let asked = Command::new(python)
        .args(["-c", "import datasets, pyarrow"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

fn install() -> Option<PathBuf> {
    let script = workspace().join("scripts/ensure-training-readers.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    if output.status.code() == Some(CANNOT) {
        return None;
    }
    assert!(output.status.success(), "the libraries were not installed");
    Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()))
}
